# SPDX-License-Identifier: Apache-2.0
"""A node as it is in a data centre: containerd, a kubelet and kube-proxy, one tree of processes with its own mounts and host name.

Ending its first process is a power cut: everything on it ends at once. Its disk (a folder) outlives that, its /run does not.
Needs containerd, runc, the CNI plugins and conntrack.
"""
import contextlib
import json
import os
import socket
import subprocess
import sys
import time

from .space import Failure, Host, die_with_parent, run, wait_for

CNI = "/usr/lib/cni"
RUNTIME = "/run/containerd"
PAUSE = "localhost/pod:lab"
CGROUPS = "/sys/fs/cgroup"
PROXY = ("--proxy-mode=nftables", "--cluster-cidr=10.244.0.0/16,fd00:244::/32", "--nodeport-addresses=primary",
         "--healthz-bind-address=0.0.0.0:10256",
         # The kernel lets nobody set these outside the first network namespace.
         "--conntrack-max-per-core=0", "--conntrack-min=0", "--conntrack-tcp-timeout-established=0s",
         "--conntrack-tcp-timeout-close-wait=0s")


class Machine(Host):
    """`number` makes its Pods' networks: 10.244.NUMBER.0/24 and fd00:244:NUMBER::/64."""

    def __init__(self, name, number):
        super().__init__(name)
        self.number = number
        self.entrance = ("nsenter", f"--net=/run/netns/{name}")  # `ip netns exec` would hide the cgroups
        self.forward()
        self.folder = self.process = None
        self.dns = None  # the address of a cluster DNS for its Pods; most need none

    @property
    def pods(self):
        return f"10.244.{self.number}.0/24", f"fd00:244:{self.number}::/64"

    def gateways(self):
        return f"10.244.{self.number}.1/24", f"fd00:244:{self.number}::1/64"

    # Configuration.
    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return self.path(name)

    def configure(self, folder, cluster, addresses):
        """What an installer does. `addresses`: the node's own, IPv4 and as a rule IPv6."""
        self.folder = folder
        for name in ("cni", "images", "state"):
            os.makedirs(self.path(name), exist_ok=True)
        kubeconfig = cluster.certificate_kubeconfig(self.name, f"/O=system:nodes/CN=system:node:{self.name}")
        ipam = {"type": "host-local", "dataDir": "/run/cni", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
                "ranges": [[{"subnet": net}] for net in self.pods]}
        self.write("cni/10-lab.conflist", {"cniVersion": "1.0.0", "name": "lab", "plugins": [
            {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}}]})
        kubelet = self.write("kubelet.yaml", {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{RUNTIME}/containerd.sock", "podLogsDir": self.path("pod-logs"),
            "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": cluster.pki.certificate}},
            "authorization": {"mode": "Webhook"}, "nodeStatusUpdateFrequency": "2s", "resolvConf": "",
            # Several on one machine, without systemd, with cgroups of either version.
            "cgroupDriver": "cgroupfs", "cgroupsPerQOS": False, "enforceNodeAllocatable": [], "failCgroupV1": False,
            "failSwapOn": False, "localStorageCapacityIsolation": False, "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi"},
            **({"clusterDNS": [self.dns], "clusterDomain": "cluster.local"} if self.dns else {})})
        containerd = self.write("containerd.toml", f'''version = 2
root = "{self.path("containerd")}"
state = "{self.path("state")}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
                    "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{RUNTIME}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true  # where CAP_SYS_RESOURCE is missing no sandbox would start
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{self.path("cni")}"
''')
        programs = cluster.programs
        self.write("machine.json", {
            "name": self.name, "images": self.path("images"), "logs": folder, "kubectl": programs["kubectl"],
            "admin": cluster.admin_kubeconfig, "containerd": ["containerd", "--config", containerd],
            "kubelet": [programs["kubelet"], f"--config={kubelet}", f"--kubeconfig={kubeconfig}", f"--hostname-override={self.name}",
                        f"--node-ip={','.join(addresses)}", f"--root-dir={self.path('kubelet')}", f"--cert-dir={self.path('pki')}"],
            "kube-proxy": [programs["kube-proxy"], f"--kubeconfig={cluster.path('kube-proxy.kubeconfig')}",
                           f"--hostname-override={self.name}", *PROXY]})

    # Power.
    def power_on(self):
        self.bridge()
        self.process = self.spawn("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
                                  sys.executable, "-m", "lab.machine", self.path("machine.json"), log=self.path("machine.log"))

    def bridge(self):
        """The CNI plugin's bridge, there before the first Pod so that routes can point at it."""
        self.ip("link", "add", "cni0", "type", "bridge", check=False)
        self.ip("link", "set", "cni0", "up")
        for gateway in self.gateways():
            self.ip("addr", "replace", gateway, "dev", "cni0", *(["nodad"] if ":" in gateway else []))

    def power_off(self):
        """A power cut. What the kernel held for it goes too, as it would."""
        self.process.kill()
        self.process.wait(20)
        self.exec("nft", "flush", "ruleset")
        self.exec("conntrack", "-F", check=False)
        self.ip("link", "del", "cni0", check=False)
        self.forget_containers()

    def forget_containers(self):
        """Cgroups are the kernel's: those of containers that were cut off are empty and stay behind."""
        tasks = self.path("state/io.containerd.runtime.v2.task/k8s.io")
        names = os.listdir(tasks) if os.path.isdir(tasks) else []
        places = [CGROUPS, *(os.path.join(CGROUPS, c) for c in os.listdir(CGROUPS))]
        for place in places:
            for name in names:
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(place, "k8s.io", name))
        run("rm", "-rf", self.path("state"))
        os.makedirs(self.path("state"))

    # Inside.
    def first_process(self):
        """The pid of its first process, as seen from out here."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            children = file.read().split()
        if not children:
            raise Failure(f"{self.name} is off:\n{self.log_tail()}")
        return children[0]

    def inside(self, *command, check=True, timeout=30):
        """A command with the machine's processes, mounts and network, its PATH as here."""
        return run("nsenter", "--target", self.first_process(), "--mount", "--uts", "--pid", "--net", *command, check=check, timeout=timeout)

    def signal(self, number, *programs):
        """To the programs of these names."""
        for program in programs:
            self.inside("pkill", f"-{int(number)}", "-x", program[:15])

    def log_tail(self, lines=12):
        out = []
        for name in ("machine", "containerd", "kubelet", "kube-proxy"):
            with contextlib.suppress(OSError), open(self.path(f"{name}.log"), errors="replace") as log:
                out.append(f"{self.name} {name}:\n" + "".join(log.readlines()[-lines:]))
        return "\n".join(out)


