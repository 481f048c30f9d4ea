# SPDX-License-Identifier: Apache-2.0
"""The lab with a cluster in it: the control plane beside the nodes, a `porter speaker` on each, `porter controller`s.

    client ------- router ====== (one Ethernet) ====== n1  n2  n3 ...         172.30.0.11 .12 .13
                                     |       |
                              cp 172.30.0.10 |  etcd, API server, controller manager, porter controllers
                                   test 172.30.0.250: the program that runs the lab, kubectl, API proxies

Nodes are API objects; their kubelets do not exist. A speaker on n1 talks to the real API server over the real cable.
"""
import json
import os
import signal

from . import porter, routers
from .api import condition
from .api_proxy import ApiProxy
from .cluster import Cluster
from .space import Failure, Host, run, stop, wait_for
from .topology import Lab

CONTROL, TEST = "172.30.0.10", "172.30.0.250"
NAMESPACE = "porter-system"
CONTROLLER, SPEAKER = "porter-controller", "porter-speaker"


class Command:
    """One running `porter controller` or `porter speaker`."""

    def __init__(self, host, folder, name, words):
        self.host, self.name, self.words = host, name, words
        self.log, self.socket = os.path.join(folder, f"{name}.log"), None
        self.process = None
        self.clock = []  # words before the command
        os.makedirs(folder, exist_ok=True)

    def start(self, *flags):
        self.process = self.host.spawn(*self.clock, porter.binary(), *self.words, *flags, log=self.log)
        return self

    def off_by(self, seconds):
        """Its wall clock is that much ahead of this machine's."""
        library = os.path.join(os.path.dirname(self.log), "skew.so")
        run("g++-12", "-xc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(os.path.dirname(__file__), "skew.c"))
        self.clock = ["env", f"LD_PRELOAD={library}", f"SKEW_SECONDS={seconds}"]
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def check(self):
        """Raises if it has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            raise Failure(f"{self.name} ended with status {self.process.returncode}:\n{self.log_tail()}")
        return True

    def kill(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        return stop(self.process, seconds=20)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def log_tail(self, lines=25):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return log.read()


class Controller(Command):
    def __init__(self, host, folder, number, kubeconfig, webhooks=False):
        self.listen, self.webhook_port = f"127.0.0.1:{9440 + number}", 9480 + number if webhooks else None
        super().__init__(host, folder, f"controller{number}",
                         ["controller", "--kubeconfig", kubeconfig, "--identity", f"controller{number}", "--listen", self.listen,
                          "--webhook-listen", f"{CONTROL}:{self.webhook_port}" if webhooks else ""])

    def fetch(self, path):
        """(HTTP status, text) of one of its pages; (0, "") where nobody answers."""
        done = self.host.exec("curl", "-s", "-m", "5", "-w", "\n%{http_code}", f"http://{self.listen}{path}", check=False)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def ready(self):
        return self.check() and self.fetch("/readyz")[0] == 200


class Speaker(Command):
    def __init__(self, node, folder, kubeconfig, state=None):
        self.state = state or os.path.join(folder, "state")
        os.makedirs(self.state, exist_ok=True)
        super().__init__(node, folder, f"speaker-{node.name}",
                         ["speaker", "--kubeconfig", kubeconfig, "--node", node.name, "--state", self.state])
        self.socket = os.path.join(self.state, "porter.sock")
        self.words += ["--socket", self.socket]

    def ask(self, *words, check=True):
        """One question at its socket; status 1 is an answer too ("no")."""
        done = run(porter.binary(), *words, "--socket", self.socket, check=False)
        if check and done.returncode > 1:
            raise Failure(f"porter {' '.join(words)}: status {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done

    def json(self, *words):
        return json.loads(self.ask(*words, "-o", "json").stdout)

    def fetch(self, path):
        """(HTTP status, text) of one of its pages; (0, "") where nobody answers."""
        done = self.host.exec("curl", "-s", "-m", "5", "-w", "\n%{http_code}", "--unix-socket", self.socket, f"http://porter{path}",
                              check=False)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def answers(self):
        return self.check() and self.ask("status", check=False).returncode == 0


class KubeLab(Lab):
    """Lab with a control plane. `self.api` is the administrator's raw API, `self.kubectl` runs kubectl as one."""

    def __init__(self, folder, router="bird", nodes=3):
        super().__init__(folder, router, nodes=nodes)
        self.control = Host("cp")
        self.plug(self.control, f"{CONTROL}/24", "fd00:30::10/64")
        self.plug_ourselves()
        for r in self.routers:
            r.settings.neighbors = [routers.Neighbor(self.address(node), 65000) for node in self.nodes]
        self.cluster = self.make_cluster(os.path.join(folder, "cluster"))
        self.api, self.kubectl = self.cluster.api, self.cluster.kubectl
        self.controllers, self.speakers, self.proxies = [], {}, []
        self.webhooks = False  # see install_webhooks()

    def make_cluster(self, folder):
        return Cluster(folder, self.control, CONTROL)

    def address(self, node):
        return f"172.30.0.{11 + self.nodes.index(node)}"

    def address6(self, node):
        return f"fd00:30::{11 + self.nodes.index(node)}"

    def plug_ourselves(self):
        """The namespace this program runs in gets a cable too."""
        run("ip", "link", "add", "lab", "type", "veth", "peer", "name", "to-test", "netns", self.switch.name)
        self.switch.ip("link", "set", "to-test", "master", "bridge", "up")
        run("ip", "addr", "add", f"{TEST}/24", "dev", "lab")
        run("ip", "link", "set", "lab", "up")

    def start(self, traffic=False, controllers=True):
        """Control plane and router; web servers only where a test sends traffic. No Porter yet."""
        for node in self.nodes if traffic else ():
            node.serve(self.folder)
        self.cluster.start(controllers)
        for r in self.routers:
            r.start()
        self.warm_neighbours()

    def add_nodes(self, **ready):
        """The Node objects of the lab's nodes; n2="False" makes n2 NotReady. Called again it changes them."""
        self.api.put(*self.node_objects(**ready))

    def set_ready(self, name, status, reason="Lab"):
        """Writes a node's Ready condition, as its kubelet or the node lifecycle controller would."""
        self.api.patch("Node", name, {"status": {"conditions": [{"type": "Ready", "status": status, "reason": reason}]}},
                       subresource="status", content="application/strategic-merge-patch+json")

    def add_service(self, name, nodes=None, policy="Cluster", families=("IPv4",), namespace="default", ready=True, **how):
        """A LoadBalancer Service of ours with endpoints on these nodes (all of them if none are named)."""
        thing = porter.service(name, namespace=namespace, policy=policy, families=families, allocateLoadBalancerNodePorts=False, **how)
        nodes = [n.name for n in self.nodes] if nodes is None else nodes
        self.api.put(thing, *(endpoints(name, nodes, namespace, family, ready) for family in families))
        return thing

    def set_endpoints(self, name, nodes, namespace="default", family="IPv4", ready=True):
        self.api.replace(endpoints(name, nodes, namespace, family, ready))

    def bulk_services(self, count, prefix="s", nodes=("n1",), namespace="default", annotations=None, start=0):
        """Many Services, each with one EndpointSlice; a few hundred a second."""
        def make(i):
            name = f"{prefix}{i}"
            self.api.create(endpoints(name, nodes, namespace))
            self.api.create(porter.service(name, namespace=namespace, annotations=annotations, allocateLoadBalancerNodePorts=False))
        self.api.many(make, range(start, start + count))

    def delete_service(self, name, namespace="default"):
        self.api.delete("Service", name, namespace)
        for family in ("ipv4", "ipv6"):
            self.api.delete("EndpointSlice", f"{name}-{family}", namespace)

    def addresses(self, name, namespace="default"):
        """What the Service's status shows, sorted."""
        return ingress(self.api.get("Service", name, namespace))

    def condition(self, name, kind="Assigned", namespace="default"):
        return condition(self.api.get("Service", name, namespace), f"{porter.API}/{kind}")

    def events(self, kind, name, namespace="default"):
        """[(reason, note)] of the Events that regard one object."""
        found = self.api.list("Event", namespace)
        return [(e.get("reason"), e.get("note", "")) for e in found
                if e.get("regarding", {}).get("kind") == kind and e["regarding"].get("name") == name]

    # Porter.
    def install(self):
        """Our CRDs and, where deploy/ has them, our roles; returns what kubectl said."""
        said = self.kubectl("apply", "--server-side", "-f", "deploy/crds").stdout
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        if self.api.get("Namespace", NAMESPACE) is None:
            self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        if os.path.exists("deploy/rbac.yaml"):
            said += self.kubectl("apply", "--server-side", "-f", "deploy/rbac.yaml").stdout
        else:
            for account in (CONTROLLER, SPEAKER):
                self.api.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": NAMESPACE}},
                             cluster_admin(account))
        return said

    def install_webhooks(self):
        """The webhooks as they are shipped; controllers started from now on are the endpoints of their Service."""
        self.webhooks = True
        return self.kubectl("apply", "--server-side", "-f", "deploy/webhook.yaml").stdout

    def join_webhooks(self, controller):
        """What the kubelet's readiness probe and the EndpointSlice controller do for a Pod."""
        self.api.put(webhook_endpoints(controller))

    def leave_webhooks(self, controller):
        self.api.delete("EndpointSlice", webhook_endpoints(controller)["metadata"]["name"], NAMESPACE)

    def kubeconfig(self, account, proxy=None, **how):
        return self.cluster.account_kubeconfig(NAMESPACE, account, server=proxy.url if proxy else None, **how)

    def start_controllers(self, count=1, proxy=None, flags=(), wait=True, clock=None):
        """`clock`: how many seconds their wall clocks are ahead."""
        for _ in range(count):
            number = len(self.controllers) + 1
            controller = Controller(self.control, os.path.join(self.folder, "porter"), number, self.kubeconfig(CONTROLLER, proxy),
                                    self.webhooks)
            self.controllers.append((controller.off_by(clock) if clock else controller).start(*flags))
            if self.webhooks:
                self.join_webhooks(self.controllers[-1])
        for c in self.controllers[-count:] if wait else ():
            wait_for(f"{c.name} is ready", c.ready, 30, pause=0.1)
        return self.controllers[-count:]

    def start_speakers(self, *names, proxy=None, flags=(), wait=True, state=None):
        """`state`: a folder for the state folders, in place of the lab's own."""
        for node in self.nodes:
            if not names or node.name in names:
                speaker = Speaker(node, os.path.join(self.folder, f"speaker-{node.name}"), self.kubeconfig(SPEAKER, proxy),
                                  state and os.path.join(state, node.name))
                self.speakers[node.name] = speaker.start(*flags)
        for node in self.nodes:
            if wait and (not names or node.name in names):
                wait_for(f"the speaker on {node.name} answers", self.speakers[node.name].answers, 30, pause=0.05)
        return self.speakers

    def leader(self):
        """The running controller that holds the Lease, or None."""
        lease = self.api.get("Lease", "porter-controller", NAMESPACE)
        holder = ((lease or {}).get("spec") or {}).get("holderIdentity") or ""
        return next((c for c in self.controllers if c.running and c.name in holder), None)

    def wait_leader(self, seconds=30):
        return wait_for("a controller leads", self.leader, seconds, pause=0.05)

    def proxy(self):
        """A new proxy in front of the API server; give it to kubeconfig() or start_…()."""
        self.proxies.append(ApiProxy(TEST, (CONTROL, self.cluster.port), self.cluster.pki))
        return self.proxies[-1]

    def reset_porter(self):
        """Ends every controller, speaker and proxy."""
        for command in (*self.controllers, *self.speakers.values()):
            if command.running:
                command.kill()
        for proxy in self.proxies:
            proxy.stop()
        self.controllers, self.speakers, self.proxies = [], {}, []

    def logs(self):
        return "\n".join(f"-- {c.name}:\n{c.log_tail()}" for c in (*self.controllers, *self.speakers.values()))

    def stop(self):
        self.reset_porter()
        self.cluster.stop()
        run("ip", "link", "del", "lab", check=False)
        super().stop()
        for process in self.control.processes:
            stop(process, signal.SIGKILL)
        run("ip", "netns", "del", self.control.name)


def endpoints(name, nodes, namespace="default", family="IPv4", ready=True):
    """porter.endpoints(), kept out of the hands of the EndpointSlice controller."""
    thing = porter.endpoints(name, nodes, namespace, family, ready)
    thing["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] = "porter-lab"
    return thing


def webhook_endpoints(controller):
    """An EndpointSlice of the webhooks' Service with one controller in it."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": f"porter-webhook-{controller.name}", "namespace": NAMESPACE,
                         "labels": {"kubernetes.io/service-name": "porter-webhook",
                                    "endpointslice.kubernetes.io/managed-by": "porter-lab"}},
            "ports": [{"name": "webhook", "protocol": "TCP", "port": controller.webhook_port}],
            "endpoints": [{"addresses": [CONTROL], "conditions": {"ready": True}}]}


def ingress(service):
    items = ((service or {}).get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    return sorted(item["ip"] for item in items if "ip" in item)


def cluster_admin(account):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": f"lab-{account}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]}
