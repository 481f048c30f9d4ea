# SPDX-License-Identifier: Apache-2.0
"""Real routers as the other end: each starts in a Host with a configuration made from a list of Neighbors."""
import dataclasses
import json
import os
import re

from .space import Failure, run, stop, wait_for


@dataclasses.dataclass
class Neighbor:
    """A Porter as the router sees it."""
    address: str
    asn: int
    port: int = 17900
    password: str = ""
    passive: bool = False      # the router waits to be dialled
    ipv4: bool = True
    ipv6: bool = True
    add_path: bool = True      # the router receives several paths
    multihop: int = 0
    hold: int = 9
    restart: bool = True       # graceful restart helper


@dataclasses.dataclass
class Settings:
    address: str               # our end of the sessions
    asn: int = 65001
    router_id: str = "172.30.0.1"
    neighbors: list = dataclasses.field(default_factory=list)
    ttl_security: bool = False


def make(kind, host, folder, settings):
    return {"bird": Bird, "frr": Frr, "gobgp": Gobgp}[kind](host, folder, settings)


class Router:
    software = ""

    def __init__(self, host, folder, settings):
        self.host, self.folder, self.settings = host, folder, settings
        self.processes = []
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def stop(self, **how):
        for process in reversed(self.processes):
            stop(process, **how)
        self.processes.clear()

    def wait_established(self, address, seconds=30):
        wait_for(f"{self.software}: session with {address} Established", lambda: self.established(address), seconds)

    def wait_down(self, address, seconds=30):
        wait_for(f"{self.software}: session with {address} down", lambda: not self.established(address), seconds)


class Bird(Router):
    software = "BIRD"

    def version(self):
        return re.sub(r"[^0-9.]", "", run("bird", "--version", check=False).stderr.split()[-1]) or "2"

    def config(self):
        s = self.settings
        out = [f'log "{self.path("bird.log")}" all;', f"router id {s.router_id};", "timeformat protocol iso long ms;",
               "protocol device { scan time 60; }", "protocol direct { ipv4; ipv6; }"]
        for family in ("ipv4", "ipv6"):
            out.append(f"protocol kernel k{family} {{ merge paths yes limit 64; persist; scan time 60; "
                       f"{family} {{ import none; export where source = RTS_BGP; }}; }}")
        for i, n in enumerate(s.neighbors):
            channels = "".join(
                f"  {family} {{ import all; export none; add paths {'rx' if n.add_path else 'off'}; }};\n"
                for family, wanted in (("ipv4", n.ipv4), ("ipv6", n.ipv6)) if wanted)
            out.append(
                f"protocol bgp p{i} {{\n  local {s.address} as {s.asn};\n  neighbor {n.address} port {n.port} as {n.asn};\n"
                f"{'  passive yes;' if n.passive else ''}\n"
                f"{f'  multihop {n.multihop};' if n.multihop else ''}\n"
                f"{'  ttl security on;' if s.ttl_security else ''}\n"
                f"{f'  password {json.dumps(n.password)};' if n.password else ''}\n"
                f"  hold time {n.hold}; connect delay time 1; connect retry time 1; error wait time 1, 2; error forget time 3;\n"
                f"  graceful restart {'aware' if n.restart else 'off'};\n{channels}}}")
        return "\n".join(out) + "\n"

    def start(self):
        config = self.write("bird.conf", self.config())
        self.processes.append(self.host.spawn("bird", "-f", "-c", config, "-s", self.path("bird.ctl"),
                                              "-P", self.path("bird.pid"), log=self.path("start.log")))
        wait_for("BIRD answers", lambda: self.birdc("show status").returncode == 0)

    def birdc(self, *words):
        return self.host.exec("birdc", "-r" if words[0].startswith("show") else "-v", "-s", self.path("bird.ctl"),
                              *" ".join(words).split(), check=False)

    def reconfigure(self):
        self.write("bird.conf", self.config())
        done = self.host.exec("birdc", "-s", self.path("bird.ctl"), "configure", check=False)
        if "Reconfigur" not in done.stdout:
            raise Failure(f"BIRD refuses its configuration: {done.stdout.strip()}")

    def name_of(self, address):
        return next(f"p{i}" for i, n in enumerate(self.settings.neighbors) if n.address == address)

    def established(self, address):
        return "Established" in self.birdc("show", "protocols", self.name_of(address)).stdout

    def detail(self, address):
        return self.birdc("show", "protocols", "all", self.name_of(address)).stdout

    def routes(self, prefix):
        """[(next hop, communities text)] of every path in the RIB for the prefix"""
        text = self.birdc("show", "route", "all", prefix).stdout
        hops = re.findall(r"BGP\.next_hop: (\S+)", text)
        return sorted(hops)

    def attributes(self, prefix):
        """What the RIB knows of every path of the prefix: communities, large, med, local_pref, path."""
        paths = []
        for block in re.split(r"BGP\.origin:", self.birdc("show", "route", "all", prefix).stdout)[1:]:
            def one(name):
                found = re.search(rf"BGP\.{name}: (.*)", block)
                return found.group(1).strip() if found else ""
            pairs = re.findall(r"\(([\d, ]+)\)", one("community"))
            paths.append({"communities": sorted(p.replace(",", ":") for p in pairs),
                          "large": sorted(p.replace(", ", ":") for p in re.findall(r"\(([\d, ]+)\)", one("large_community"))),
                          "med": int(one("med")) if one("med") else None,
                          "local_pref": int(one("local_pref")) if one("local_pref") else None, "path": one("as_path")})
        return paths

    def refresh(self, address):
        self.host.exec("birdc", "-s", self.path("bird.ctl"), "reload", "in", self.name_of(address))

    def restart_session(self, address):
        self.host.exec("birdc", "-s", self.path("bird.ctl"), "restart", self.name_of(address))

    def disable(self, address, words=""):
        self.host.exec("birdc", "-s", self.path("bird.ctl"), "disable", self.name_of(address), *([f'"{words}"'] if words else []))

    def enable(self, address):
        self.host.exec("birdc", "-s", self.path("bird.ctl"), "enable", self.name_of(address))


