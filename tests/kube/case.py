# SPDX-License-Identifier: Apache-2.0
"""A test with a cluster: one control plane, router and set of nodes for a class, a fresh Porter for each test."""
import os
import re
import signal
import tempfile
import unittest

from lab import porter, space
from lab.api import condition
from lab.kube_topology import NAMESPACE, KubeLab, ingress
from lab.route_monitor import RouteMonitor

LIMIT = 150  # seconds for one test
LAN, LAN6 = "198.51.100.0/24", "2001:db8:121::/120"
OURS = ("Eip", "EipAddress", "BgpPeer", "BgpConf", "BgpAdvertisement", "BgpNodeState")
ASSIGNED, ANNOUNCED = f"{porter.API}/Assigned", f"{porter.API}/Announced"


def conf(**more):
    """porter.conf() for several speakers: each has a router ID of its own."""
    thing = porter.conf(**more)
    del thing["spec"]["routerId"]
    return thing


class KubeCase(unittest.TestCase):
    """`self.lab` is shared by the tests of a class; what they leave in the API is swept away between them."""
    kind, nodes, limit = "bird", 3, LIMIT
    controllers_of_kubernetes = True  # kube-controller-manager, for ServiceAccounts and namespaces that come and go
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="porter-kube-")
        os.chmod(folder.name, 0o755)
        cls.addClassCleanup(folder.cleanup)
        cls.lab = KubeLab(folder.name, cls.kind, nodes=cls.nodes)
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start(controllers=cls.controllers_of_kubernetes)
        cls.lab.install()
        cls.lab.add_nodes()
        cls.api, cls.kubectl, cls.router = cls.lab.api, cls.lab.kubectl, cls.lab.router

    def setUp(self):
        signal.signal(signal.SIGALRM, self.out_of_time)
        signal.alarm(self.limit)
        self.addCleanup(signal.alarm, 0)
        self.addCleanup(self.sweep)

    def out_of_time(self, *_):
        raise space.Failure(f"not done within {self.limit} s, or not swept behind it within 60")

    def sweep(self):
        signal.alarm(60)
        self.lab.reset_porter()
        wipe(self.api)
        self.lab.add_nodes()

    def tearDown(self):
        if has_failed(self):
            print(f"{self.id()}: what Porter said last\n{self.lab.logs()}", flush=True)

    # Porter with one peer, two pools, everything running.
    def begin(self, controllers=1, speakers=True, proxy=None, peer=None, state=None, **settings):
        self.api.put(conf(**settings), porter.peer("router", "172.30.0.1", **(peer or {})),
                     porter.eip("lan", LAN), porter.eip("lan6", LAN6))
        self.lab.start_controllers(controllers, proxy=proxy)
        if speakers:
            self.lab.start_speakers(proxy=proxy, state=state)
            for node in self.lab.nodes:
                self.router.wait_established(self.lab.address(node))

    def hops(self, *names):
        return sorted(self.lab.address(n) for n in self.lab.nodes if not names or n.name in names)

    def hops6(self):
        return sorted(self.lab.address6(n) for n in self.lab.nodes)

    def wait(self, what, check, seconds=20, pause=0.05):
        return space.wait_for(what, check, seconds, pause)

    def wait_hops(self, prefix, expected, seconds=20):
        """The router's kernel has a route to the prefix over exactly these next hops."""
        host = self.router.host
        try:
            self.wait(prefix, lambda: host.next_hops(prefix) == sorted(expected), seconds)
        except space.Failure:
            self.fail(f"the router's kernel has {prefix} via {host.next_hops(prefix) or 'nothing'}, not via {sorted(expected) or 'nothing'}")

    def wait_addresses(self, name, expected, namespace="default", seconds=20):
        try:
            self.wait(name, lambda: self.lab.addresses(name, namespace) == sorted(expected), seconds)
        except space.Failure:
            self.fail(f"{namespace}/{name} shows {self.lab.addresses(name, namespace)}, not {sorted(expected)}: "
                      f"{self.conditions(name, namespace)}")

    def wait_condition(self, name, status, reason, kind=ASSIGNED, namespace="default", seconds=20):
        """The Service's condition; returns its message."""
        def same():
            found = condition(self.api.get("Service", name, namespace), kind)
            return (found.get("status"), found.get("reason")) == (status, reason)
        try:
            self.wait(name, same, seconds)
        except space.Failure:
            self.fail(f"{namespace}/{name} has {self.conditions(name, namespace)}, not {kind}={status} ({reason})")
        return condition(self.api.get("Service", name, namespace), kind).get("message", "")

    def wait_event(self, name, reason, namespace="default", kind="Service", seconds=20):
        try:
            self.wait(reason, lambda: any(r == reason for r, _ in self.lab.events(kind, name, namespace)), seconds)
        except space.Failure:
            self.fail(f"no Event {reason} for {namespace}/{name}; there are {self.lab.events(kind, name, namespace)}")

    def conditions(self, name, namespace="default"):
        service = self.api.get("Service", name, namespace) or {}
        return [f"{c['type'].rpartition('/')[2]}={c['status']} ({c['reason']}): {c.get('message', '')}"
                for c in service.get("status", {}).get("conditions", [])] or "no condition"

    def holders(self):
        """{address as its EipAddress is named: [namespace/name]}"""
        return {a["metadata"]["name"]: sorted(f"{s['namespace']}/{s['name']}" for s in a["spec"].get("services", []))
                for a in self.api.list("EipAddress")}

    def all_addresses(self, namespace=None):
        """{namespace/name: [address]} of every LoadBalancer Service."""
        return {f"{s['metadata']['namespace']}/{s['metadata']['name']}": ingress(s) for s in self.api.list("Service", namespace)
                if s["spec"].get("type") == "LoadBalancer"}

    def check_agreement(self):
        """No address twice, each in an EipAddress that names its Service, and the router has exactly these as host routes.

        Where two controllers chose an address for one Service, the record of the other is on its way out."""
        holder, records = {}, {}

        def agree():
            holder.clear()
            for name, found in self.all_addresses().items():
                for address in found:
                    self.assertEqual(holder.setdefault(address, name), name, f"{address} was given twice")
            records.clear()
            records.update({n: names for n, names in self.holders().items() if names and n.count("-") != 7})
            return {a: [n] for a, n in holder.items() if ":" not in a} == records
        try:
            self.wait("the records are those of the addresses shown", agree, 15, pause=0.5)
        except space.Failure:
            self.assertEqual({a: [n] for a, n in holder.items() if ":" not in a}, records)
        if self.lab.speakers:
            wanted = {a for a in holder if ":" not in a}
            self.wait("the router's routes are the Services' addresses", lambda: self.router_addresses() == wanted, 30)

    def router_addresses(self):
        """The IPv4 host routes in the router's kernel that BGP brought."""
        routes = self.router.host.ip_json("-4", "route", "show", "proto", {"bird": "bird", "frr": "bgp"}[self.kind])
        return {r["dst"] for r in routes}

    def watch_routes(self):
        """Follows the router's kernel; the returned function gives the deletions and changes of next hops seen since."""
        monitor = RouteMonitor(self.router.host)
        return lambda: [line for _, line in monitor.end() if re.search(r"proto (bird|bgp)\b", line)]


def has_failed(case):
    """In tearDown(): the outcome itself knows it later."""
    result = case._outcome.result
    return any(test is case for test, _ in (*result.failures, *result.errors))


def wipe(api):
    """Takes away what a test wrote, whatever finalizers say."""
    for kind, keep in (("Service", "kubernetes"), ("EndpointSlice", "kubernetes"), *((kind, None) for kind in (*OURS, "Node"))):
        for thing in api.list(kind):
            if thing["metadata"]["name"] != keep:
                remove(api, kind, thing)
    for namespace in {e["metadata"]["namespace"] for e in api.list("Event")}:
        api.delete_all("Event", namespace)
    api.delete("Lease", "porter-controller", NAMESPACE)


def remove(api, kind, thing):
    metadata = thing["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")
    if metadata.get("finalizers"):
        api.patch(kind, name, {"metadata": {"finalizers": None}}, namespace)
    api.delete(kind, name, namespace)