class Power:
    """What the first process does: starts the others and buries the dead."""

    def __init__(self, settings):
        self.settings = settings

    def spawn(self, name):
        with open(os.path.join(self.settings["logs"], f"{name}.log"), "ab") as log:
            subprocess.Popen(self.settings[name], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def ctr(self, *words):
        return run("ctr", "--address", f"{RUNTIME}/containerd.sock", "--namespace", "k8s.io", *words, check=False, timeout=60)

    def node(self):
        return run(self.settings["kubectl"], "--kubeconfig", self.settings["admin"], "get", "node", self.settings["name"], check=False)

    def on(self):
        socket.sethostname(self.settings["name"])
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        self.spawn("containerd")
        wait_for("containerd answers", lambda: self.ctr("version").returncode == 0, 30, pause=0.1)
        for image in sorted(os.listdir(self.settings["images"])):
            done = self.ctr("images", "import", os.path.join(self.settings["images"], image))
            if done.returncode != 0:
                raise Failure(f"{image}: {done.stderr}")
        self.spawn("kubelet")
        wait_for("the kubelet has registered its Node", lambda: self.node().returncode == 0, 60, pause=0.1)
        self.spawn("kube-proxy")  # asks for its Node once, at its start
        while True:
            try:
                os.wait()
            except ChildProcessError:
                time.sleep(1)


if __name__ == "__main__":
    die_with_parent()
    with open(sys.argv[1]) as file:
        Power(json.load(file)).on()