class Frr(Router):
    software = "FRR"
    LIB = "/usr/lib/frr"

    def version(self):
        return run(f"{self.LIB}/bgpd", "--version").stdout.split("\n")[0].split()[-1]

    def config(self):
        s = self.settings
        out = ["hostname router", f"log file {self.path('bgpd.log')}", f"router bgp {s.asn}",
               f" bgp router-id {s.router_id}", " no bgp ebgp-requires-policy", " no bgp network import-check",
               " no bgp default ipv4-unicast", " bgp bestpath as-path multipath-relax", " coalesce-time 10"]
        for n in s.neighbors:
            out += [f" neighbor {n.address} remote-as {n.asn}", f" neighbor {n.address} port {n.port}",
                    f" neighbor {n.address} timers 3 {n.hold}", f" neighbor {n.address} timers connect 1",
                    f" neighbor {n.address} advertisement-interval 0"]
            out += [f" neighbor {n.address} password {n.password}"] if n.password else []
            out += [f" neighbor {n.address} passive"] if n.passive else []
            out += [f" neighbor {n.address} ebgp-multihop {n.multihop}"] if n.multihop else []
            out += [f" neighbor {n.address} ttl-security hops 1"] if s.ttl_security else []
            out += [f" neighbor {n.address} graceful-restart-{'helper' if n.restart else 'disable'}"]
        for family, flag in (("ipv4", "ipv4"), ("ipv6", "ipv6")):
            out.append(f" address-family {family} unicast")
            out.append("  maximum-paths 64")
            out.append("  maximum-paths ibgp 64")
            for n in s.neighbors:
                if getattr(n, flag):
                    out.append(f"  neighbor {n.address} activate")
                    if not n.add_path:
                        out.append(f"  neighbor {n.address} disable-addpath-rx")
            out.append(" exit-address-family")
        return "\n".join(out) + "\n"

    def start(self):
        self.write("zebra.conf", f"hostname router\nlog file {self.path('zebra.log')}\n")
        self.write("bgpd.conf", self.config())
        os.makedirs("/run/frr", exist_ok=True)
        run("chown", "-R", "frr:frr", self.folder, "/run/frr")
        os.chmod(self.folder, 0o755)
        for daemon in ("zebra", "bgpd"):
            self.processes.append(self.host.spawn(
                f"{self.LIB}/{daemon}", "-u", "frr", "-g", "frr", "-A", "127.0.0.1", "--vty_socket", self.folder,
                "-z", self.path("zserv.api"), "-f", self.path(f"{daemon}.conf"), "-i", self.path(f"{daemon}.pid"),
                log=self.path("start.log")))
            wait_for(f"{daemon} answers", lambda: self.vtysh("show version", daemon).returncode == 0)

    def vtysh(self, command, daemon="bgpd"):
        return self.host.exec("vtysh", "--vty_socket", self.folder, "-d", daemon, "-c", command, check=False)

    def show(self, command):
        done = self.vtysh(command + " json")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def configure(self, *lines):
        command = ["vtysh", "--vty_socket", self.folder, "-d", "bgpd", "-c", "configure terminal"]
        for line in lines:
            command += ["-c", line]
        self.host.exec(*command)

    def reconfigure(self):
        """Passwords, the one thing the lab changes while it runs."""
        lines = [f"router bgp {self.settings.asn}"]
        for n in self.settings.neighbors:
            lines.append(f"neighbor {n.address} password {n.password}" if n.password else f"no neighbor {n.address} password")
        self.configure(*lines)

    def established(self, address):
        return self.show(f"show bgp neighbors {address}").get(address, {}).get("bgpState") == "Established"

    def detail(self, address):
        return self.vtysh(f"show bgp neighbors {address}").stdout

    def routes(self, prefix):
        family = "ipv6" if ":" in prefix else "ipv4"
        paths = self.show(f"show bgp {family} unicast {prefix}").get("paths", [])
        return sorted(hop["ip"] for path in paths for hop in path.get("nexthops", []) if hop.get("scope") != "link-local")

    def attributes(self, prefix):
        """What the RIB knows of every path of the prefix: communities, large, med, local_pref, path."""
        known = {"noExport": "65535:65281", "noAdvertise": "65535:65282", "gracefulShutdown": "65535:0"}
        family = "ipv6" if ":" in prefix else "ipv4"
        return [{"communities": sorted(known.get(c, c) for c in path.get("community", {}).get("list", [])),
                 "large": sorted(path.get("largeCommunity", {}).get("list", [])),
                 "med": path.get("metric"), "local_pref": path.get("locPrf"), "path": path.get("aspath", {}).get("string")}
                for path in self.show(f"show bgp {family} unicast {prefix}").get("paths", [])]

    def refresh(self, address):
        self.vtysh(f"clear bgp {address} soft in")

    def restart_session(self, address):
        self.vtysh(f"clear bgp {address}")


