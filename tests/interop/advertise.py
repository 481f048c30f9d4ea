# SPDX-License-Identifier: Apache-2.0
"""BgpAdvertisements and budgets, as routers see them: attributes in their RIBs, what goes out and what does not."""
import os

from lab import porter
from tests.harness import LabCase
from tests.interop.cases import RibOnly
from tests.interop.wire import Captured

HOPS = ["172.30.0.11", "172.30.0.12", "172.30.0.13"]
ALL = ["n1", "n2", "n3"]
WEB = "198.51.100.0/32"


def advertisement(name, **spec):
    return {"apiVersion": f"{porter.API}/v1alpha2", "kind": "BgpAdvertisement", "metadata": {"name": name}, "spec": spec}


class Attributes:
    """What every router sees. Mixed into a LabCase; `kind` names the router."""
    kind = ""

    def start(self, *advertisements, conf=None, peer=None, router=None, services=("web",)):
        self.make_lab(self.kind)
        for key, value in (router or {}).items():
            setattr(self.router.settings.neighbors[0], key, value)
        self.configure(conf=conf, peer=peer)
        self.porter.write("nodes", *self.lab.node_objects())
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"))
        for name in services:
            self.porter.write(name, porter.service(name), porter.endpoints(name, ALL))
        self.advertise(*advertisements)
        self.lab.start()
        self.porter.start()
        self.router.wait_established(HOPS[0])
        self.since = self.session()["establishedAt"]

    def configure(self, conf=None, peer=None):
        self.porter.write("bgp", porter.conf(**(conf or {})), porter.peer("router", "172.30.0.1", **(peer or {})))

    def advertise(self, *advertisements):
        """In place of those there are. A file that is emptied deletes nothing: it has to go."""
        if advertisements:
            self.porter.write("advertisements", *advertisements)
        elif os.path.exists(os.path.join(self.porter.manifests, "advertisements.yaml")):
            self.porter.remove("advertisements")

    def session(self):
        return self.porter.json("peers")["items"][0]

    def no_reset(self):
        self.assertEqual((self.session()["establishedAt"], self.session()["flaps"]), (self.since, 0))

    def explain(self, service="default/web"):
        return self.porter.ask("explain", "service", service).stdout

    def wait_seen(self, prefix, seconds=20, **wanted):
        """Every path of the prefix in the router's RIB has these attributes, and there is one."""
        def seen():
            paths = self.router.attributes(prefix)
            return paths and all(path.get(key) == value for path in paths for key, value in wanted.items())
        try:
            self.wait(prefix, seen, seconds)
        except Exception:
            self.fail(f"the router has {prefix} with {self.router.attributes(prefix)}, not with {wanted}")

    def test_attributes_arrive_and_follow_edits_without_a_reset(self):
        self.start(advertisement("edge", communities=["65000:100", "65000:1:2", "no-export"], med=50, prepend=2))
        self.wait_seen(WEB, communities=["65000:100", "65535:65281"], large=["65000:1:2"], med=50, path="65000 65000 65000")
        self.advertise(advertisement("edge", communities=["65000:200"], med=60))
        self.wait_seen(WEB, communities=["65000:200"], large=[], med=60, path="65000")
        self.advertise()
        self.wait_seen(WEB, communities=[], large=[], path="65000")
        self.wait_hops(WEB, *HOPS)
        self.no_reset()

    def test_internal_peers_are_told_the_local_preference(self):
        self.start(advertisement("edge", localPreference=250), conf={"asn": 65001}, router={"asn": 65001})
        self.wait_seen(WEB, local_pref=250)


