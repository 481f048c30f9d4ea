# SPDX-License-Identifier: Apache-2.0
"""What routers see of Porter, a class for each thing that some can and others cannot; each router's module takes its own."""
import contextlib
import json
import os
import re
import signal
import sys
import threading

from lab import porter
from lab.route_monitor import RouteMonitor

NEIGHBOUR = "172.30.0.11"
HOPS = ["172.30.0.11", "172.30.0.12", "172.30.0.13"]
HOPS6 = ["fd00:30::11", "fd00:30::12", "fd00:30::13"]
ALL = ["n1", "n2", "n3"]
WEB = "198.51.100.0/32"
# Handshakes pass, and what is said on the connections does not.
DEAF = """table inet deaf {
  chain input {
  type filter hook input priority 0
  tcp sport 179 tcp flags & (syn | ack) == syn | ack counter
  tcp sport { 179, 17900 } tcp flags & psh == psh drop
  tcp dport { 179, 17900 } tcp flags & psh == psh drop
  }
}
"""


class Speaking:
    """What every router can. Mixed into a LabCase; `kind` names the router."""
    kind = ""
    checks_ttl = True  # of what it receives

    def start(self, peer=None, conf=None, router=None, wait=True, **lab):
        """The lab with one router, Porter on n1, pools "lan" and "lan6", Service default/web."""
        self.make_lab(self.kind, **lab)
        for key, value in (router or {}).items():
            setattr(self.router.settings.neighbors[0], key, value)
        self.begin(peer, conf)
        if wait:
            self.router.wait_established(NEIGHBOUR)

    def begin(self, peer=None, conf=None, lab_runs=False):
        self.porter.write("bgp", porter.conf(**(conf or {})), porter.peer("router", "172.30.0.1", **(peer or {})))
        self.porter.write("nodes", *self.lab.node_objects())
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"), porter.eip("lan6", "2001:db8:121::/120"))
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
        if not lab_runs:
            self.lab.start()
        self.porter.start()

    def session(self):
        return self.porter.json("peers")["items"][0]

    def wait_session(self, **wanted):
        self.wait(f"a session with {wanted}", lambda: all(self.session().get(k) == v for k, v in wanted.items()), 40)

    def test_routes_follow_nodes_endpoints_and_services(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        self.porter.write("nodes", *self.lab.node_objects(n2="False"))
        self.wait_hops(WEB, HOPS[0], HOPS[2])
        self.porter.write("nodes", *self.lab.node_objects())
        self.wait_hops(WEB, *HOPS)
        self.porter.write("web", porter.service("web", policy="Local"), porter.endpoints("web", ["n3"]))
        self.wait_hops(WEB, HOPS[2])
        self.porter.write("web", porter.service("web", policy="Local"), porter.endpoints("web", []))
        self.wait_hops(WEB)
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ["n1"]))
        self.wait_hops(WEB, *HOPS)
        self.porter.remove("web")
        self.wait_hops(WEB)
        self.assertEqual(self.session()["flaps"], 0)

    def test_both_families_share_one_session(self):
        self.start()
        self.porter.write("web6", porter.service("web6", families=("IPv6",)), porter.endpoints("web6", ALL, family="IPv6"))
        self.wait_hops("2001:db8:121::/128", *HOPS6)
        self.wait_hops(WEB, *HOPS)

    def test_a_dual_stack_service_has_a_route_of_each_family(self):
        self.start()
        self.porter.write("web", porter.service("web", families=("IPv4", "IPv6"), family_policy="RequireDualStack"),
                          porter.endpoints("web", ALL), porter.endpoints("web", ALL, family="IPv6"))
        self.wait_hops(WEB, *HOPS)
        self.wait_hops("2001:db8:121::/128", *HOPS6)

    def test_without_add_path_one_next_hop_is_told_and_explain_says_why(self):
        self.start(router={"add_path": False})
        self.wait("one next hop", lambda: len(self.hops(WEB)) == 1)
        text = self.porter.ask("explain", "service", "default/web").stdout
        self.assertIn("ADD-PATH", text)

    def test_send_max_is_enforced(self):
        self.start(peer={"send_max": 2})
        self.wait("two next hops", lambda: len(self.hops(WEB)) == 2)

    def test_porter_passive_is_dialled(self):
        self.start(peer={"transport": {"passiveMode": True}})
        self.wait_hops(WEB, *HOPS)
        self.assertEqual(self.session()["direction"], "Inbound")

    def redirects(self):
        """Porter's table in n1's packet filter; "" where there is none."""
        done = self.lab.nodes[0].exec("nft", "list", "table", "inet", "porter", check=False)
        return done.stdout if done.returncode == 0 else ""

    def test_port_forward_lets_in_a_router_that_dials_nothing_but_179(self):
        waits = {"passiveMode": True}
        self.start(router={"port": 179}, peer={"transport": {**waits, "portForward": True}})
        self.wait_hops(WEB, *HOPS)
        self.assertEqual(self.session()["local"], "172.30.0.11:17900")
        self.assertRegex(" ".join(self.redirects().split()), "ip saddr 172.30.0.1 fib daddr type local tcp dport 179 dnat (ip )?to :17900")
        dial = "import socket; socket.create_connection(('172.30.0.11', 179), 5)"
        self.assertIn("refused", self.lab.nodes[1].exec(sys.executable, "-c", dial, check=False).stderr)
        self.porter.kill()
        self.assertNotEqual(self.redirects(), "")
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1", transport=waits))
        self.porter.start()
        self.wait("what the crash left is gone", lambda: self.redirects() == "")
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1", transport={**waits, "portForward": True}))
        self.wait("the redirect is there again", self.redirects)
        self.porter.stop()
        self.assertEqual(self.redirects(), "")

    def test_a_passive_router_is_dialled(self):
        self.start(router={"passive": True})
        self.wait_hops(WEB, *HOPS)
        self.assertEqual(self.session()["direction"], "Outbound")

    def test_internal_sessions_work(self):
        self.start(conf={"asn": 65001}, router={"asn": 65001})
        self.wait_hops(WEB, *HOPS)

    def test_several_hops_away(self):
        self.start(router={"multihop": 3}, peer={"ebgpMultihop": {"enabled": True, "multihopTtl": 3}})
        self.wait_hops(WEB, *HOPS)

    def test_only_from_one_hop_away(self):
        """RFC 5082 on both sides; with it on one side alone what the other sends has the wrong TTL."""
        self.make_lab(self.kind)
        self.router.settings.ttl_security = True
        self.begin({"transport": {"ttlSecurity": True}})
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS)
        if not self.checks_ttl:
            return
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1"))
        self.wait("the session ends", lambda: self.session()["state"] != "Established")
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1", transport={"ttlSecurity": True}))
        self.wait_hops(WEB, *HOPS, seconds=40)

    def test_strangers_and_silent_connections_do_not_touch_the_session(self):
        self.start(router={"restart": False})  # with it a new connection is a restart of the router (RFC 4724 5)
        self.wait_hops(WEB, *HOPS)
        hold = "import socket, time; s = [socket.create_connection(('172.30.0.11', 17900), 5) for _ in range(20)]; print(); time.sleep(60)"
        silent = [host.spawn(sys.executable, "-uc", hold) for host in (self.router.host, self.lab.nodes[1])]
        before = self.session()["messages"]["received"]["keepalive"]
        self.wait("keepalives beside them", lambda: self.session()["messages"]["received"]["keepalive"] > before + 2, 30)
        for process in silent:
            process.kill()
        self.assertEqual((self.session()["state"], self.session()["flaps"]), ("Established", 0))
        self.assertEqual(self.hops(WEB), HOPS)

    def test_a_router_that_restarts_is_told_everything_again(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        for _ in range(3):  # both ends dial: whoever wins, one session is left
            self.router.stop()
            self.wait("the session is down", lambda: self.session()["state"] != "Established", 30)
            self.router.start()
            self.router.wait_established(NEIGHBOUR, 40)
            self.wait_hops(WEB, *HOPS)
        self.assertEqual(len(self.porter.json("peers")["items"]), 1)

    def test_no_edit_of_data_resets_the_session(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        since = self.session()["establishedAt"]
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24", priority=5), porter.eip("lan6", "2001:db8:121::/120"),
                          porter.eip("more", "203.0.113.0/24"))
        self.porter.write("more", porter.service("more", annotations={"eip.porter.kubesphere.io/v1alpha2": "more"}),
                          porter.endpoints("more", ALL))
        self.wait_hops("203.0.113.0/32", *HOPS)
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1", **{"gracefulShutdown": False}))
        self.porter.write("nodes", *self.lab.node_objects(n3="False"))
        self.wait_hops("203.0.113.0/32", *HOPS[:2])
        self.assertEqual((self.session()["establishedAt"], self.session()["flaps"]), (since, 0))

    def lose_power(self, host):
        """What runs on the host is killed, and none of its connections says goodbye; then it is plugged in again."""
        self.lab.switch.ip("link", "set", f"to-{host.name}", "down")
        if host is self.router.host:
            self.router.stop(how=signal.SIGKILL)
        else:
            self.porter.kill()
        host.exec("ss", "-K", "-t", "dport", "=", ":179", "or", "sport", "=", ":179", "or", "dport", "=", ":17900", "or", "sport", "=", ":17900")
        self.assertEqual(self.connections(host), 0)
        self.lab.switch.ip("link", "set", f"to-{host.name}", "up")

    def connections(self, host):
        """TCP connections between Porter and the router that are established, as the host's kernel has it."""
        return sum(1 for line in host.exec("ss", "-Htan").stdout.splitlines() if re.match(r"ESTAB.*:(179|17900)\b", line))

    def test_a_router_that_lost_power_is_back_before_the_hold_time(self):
        """Half-open TCP: that the old connection is dead, only the new one or a RST can tell (RFC 4724 section 5)."""
        self.start(peer={"timers": {"config": {"holdTime": "90", "keepaliveInterval": "3", "connectRetry": "1"}}}, router={"hold": 90})
        self.wait_hops(WEB, *HOPS)
        self.lose_power(self.router.host)
        self.assertEqual(self.session()["state"], "Established")
        self.router.start()
        self.router.wait_established(NEIGHBOUR)
        self.wait_session(state="Established", flaps=1)
        self.wait_hops(WEB, *HOPS)

    def test_a_node_that_lost_power_is_taken_back(self):
        """Half-open TCP at the router's side."""
        self.start()
        self.wait_hops(WEB, *HOPS)
        self.lose_power(self.lab.nodes[0])
        self.assertTrue(self.router.established(NEIGHBOUR))
        self.porter.start()
        self.wait_session(state="Established", caughtUp=True)
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS)

    def test_of_two_connections_at_once_one_is_left(self):
        """RFC 4271 section 6.8: both dial before a word is heard. BIRD and FRR then have two, the others turn the second one away."""
        self.make_lab(self.kind)
        self.lab.start()
        self.router.stop()
        hosts = (self.router.host, self.lab.nodes[0])
        for host in hosts:
            host.exec("nft", "-f", "-", stdin=DEAF)
        self.begin(lab_runs=True)
        self.wait("a dial", lambda: "refused" in self.session().get("lastError", ""))
        self.porter.process.send_signal(signal.SIGSTOP)
        self.router.start()  # some routers dial only where nobody has dialled them
        self.wait("the router's connection", lambda: self.connections(self.router.host) == 1, 30)
        before = self.handshakes()
        self.porter.process.send_signal(signal.SIGCONT)
        self.wait("Porter's beside it", lambda: self.handshakes() > before, 30)
        for host in hosts:
            host.exec("nft", "delete", "table", "inet", "deaf")
        self.wait_session(state="Established")
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS)
        self.wait("one connection", lambda: [self.connections(host) for host in hosts] == [1, 1])
        self.assertEqual(self.session()["flaps"], 0)

    def handshakes(self):
        """SYN-ACKs of the router that reached Porter's node."""
        return int(re.search(r"counter packets (\d+)", self.lab.nodes[0].exec("nft", "list", "table", "inet", "deaf").stdout)[1])

    def test_a_silent_router_is_noticed_and_comes_back(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        self.router.signal(signal.SIGSTOP)
        self.wait("the hold timer", lambda: "hold timer" in self.session()["lastError"].lower(), 40)
        self.router.signal(signal.SIGCONT)
        self.wait_session(state="Established")
        self.wait_hops(WEB, *HOPS)

    def test_admin_down_says_so_at_the_router(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1", conf={"adminDown": True}))
        self.router.wait_down(NEIGHBOUR)
        self.wait_hops(WEB)
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1"))
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS)

    def test_a_session_over_ipv6_carries_both_families(self):
        self.make_lab(self.kind)
        self.router.settings.address = "fd00:30::1"
        self.router.settings.neighbors[0].address = "fd00:30::11"
        self.porter.write("bgp", porter.conf(), porter.peer("router", "fd00:30::1"))
        self.porter.write("nodes", *self.lab.node_objects())
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"), porter.eip("lan6", "2001:db8:121::/120"))
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
        self.porter.write("web6", porter.service("web6", families=("IPv6",)), porter.endpoints("web6", ALL, family="IPv6"))
        self.lab.start()
        self.porter.start()
        self.router.wait_established("fd00:30::11")
        self.wait_hops("2001:db8:121::/128", *HOPS6)
        self.wait_hops(WEB, *HOPS)

    def test_ten_thousand_services_arrive(self):
        self.start()
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"), porter.eip("big", "10.128.0.0/16"))
        objects = []
        for i in range(10_000):
            name = f"s{i}"
            objects += [porter.service(name, annotations={"eip.porter.kubesphere.io/v1alpha2": "big"}), porter.endpoints(name, ["n1"])]
        self.porter.write("many", *objects)
        self.wait("10,001 routes", lambda: self.count() >= 10_001, 90)
        self.porter.remove("many")
        self.wait("one route", lambda: self.count() == 1, 90)

    def count(self):
        done = self.router.host.ip("-4", "route", "show", "proto", {"bird": "bird", "frr": "bgp"}[self.kind])
        return sum(1 for line in done.stdout.splitlines() if line and not line[0].isspace())


class Limiting:
    """Routers that end a session which brings too many prefixes."""

    def test_a_limit_at_the_router_is_told_in_its_words(self):
        self.start(router={"max_prefixes": 2}, wait=False)
        self.porter.write("more", *(each for i in range(4) for each in (porter.service(f"more{i}"), porter.endpoints(f"more{i}", ALL))))
        self.wait("the reason", lambda: "Maximum Number of Prefixes" in self.session()["lastError"], 40)
        self.wait("it in what explains the Service", lambda: "Maximum Number of Prefixes" in self.porter.ask("explain", "service", "default/web").stdout)


class Signing:
    """Routers that can sign with TCP MD5."""

    def test_md5_comes_up_with_the_right_password_only(self):
        self.start(peer={"conf": {"authPassword": "wrong"}}, router={"password": "right"}, wait=False)
        self.wait("dials that fail", lambda: self.session()["state"] != "Established" and self.session()["lastError"])
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1", conf={"authPassword": "right"}))
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS)
        self.assertTrue(self.session()["md5"])

    def test_a_new_password_on_both_sides_costs_what_the_router_makes_of_it(self):
        """Porter goes on with its connection. These routers all end theirs, and forget the routes, when their password changes."""
        self.start(peer={"conf": {"authPassword": "old"}}, router={"password": "old"})
        self.wait_hops(WEB, *HOPS)
        self.router.settings.neighbors[0].password = "new"
        self.router.reconfigure()
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1", conf={"authPassword": "new"}))
        self.wait_session(state="Established", flaps=1, md5=True)
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS)


