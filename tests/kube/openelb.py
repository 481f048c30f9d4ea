# SPDX-License-Identifier: Apache-2.0
"""OpenELB's own end-to-end scenarios, BGP and IPAM, with Porter in its place: its namespace, names, labels, flags and port."""
import json
import os
import socket

from lab import porter, routers
from lab.kube_topology import CONTROL

from .chart import OPENELB
from .real_case import RealCase, web

OPT_IN = {"lb.kubesphere.io/v1alpha1": "openelb"}
POOL = "eip.openelb.kubesphere.io/v1alpha2"


class OpenElb(RealCase):
    namespace, release = "openelb-system", "openelb"
    values = OPENELB

    @classmethod
    def settings(cls):
        """A pool, the speaker and a peer, word for word as the scenarios have them. The peer is GoBGP."""
        neighbors = [routers.Neighbor(cls.lab.address(node), 65001) for node in cls.lab.nodes]
        settings = routers.Settings(CONTROL, 65000, CONTROL, neighbors, port=17901)
        cls.router = routers.make("gobgp", cls.lab.control, os.path.join(cls.folder, "gobgp"), settings)
        cls.addClassCleanup(cls.router.stop)
        cls.router.start()

        def thing(kind, name, **spec):
            return {"apiVersion": f"{porter.API}/v1alpha2", "kind": kind, "metadata": {"name": name}, "spec": spec}
        return (thing("BgpConf", "default", **{"as": 65001, "listenPort": 17900, "routerId": "8.8.8.8"}),
                thing("BgpPeer", "gobgp", conf={"peerAs": 65000, "neighborAddress": CONTROL}, transport={"remotePort": 17901},
                      afiSafis=[{"config": {"enabled": True, "family": {"afi": "AFI_IP", "safi": "SAFI_UNICAST"}},
                                 "addPaths": {"config": {"sendMax": 10}}}]),
                thing("Eip", "bgp-pool", address="192.168.99.10-192.168.99.11", protocol="bgp"),
                thing("Eip", "ipam-pool", address="192.168.99.100-192.168.99.101", protocol="bgp"))

    def serve(self, name, pool):
        self.api.put(web(name))
        self.api.put({"apiVersion": "v1", "kind": "Service",
                      "metadata": {"name": name, "namespace": "default", "labels": {"app": name}, "annotations": {**OPT_IN, POOL: pool}},
                      "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}})
        return self.wait("an address", lambda: self.lab.addresses(name), 120)[0]

    def test_the_peer_has_a_next_hop_for_each_node(self):
        address = self.serve("bgp", "bgp-pool")
        self.assertIn(address, ("192.168.99.10", "192.168.99.11"))
        self.wait("a path of every node", lambda: sorted(set(self.router.routes(f"{address}/32"))) == self.hops(), 120)
        self.kubectl("scale", "deployment/bgp", "--replicas=0")
        self.wait("none without endpoints", lambda: self.router.routes(f"{address}/32") == [], 60)
        self.kubectl("scale", "deployment/bgp", "--replicas=2")
        self.wait("and back", lambda: sorted(set(self.router.routes(f"{address}/32"))) == self.hops(), 60)

    def test_a_pool_counts_what_it_gave(self):
        address = self.serve("ipam", "ipam-pool")
        self.assertIn(address, ("192.168.99.100", "192.168.99.101"))
        self.wait("the count", lambda: self.api.get("Eip", "ipam-pool").get("status", {}).get("usage") == 1)

    def test_what_was_written_for_openelb_finds_what_it_expects(self):
        self.assertEqual(len(self.api.get("BgpPeer", "gobgp").get("spec", {}).get("afiSafis", [])), 1)
        thing = json.loads(self.kubectl("get", "daemonset", "openelb-speaker", "-n", self.namespace, "-o", "json").stdout)
        containers = thing["spec"]["template"]["spec"]["containers"]
        self.assertEqual(len(containers), 1)
        for flag in ("enable-layer2", "enable-keepalived-vip"):
            self.assertTrue(any(flag in word for word in containers[0]["args"]), flag)
        pods = self.lab.pods(self.namespace, app="openelb", component="speaker")
        self.assertEqual(len(pods), len(self.lab.nodes))
        for node in self.lab.nodes:
            with socket.create_connection((self.lab.address(node), 50051), 5):
                pass
        self.assertTrue(self.api.get("Deployment", "openelb-controller", self.namespace)["status"].get("readyReplicas"))

    def test_layer_2_asked_for_by_the_flag_is_explained(self):
        words = json.loads(self.kubectl("get", "daemonset", "openelb-speaker", "-n", self.namespace, "-o", "json").stdout)
        args = [a.replace("enable-layer2=false", "enable-layer2=true") for a in words["spec"]["template"]["spec"]["containers"][0]["args"]]
        self.api.patch("DaemonSet", "openelb-speaker", {"spec": {"template": {"spec": {"containers": [{"name": "speaker", "args": args}]}}}},
                       self.namespace, content="application/strategic-merge-patch+json")
        self.addCleanup(self.upgrade, "--force-conflicts")
        self.kubectl("rollout", "status", "daemonset/openelb-speaker", "-n", self.namespace, "--timeout=120s", timeout=130)
        said = self.kubectl("logs", "-n", self.namespace, "daemonset/openelb-speaker").stdout
        self.assertRegex(said, "(?i)layer.?2")
