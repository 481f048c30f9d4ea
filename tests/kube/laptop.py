# SPDX-License-Identifier: Apache-2.0
"""`porter status|peers|routes|pools|explain` from where no porter runs: the answers come from the cluster's API objects."""
import json
import os

from lab import porter
from lab.api import condition
from lab.kube_topology import NAMESPACE
from lab.space import run
from tests.kube.case import ASSIGNED, KubeCase

FIRST = "198.51.100.0"


class Asking(KubeCase):
    def ask(self, *words, kubeconfig=None):
        """A `porter` that knows a kubeconfig and no socket."""
        environment = {"HOME": "/nowhere", "PATH": os.environ["PATH"], "KUBECONFIG": kubeconfig or self.lab.cluster.admin_kubeconfig}
        return run("env", "-i", *(f"{k}={v}" for k, v in environment.items()), porter.binary(), *words, check=False)

    def json(self, *words):
        done = self.ask(*words, "-o", "json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)


class Laptop(Asking):
    def settle(self):
        self.begin()
        self.lab.add_service("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait("the nodes' states tell of it", lambda: all(
            [s.get("sent", {}).get("ipv4") for s in n.get("status", {}).get("sessions", [])] == [1] for n in self.api.list("BgpNodeState")) and
            len(self.api.list("BgpNodeState")) == 3)

    def test_status_is_of_the_whole_cluster(self):
        self.settle()
        done = self.ask("status")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"3 speakers report, \d+ Services\) +healthy")
        told = self.json("status")
        self.assertEqual((told["peers"]["established"], told["services"]["announced"], told["addresses"]["used"]), (3, 1, 1))

    def test_peers_have_a_line_for_each_node(self):
        self.settle()
        items = self.json("peers")["items"]
        self.assertEqual([(i["node"], i["state"], i["sent"]["total"]) for i in items], [(n.name, "Established", 1) for n in self.lab.nodes])
        self.assertIn("NODE", self.ask("peers", "router").stdout)
        self.api.put(porter.peer("off", "172.30.0.99", nodeSelector={"matchLabels": {"no": "node"}}))
        self.wait("a peer that runs nowhere says why", lambda: "NotThisNode" in self.ask("peers", "off").stdout)
        stranger = self.ask("peers", "stranger")
        self.assertEqual(stranger.returncode, 1)
        self.assertIn("known: off, router", stranger.stdout)

    def test_pools_are_told_as_a_speaker_tells_them(self):
        self.settle()
        self.assertEqual(self.ask("pools").stdout, self.lab.speakers["n1"].ask("pools").stdout)

    def test_routes_are_those_of_all_nodes_and_what_is_not_known_is_said(self):
        self.settle()
        self.assertEqual([(r["prefix"], r["nextHops"]) for r in self.json("routes")["items"]], [(f"{FIRST}/32", self.hops())])
        for words in (("routes",), ("routes", "--peer", "router"), ("routes", "--received")):
            done = self.ask(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("note: what one neighbour was told, or sent, is known to the speaker of that node alone", done.stdout)
        asked = self.ask("routes", "--received", "198.51.100.0/32")
        self.assertEqual(asked.returncode, 3)
        self.assertIn("known to the speaker", asked.stderr)

    def test_explain_has_the_controllers_words(self):
        self.settle()
        done = self.ask("explain", "service", "default/web")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"default/web is announced at {FIRST}", done.stdout)
        self.lab.add_service("lost", annotations={"eip.porter.kubesphere.io/v1alpha2": "nowhere"})
        self.wait_condition("lost", "False", "PoolNotFound")
        message = condition(self.api.get("Service", "lost"), ASSIGNED)["message"]
        done = self.ask("explain", "service", "default/lost")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"PoolNotFound: {message}", done.stdout)
        self.assertEqual(self.ask("explain", "service", "default/webb").returncode, 1)

    def test_explain_is_told_what_the_controller_was_started_with(self):
        bare = porter.service("bare")
        del bare["metadata"]["annotations"]
        self.api.create(bare)
        self.assertIn("NotClaimed", self.ask("explain", "service", "default/bare").stdout)
        self.assertIn("no class (--claim-unclassed)", self.ask("explain", "service", "default/bare", "--claim-unclassed").stdout)

    def test_explain_says_that_nobody_gives_addresses(self):
        self.api.put(porter.eip("lan", "198.51.100.0/24"))
        self.lab.add_service("web")
        done = self.ask("explain", "service", "default/web")
        self.assertEqual(done.returncode, 1)
        self.assertIn("porter-controller", done.stdout)

    def test_a_cluster_that_cannot_be_asked_is_status_3(self):
        for kubeconfig in ("/not/there", self.lab.cluster.account_kubeconfig("default", "default")):
            done = self.ask("status", "--kubeconfig", kubeconfig)
            self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertRegex(done.stderr, "cannot watch services: 403 Forbidden")
        away = self.lab.cluster.account_kubeconfig(NAMESPACE, "porter-speaker", server="https://172.30.0.250:1")
        done = self.ask("status", kubeconfig=away)
        self.assertEqual(done.returncode, 3)
        self.assertIn("172.30.0.250:1", done.stderr)
        self.assertEqual(self.ask("status", kubeconfig="/not/there").returncode, 3)
        self.assertEqual(self.ask("status", "--bad").returncode, 2)


