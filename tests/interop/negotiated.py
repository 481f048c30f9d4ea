# SPDX-License-Identifier: Apache-2.0
"""What a session settles beyond the usual: IPv6 next hops for IPv4, roles, long-lived graceful restart."""
from lab import porter
from tests.harness import LabCase
from tests.interop.cases import ALL, HOPS, HOPS6, NEIGHBOUR
from tests.interop.wire import Captured

WEB = "198.51.100.0/32"


class Negotiated:
    """Mixed into a LabCase; `kind` names the router."""
    kind = ""

    def start(self, router=None, over="172.30.0.1", nodes=None, **peer):
        """Porter on n1 towards the router's address `over`; Service default/web."""
        self.make_lab(self.kind)
        neighbour = self.router.settings.neighbors[0]
        if ":" in over:
            self.router.settings.address, neighbour.address = over, "fd00:30::11"
        for key, value in (router or {}).items():
            setattr(neighbour, key, value)
        self.porter.write("bgp", porter.conf(), porter.peer("router", over, **peer))
        self.porter.write("nodes", *(nodes or self.lab.node_objects()))
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"))
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
        self.lab.start()
        self.porter.start()
        return neighbour.address

    def session(self):
        return self.porter.json("peers")["items"][0]

    def explained(self):
        return self.porter.ask("explain", "service", "default/web").stdout

    def only_to_customer(self, prefix):
        return self.router.attributes(prefix)[0]["only_to_customer"]

    def v6_nodes(self):
        return [porter.node(name, [address]) for name, address in zip(ALL, HOPS6)]

    def test_ipv4_goes_over_nodes_that_have_ipv6_addresses_only(self):
        there = self.start({"next_hop6": True}, over="fd00:30::1", nodes=self.v6_nodes(), extendedNextHop=True)
        self.router.wait_established(there)
        self.assertIn("extended next hop", self.session()["capabilities"]["both"])
        self.wait_hops(WEB, *HOPS6)
        self.porter.write("nodes", *self.v6_nodes()[:2])
        self.wait_hops(WEB, *HOPS6[:2])

    def test_who_does_not_take_them_is_not_told_and_it_is_said(self):
        there = self.start(over="fd00:30::1", nodes=self.v6_nodes(), extendedNextHop=True)
        self.router.wait_established(there)
        self.wait("the reason", lambda: "does not take those for IPv4 (RFC 8950)" in self.explained())
        self.assertIn("set spec.extendedNextHop on BgpPeer router and its like on fd00:30::1", self.explained())
        self.wait_hops(WEB)

    def start_on_the_link(self, router=None, v4=True, **peer):
        """A session between fe80::1 and fe80::11; Services default/web and default/web6. Without `v4` Porter's node has no IPv4 address."""
        self.make_lab(self.kind)
        for host, address in ((self.router.host, "fe80::1"), (self.lab.nodes[0], "fe80::11")):
            host.ip("-6", "addr", "flush", "dev", "eth0", "scope", "link")
            host.ip("addr", "add", f"{address}/64", "dev", "eth0", "nodad")
        neighbour = self.router.settings.neighbors[0]
        self.router.settings.address, neighbour.address, neighbour.interface = "fe80::1", "fe80::11", "eth0"
        for key, value in (router or {}).items():
            setattr(neighbour, key, value)
        self.porter.write("bgp", porter.conf(), porter.peer("router", "fe80::1%eth0", **peer))
        self.porter.write("nodes", *self.lab.node_objects())
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"), porter.eip("lan6", "2001:db8:121::/120"))
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
        self.porter.write("web6", porter.service("web6", families=("IPv6",)), porter.endpoints("web6", ALL, family="IPv6"))
        self.lab.start()
        if not v4:
            self.lab.nodes[0].ip("-4", "addr", "flush", "dev", "eth0")
        self.porter.start()
        self.router.wait_established("fe80::11")

    def test_over_link_local_addresses_the_nodes_are_told_by_their_global_ones(self):
        self.start_on_the_link()
        self.wait_hops("2001:db8:121::/128", *HOPS6)
        self.wait_hops(WEB, *HOPS)
        self.router.restart_session("fe80::11")
        self.wait("another session", lambda: self.session()["flaps"] == 1 and self.session()["state"] == "Established")
        self.wait_hops("2001:db8:121::/128", *HOPS6)

    def test_over_link_local_addresses_a_node_without_others_tells_its_own(self):
        self.start_on_the_link({"next_hop6": True}, v4=False, nextHopMode="Self", extendedNextHop=True)
        self.wait_hops("2001:db8:121::/128", "fe80::11")
        self.wait_hops(WEB, "fe80::11")

    def test_roles_that_fit_meet_and_a_provider_marks_its_routes(self):
        self.start({"role": "customer"}, role="provider")
        self.router.wait_established(NEIGHBOUR)
        self.assertIn("role", self.session()["capabilities"]["both"])
        self.wait_hops(WEB, *HOPS)
        self.assertEqual(self.only_to_customer(WEB), 65000)

    def test_a_customer_marks_nothing(self):
        self.start({"role": "provider"}, role="customer")
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS)
        self.assertIsNone(self.only_to_customer(WEB))

    def test_roles_that_do_not_fit_are_refused_in_words(self):
        self.start({"role": "customer"}, role="customer")
        self.wait("the reason", lambda: "Role Mismatch" in self.session()["lastError"])
        self.assertNotEqual(self.session()["state"], "Established")

    def test_a_long_lived_route_outlives_the_restart_time_and_is_fresh_again_behind_it(self):
        self.start({"long_lived": True}, gracefulRestart={"enabled": True, "restartTime": 2, "longlivedEnabled": True})
        self.router.wait_established(NEIGHBOUR)
        self.assertIn("long-lived graceful restart", self.session()["capabilities"]["both"])
        self.wait_hops(WEB, *HOPS)
        self.porter.kill()

        def is_stale():
            """Where a prefix has several paths FRR 8.4 says it of one, and keeps that alone."""
            return any("65535:6" in path["communities"] for path in self.router.attributes(WEB))
        self.wait("LLGR_STALE", is_stale)
        self.assertTrue(self.router.host.next_hops(WEB))
        self.porter.start()
        self.router.wait_established(NEIGHBOUR)
        self.wait("fresh routes", lambda: self.router.attributes(WEB) and not is_stale())
        self.wait_hops(WEB, *HOPS)


class Bird(Captured, Negotiated, LabCase):
    kind = "bird"


class Frr(Captured, Negotiated, LabCase):
    kind = "frr"