class Refreshing:
    """Routers that can ask for the routes again."""

    def test_the_router_may_ask_for_everything_again(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        self.router.refresh(NEIGHBOUR)
        self.wait("a route refresh", lambda: self.session()["messages"]["received"]["refresh"] > 0)
        self.wait_hops(WEB, *HOPS)


class Restarting:
    """Routers whose routes are kept over a restart of their own, which they say is one (RFC 4724)."""
    OLD, NEW = "203.0.113.0/25", "203.0.113.128/25"

    def received(self):
        """Of what the router announced itself: some, at some times, send Porter's own routes back."""
        return {item["prefix"]: item["stale"] for item in self.porter.json("routes", "--received")["items"]
                if item["prefix"] in (self.OLD, self.NEW)}

    def test_what_a_router_announced_outlives_its_restart_and_goes_if_it_is_not_said_again(self):
        self.make_lab(self.kind)
        self.router.settings.announced = [self.OLD, self.NEW]
        self.begin()
        self.wait("received routes", lambda: self.received() == {self.OLD: False, self.NEW: False})
        self.router.stop(how=signal.SIGKILL)
        self.wait("stale routes", lambda: self.received() == {self.OLD: True, self.NEW: True})
        self.router.settings.announced, self.router.settings.restarting = [self.NEW], True
        self.router.start()
        self.wait_session(state="Established")

        def is_over():
            self.assertIn(self.NEW, self.received())
            return self.received() == {self.NEW: False}
        self.wait("what it says now", is_over, 40)


class Helping:
    """Routers that keep the routes of a neighbour that restarts."""

    def wait_restart_file(self, route):
        """The restart file follows the routes within 200 ms; what it holds, the next run withdraws path by path."""
        path = os.path.join(self.porter.state, "restart")

        def written():
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                return route in file.read()
            return False
        self.wait("the restart file has the route", written)

    def test_sigkill_and_restart_lose_no_route(self):
        self.start()
        self.porter.write("old", porter.service("old"), porter.endpoints("old", ALL))
        self.wait_hops(WEB, *HOPS)
        self.wait_hops("198.51.100.1/32", *HOPS)
        self.wait_restart_file(bytes((32, 198, 51, 100, 1)))
        lost = self.watch_route(WEB)
        self.porter.kill()
        self.porter.remove("old")  # while Porter is away: stale at the router until End-of-RIB
        self.porter.start()
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops("198.51.100.1/32", seconds=30)
        self.wait_hops(WEB, *HOPS)
        self.assertEqual(lost(), [])

    def test_sigterm_and_restart_lose_no_route(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        lost = self.watch_route(WEB)
        self.assertEqual(self.porter.stop(), 0)
        self.porter.start()
        self.wait_session(state="Established", caughtUp=True)
        self.wait_hops(WEB, *HOPS)
        self.assertEqual(lost(), [])


class Forwarding(Speaking, Limiting, Signing, Refreshing, Helping):
    """Routers that put the routes into the kernel."""

    def watch_route(self, prefix):
        """Follows the kernel's routes of the router; the returned function says which deletions of it were seen."""
        monitor = RouteMonitor(self.router.host)
        return lambda: [line for _, line in monitor.end() if line.startswith(f"Deleted {prefix.removesuffix('/32')} ")]

    def requests(self, address, count=60):
        done = self.lab.client.exec(sys.executable, "-m", "lab.load", address, count, timeout=60)
        return json.loads(done.stdout)

    def test_every_next_hop_is_in_the_rib_and_in_the_kernel_and_traffic_spreads(self):
        self.start()
        self.wait_hops(WEB, *HOPS)
        self.assertEqual(self.router.routes(WEB), HOPS)
        report = self.requests("198.51.100.0", 150)
        self.assertEqual((report["failed"], set(report["by_node"])), (0, set(ALL)))

    def test_ipv6_is_forwarded_too(self):
        self.start()
        self.porter.write("web6", porter.service("web6", families=("IPv6",)), porter.endpoints("web6", ALL, family="IPv6"))
        self.wait_hops("2001:db8:121::/128", *HOPS6)
        self.assertEqual(self.requests("2001:db8:121::")["failed"], 0)


class RibOnly:
    """Routers that install nothing: what they have in their RIB is what is checked."""

    def hops(self, prefix):
        return self.router.routes(prefix)

    def count(self):
        return self.router.count("ipv4")

    def watch_route(self, prefix):
        """Asks for the route again and again; the returned function says how often it was not there."""
        missing, ended = [], threading.Event()

        def look():
            while not ended.is_set():
                if not self.hops(prefix):
                    missing.append(prefix)
        thread = threading.Thread(target=look, daemon=True)
        thread.start()

        def end():
            ended.set()
            thread.join(20)
            return missing
        return end