METALLB = {"IPAddressPool": ("lan", {"addresses": ["198.51.100.0/28"]}),
           "BGPPeer": ("tor", {"myASN": 64512, "peerASN": 64513, "peerAddress": "192.0.2.1"}),
           "BGPAdvertisement": ("all", {"ipAddressPools": ["lan"], "communities": ["64512:100"]})}


class Migrating(Asking):
    """From the objects in a cluster, which are those that kubectl prints."""

    def from_files(self, which, *kinds):
        path = os.path.join(self.lab.folder, "theirs.yaml")
        with open(path, "w") as file:
            file.write(self.kubectl("get", ",".join(kinds), "-o", "yaml").stdout)
            file.write("---\n" + self.kubectl("get", "services", "-A", "-o", "yaml").stdout)
        return self.ask("migrate", which, path)

    def served(self, name, group, version, kind):
        """A CRD of somebody else's that takes whatever it is given."""
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{name}.{group}"},
               "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": name},
                        "versions": [{"name": version, "served": True, "storage": True, "schema": schema}]}}
        self.api.put(crd)
        self.addCleanup(self.api.delete, "CustomResourceDefinition", crd["metadata"]["name"])
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", crd["metadata"]["name"])

    def shows_address(self):
        self.lab.add_service("web")
        self.api.patch("Service", "web", {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.3"}]}}}, "default", subresource="status")

    def test_metallb_is_read_in_the_cluster(self):
        for kind, (name, spec) in METALLB.items():
            self.served(f"{kind.lower()}s", "metallb.io", "v1beta1", kind)  # BGPPeers of before v1beta2 too
            self.api.put({"apiVersion": "metallb.io/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec})
        self.shows_address()
        live, files = self.ask("migrate", "metallb"), self.from_files("metallb", *(f"{k.lower()}s.metallb.io" for k in METALLB))
        self.assertEqual((live.returncode, live.stdout), (0, files.stdout), live.stderr)
        self.assertIn("name: 198.51.100.3", live.stdout)
        self.assertIn("The cut-over:", live.stderr)
        self.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=live.stdout)

    def test_openelb_is_read_in_the_cluster(self):
        self.api.put(porter.eip("lan", "198.51.100.0/28"), porter.peer("router", "172.30.0.1"))
        live, files = self.ask("migrate", "openelb"), self.from_files("openelb", *(f"{k}.{porter.API}" for k in ("eips", "bgpconfs", "bgppeers")))
        self.assertEqual((live.returncode, live.stdout), (0, files.stdout), live.stderr)
        self.assertIn("kind: Eip", live.stdout)

    def test_without_an_api_server_it_says_so(self):
        done = self.ask("migrate", "metallb", kubeconfig="/nonexistent")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("/nonexistent", done.stderr)
