# SPDX-License-Identifier: Apache-2.0
"""The life of a Service: its address, conditions, Events and the router's RIB say the same at every step."""
from lab import porter
from lab.api import condition
from tests.kube.case import ANNOUNCED, LAN, KubeCase, conf

WANTED, POOL, SHARE = "eip.porter.kubesphere.io/v1alpha1", "eip.porter.kubesphere.io/v1alpha2", "network.kubesphere.io/share"
WANTED_OLD = "eip.openelb.kubesphere.io/v1alpha1"
HOLD = "network.kubesphere.io/addresses-in-use"
FIRST = "198.51.100.0"
TINY = "203.0.113.8/31"


class Lifecycle(KubeCase):
    def add(self, name, nodes=None, namespace="default", **how):
        return self.lab.add_service(name, nodes, namespace=namespace, **how)

    def namespace(self, name, labels=None):
        if self.api.get("Namespace", name) is None:
            self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})
        return name

    def test_a_service_gets_an_address_conditions_an_event_and_routes(self):
        self.begin()
        self.add("web")
        self.wait_addresses("web", [FIRST])
        self.wait_condition("web", "True", "Assigned")
        self.wait_condition("web", "True", "Announced", ANNOUNCED)
        self.wait_event("web", "Assigned")
        self.wait_hops(f"{FIRST}/32", self.hops())
        service = self.api.get("Service", "web")
        self.assertEqual(service["status"]["loadBalancer"]["ingress"], [{"ip": FIRST, "ipMode": "VIP"}])
        record = self.api.get("EipAddress", FIRST)
        self.assertEqual((record["spec"]["eip"], record["spec"]["services"]),
                         ("lan", [{"namespace": "default", "name": "web", "uid": service["metadata"]["uid"]}]))
        self.assertNotIn("finalizers", service["metadata"])
        self.check_agreement()

    def test_deletion_takes_route_and_record_away(self):
        self.begin()
        self.add("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait("the pool names it", lambda: self.status("Eip", "lan").get("used") == {FIRST: "default/web"})
        self.lab.delete_service("web")
        self.wait_hops(f"{FIRST}/32", [])
        self.wait("no EipAddress", lambda: self.holders() == {})
        self.wait("the pool names nobody", lambda: (self.status("Eip", "lan").get("used"), self.status("Eip", "lan").get("usage")) == ({}, 0))

    def status(self, kind, name):
        return self.api.get(kind, name).get("status", {})

    def test_a_peer_that_no_node_speaks_to_any_more_shows_no_session(self):
        self.begin()
        self.wait("three sessions", lambda: len(self.status("BgpPeer", "router").get("nodesPeerStatus", {})) == 3)
        self.api.patch("BgpPeer", "router", {"spec": {"nodeSelector": {"matchLabels": {"no": "node"}}}})
        self.wait("none", lambda: self.status("BgpPeer", "router").get("nodesPeerStatus") == {}, 30)

    def test_a_service_of_another_type_lets_go(self):
        self.begin()
        self.add("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.api.patch("Service", "web", {"spec": {"type": "ClusterIP", "externalTrafficPolicy": None,
                                                   "allocateLoadBalancerNodePorts": None}})
        self.wait_hops(f"{FIRST}/32", [])
        self.wait_addresses("web", [])
        self.wait("no EipAddress", lambda: self.holders() == {})
        self.wait_event("web", "Released")

    def test_losing_our_annotation_removes_our_entry_only(self):
        self.begin()
        self.add("web")
        self.wait_addresses("web", [FIRST])
        other = {"ip": "192.0.2.77", "ipMode": "VIP"}
        self.api.patch("Service", "web", {"metadata": {"annotations": {"lb.kubesphere.io/v1alpha1": "somebody-else"}}})
        self.wait_hops(f"{FIRST}/32", [])
        self.wait_addresses("web", [])
        self.api.patch("Service", "web", {"status": {"loadBalancer": {"ingress": [other]}}}, subresource="status")
        self.add("next")
        self.wait_addresses("next", ["198.51.100.1"])  # the other is still warm
        self.assertEqual(self.lab.addresses("web"), ["192.0.2.77"])

    def test_only_services_that_are_ours_are_adopted(self):
        self.begin(speakers=False)
        plain, foreign, classed = (porter.service(n) for n in ("plain", "foreign", "classed"))
        del plain["metadata"]["annotations"]
        foreign["spec"]["loadBalancerClass"] = "example.com/other"
        del classed["metadata"]["annotations"]
        classed["spec"]["loadBalancerClass"] = "network.kubesphere.io/porter"
        self.api.put(plain, foreign, classed)
        self.wait_addresses("classed", [FIRST])
        self.assertEqual((self.lab.addresses("plain"), self.lab.addresses("foreign")), ([], []))
        self.assertEqual((self.conditions("plain"), self.conditions("foreign")), ("no condition", "no condition"))

    def test_both_families_come_together(self):
        self.begin()
        self.add("web", families=("IPv4", "IPv6"), family_policy="RequireDualStack")
        self.wait_addresses("web", [FIRST, "2001:db8:121::"])
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait_hops("2001:db8:121::/128", self.hops6())
        self.assertIn("2001-0db8-0121-0000-0000-0000-0000-0000", self.holders())

    def test_a_shared_address_serves_two_and_refuses_a_colliding_port(self):
        self.begin()
        key = {SHARE: "front"}
        self.add("web", annotations=key, port=80)
        self.wait_addresses("web", [FIRST])
        self.add("tls", ["n2"], annotations=key, port=443)
        self.wait_addresses("tls", [FIRST])
        self.add("late", annotations={**key, WANTED: FIRST}, port=80)
        message = self.wait_condition("late", "False", "ShareRefused")
        self.assertIn("default/web", message)
        self.assertIn("80", message)
        self.assertEqual(self.holders()[FIRST], ["default/tls", "default/web"])
        self.lab.delete_service("web")
        self.wait_addresses("late", [FIRST])
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait_addresses("tls", [FIRST])

    def test_routes_follow_endpoints_policy_and_nodes(self):
        self.begin()
        self.add("web", ["n1", "n2"], policy="Local")
        self.wait_hops(f"{FIRST}/32", self.hops("n1", "n2"))
        self.lab.set_endpoints("web", ["n3"])
        self.wait_hops(f"{FIRST}/32", self.hops("n3"))
        self.lab.set_endpoints("web", ["n3"], ready=False)
        self.wait_hops(f"{FIRST}/32", [])
        self.wait_condition("web", "False", "NoReadyEndpoints", ANNOUNCED)
        self.lab.set_endpoints("web", ["n3"])
        self.api.patch("Service", "web", {"spec": {"externalTrafficPolicy": "Cluster"}})
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.lab.set_ready("n2", "False")
        self.wait_hops(f"{FIRST}/32", self.hops("n1", "n3"))
        self.lab.set_ready("n2", "True")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.api.patch("Node", "n1", {"metadata": {"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}}})
        self.wait_hops(f"{FIRST}/32", self.hops("n2", "n3"))
        self.api.patch("Node", "n1", {"metadata": {"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": None}}})
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait_addresses("web", [FIRST])

    def test_without_a_pool_the_reason_is_said_and_a_pool_heals_it(self):
        self.begin(speakers=False)
        for pool in ("lan", "lan6"):
            self.api.delete("Eip", pool)
        self.wait("no pool", lambda: self.api.list("Eip") == [])
        self.add("web")
        self.wait_condition("web", "False", "NoPool")
        self.wait_event("web", "AssignFailed")
        self.api.put(porter.eip("lan", LAN))
        self.wait_addresses("web", [FIRST])
        self.wait_condition("web", "True", "Assigned")

    def test_a_full_pool_is_said_and_the_waiting_one_gets_what_becomes_free(self):
        self.begin(speakers=False)
        self.api.put(porter.eip("tiny", TINY))
        for name in ("one", "two", "three"):
            self.add(name, annotations={POOL: "tiny"})
            if name != "three":
                self.wait("an address", lambda name=name: self.lab.addresses(name))
        self.wait_condition("three", "False", "PoolExhausted")
        given = self.lab.addresses("one")
        self.lab.delete_service("one")
        self.wait_addresses("three", given)

    def test_wanted_addresses_and_pools_are_minded_or_the_reason_is_said(self):
        self.begin(speakers=False)
        self.api.put(porter.eip("named", "203.0.113.0/28"))
        self.add("a", annotations={WANTED: "198.51.100.77"})
        self.wait_addresses("a", ["198.51.100.77"])
        self.add("b", annotations={POOL: "named"})
        self.wait_addresses("b", ["203.0.113.0"])
        self.add("c", namespace=self.namespace("shop"), annotations={WANTED: "198.51.100.77"})
        self.assertIn("default/a", self.wait_condition("c", "False", "ShareRefused", namespace="shop"))
        self.add("d", annotations={WANTED: "192.0.2.1"})
        self.wait_condition("d", "False", "AddressNotInPool")
        self.add("e", annotations={POOL: "nowhere"})
        self.assertIn("nowhere", self.wait_condition("e", "False", "PoolNotFound"))
        self.lab.delete_service("a")
        self.wait_addresses("c", ["198.51.100.77"], "shop")

    def test_pools_by_namespace_default_and_priority(self):
        self.begin(speakers=False)
        shop = self.namespace("shop", {"tier": "front"})
        self.api.put(porter.eip("shop", "203.0.113.0/28", namespaces=["shop"]),
                     porter.eip("front", "203.0.113.16/28", namespaceSelector={"tier": "front"}, priority=1),
                     porter.eip("early", "203.0.113.32/28", priority=-1))
        self.wait("the pools are ready", lambda: all(self.api.get("Eip", n).get("status", {}).get("ready") for n in ("shop", "front", "early")))
        self.add("web", namespace=shop)
        self.wait_addresses("web", ["203.0.113.0"], shop)
        self.add("web")
        self.wait_addresses("web", ["203.0.113.32"])
        self.add("other", annotations={POOL: "shop"})
        self.wait_condition("other", "False", "PoolNotForNamespace")
        self.api.put(porter.eip("lan", LAN, annotations={"eip.porter.kubesphere.io/is-default-eip": "true"}))
        self.wait_default_is_used()

    def wait_default_is_used(self):
        """A pool marked default is used before those that are not; a new Service shows it."""
        def uses_default():
            self.lab.delete_service("probe")
            self.add("probe")
            found = self.wait("an address", lambda: self.lab.addresses("probe"))
            return found[0].startswith("198.51.100.")
        self.wait("the default pool is used", uses_default, 20, 0.2)

    def test_a_disabled_pool_gives_nothing_new_and_takes_nothing_away(self):
        self.begin()
        self.add("web", annotations={POOL: "lan"})
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.api.put(porter.eip("lan", LAN, disable=True))
        self.wait_condition("web", "True", "AssignedOutsidePolicy")
        self.add("new", annotations={POOL: "lan"})
        self.wait_condition("new", "False", "PoolDisabled")
        self.wait_addresses("web", [FIRST])
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.api.put(porter.eip("lan", LAN, disable=False))
        self.wait("an address", lambda: self.lab.addresses("new"))

    def pool_condition(self, name):
        return condition(self.api.get("Eip", name) or {}, "Ready")

    def begin_with_a_deleted_pool_in_use(self):
        self.begin()
        self.add("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait("it is held", lambda: HOLD in self.api.get("Eip", "lan")["metadata"].get("finalizers", []))
        self.api.delete("Eip", "lan")
        self.wait("it is said", lambda: self.pool_condition("lan").get("reason") == "Deleting")

    def test_a_deleted_pool_gives_nothing_new_and_goes_with_its_last_address(self):
        self.begin_with_a_deleted_pool_in_use()
        self.assertIn("default/web", self.pool_condition("lan")["message"])
        self.wait_condition("web", "True", "AssignedOutsidePolicy")
        self.add("new")
        self.assertIn("being deleted", self.wait_condition("new", "False", "PoolDisabled"))
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait_addresses("web", [FIRST])
        self.lab.delete_service("web")
        self.wait("the pool is gone", lambda: self.api.get("Eip", "lan") is None)
        self.wait_hops(f"{FIRST}/32", [])
        self.assertEqual(self.holders(), {})

    def test_a_deleted_pool_evicts_when_it_is_told(self):
        self.begin_with_a_deleted_pool_in_use()
        self.api.patch("Eip", "lan", {"metadata": {"annotations": {"network.kubesphere.io/evict": "true"}}})
        self.wait("the pool is gone", lambda: self.api.get("Eip", "lan") is None)
        self.wait_event("web", "Released")
        self.wait_hops(f"{FIRST}/32", [])
        self.wait_addresses("web", [])

    def test_an_unused_pool_goes_at_once(self):
        self.begin(speakers=False)
        self.wait("it is held", lambda: HOLD in self.api.get("Eip", "lan")["metadata"].get("finalizers", []))
        self.api.delete("Eip", "lan")
        self.wait("the pool is gone", lambda: self.api.get("Eip", "lan") is None)

    def test_what_openelb_left_is_taken_over_and_no_address_moves(self):
        """Objects as OpenELB 0.6 leaves them: `used` is its only record, and its finalizers are everywhere."""
        pool = porter.eip("lan", LAN)
        pool["metadata"]["finalizers"] = ["finalizer.ipam.kubesphere.io/v1alpha1"]
        self.api.put(conf(), pool)
        mine = {"lb.kubesphere.io/v1alpha1": "openelb", "protocol.openelb.kubesphere.io/v1alpha1": "bgp"}
        shown = {"web": "198.51.100.17", "tls": "198.51.100.17", "api": "198.51.100.4", "booked": None}
        for port, (name, address) in enumerate(shown.items(), 80):
            wanted = {WANTED_OLD: address} if address == "198.51.100.17" else {}
            thing = porter.service(name, annotations={**mine, **wanted}, port=port)
            thing["metadata"]["finalizers"] = ["finalizer.lb.kubesphere.io/v1alpha1"]
            thing["metadata"]["labels"] = {"eip.openelb.kubesphere.io/v1alpha2": "lan"}
            self.api.put(thing)
            if address:
                self.api.patch("Service", name, {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}, subresource="status")
        used = {"198.51.100.17": "default/web;default/tls", "198.51.100.4": "default/api", "198.51.100.0": "default/booked"}
        self.api.patch("Eip", "lan", {"status": {"occupied": False, "usage": 3, "poolSize": 256, "used": used, "ready": True, "v4": True,
                                                 "firstIP": "198.51.100.0", "lastIP": "198.51.100.255"}}, subresource="status")
        moved = []

        def watch():
            moved.extend(n for n, a in shown.items() if a and self.lab.addresses(n) != [a])
            return self.holders().get("198.51.100.17") == ["default/tls", "default/web"] and len(self.holders()) == 3
        self.lab.start_controllers(1)
        self.wait("the addresses are ours", watch, 30)
        self.assertEqual(moved, [])
        record = self.api.get("EipAddress", "198.51.100.17")["spec"]
        self.assertEqual([s["name"] for s in record["services"]], ["web", "tls"], "in the order in which they joined")
        self.wait("a record of what was booked", lambda: self.lab.addresses("booked"))
        for name in shown:
            self.wait("OpenELB's finalizer is gone", lambda name=name: "finalizers" not in self.api.get("Service", name)["metadata"])
        self.wait("only ours is left", lambda: self.api.get("Eip", "lan")["metadata"]["finalizers"] == [HOLD])
        self.api.delete("Service", "api")
        self.wait("it can be deleted", lambda: self.api.get("Service", "api") is None)

    def test_eviction_releases_what_a_deleted_pool_holds(self):
        self.begin()
        self.add("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.api.patch("Eip", "lan", {"metadata": {"annotations": {"network.kubesphere.io/evict": "true"}}})
        self.api.delete("Eip", "lan")
        self.wait("the pool is gone", lambda: self.api.get("Eip", "lan") is None)
        self.wait_hops(f"{FIRST}/32", [])
        self.wait_addresses("web", [])

    def test_retain_keeps_an_address_for_the_same_name(self):
        self.begin(speakers=False)
        self.api.put(porter.eip("kept", "203.0.113.0/28", reclaim={"policy": "Retain", "holdSeconds": 600}))
        self.add("web", annotations={POOL: "kept"})
        self.wait_addresses("web", ["203.0.113.0"])
        self.lab.delete_service("web")
        self.wait("it is kept", lambda: "retainUntil" in self.api.get("EipAddress", "203.0.113.0")["spec"])
        self.add("other", annotations={POOL: "kept"})
        self.wait_addresses("other", ["203.0.113.1"])
        self.add("web", annotations={POOL: "kept"})
        self.wait_addresses("web", ["203.0.113.0"])

    def test_a_written_reservation_is_respected(self):
        self.begin(speakers=False)
        self.api.put({"apiVersion": f"{porter.API}/v1alpha2", "kind": "EipAddress", "metadata": {"name": FIRST}, "spec": {"eip": "lan"}})
        self.add("web")
        self.wait_addresses("web", ["198.51.100.1"])
        self.add("wants", annotations={WANTED: FIRST})
        self.wait_condition("wants", "False", "AddressReserved")

    def test_nothing_moves_when_pools_are_edited(self):
        self.begin()
        self.add("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        monitor = self.watch_routes()
        self.api.put(porter.eip("lan", LAN, priority=9, exclude=[FIRST]), porter.eip("more", "203.0.113.0/28", priority=-5))
        self.wait_condition("web", "True", "AssignedOutsidePolicy")
        self.add("new")
        self.wait_addresses("new", ["203.0.113.0"])
        self.wait_addresses("web", [FIRST])
        self.assertEqual([line for line in monitor() if f"{FIRST} " in line], [])

    def test_peers_and_nodes_tell_how_sessions_are(self):
        self.begin()
        self.wait("Established", lambda: condition(self.api.get("BgpPeer", "router"), "Established").get("status") == "True", 30)
        states = {s["metadata"]["name"]: s for s in self.api.list("BgpNodeState")}
        self.assertEqual(set(states), {n.name for n in self.lab.nodes})
        for name, state in states.items():
            owner = state["metadata"]["ownerReferences"][0]
            self.assertEqual((owner["kind"], owner["name"]), ("Node", name))
        self.wait("3/3", lambda: "3/3" in self.kubectl("get", "bgppeer", "router", "--no-headers").stdout.split())

    def test_one_new_service_costs_few_writes_and_an_unchanged_one_none(self):
        proxy = self.lab.proxy()
        self.begin(proxy=proxy, speakers=False)
        self.add("web")
        self.wait_addresses("web", [FIRST])
        self.wait_event("web", "Assigned")
        writes = [(r.method, r.target.partition("?")[0]) for r in proxy.writes()]
        self.assertEqual(len([w for w in writes if "eipaddresses" in w[1]]), 1, writes)
        self.assertLessEqual(len([w for w in writes if "/services/web" in w[1]]), 2, writes)
        seen = len(proxy.writes())
        self.add("next")
        self.wait_addresses("next", ["198.51.100.1"])
        later = [r.target for r in proxy.writes()[seen:]]
        self.assertEqual([t for t in later if "/services/web" in t], [])

    def test_metrics_tell_what_is_said_to_the_api_server(self):
        self.begin()
        self.add("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        status, text = self.lab.controllers[0].fetch("/metrics")
        self.assertEqual(status, 200)
        for line in ("porter_leader 1", 'porter_services{state="assigned"} 1',
                     'porter_api_writes_total{verb="create",kind="eipaddresses"} 1',
                     'porter_api_request_seconds_count{verb="create",kind="eipaddresses"} 1',
                     'porter_api_watches_total{kind="services"} 1', 'porter_api_relists_total{kind="eips"} 0',
                     'porter_pool_addresses_used{eip="lan",family="ipv4"} 1', 'porter_api_throttled_total{by="server"} 0'):
            self.assertIn(line, text.splitlines())
        status, text = self.lab.speakers["n1"].fetch("/metrics")
        self.assertEqual(status, 200)
        for line in ('porter_api_watches_total{kind="eipaddresses"} 1', 'porter_api_writes_total{verb="create",kind="bgpnodestates"} 1'):
            self.assertIn(line, text.splitlines())

    def test_a_restarted_controller_writes_nothing_about_what_is_settled(self):
        proxy = self.lab.proxy()
        self.begin(proxy=proxy)
        self.add("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait_condition("web", "True", "Announced", ANNOUNCED)
        monitor = self.watch_routes()
        self.assertEqual(self.lab.controllers[0].stop(), 0)
        before = len(proxy.writes("services|eipaddresses"))
        self.lab.start_controllers(1, proxy=proxy)
        self.add("next")
        self.wait_addresses("next", ["198.51.100.1"])  # it has looked at everything
        writes = [r.target for r in proxy.writes("services|eipaddresses")[before:]]
        self.assertEqual([t for t in writes if "next" not in t and not t.partition("?")[0].endswith("eipaddresses")], [])
        self.assertEqual([line for line in monitor() if f"{FIRST} " in line], [])


class LifecycleWithFrr(KubeCase):
    """The same agreement at another router."""
    kind = "frr"

    def test_addresses_and_routes_agree_as_services_come_and_go(self):
        self.begin()
        for i in range(20):
            self.lab.add_service(f"s{i}", ["n1", "n2", "n3"][: 1 + i % 3])
        self.wait("20 addresses", lambda: sum(map(len, self.all_addresses().values())) == 20)
        self.check_agreement()
        for i in range(0, 20, 2):
            self.lab.delete_service(f"s{i}")
        self.wait("10 records", lambda: len(self.holders()) == 10)
        self.check_agreement()
