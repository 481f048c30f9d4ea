# SPDX-License-Identifier: Apache-2.0
"""A cluster as the upstream specs want one: Porter installed by Helm, the specs' own image on every node, a cluster DNS."""
import os
import re
import shutil
import sys

from lab import cluster, porter
from lab.kube_topology import CONTROL, NAMESPACE
from lab.real_topology import RealLab
from lab.space import Failure, run, wait_for
from tests.kube.case import LAN, conf
from tests.kube.chart import CHART, Helm
from tools import image
from tools.kube import build

# What the specs call inside a Pod, taken from this machine. Upstream's image has them from Alpine.
TOOLS = ("bash", "cat", "curl", "date", "dash", "echo", "env", "grep", "head", "hostname", "ip", "ls", "nc", "printf", "sed", "seq", "sleep", "sort",
         "ss", "tail", "timeout", "tr", "wc", "wget")


def agnhost(specs, program):
    """(name, archive) of the image the specs run; they name an older one too, for a spec of another kind."""
    names = re.findall(r"^\S+/e2e-test-images/agnhost:[0-9.]+$", run(specs, "--list-images").stdout, re.M)
    name = max(names, key=lambda n: [int(part) for part in n.rpartition(":")[2].split(".")])
    tools = {tool: os.path.realpath(shutil.which(tool) or "") for tool in TOOLS}
    missing = [tool for tool, path in tools.items() if not os.path.isfile(path)]
    if missing:
        raise Failure(f"not installed here: {', '.join(missing)}")
    needed = {}
    for path in tools.values():
        needed.update(image.libraries(path))
    files = {f"usr/bin/{tool}": (image.read(path), 0o755) for tool, path in tools.items()}
    files["etc/wgetrc"] = (b"tries = 1\n", 0o644)  # as upstream's, which is BusyBox's; GNU's asks for four minutes where nobody is to answer
    layers = {"Debian's libraries": image.library_layer(needed, {}, ""),
              "tools": image.layer(files, {"bin": "usr/bin", "usr/bin/sh": "dash"}, {"tmp", "uploads"}, 0),
              "agnhost": image.layer({"agnhost": (image.read(program), 0o755)}, {"agnhost-2": "agnhost"}, set(), 0)}
    return name, image.archive(name, image.machine(program), 0, layers, {"Entrypoint": ["/agnhost"], "Cmd": ["pause"]}, {})


class ConformanceLab(RealLab):
    def __init__(self, folder):
        super().__init__(folder)
        self.programs = cluster.binaries(build.E2E)
        self.default_routes(self.control)  # the specs ask the API server from the client's place

    def make_node(self, name):
        node = super().make_node(name)
        node.dns = CONTROL
        return node

    def node_addresses(self, node):
        """IPv4 alone: of a Service with one family the specs ask the health port at every address a Node has."""
        return (self.address(node),)

    def images(self):
        name, data = agnhost(self.programs["e2e.test"], self.programs["agnhost"])
        path = os.path.join(self.folder, "agnhost.tar")
        image.write(path, data)
        return [*super().images(), path]

    def start(self):
        super().start()
        keys = self.cluster.pki.path
        self.control.spawn(sys.executable, "-m", "lab.dns", CONTROL, self.cluster.port, self.cluster.pki.certificate, keys("admin.crt"), keys("admin.key"),
                           log=os.path.join(self.folder, "dns.log"))
        wait_for("the cluster DNS", lambda: self.control.exec("ss", "-Hlun", f"src {CONTROL}:53").stdout.strip(), 20, pause=0.1)

    def install_porter(self):
        helm = Helm("helm4", os.path.join(self.folder, "helm"))
        helm("install", "porter", CHART, "--set", "claimUnclassed=true", "--create-namespace", "--namespace", NAMESPACE,
             "--kubeconfig", self.cluster.admin_kubeconfig, "--wait", "--timeout", "90s")
        self.api.put(conf(), porter.peer("router", "172.30.0.1"), porter.eip("lan", LAN))
        for node in self.nodes:
            self.router.wait_established(self.address(node), 60)

    def hash_by(self, what):
        """How the router chooses among next hops: "L3" by addresses, "L4" by ports too."""
        self.router.host.sysctl(f"net.ipv4.fib_multipath_hash_policy={('L3', 'L4').index(what)}")
