# SPDX-License-Identifier: Apache-2.0
"""The daemons of the rig: how each is configured, started, told of a change and measured.

Each is 10.0.0.1, AS 65000, holds route(0) … route(routes - 1), and waits for peers of AS 65001 from 10.0.1.1 on.
"""
import glob
import ipaddress
import json
import os
import subprocess
import time

from lab import porter
from lab.space import Daemon, Failure, run, wait_for

FIRST_ROUTE, FIRST_PEER = (int(ipaddress.ip_address(a)) for a in ("100.64.0.0", "10.0.1.1"))
POOL = "100.64.0.0-100.127.255.255"
BUILD = os.path.join(os.getcwd(), "build", "release", "tests")


def route(number):
    return str(ipaddress.ip_address(FIRST_ROUTE + number))


def peer_address(number):
    return str(ipaddress.ip_address(FIRST_PEER + number))


def scheduled(pid, field):
    """ns, summed over the threads that live: on a CPU (field 0), or ready for one and waiting (1)."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[field])
        except OSError:
            pass  # that thread has just ended
    return total


class Speaker(Daemon):
    """One daemon in the host `dut`. The last process started is the one that speaks BGP."""
    name = kind = ""   # kind: how the trigger tells it of a change
    kick_ms = 0        # see Bird
    changes = 500      # one by one in test B, each repetition

    def __init__(self, host, folder, routes, peers, hold=90):
        super().__init__(host, folder)
        self.routes, self.peers, self.hold = routes, peers, hold

    def spawn(self, *command, **how):
        self.processes.append(self.host.spawn("chrt", "-f", "10", *command, log=self.path("log"), **how))

    @property
    def pid(self):
        return self.processes[-1].pid

    def target(self):
        """What the trigger has to know."""
        return ""

    def check(self):
        if self.processes[-1].poll() is not None:
            with open(self.path("log")) as log:
                raise Failure(f"{self.name} ended: {log.read()[-600:]}")

    def is_listening(self):
        self.check()
        try:
            with open(f"/proc/{self.pid}/net/tcp") as v4, open(f"/proc/{self.pid}/net/tcp6") as v6:
                lines = [line.split() for line in (*v4, *v6)]
        except OSError:
            return False  # not yet in its namespace, or it has just ended
        return any(words[1].endswith(":00B3") and words[3] == "0A" for words in lines)

    def wait_ready(self):
        wait_for(f"{self.name} listens", self.is_listening, 60)
        self.load()
        self.wait_calm()

    def load(self):
        """What is told once it runs."""

    def wait_calm(self):
        """Under 2 % of a CPU, twice in a row."""
        calm, cpu, at, end = 0, scheduled(self.pid, 0), time.monotonic_ns(), time.monotonic() + 60
        while calm < 2:
            time.sleep(0.2)
            self.check()
            cpu_now, now = scheduled(self.pid, 0), time.monotonic_ns()
            calm = calm + 1 if cpu_now - cpu < 0.02 * (now - at) else 0
            cpu, at = cpu_now, now
            if time.monotonic() > end:
                raise Failure(f"{self.name} is still busy after 60 s")

    def prioritise(self):
        """Real time, so that what else the machine does hardly disturbs."""
        for process in self.processes:
            run("chrt", "-a", "-f", "-p", "20", process.pid)

    def resident(self):
        """MB."""
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def service(number, pinned=False):
    """One Service with one endpoint: what a change of a file is, in test B."""
    named = f"svc-{number}"
    pin = {"eip.porter.kubesphere.io/v1alpha1": route(number)} if pinned else {}
    return "---\n".join(json.dumps(each) + "\n" for each in (porter.service(named, annotations=pin), porter.endpoints(named, ["n1"])))


class Porter(Speaker):
    name, kind = "porter", "files"

    def start(self):
        os.makedirs(self.path("manifests"))
        conf = porter.conf(router_id="10.0.0.1", port=179, listenAddresses=["10.0.0.1"], nextHopMode="Self")
        pool = porter.eip("bench", POOL, annotations={"eip.porter.kubesphere.io/is-default-eip": "true"})
        peers = [{"apiVersion": f"{porter.API}/v1alpha2", "kind": "BgpPeer", "metadata": {"name": f"sink-{i}"},
                  "spec": {"conf": {"neighborAddress": peer_address(i), "peerAs": 65001},
                           "transport": {"passiveMode": True, "localAddress": "10.0.0.1"},
                           "timers": {"config": {"holdTime": str(self.hold), "keepaliveInterval": str(self.hold // 3)}}}}
                 for i in range(self.peers)]
        self.write("manifests/config.yaml", "---\n".join(json.dumps(each) + "\n" for each in (conf, pool, porter.node("n1", ["10.0.0.1"]), *peers)))
        for first in range(0, self.routes, 1000):
            self.write(f"manifests/services-{first:06}.yaml", "---\n".join(service(i) for i in range(first, min(first + 1000, self.routes))))
        self.spawn(porter.binary(), "run", "--manifests", self.path("manifests"), "--state", self.path("state"), "--node", "n1")

    def target(self):
        return self.path("manifests")

    def version(self):
        return run(porter.binary(), "version").stdout.split()[1]


class PorterCore(Speaker):
    """Porter's speaker and its libraries behind a source of as many routes as wanted: tests/bench/synthetic.cpp."""
    name = "porter-core"

    def start(self):
        self.spawn(f"{BUILD}/porter-core", self.routes, self.peers, self.hold)

    def version(self):
        return run(porter.binary(), "version").stdout.split()[1]


