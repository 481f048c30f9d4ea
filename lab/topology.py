# SPDX-License-Identifier: Apache-2.0
"""The lab's network.

    client ------- router ====== (one Ethernet) ====== n1  n2  n3
    198.18.0.2     198.18.0.1 | 172.30.0.1            172.30.0.11 .12 .13
    fd00:18::2     fd00:18::1 | fd00:30::1            fd00:30::11 ::12 ::13

With a second router (172.30.0.2) the client has an ECMP route over both.
"""
import os

from . import porter, routers
from .nodes import Node
from .space import Host, link, run

POOLS = ("139.198.121.224/28", "198.51.100.0/24", "2001:db8:121::/64")


class Lab:
    def __init__(self, folder, router="bird", second_router="", nodes=3):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.client, self.switch = Host("client"), Host("switch")
        self.switch.ip("link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        self.switch.ip("link", "set", "bridge", "up")
        self.nodes = [self.make_node(f"n{i + 1}") for i in range(nodes)]
        self.routers = []
        for i, kind in enumerate(filter(None, (router, second_router))):
            self.add_router(kind, i + 1)
        for i, node in enumerate(self.nodes):
            self.plug(node, f"172.30.0.{11 + i}/24", f"fd00:30::{11 + i}/64")
            self.default_routes(node)
        self.route_client()
        self.porter = porter.Porter(self.nodes[0], os.path.join(folder, "porter"), "n1")

    def make_node(self, name):
        node = Node(name)
        node.stand_in_for_kube_proxy(*POOLS)
        return node

    @property
    def router(self):
        return self.routers[0]

    def plug(self, host, *addresses):
        """A cable from the host's eth0 to the switch."""
        port = f"to-{host.name}"
        link(host, "eth0", self.switch, port)
        self.switch.ip("link", "set", port, "master", "bridge")
        for address in addresses:
            host.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))

    def add_router(self, kind, number):
        host = Host("router" if number == 1 else f"router{number}")
        host.forward()
        self.plug(host, f"172.30.0.{number}/24", f"fd00:30::{number}/64")
        link(self.client, f"eth{number - 1}", host, "client")
        net = 18 + number - 1
        host.ip("addr", "add", f"198.{net}.0.1/24", "dev", "client")
        host.ip("addr", "add", f"fd00:{net}::1/64", "dev", "client", "nodad")
        self.client.ip("addr", "add", f"198.{net}.0.2/24", "dev", f"eth{number - 1}")
        self.client.ip("addr", "add", f"fd00:{net}::2/64", "dev", f"eth{number - 1}", "nodad")
        settings = routers.Settings(address=f"172.30.0.{number}", router_id=f"172.30.0.{number}",
                                    neighbors=[routers.Neighbor("172.30.0.11", 65000)])
        self.routers.append(routers.make(kind, host, os.path.join(self.folder, host.name), settings))

    def default_routes(self, node):
        """Answers go back through the routers."""
        for i, router in enumerate(self.routers):
            node.ip("route", "add", f"198.{18 + i}.0.0/24", "via", f"172.30.0.{i + 1}")
            node.ip("-6", "route", "add", f"fd00:{18 + i}::/64", "via", f"fd00:30::{i + 1}")

    def route_client(self):
        for family, via in (("-4", "198.{}.0.1"), ("-6", "fd00:{}::1")):
            hops = [part for i in range(len(self.routers)) for part in ("nexthop", "via", via.format(18 + i))]
            self.client.ip(family, "route", "add", "default", *hops)
        self.client.sysctl("net.ipv4.fib_multipath_hash_policy=1", "net.ipv6.fib_multipath_hash_policy=1")

    def warm_neighbours(self):
        """ARP and ND are not what is measured: every router asks every node once."""
        for router in self.routers:
            for i, _ in enumerate(self.nodes):
                router.host.exec("ping", "-c1", "-W2", f"172.30.0.{11 + i}")
                router.host.exec("ping", "-c1", "-W2", f"fd00:30::{11 + i}")

    def start(self):
        for node in self.nodes:
            node.serve(self.folder)
        for router in self.routers:
            router.start()
        self.warm_neighbours()

    def node_objects(self, **ready):
        """The Nodes as manifests; n2='False' makes n2 NotReady."""
        return [porter.node(n.name, [f"172.30.0.{11 + i}", f"fd00:30::{11 + i}"], ready=ready.get(n.name, "True"))
                for i, n in enumerate(self.nodes)]

    def stop(self):
        for router in self.routers:
            router.stop()
        for host in [self.client, self.switch, *self.nodes, *(r.host for r in self.routers)]:
            for process in host.processes:
                if process.poll() is None:
                    process.kill()
                    process.wait(10)
            run("ip", "netns", "del", host.name)