class Gobgp(Router):
    """For the control plane only: GoBGP does not install routes."""
    software = "GoBGP"

    def version(self):
        return run("gobgpd", "--version").stdout.split()[-1]

    def config(self):
        s = self.settings
        out = [f"[global.config]\n  as = {s.asn}\n  router-id = \"{s.router_id}\"\n  port = 179\n"]
        for n in s.neighbors:
            out.append(
                f"[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{n.address}\"\n    peer-as = {n.asn}\n"
                f"{f'    auth-password = {json.dumps(n.password)}' if n.password else ''}\n"
                f"  [neighbors.timers.config]\n    connect-retry = 1\n    hold-time = {n.hold}\n    keepalive-interval = {n.hold // 3}\n"
                f"    idle-hold-time-after-reset = 1\n"
                f"  [neighbors.transport.config]\n    local-address = \"{s.address}\"\n    remote-port = {n.port}\n"
                f"    passive-mode = {str(n.passive).lower()}\n"
                f"  [neighbors.graceful-restart.config]\n    enabled = {str(n.restart).lower()}\n    restart-time = 60\n    helper-only = true\n")
            for family, wanted in (("ipv4", n.ipv4), ("ipv6", n.ipv6)):
                if wanted:
                    out.append(
                        f"  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}-unicast\"\n"
                        f"    [neighbors.afi-safis.add-paths.config]\n      receive = {str(n.add_path).lower()}\n"
                        f"    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = {str(n.restart).lower()}\n")
        return "\n".join(out)

    def start(self):
        config = self.write("gobgpd.conf", self.config())
        self.processes.append(self.host.spawn("gobgpd", "-f", config, "--api-hosts", "127.0.0.1:50051", "--pprof-disable",
                                              log=self.path("gobgpd.log")))
        wait_for("GoBGP answers", lambda: self.host.exec("gobgp", "global", check=False).returncode == 0)

    def query(self, *words):
        done = self.host.exec("gobgp", "-j", *words, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def established(self, address):
        return self.query("neighbor", address).get("state", {}).get("session_state") == 6

    def detail(self, address):
        return self.host.exec("gobgp", "neighbor", address, check=False).stdout

    def routes(self, prefix):
        family = "ipv6" if ":" in prefix else "ipv4"
        hops = []
        for path in self.query("global", "rib", prefix, "-a", family).get(prefix, []):
            hops += [a["nexthop"] for a in path.get("attrs", []) if "nexthop" in a]
        return sorted(hops)
