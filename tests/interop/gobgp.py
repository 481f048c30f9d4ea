# SPDX-License-Identifier: Apache-2.0
"""GoBGP never asks for the routes again: its soft reset looks at what it has."""
from tests.harness import LabCase
from tests.interop.cases import Helping, Limiting, Restarting, RibOnly, Signing, Speaking
from tests.interop.wire import Captured


class Gobgp(Captured, Restarting, RibOnly, Speaking, Limiting, Signing, Helping, LabCase):
    kind = "gobgp"

    def test_what_it_announces_is_counted_and_shown_and_asked_for_by_prefix(self):
        self.start()
        self.router.host.exec("gobgp", "global", "rib", "add", "203.0.113.0/24")
        self.wait("a received route", lambda: self.porter.ask("routes", "--received", "203.0.113.0/24", check=False).returncode == 0)
        items = self.porter.json("routes", "--received")["items"]
        self.assertEqual([(i["prefix"], i["nextHop"], i["asPath"]) for i in items], [("203.0.113.0/24", "172.30.0.1", "65001")])
        self.router.host.exec("gobgp", "global", "rib", "del", "203.0.113.0/24")
        self.wait("it is gone", lambda: self.porter.ask("routes", "--received", "203.0.113.0/24", check=False).returncode == 1)
