# SPDX-License-Identifier: Apache-2.0
"""GoBGP installs no routes: what it has in its RIB is what is checked."""
from lab import porter
from tests.harness import LabCase

NEIGHBOUR = "172.30.0.11"
ALL = ["n1", "n2", "n3"]


class Gobgp(LabCase):
    def start(self, **neighbor):
        self.make_lab("gobgp")
        for key, value in neighbor.items():
            setattr(self.router.settings.neighbors[0], key, value)
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1"))
        self.porter.write("nodes", *self.lab.node_objects())
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"))
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
        self.lab.start()
        self.porter.start()
        self.router.wait_established(NEIGHBOUR)

    def test_three_paths_with_add_path_and_what_follows(self):
        self.start()
        self.wait("three paths", lambda: self.router.routes("198.51.100.0/32") == ["172.30.0.11", "172.30.0.12", "172.30.0.13"])
        self.porter.write("nodes", *self.lab.node_objects(n2="False"))
        self.wait("two paths", lambda: self.router.routes("198.51.100.0/32") == ["172.30.0.11", "172.30.0.13"])
        self.porter.remove("web")
        self.wait("no path", lambda: self.router.routes("198.51.100.0/32") == [])

    def test_one_path_without_add_path(self):
        self.start(add_path=False)
        self.wait("one path", lambda: len(self.router.routes("198.51.100.0/32")) == 1)

    def test_what_it_announces_is_counted_and_shown_and_asked_for_by_prefix(self):
        self.start()
        self.router.host.exec("gobgp", "global", "rib", "add", "203.0.113.0/24")
        self.wait("a received route", lambda: self.porter.ask("routes", "--received", "203.0.113.0/24", check=False).returncode == 0)
        items = self.porter.json("routes", "--received")["items"]
        self.assertEqual([(i["prefix"], i["nextHop"], i["asPath"]) for i in items], [("203.0.113.0/24", "172.30.0.1", "65001")])
        self.router.host.exec("gobgp", "global", "rib", "del", "203.0.113.0/24")
        self.wait("it is gone", lambda: self.porter.ask("routes", "--received", "203.0.113.0/24", check=False).returncode == 1)
