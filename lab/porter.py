# SPDX-License-Identifier: Apache-2.0
"""Porter in the lab: its manifests, how it is started and killed, how it is asked."""
import json
import os
import signal
import sys

from .space import Failure, run, stop, wait_for

API = "network.kubesphere.io"


def binary():
    path = os.environ.get("PORTER", os.path.join(os.getcwd(), "build", "porter"))
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is not there: run make first, or set PORTER to the binary")
    return os.path.realpath(path)


def conf(asn=65000, router_id="172.30.0.11", port=17900, **more):
    return {"apiVersion": f"{API}/v1alpha2", "kind": "BgpConf", "metadata": {"name": "default"},
            "spec": {"as": asn, "routerId": router_id, "listenPort": port, **more}}


def peer(name, address, asn=65001, families=("AFI_IP", "AFI_IP6"), send_max=10, receive=False, conf=None, **more):
    return {"apiVersion": f"{API}/v1alpha2", "kind": "BgpPeer", "metadata": {"name": name},
            "spec": {"conf": {"peerAs": asn, "neighborAddress": address, **(conf or {})},
                     "timers": {"config": {"holdTime": "9", "keepaliveInterval": "3", "connectRetry": "1"}},
                     "afiSafis": [{"config": {"family": {"afi": afi, "safi": "SAFI_UNICAST"}, "enabled": True},
                                   "addPaths": {"config": {"sendMax": send_max, "receive": receive}}} for afi in families],
                     "gracefulRestart": {"enabled": True, "restartTime": 60}, **more}}


def eip(name, address, annotations=None, **more):
    return {"apiVersion": f"{API}/v1alpha2", "kind": "Eip",
            "metadata": {"name": name, **({"annotations": annotations} if annotations else {})},
            "spec": {"address": address, **more}}


def node(name, addresses, ready="True", labels=None, annotations=None):
    return {"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})},
                         "annotations": annotations or {}},
            "status": {"addresses": [{"type": "InternalIP", "address": a} for a in addresses],
                       "conditions": [{"type": "Ready", "status": ready,
                                       "reason": "KubeletReady" if ready == "True" else "KubeletNotReady"}]}}


def service(name, namespace="default", policy="Cluster", families=("IPv4",), family_policy="SingleStack", port=80,
            annotations=None, **more):
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace,
                         "annotations": {"lb.kubesphere.io/v1alpha1": "porter", **(annotations or {})}},
            "spec": {"type": "LoadBalancer", "externalTrafficPolicy": policy, "selector": {"app": name},
                     "ipFamilies": list(families), "ipFamilyPolicy": family_policy,
                     "ports": [{"name": "http", "port": port, "protocol": "TCP", "targetPort": 8080}], **more}}


def endpoints(name, nodes, namespace="default", family="IPv4", ready=True):
    pod = "10.244.0.{}" if family == "IPv4" else "fd44::{}"
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-{family.lower()}", "namespace": namespace,
                         "labels": {"kubernetes.io/service-name": name}},
            "addressType": family, "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [pod.format(i + 10)], "nodeName": n,
                           "conditions": {"ready": ready, "serving": ready, "terminating": False}}
                          for i, n in enumerate(nodes)]}


class Porter:
    """`porter run` on one host. Manifests are files of JSON documents, which are YAML."""

    def __init__(self, host, folder, node_name):
        self.host, self.node_name = host, node_name
        self.manifests, self.state = os.path.join(folder, "manifests"), os.path.join(folder, "state")
        self.log = os.path.join(folder, "porter.log")
        self.socket = os.path.join(self.state, "porter.sock")
        os.makedirs(self.manifests, exist_ok=True)
        os.makedirs(self.state, exist_ok=True)
        self.process = None

    def write(self, name, *objects):
        """Replaces one file, as editors do: a new one is renamed over it."""
        path = os.path.join(self.manifests, name + ".yaml")
        with open(path + ".new", "w") as file:
            file.write("---\n".join(json.dumps(o, indent=2) + "\n" for o in objects))
        os.replace(path + ".new", path)

    def remove(self, name):
        os.unlink(os.path.join(self.manifests, name + ".yaml"))

    def start(self, *flags):
        self.process = self.host.spawn(binary(), "run", "--manifests", self.manifests, "--state", self.state,
                                       "--node", self.node_name, *flags, log=self.log)
        wait_for("porter answers on its socket", self.answers, 30)

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log) as log:
                sys.exit(f"porter ended with status {self.process.returncode}:\n{log.read()[-2000:]}")
        return self.ask("status", check=False).returncode == 0

    def ask(self, *words, check=True):
        """One question; status 1 is an answer too ("no"), what is above is a failure."""
        done = run(binary(), *words, "--socket", self.socket, check=False)
        if check and done.returncode > 1:
            raise Failure(f"porter {' '.join(words)}: status {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done

    def json(self, *words):
        return json.loads(self.ask(*words, "-o", "json").stdout)

    def kill(self):
        """SIGKILL: no last words. The command runs under `ip netns exec`, which execs, so the pid is Porter's."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        return stop(self.process, seconds=20)

    def address_of(self, service):
        """The addresses a Service shows in its status, sorted; [] while it has none."""
        return sorted(item["address"] for item in self.json("explain", "service", service).get("addresses", []))