class Bird(Speaker):
    """BIRD 2.0.12 may enter poll() with its 3 s timeout while the last UPDATE of a dump is still queued; whatever wakes it
    sends the rest. To compare with its work and not with that nap, the first peer sends it a KEEPALIVE each millisecond
    until everything has arrived."""
    name, kind, kick_ms = "bird", "birdconf", 1

    def start(self):
        routes = self.write("routes.conf", "".join(f"route {route(i)}/32 blackhole;\n" for i in range(self.routes)))
        lines = [f'log "{self.path("bird.log")}" {{ warning, error, fatal, bug }};', "router id 10.0.0.1;", "protocol device { scan time 60; }",
                 "protocol static { ipv4;", f'include "{routes}";', "}",
                 f"template bgp common {{ local as 65000; passive on; connect delay time 1; error wait time 1, 1; error forget time 1; "
                 f"hold time {self.hold}; }}"]
        lines += [f"protocol bgp s{i} from common {{ neighbor {peer_address(i)} as 65001; ipv4 {{ import none; export all; next hop self; }}; }}"
                  for i in range(self.peers)]
        config = self.write("bird.conf", "\n".join(lines) + "\n")
        self.spawn("bird", "-f", "-c", config, "-s", self.path("bird.ctl"), "-P", self.path("pid"))

    def target(self):
        return f"{self.path('bird.ctl')},{self.path('routes.conf')}"

    def version(self):
        return run("bird", "--version", check=False).stderr.split()[-1]


class Frr(Speaker):
    """Without its coalesce-time, a pause of a second and more before the first UPDATE of a session; of bgpd alone."""
    name, kind, changes = "frr", "vty", 100
    LIB = "/usr/lib/frr"

    def start(self):
        lines = ["hostname dut", "router bgp 65000", " bgp router-id 10.0.0.1", " no bgp ebgp-requires-policy", " no bgp network import-check",
                 " no bgp default ipv4-unicast", " coalesce-time 0"]
        peers = [peer_address(i) for i in range(self.peers)]
        for address in peers:
            lines += [f" neighbor {address} remote-as 65001", f" neighbor {address} passive", f" neighbor {address} timers {self.hold // 3} {self.hold}"]
        lines += [" address-family ipv4 unicast", *(f"  network {route(i)}/32" for i in range(self.routes)),
                  *(f"  neighbor {address} activate" for address in peers), " exit-address-family", "exit", ""]
        self.write("bgpd.conf", "\n".join(lines))
        self.write("zebra.conf", "hostname dut\n")
        run("chown", "-R", "frr:frr", self.folder)
        common = ("-A", "127.0.0.1", "--vty_socket", self.folder, "-z", self.path("zserv.api"))
        self.spawn(f"{self.LIB}/zebra", *common, "-i", self.path("zebra.pid"), "-f", self.path("zebra.conf"))
        wait_for("zebra answers", lambda: os.path.exists(self.path("zserv.api")))
        self.spawn(f"{self.LIB}/bgpd", *common, "-i", self.path("bgpd.pid"), "-f", self.path("bgpd.conf"), "-n")  # -n: no kernel routes

    def target(self):
        return self.path("bgpd.vty")

    def version(self):
        return run(f"{self.LIB}/bgpd", "--version").stdout.split("\n")[0].split()[-1]


class Gobgp(Speaker):
    name, kind, changes = "gobgp", "grpc", 100

    def start(self):
        lines = ["[global.config]", " as = 65000", ' router-id = "10.0.0.1"', ' local-address-list = ["10.0.0.1"]']
        for i in range(self.peers):
            lines += ["[[neighbors]]", " [neighbors.config]", f'  neighbor-address = "{peer_address(i)}"', "  peer-as = 65001",
                      " [neighbors.transport.config]", "  passive-mode = true", '  local-address = "10.0.0.1"',
                      " [neighbors.timers.config]", f"  hold-time = {self.hold}", f"  keepalive-interval = {self.hold // 3}",
                      "  idle-hold-time-after-reset = 1", " [[neighbors.afi-safis]]", "  [neighbors.afi-safis.config]",
                      '   afi-safi-name = "ipv4-unicast"']
        self.spawn("gobgpd", "-f", self.write("gobgpd.conf", "\n".join(lines) + "\n"), "--api-hosts", self.target(), "-l", "warn")

    def load(self):
        """Not `gobgp mrt inject`: 3.10 loses routes without a word."""
        if self.routes:
            trigger(self, 0, 0, self.routes, os.devnull)

    def target(self):
        return "127.0.0.1:50051"

    def version(self):
        return run("gobgpd", "--version").stdout.split()[-1]


class Blast(Speaker):
    """What the machine itself can do: see tests/bench/blast.cpp. In test B the echo beside which Porter's changes stand."""
    name, kind = "blast", "files"

    def start(self):
        os.makedirs(self.path("manifests"))
        self.spawn(f"{BUILD}/blast", self.routes, self.path("manifests"), stdin=subprocess.PIPE)

    def target(self):
        return self.path("manifests")

    def stop(self):
        self.processes[-1].stdin.close()
        super().stop()

    def version(self):
        return ""


def trigger(daemon, first, singly, at_once, out):
    """Runs tests/bench/trigger.py beside the daemon: `singly` changes one by one, then the others as one."""
    python = "/usr/bin/python3"  # Debian's, which has Debian's python3-grpcio
    run("ip", "netns", "exec", daemon.host.name, "chrt", "-f", "25", python, "-m", "tests.bench.trigger", daemon.kind, daemon.target(),
        first, singly, at_once, out, timeout=120)


DAEMONS = {each.name: each for each in (Porter, PorterCore, Bird, Frr, Gobgp, Blast)}