class Cases(Attributes):
    """What asks for a router that puts the routes into its kernel, or one is enough for."""

    def test_selected_announces_what_is_selected(self):
        self.start(conf={"advertise": "Selected"})
        self.wait("the reason", lambda: "NoMatchingAdvertisement" in self.explain())
        self.wait_hops(WEB)
        self.advertise(advertisement("edge", eips=["lan"]))
        self.wait_hops(WEB, *HOPS)
        self.configure(conf={"advertise": "All"})
        self.advertise()
        self.wait("nothing selects it", lambda: "advertise: All" in self.explain() or "advertisement" not in self.explain())
        self.wait_hops(WEB, *HOPS)
        self.configure(conf={"advertise": "Selected"})
        self.advertise(advertisement("edge", peers=["router"]))
        self.wait_hops(WEB, *HOPS)
        self.advertise(advertisement("edge", peers=["somebody-else"]))
        self.wait_hops(WEB)
        self.no_reset()

    def test_nodes_that_are_not_selected_carry_nothing(self):
        self.start(advertisement("edge", nodeSelector={"matchLabels": {"kubernetes.io/hostname": "n2"}}))
        self.wait_hops(WEB, HOPS[1])
        self.assertIn("NotSelected", self.explain())

    def test_a_service_sets_what_it_may(self):
        self.start(advertisement("edge", med=10, allowServiceOverrides={"med": True, "communities": ["65000:*"]}))
        self.wait_seen(WEB, med=10)
        wishes = {"network.kubesphere.io/med": "70", "network.kubesphere.io/communities": "65000:7, no-export"}
        self.porter.write("web", porter.service("web", annotations=wishes), porter.endpoints("web", ALL))
        self.wait_seen(WEB, med=70, communities=["65000:7"])
        self.assertIn("no-export is not followed", self.explain())
        self.no_reset()

    def unreachable(self):
        """Prefixes of unreachable routes in the kernel of the node Porter runs on."""
        return [line.split()[1] for line in self.porter.host.ip("route", "show", "type", "unreachable").stdout.splitlines()]

    def test_an_aggregate_stands_for_its_members_and_is_unreachable_in_the_kernel(self):
        self.start(services=("web", "xtra"))
        self.wait_hops(WEB, *HOPS)
        self.advertise(advertisement("edge", aggregationLength=24))
        self.wait_hops("198.51.100.0/24", *HOPS)
        self.wait_hops(WEB)
        self.wait_hops("198.51.100.1/32")
        self.assertEqual(self.unreachable(), ["198.51.100.0/24"])
        self.porter.write("xtra", porter.service("xtra", policy="Local"), porter.endpoints("xtra", ["n3"]))
        self.wait_hops("198.51.100.1/32", HOPS[2])
        self.porter.kill()
        self.assertEqual(self.unreachable(), ["198.51.100.0/24"])
        self.advertise()
        self.porter.start()
        self.router.wait_established(HOPS[0])
        self.wait_hops(WEB, *HOPS)
        self.wait("what a crash left behind is gone", lambda: not self.unreachable())
        self.advertise(advertisement("edge", aggregationLength=25))
        self.wait_hops("198.51.100.0/25", *HOPS)
        self.porter.stop()
        self.assertEqual(self.unreachable(), [])

    def test_a_budget_keeps_what_was_announced_first(self):
        self.start(peer={"prefixBudget": {"max": 3, "action": "Refuse"}})
        self.wait_hops(WEB, *HOPS)
        self.porter.write("late", porter.service("late"), porter.endpoints("late", ALL))
        self.wait("it is said", lambda: "PrefixBudget" in self.explain("default/late"))
        self.wait_hops("198.51.100.1/32")
        self.wait_hops(WEB, *HOPS)
        self.porter.remove("web")
        self.wait_hops("198.51.100.1/32", *HOPS)
        self.configure(peer={"prefixBudget": {"max": 4, "action": "Refuse"}})
        self.porter.write("more", porter.service("more"), porter.endpoints("more", ALL))
        self.wait("one path", lambda: len(self.router.routes("198.51.100.2/32")) == 1)
        self.wait_hops("198.51.100.1/32", *HOPS)
        self.configure(peer={"prefixBudget": {"max": 5, "action": "Warn"}})
        self.wait_hops("198.51.100.2/32", *HOPS)
        self.wait("a warning", lambda: "PrefixBudget" in self.porter.ask("peers").stdout or
                  "PrefixBudget" in str(self.porter.json("peers")))
        self.no_reset()


class Bird(Captured, Cases, LabCase):
    kind = "bird"


class Frr(Captured, Cases, LabCase):
    kind = "frr"

    def test_the_weight_arrives_as_link_bandwidth(self):
        self.start(advertisement("edge", weight="Endpoints"))
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ["n1", "n1", "n2"]))
        self.wait("link bandwidth", lambda: "LB:65000:250000" in self.router.vtysh(f"show bgp ipv4 unicast {WEB}").stdout)


class Gobgp(Captured, RibOnly, Attributes, LabCase):
    kind = "gobgp"


class OpenBgpd(Captured, RibOnly, Attributes, LabCase):
    kind = "openbgpd"


class ExaBgp(Captured, RibOnly, Attributes, LabCase):
    kind = "exabgp"


del Attributes, Cases
