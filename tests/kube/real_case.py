# SPDX-License-Identifier: Apache-2.0
"""A test with a whole cluster: real kubelets, containerd and kube-proxy, Porter installed by Helm from its image."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile

from lab import porter
from lab.kube_topology import NAMESPACE
from lab.real_topology import RealLab

from .case import LAN, LAN6, KubeCase, conf
from .chart import CHART, Helm

HOLD = 9  # seconds, of the sessions
CLIENT = "198.18.0.2"


def web(name="web", replicas=3):
    """A Deployment that says on which node it answered and to whom; a new Pod serves before the old one ends."""
    container = {"name": "web", "image": "localhost/pod:lab", "args": ["http", "8080", "$(NODE)"], "ports": [{"containerPort": 8080}],
                 "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                 "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1}}
    labels = {"app": name}
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
              "labelSelector": {"matchLabels": labels}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"containers": [container], "topologySpreadConstraints": [spread]}}}}


class RealCase(KubeCase):
    """One cluster for the tests of a class, with Porter in it; each test has Deployments and Services of its own."""
    limit = 240
    namespace, release = NAMESPACE, "porter"
    values = ("--set", "claimUnclassed=true")

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="porter-real-")
        os.chmod(folder.name, 0o755)
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.lab = RealLab(os.path.join(folder.name, "lab"), cls.kind, nodes=cls.nodes)
        cls.addClassCleanup(cls.lab.stop)
        try:
            cls.lab.start()
            cls.api, cls.kubectl, cls.router = cls.lab.api, cls.lab.kubectl, cls.lab.router
            cls.helm_program = Helm("helm4", os.path.join(folder.name, "helm"))
            cls.install("--create-namespace")
        except Exception:
            print(cls.lab.logs(), file=sys.stderr)
            raise

    @classmethod
    def helm(cls, *words, check=True):
        return cls.helm_program(*words, "--kubeconfig", cls.lab.cluster.admin_kubeconfig, "--namespace", cls.namespace, check=check)

    @classmethod
    def install(cls, *words, path=CHART):
        cls.helm("install", cls.release, path, *cls.values, *words, "--wait", "--timeout", "90s")
        cls.api.put(*cls.settings())
        for node in cls.lab.nodes:
            cls.router.wait_established(cls.lab.address(node))

    @classmethod
    def settings(cls):
        """Pools and peers."""
        return conf(), porter.peer("router", "172.30.0.1"), porter.eip("lan", LAN), porter.eip("lan6", LAN6)

    @classmethod
    def upgrade(cls, *words):
        cls.helm("upgrade", cls.release, CHART, *cls.values, *words, "--wait", "--timeout", "90s")

    def sweep(self):
        signal.alarm(120)
        for node in self.lab.nodes:
            self.lab.cable(node, "up")
            if node.process.poll() is not None or not self.lab.node_ready(node.name):
                self.reboot(node)
        self.kubectl("delete", "deployment,service", "-l", "app", "--cascade=foreground", "--wait=false")
        # Else the next test's Service would find them, still ready, and send requests to them as they end.
        self.kubectl("delete", "pods", "-l", "app", "--grace-period=1", "--wait=true", timeout=60)
        self.wait("the Deployments are gone", lambda: not self.api.list("Deployment", "default"), 60)
        for node in self.lab.nodes:
            self.router.wait_established(self.lab.address(node), 60)

    def reboot(self, node):
        if node.process.poll() is None:
            self.lab.power_cut(node)
        self.lab.power_on(node)

    # What people do.
    def expose(self, name="web", replicas=3):
        """Pods and an address for them; returns it once the router sends over all nodes, every kube-proxy knows it, and it answers."""
        self.api.put(web(name, replicas))
        self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")
        self.kubectl("expose", "deployment", name, "--type=LoadBalancer", "--port=80", "--target-port=8080")
        address = self.wait("an address", lambda: self.lab.addresses(name))[0]
        self.wait_hops(address, self.hops())
        self.wait_programmed(address)
        self.wait("an answer", lambda: self.fetch(address))
        return address

    def wait_programmed(self, address):
        """kube-proxy takes a second or two. Until then its node sends the packets back to the router, and they go round till their end."""
        family = "ip6" if ":" in address else "ip"
        for node in self.lab.nodes:
            self.wait(f"kube-proxy on {node.name} knows {address}",
                      lambda: f"{address} . tcp . 80" in node.exec("nft", "list", "table", family, "kube-proxy", check=False).stdout, 30)

    def rollout(self, what, namespace="default"):
        self.kubectl("rollout", "restart", what, "-n", namespace)
        self.kubectl("rollout", "status", what, "-n", namespace, "--timeout=120s", timeout=130)

    def fetch(self, address):
        """(node, the client as the Pod sees it) of one request, or None."""
        done = self.lab.client.exec("curl", "-sf", "-m", "2", f"http://{address}/", check=False)
        return tuple(done.stdout.split()) if done.returncode == 0 else None

    def requests(self, address, count):
        said = self.lab.client.exec(sys.executable, "-m", "lab.load", address, str(count), "200", timeout=60).stdout
        return json.loads(said)

    @contextlib.contextmanager
    def load(self, address, per_second=100):
        """Requests go on meanwhile, a connection each; what is yielded is their report, complete at the end."""
        report = {}
        process = self.lab.client.spawn(sys.executable, "-m", "lab.load", address, "0", str(per_second), stdout=subprocess.PIPE)
        try:
            yield report
        finally:
            process.terminate()
            report.update(json.loads(process.communicate(timeout=30)[0]))

    def assert_none_failed(self, report):
        self.assertEqual(report["failed"], 0, report)
        self.assertGreater(report["ok"], 100)
