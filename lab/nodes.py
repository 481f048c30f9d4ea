# SPDX-License-Identifier: Apache-2.0
"""A node of a cluster, as far as the lab needs one: real web servers, and one nftables rule in kube-proxy's place.

There is no kubelet and no kube-proxy here. What stands for kube-proxy is a rule that takes TCP to the
pools' addresses, port 80, to the node's own web server; everything before that rule (the address, the
route, the router's ECMP, the connection) is real.
"""
import sys

from .space import Host, wait_for

WEB_PORT = 8080
SERVERS_PER_NODE = 3


class Node(Host):
    def __init__(self, name):
        super().__init__(name)
        self.web = []

    def serve(self, folder):
        """Starts the web servers: three processes share the port (SO_REUSEPORT)."""
        for i in range(SERVERS_PER_NODE):
            self.web.append(self.spawn(sys.executable, "-m", "lab.web", f"{self.name}", str(i), str(WEB_PORT),
                                       log=f"{folder}/{self.name}-web.log"))
        wait_for(f"web servers of {self.name}", lambda: self.listening(WEB_PORT) >= SERVERS_PER_NODE)

    def listening(self, port):
        return len(self.exec("ss", "-Hltn", f"sport = :{port}").stdout.splitlines())

    def stand_in_for_kube_proxy(self, *pools):
        rules = "".join(f"    {'ip6' if ':' in pool else 'ip'} daddr {pool} tcp dport 80 redirect to :{WEB_PORT}\n"
                        for pool in pools)
        self.exec("nft", "-f", "-", stdin=(
            "table inet kube-proxy-stand-in {}\ndelete table inet kube-proxy-stand-in\n"
            "table inet kube-proxy-stand-in {\n  chain prerouting {\n    type nat hook prerouting priority dstnat;\n"
            f"{rules}  }}\n}}\n"))
