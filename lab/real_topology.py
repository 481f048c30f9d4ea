# SPDX-License-Identifier: Apache-2.0
"""The lab with a whole cluster in it: real kubelets, containerd and kube-proxy on every node, Porter as Pods from its image.

    client ------- router ====== (one Ethernet) ====== n1  n2  n3             172.30.0.11 .12 .13, Pods 10.244.1.0/24 …
                                     |       |
                              cp 172.30.0.10 |  etcd, API server, controller manager, scheduler
                                   test 172.30.0.250
"""
import os

from tools import image
from tools.kube import build

from . import machine, porter
from .cluster import Cluster
from .kube_topology import CONTROL, NAMESPACE, KubeLab
from .space import run, wait_for

# The name of an image, and what it does unless it is told otherwise. There is no registry: the web server that docs/quickstart.md
# uses is one of ours.
PODS = {"pod.tar": (machine.PAUSE, ["pause"]), "web.tar": ("docker.io/library/nginx:1.29", ["http", "80", "nginx"])}
POD = os.path.join(os.path.dirname(os.path.realpath(__file__)), "pod.c")


class RealCluster(Cluster):
    """A control plane that has nodes to look after. A silent one is NotReady after 12 s (the default is 50)."""
    needed = (*build.NEEDED, *build.NODES)
    admission = "--enable-admission-plugins=NodeRestriction"
    looking_after_nodes = ("--node-monitor-grace-period=12s", "--node-monitor-period=1s")

    def __init__(self, folder, host, address):
        super().__init__(folder, host, address)
        self.certificate_kubeconfig("kube-scheduler", "/CN=system:kube-scheduler")
        self.certificate_kubeconfig("kube-proxy", "/CN=system:kube-proxy")
        self.pki.issue("kubelet-client", "/O=system:masters/CN=kubelet-client")

    def commands(self):
        commands = super().commands()
        keys = self.pki.path
        commands["kube-apiserver"] += [
            "--kubelet-preferred-address-types=InternalIP", f"--kubelet-client-certificate={keys('kubelet-client.crt')}",
            f"--kubelet-client-key={keys('kubelet-client.key')}"]
        commands["kube-scheduler"] = [f"--kubeconfig={self.path('kube-scheduler.kubeconfig')}", "--leader-elect=false", "--secure-port=0"]
        return commands

    def start(self, controllers=True):
        super().start(controllers)
        self.spawn("kube-scheduler")

    def stop(self):
        self.kill("kube-scheduler")
        super().stop()


class RealLab(KubeLab):
    def make_node(self, name):
        return machine.Machine(name, int(name[1:]))

    def make_cluster(self, folder):
        return RealCluster(folder, self.control, CONTROL)

    def node_addresses(self, node):
        """Those its kubelet reports."""
        return self.address(node), self.address6(node)

    def default_routes(self, node):
        """A way out: without one the node has no route to a Service's address that kube-proxy could turn round."""
        node.ip("route", "add", "default", "via", "172.30.0.1")
        node.ip("-6", "route", "add", "default", "via", "fd00:30::1")

    def start(self):
        self.cluster.start()
        for r in self.routers:
            r.start()
        images = self.images()
        for node in self.nodes:
            node.configure(os.path.join(self.folder, node.name), self.cluster, self.node_addresses(node))
            for path in images:
                os.link(path, node.path(f"images/{os.path.basename(path)}"))
            node.power_on()
        self.route_pods()
        for node in self.nodes:
            self.wait_node(node.name)
        self.warm_neighbours()

    def images(self):
        """Archives of Porter's image, named as the chart names it, and of the Pods'."""
        folder = os.path.join(self.folder, "images")
        os.makedirs(folder)
        data, _ = image.build(porter.binary(), f"ghcr.io/kubesphere/porter:{image.version()}")
        image.write(os.path.join(folder, "porter.tar"), data)
        program = os.path.join(self.folder, "pod")
        run("gcc-12", "-O2", "-static", "-s", "-o", program, POD)
        layer = image.layer({"pod": (image.read(program), 0o755)}, {}, set(), 0)
        for file, (name, command) in PODS.items():
            data = image.archive(name, image.machine(program), 0, {"pod": layer}, {"Entrypoint": ["/pod"], "Cmd": command}, {})
            image.write(os.path.join(folder, file), data)
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]

    def route_pods(self):
        """What the network plug-in of a cluster does between its nodes; the control plane and the router stand for the fabric."""
        for node in self.nodes:
            via = (self.address(node), self.address6(node))
            for host in (self.control, *self.nodes, *(r.host for r in self.routers)):
                if host is not node:
                    for net, gateway in zip(node.pods, via):
                        host.ip("route", "replace", net, "via", gateway)

    def node_ready(self, name):
        node = self.api.get("Node", name) or {}
        return any(c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", []))

    def wait_node(self, name, seconds=90):
        wait_for(f"node {name} is Ready", lambda: self.node_ready(name), seconds, pause=0.1)
        node = next(n for n in self.nodes if n.name == name)
        wait_for(f"kube-proxy on {name} is healthy", lambda: node.exec("curl", "-sf", "http://127.0.0.1:10256/healthz", check=False).returncode == 0,
                 seconds, pause=0.1)

    def cable(self, node, state):
        """"down" or "up": the node's cable at the switch."""
        self.switch.ip("link", "set", f"to-{node.name}", state)

    def power_cut(self, node):
        """Nobody hears of it: without the cable its kernel cannot even close its connections."""
        self.cable(node, "down")
        node.power_off()

    def power_on(self, node):
        self.cable(node, "up")
        node.power_on()
        self.route_pods()
        self.wait_node(node.name)

    def pods(self, namespace="default", **labels):
        """The Pods with these labels that are not on their way out."""
        return [p for p in self.api.list("Pod", namespace)
                if labels.items() <= p["metadata"].get("labels", {}).items() and "deletionTimestamp" not in p["metadata"]]

    def speaker_pod(self, node):
        found = [p for p in self.pods(NAMESPACE, **{"app.kubernetes.io/component": "speaker"}) if p["spec"].get("nodeName") == node.name]
        return found[0]["metadata"]["name"] if found else None

    def logs(self):
        said = [node.log_tail() for node in self.nodes]
        said.append(self.kubectl("get", "pods", "--all-namespaces", "-o", "wide", check=False).stdout)
        said.append(self.kubectl("get", "events", "--all-namespaces", "--field-selector=type!=Normal", check=False).stdout)
        for component in ("controller", "speaker"):
            said.append(self.kubectl("logs", "-n", NAMESPACE, "-l", f"app.kubernetes.io/component={component}", "--prefix", "--tail=25",
                                     check=False).stdout)
        return "\n".join(said)

    def stop(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.power_off()
        super().stop()
