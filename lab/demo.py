# SPDX-License-Identifier: Apache-2.0
"""`make demo`: the main job, start to end, against a real router, in about a minute.

Every step does what its words say, waits for what it claims, and fails loudly; nothing is simulated but
the cluster's own part (see nodes.py). Exit status 0 only if every step was seen.
"""
import contextlib
import json
import os
import sys
import tempfile
import time

from . import porter
from .space import Failure, wait_for
from .topology import Lab

SERVICE = "default/web"
NEIGHBOUR = "172.30.0.11"
NODES = ["172.30.0.11", "172.30.0.12", "172.30.0.13"]
NODES6 = ["fd00:30::11", "fd00:30::12", "fd00:30::13"]


class Demo:
    def __init__(self, router, second_router, folder):
        self.folder, self.kind, self.second = folder, router, second_router
        self.rows = []
        self.steps = [step for step in (
            self.lab_up, self.session, self.address, self.ecmp, self.traffic, self.not_ready, self.local,
            self.second_pool, self.md5, self.exhausted, self.sigkill)]

    def run(self):
        began = time.monotonic()
        for number, step in enumerate(self.steps, 1):
            label = step.__doc__
            print(f"{number:2}/{len(self.steps)} {label:<10} ", end="", flush=True)
            started = time.monotonic()
            try:
                said = step()
            except Failure as failure:
                print(f"FAILED: {failure}")
                self.print_log()
                return 1
            print(f"{said}  ({time.monotonic() - started:.1f} s)", flush=True)
            self.rows.append((label, said))
        self.table()
        print(f"all {len(self.steps)} steps passed in {time.monotonic() - began:.0f} s. Try it yourself: make lab, then docs/lab.md")
        return 0

    def table(self):
        print("\nWhat was seen")
        for label, said in self.rows:
            print(f"  {label:<10} {said}")

    def print_log(self):
        with contextlib.suppress(OSError, AttributeError):
            with open(self.lab.porter.log) as log:
                print("porter's last lines:", *log.readlines()[-15:], sep="\n  ", file=sys.stderr)

    # The router's side.
    def hops(self, prefix):
        return self.lab.router.host.next_hops(prefix)

    def wait_hops(self, prefix, expected, seconds=10):
        began = time.monotonic()
        wait_for(f"router's kernel: {prefix} via {', '.join(expected) or 'nothing'} (has {', '.join(self.hops(prefix)) or 'none'})",
                 lambda: self.hops(prefix) == sorted(expected), seconds, pause=0.002)
        return (time.monotonic() - began) * 1000

    def requests(self, address, count):
        done = self.lab.client.exec(sys.executable, "-m", "lab.load", address, count, timeout=60)
        return json.loads(done.stdout)

    # Steps. The docstring is the label.
    def lab_up(self):
        "lab"
        self.lab = Lab(self.folder, self.kind, self.second)
        self.lab.start()
        second = f" and {self.lab.routers[1].software}" if self.second else ""
        return (f"client - router ({self.lab.router.software} {self.lab.router.version()}{second}, AS 65001) - n1 n2 n3, "
                f"{sum(len(n.web) for n in self.lab.nodes)} web servers; nftables stands for kube-proxy")

    def session(self):
        "porter"
        p = self.lab.porter
        p.write("bgp", porter.conf(), *(porter.peer(f"router{i + 1}", r.settings.address) for i, r in enumerate(self.lab.routers)))
        p.write("nodes", *self.lab.node_objects())
        p.write("pools", porter.eip("eip-sample", "139.198.121.228"))
        p.start()
        for router in self.lab.routers:
            router.wait_established(NEIGHBOUR)
        return "started on n1, AS 65000, port 17900; session Established"

    def address(self):
        "address"
        p = self.lab.porter
        p.write("web", porter.service("web"), porter.endpoints("web", ["n1", "n2", "n3"]))
        wait_for("an address for default/web", lambda: p.address_of(SERVICE) == ["139.198.121.228"])
        self.web = "139.198.121.228"
        return f"Service {SERVICE}: {self.web} from Eip eip-sample"

    def ecmp(self):
        "ECMP"
        self.wait_hops(f"{self.web}/32", NODES)
        return f"router: {self.web} via {', '.join(self.hops(self.web + '/32'))} (kernel route)"

    def traffic(self):
        "traffic"
        report = self.requests(self.web, 300)
        if report["failed"] or set(report["by_node"]) != {"n1", "n2", "n3"}:
            raise Failure(f"300 requests: {report}")
        return "300 requests: " + ", ".join(f"{n} {c}" for n, c in report["by_node"].items()) + "; 0 failed"

    def not_ready(self):
        "NotReady"
        p = self.lab.porter
        p.write("nodes", *self.lab.node_objects(n2="False"))
        gone = self.wait_hops(f"{self.web}/32", [NODES[0], NODES[2]])
        if gone > 100:
            raise Failure(f"n2 left the router's route {gone:.0f} ms after it was NotReady, not within 100 ms")
        report = self.requests(self.web, 60)
        if report["failed"] or "n2" in report["by_node"]:
            raise Failure(f"60 requests without n2: {report}")
        p.write("nodes", *self.lab.node_objects())
        back = self.wait_hops(f"{self.web}/32", NODES)
        return f"n2 NotReady: out of the kernel route after {gone:.0f} ms, 60 requests around it; Ready: back after {back:.0f} ms"

    def local(self):
        "Local"
        p = self.lab.porter
        p.write("web", porter.service("web", policy="Local"), porter.endpoints("web", ["n3"]))
        self.wait_hops(f"{self.web}/32", [NODES[2]])
        first = self.requests(self.web, 30)
        p.write("web", porter.service("web", policy="Local"), porter.endpoints("web", ["n2"]))
        moved = self.wait_hops(f"{self.web}/32", [NODES[1]])
        second = self.requests(self.web, 30)
        if (first["by_node"], second["by_node"]) != ({"n3": 30}, {"n2": 30}):
            raise Failure(f"externalTrafficPolicy Local: {first}, then {second}")
        p.write("web", porter.service("web"), porter.endpoints("web", ["n1", "n2", "n3"]))
        self.wait_hops(f"{self.web}/32", NODES)
        return f"externalTrafficPolicy Local: endpoint moved from n3 to n2, the route {moved:.0f} ms behind it; 60 requests, 0 failed"

    def second_pool(self):
        "IPv6"
        p = self.lab.porter
        p.write("pool6", porter.eip("lan6", "2001:db8:121::/120"))
        p.write("web6", porter.service("web6", families=("IPv6",)), porter.endpoints("web6", ["n1", "n2", "n3"], family="IPv6"))
        address = wait_for("an address for default/web6", lambda: p.address_of("default/web6"))[0]
        self.wait_hops(f"{address}/128", NODES6)
        report = self.requests(address, 60)
        if report["failed"] or len(report["by_node"]) < 2:
            raise Failure(f"60 requests to {address}: {report}")
        return f"second pool, same session: {address} via {', '.join(NODES6)}; 60 requests, 0 failed"

    def md5(self):
        "MD5"
        p = self.lab.porter
        for router in self.lab.routers:
            router.settings.neighbors[0].password = "hunter2"
        p.write("bgp", porter.conf(), *(porter.peer(f"router{i + 1}", r.settings.address, conf={"authPassword": "hunter2"})
                                        for i, r in enumerate(self.lab.routers)))
        for router in self.lab.routers:
            router.reconfigure()
        wait_for("a new session, signed", lambda: all(i["state"] == "Established" and i["md5"] for i in p.json("peers")["items"]), 40)
        for router in self.lab.routers:
            router.wait_established(NEIGHBOUR)
        self.wait_hops(f"{self.web}/32", NODES)
        return "TCP MD5 password set on both sides: session Established again, signed"

    def exhausted(self):
        "exhausted"
        p = self.lab.porter
        p.write("late", porter.service("late", annotations={"eip.porter.kubesphere.io/v1alpha2": "eip-sample"}),
                porter.endpoints("late", ["n1"]))
        said = wait_for("a refusal", lambda: (lambda e: e if "PoolExhausted" in json.dumps(e) else None)(
            p.json("explain", "service", "default/late")))
        text = p.ask("explain", "service", "default/late").stdout.rstrip()
        print("\n" + "\n".join("      | " + line for line in text.splitlines()))
        print(" " * 17, end="")
        return f"pool full: {said['reason']}, and what to do about it"

    def sigkill(self):
        "SIGKILL"
        p = self.lab.porter
        load = self.lab.client.spawn(sys.executable, "-m", "lab.load", self.web, 0, 400, stdout=-1)
        kept = []
        began = time.monotonic()
        try:
            wait_for("a second of requests", lambda: time.monotonic() > began + 1)
            p.kill()
            killed = time.monotonic()
            wait_for("three seconds without porter", lambda: kept.append(self.hops(f"{self.web}/32")) or time.monotonic() > killed + 3, pause=0.05)
            p.start()
            for router in self.lab.routers:
                router.wait_established(NEIGHBOUR)
            wait_for("everything sent again", lambda: all(i["state"] == "Established" and i["caughtUp"] for i in p.json("peers")["items"]))
            again = time.monotonic()
            wait_for("two seconds after it", lambda: kept.append(self.hops(f"{self.web}/32")) or time.monotonic() > again + 2, pause=0.05)
        finally:
            load.terminate()
        report = json.loads(load.communicate(timeout=20)[0])
        lost = [hops for hops in kept if hops != NODES]
        if report["failed"] or lost or report["ok"] == 0:
            raise Failure(f"requests while porter was away: {report}; routes seen: {lost[:1] or 'complete'}")
        if p.address_of(SERVICE) != [self.web]:
            raise Failure(f"{SERVICE} moved to {p.address_of(SERVICE)}")
        return f"porter killed and restarted; {report['ok']:,} requests meanwhile: 0 failed; no route lost at the router"


def main(router="bird", second_router=""):
    with tempfile.TemporaryDirectory(prefix="porter-demo-") as folder:
        os.chmod(folder, 0o755)
        demo = Demo(router, second_router, folder)
        try:
            return demo.run()
        except KeyboardInterrupt:
            print("\ninterrupted")
            return 130
        finally:
            if hasattr(demo, "lab"):
                demo.lab.stop()
