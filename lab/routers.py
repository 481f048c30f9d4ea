# SPDX-License-Identifier: Apache-2.0
"""Real routers as the other end: each starts in a Host with a configuration made from a list of Neighbors."""
import dataclasses
import json
import os
import re
import signal

from .space import Daemon, Failure, run, wait_for


@dataclasses.dataclass
class Neighbor:
    """A Porter as the router sees it."""
    address: str
    asn: int
    port: int = 17900
    interface: str = ""        # of a link-local address
    password: str = ""
    passive: bool = False      # the router waits to be dialled
    ipv4: bool = True
    ipv6: bool = True
    add_path: bool = True      # the router receives several paths
    multihop: int = 0
    hold: int = 9
    restart: bool = True       # graceful restart helper
    long_lived: bool = False   # and beyond the restart time (RFC 9494)
    next_hop6: bool = False    # takes IPv6 next hops for IPv4 (RFC 8950)
    role: str = ""             # the router's (RFC 9234), in its own spelling
    max_prefixes: int = 0      # beyond them the router ends the session


@dataclasses.dataclass
class Settings:
    address: str               # our end of the sessions
    asn: int = 65001
    router_id: str = "172.30.0.1"
    neighbors: list = dataclasses.field(default_factory=list)
    ttl_security: bool = False
    port: int = 179            # where it listens; of GoBGP
    announced: list = dataclasses.field(default_factory=list)  # prefixes of its own: of all but OpenBGPD; IPv6 ones of FRR alone
    restarting: bool = False   # started, it says that it was restarted (RFC 4724)


def make(kind, host, folder, settings):
    kinds = {"bird": Bird, "frr": Frr, "gobgp": Gobgp, "openbgpd": OpenBgpd, "exabgp": ExaBgp}
    return kinds[kind](host, folder, settings)


class Router(Daemon):
    software = ""

    def __init__(self, host, folder, settings):
        super().__init__(host, folder)
        self.settings = settings

    def signal(self, number):
        """To all of its processes."""
        for process in self.processes:
            os.killpg(process.pid, number)

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
        if s.announced:
            out.append(f"protocol static {{ ipv4; {' '.join(f'route {prefix} blackhole;' for prefix in s.announced)} }}")
        for i, n in enumerate(s.neighbors):
            channels = "".join(
                f"  {family} {{ import all; export {'where source = RTS_STATIC' if s.announced else 'none'}; add paths {'rx' if n.add_path else 'off'};"
                f"{' extended next hop on;' if n.next_hop6 and family == 'ipv4' else ''}"
                f"{f' import limit {n.max_prefixes} action restart;' if n.max_prefixes else ''} }};\n"
                for family, wanted in (("ipv4", n.ipv4), ("ipv6", n.ipv6)) if wanted)
            out.append(
                f"protocol bgp p{i} {{\n  local {s.address} as {s.asn};\n  neighbor {n.address} port {n.port} as {n.asn};\n"
                f"{f'  interface {json.dumps(n.interface)};' if n.interface else ''}\n"
                f"{'  passive yes;' if n.passive else ''}\n"
                f"{f'  multihop {n.multihop};' if n.multihop else ''}\n"
                f"{'  ttl security on;' if s.ttl_security else ''}\n"
                f"{f'  password {json.dumps(n.password)};' if n.password else ''}\n"
                f"  hold time {n.hold}; connect delay time 1; connect retry time 1; error wait time 1, 2; error forget time 3;\n"
                f"{f'  local role {n.role};' if n.role else ''}\n"
                f"  graceful restart {'off' if not n.restart else 'on' if s.announced else 'aware'};\n"
                f"{'  long lived graceful restart aware;' if n.long_lived else ''}\n{channels}}}")
        return "\n".join(out) + "\n"

    def start(self):
        config = self.write("bird.conf", self.config())
        self.processes.append(self.host.spawn("bird", "-f", *(["-R"] if self.settings.restarting else []), "-c", config, "-s", self.path("bird.ctl"),
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
                          "local_pref": int(one("local_pref")) if one("local_pref") else None, "path": one("as_path"),
                          "only_to_customer": int(one("otc")) if one("otc") else None})
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
        if any(n.long_lived for n in s.neighbors):
            out.append(" bgp long-lived-graceful-restart stale-time 600")
        if s.announced:
            out += [" bgp graceful-restart preserve-fw-state", " bgp graceful-restart select-defer-time 3"]
        for n in s.neighbors:
            out += [f" neighbor {n.address} remote-as {n.asn}", f" neighbor {n.address} port {n.port}",
                    f" neighbor {n.address} timers 3 {n.hold}", f" neighbor {n.address} timers connect 1",
                    f" neighbor {n.address} advertisement-interval 0"]
            out += [f" neighbor {n.address} interface {n.interface}"] if n.interface else []
            out += [f" neighbor {n.address} password {n.password}"] if n.password else []
            out += [f" neighbor {n.address} passive"] if n.passive else []
            out += [f" neighbor {n.address} ebgp-multihop {n.multihop}"] if n.multihop else []
            out += [f" neighbor {n.address} ttl-security hops 1"] if s.ttl_security else []
            out += [f" neighbor {n.address} capability extended-nexthop"] if n.next_hop6 else []
            out += [f" neighbor {n.address} local-role {n.role}"] if n.role else []
            restart = "-disable" if not n.restart else "" if s.announced else "-helper"
            out += [f" neighbor {n.address} graceful-restart{restart}"]
        for family, flag in (("ipv4", "ipv4"), ("ipv6", "ipv6")):
            out.append(f" address-family {family} unicast")
            out.append("  maximum-paths 64")
            out.append("  maximum-paths ibgp 64")
            out += [f"  network {prefix}" for prefix in s.announced if (":" in prefix) == (family == "ipv6")]
            for n in s.neighbors:
                if getattr(n, flag):
                    out.append(f"  neighbor {n.address} activate")
                    if n.max_prefixes:
                        out.append(f"  neighbor {n.address} maximum-prefix {n.max_prefixes} restart 1")
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

    def routes(self, prefix):
        family = "ipv6" if ":" in prefix else "ipv4"
        paths = self.show(f"show bgp {family} unicast {prefix}").get("paths", [])
        return sorted(hop["ip"] for path in paths for hop in path.get("nexthops", []) if hop.get("scope") != "link-local")

    def attributes(self, prefix):
        """What the RIB knows of every path of the prefix: communities, large, med, local_pref, path."""
        known = {"noExport": "65535:65281", "noAdvertise": "65535:65282", "gracefulShutdown": "65535:0",
                 "llgrStale": "65535:6"}
        family = "ipv6" if ":" in prefix else "ipv4"
        return [{"communities": sorted(known.get(c, c) for c in path.get("community", {}).get("list", [])),
                 "large": sorted(path.get("largeCommunity", {}).get("list", [])),
                 "med": path.get("metric"), "local_pref": path.get("locPrf"), "path": path.get("aspath", {}).get("string"),
                 "only_to_customer": path.get("otc")}
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
        out = [f"[global.config]\n  as = {s.asn}\n  router-id = \"{s.router_id}\"\n  port = {s.port}\n"]
        for n in s.neighbors:
            out.append(
                f"[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{n.address}\"\n    peer-as = {n.asn}\n"
                f"{f'    auth-password = {json.dumps(n.password)}' if n.password else ''}\n"
                f"  [neighbors.timers.config]\n    connect-retry = 1\n    hold-time = {n.hold}\n    keepalive-interval = {n.hold // 3}\n"
                f"    idle-hold-time-after-reset = 1\n"
                f"  [neighbors.transport.config]\n    local-address = \"{s.address}\"\n    remote-port = {n.port}\n"
                f"    passive-mode = {str(n.passive).lower()}\n"
                f"  [neighbors.ebgp-multihop.config]\n    enabled = {str(n.multihop > 0).lower()}\n    multihop-ttl = {n.multihop}\n"
                f"  [neighbors.ttl-security.config]\n    enabled = {str(s.ttl_security).lower()}\n    ttl-min = 255\n"
                f"  [neighbors.graceful-restart.config]\n    enabled = {str(n.restart).lower()}\n    restart-time = 60\n"
                f"    helper-only = {str(not s.announced).lower()}\n")
            for family, wanted in (("ipv4", n.ipv4), ("ipv6", n.ipv6)):
                if wanted:
                    out.append(
                        f"  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}-unicast\"\n"
                        f"    [neighbors.afi-safis.add-paths.config]\n      receive = {str(n.add_path).lower()}\n"
                        f"    [neighbors.afi-safis.prefix-limit.config]\n      max-prefixes = {n.max_prefixes}\n"
                        f"    [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = {str(n.restart).lower()}\n")
        return "\n".join(out)

    def start(self):
        config = self.write("gobgpd.conf", self.config())
        self.processes.append(self.host.spawn("gobgpd", *(["-r"] if self.settings.restarting else []), "-f", config,
                                              "--api-hosts", "127.0.0.1:50051", "--pprof-disable", log=self.path("gobgpd.log")))
        wait_for("GoBGP answers", lambda: self.host.exec("gobgp", "global", check=False).returncode == 0)
        for prefix in self.settings.announced:
            self.host.exec("gobgp", "global", "rib", "add", prefix)

    def reconfigure(self):
        self.write("gobgpd.conf", self.config())
        self.signal(signal.SIGHUP)

    def query(self, *words):
        done = self.host.exec("gobgp", "-j", *words, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {}

    def established(self, address):
        return self.query("neighbor", address).get("state", {}).get("session_state") == 6

    def routes(self, prefix):
        family = "ipv6" if ":" in prefix else "ipv4"
        hops = []
        for path in self.query("global", "rib", prefix, "-a", family).get(prefix, []):
            hops += [a["nexthop"] for a in path.get("attrs", []) if "nexthop" in a]
        return sorted(hops)

    def attributes(self, prefix):
        """What the RIB knows of every path of the prefix: communities, large, med, local_pref, path."""
        paths = []
        for path in self.query("global", "rib", prefix, "-a", "ipv6" if ":" in prefix else "ipv4").get(prefix, []):
            of = {attribute["type"]: attribute for attribute in path.get("attrs", [])}
            paths.append({"communities": sorted(f"{c >> 16}:{c & 0xffff}" for c in of.get(8, {}).get("communities", [])),
                          "large": sorted(":".join(str(part[key]) for key in ("ASN", "LocalData1", "LocalData2")) for part in of.get(32, {}).get("value", [])),
                          "med": of.get(4, {}).get("metric"), "local_pref": of.get(5, {}).get("value"),
                          "path": " ".join(str(asn) for segment in of.get(2, {}).get("as_paths", []) for asn in segment["asns"])})
        return paths

    def count(self, family):
        said = self.host.exec("gobgp", "global", "rib", "summary", "-a", family, check=False).stdout
        return int(re.search(r"Destination: (\d+)", said)[1])


class OpenBgpd(Router):
    """For the control plane only: on Linux it installs no routes."""
    software = "OpenBGPD"

    def version(self):
        return self.host.exec("bgpctl", "-V", check=False).stdout.split()[-1]

    def config(self):
        s = self.settings
        out = [f"AS {s.asn}", f"router-id {s.router_id}", f"listen on {s.address}", "fib-update no",
               f'socket "{self.path("bgpd.sock")}"', "allow from any"]
        for n in s.neighbors:
            lines = [f"remote-as {n.asn}", f"local-address {s.address}", f"port {n.port}", f"holdtime {n.hold}",
                     f"announce IPv4 {'unicast' if n.ipv4 else 'none'}", f"announce IPv6 {'unicast' if n.ipv6 else 'none'}",
                     f"announce add-path recv {'yes' if n.add_path else 'no'}", f"announce restart {'yes' if n.restart else 'no'}",
                     "announce enhanced refresh yes", "enforce neighbor-as yes"]
            lines += ["passive"] if n.passive else []
            lines += [f"multihop {n.multihop}"] if n.multihop else []
            lines += ["ttl-security yes"] if s.ttl_security else []
            lines += [f"max-prefix {n.max_prefixes} restart 1"] if n.max_prefixes else []
            out += [f"neighbor {n.address} {{", *(f"  {line}" for line in lines), "}"]
        return "\n".join(out) + "\n"

    def start(self):
        config = self.write("bgpd.conf", self.config())
        os.chmod(config, 0o600)
        os.makedirs("/run/openbgpd", exist_ok=True)  # where it locks itself in
        self.processes.append(self.host.spawn("bgpd", "-d", "-f", config, log=self.path("bgpd.log")))
        wait_for("OpenBGPD answers", lambda: self.bgpctl("show").returncode == 0)

    def bgpctl(self, *words):
        return self.host.exec("bgpctl", "-s", self.path("bgpd.sock"), *words, check=False)

    def query(self, *words):
        try:
            return json.loads(self.bgpctl("-j", *words).stdout)
        except ValueError:
            return {}

    def established(self, address):
        found = self.query("show", "neighbor", address).get("neighbors", [{}])
        return found[0].get("state") == "Established"

    def paths(self, prefix):
        return [p for p in self.query("show", "rib", "detail", "in", prefix).get("rib", []) if p.get("prefix") == prefix]

    def routes(self, prefix):
        return sorted(path["exit_nexthop"] for path in self.paths(prefix))

    def attributes(self, prefix):
        """What the RIB knows of every path of the prefix: communities, large, med, local_pref, path."""
        known = {"NO_EXPORT": "65535:65281"}
        return [{"communities": sorted(known.get(c, c) for c in path.get("communities", [])), "large": sorted(path.get("large_communities", [])),
                 "med": path["metric"], "local_pref": path["localpref"], "path": path["aspath"]} for path in self.paths(prefix)]

    def count(self, family):
        """Prefixes; each has a line for every path."""
        return len({path["prefix"] for path in self.query("show", "rib", family, "in").get("rib", [])})

    def wait_established(self, address, seconds=30):
        """A dial that was refused is tried again after two minutes: it is told to."""
        def looked():
            neighbor = self.query("show", "neighbor", address).get("neighbors", [{}])[0]
            if neighbor.get("state") == "Active":
                self.restart_session(address)
            return neighbor.get("state") == "Established"
        wait_for(f"{self.software}: session with {address} Established", looked, seconds)

    def refresh(self, address):
        self.bgpctl("neighbor", address, "refresh")

    def restart_session(self, address):
        self.bgpctl("neighbor", address, "clear")


class ExaBgp(Router):
    """For the control plane only: it keeps no routes either, so its messages are written down and added up."""
    software = "ExaBGP"

    def version(self):
        return run("exabgp", "--version").stdout.split("\n")[0].split()[-1]

    def config(self):
        s = self.settings
        out = [f"process messages {{ run {self.path('messages.sh')}; encoder json; }}"]
        for n in s.neighbors:
            families = [f"{family} unicast" for family, wanted in (("ipv4", n.ipv4), ("ipv6", n.ipv6)) if wanted]
            lines = [f"router-id {s.router_id};", f"local-address {s.address};", f"local-as {s.asn};", f"peer-as {n.asn};",
                     f"hold-time {n.hold};", f"connect {n.port};", f"family {{ {' '.join(f + ';' for f in families)} }}",
                     "adj-rib-in true;", "api { processes [ messages ]; neighbor-changes; receive { parsed; update; } }",
                     f"capability {{ route-refresh enable; {'add-path receive;' if n.add_path else ''} "
                     f"{'graceful-restart 60;' if n.restart else ''} }}"]
            lines += [f"static {{ {' '.join(f'route {prefix} next-hop {s.address};' for prefix in s.announced)} }}"] if s.announced else []
            lines += ["passive true;"] if n.passive else []
            lines += [f"md5-password '{n.password}';"] if n.password else []
            lines += ["outgoing-ttl 255;", "incoming-ttl 255;"] if s.ttl_security else []
            out += [f"neighbor {n.address} {{", *(f"  {line}" for line in lines), "}"]
        return "\n".join(out) + "\n"

    def start(self):
        # ExaBGP takes the end of what the helper says for the end of the helper.
        self.write("commands", "")
        os.chmod(self.write("messages.sh", f"#!/bin/sh\nexec 3<&0\ncat <&3 >> {self.path('messages')} &\nexec tail -n +1 -f {self.path('commands')}\n"), 0o755)
        settings = {"daemon.user": "root", "daemon.drop": "false", "api.cli": "false", "api.ack": "false",
                    "tcp.bind": self.settings.address, "tcp.port": "179", "log.destination": "stderr"}
        self.processes.append(self.host.spawn(
            "env", *(f"exabgp.{name}={value}" for name, value in settings.items()), "exabgp",
            self.write("exabgp.conf", self.config()), log=self.path("exabgp.log")))
        wait_for("ExaBGP runs", lambda: os.path.exists(self.path("messages")))

    def reconfigure(self):
        self.write("exabgp.conf", self.config())
        self.signal(signal.SIGUSR1)

    def messages(self):
        with open(self.path("messages")) as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)

    def refresh(self, address):
        for family in ("ipv4", "ipv6"):
            self.say(f"neighbor {address} announce route-refresh {family} unicast")

    def say(self, command):
        with open(self.path("commands"), "a") as file:
            file.write(command + "\n")

    def table(self):
        """{(prefix, path identifier): (next hop, attributes)} as of the last message, and the state of the session."""
        state, routes = "down", {}
        for message in self.messages():
            neighbor = message.get("neighbor", {})
            if "state" in neighbor:
                state = neighbor["state"]
                if state == "down":
                    routes.clear()
            update = neighbor.get("message", {}).get("update", {})
            for entries in update.get("withdraw", {}).values():
                for entry in entries:
                    routes.pop((entry["nlri"], entry.get("path-information")), None)
            for family in update.get("announce", {}).values():
                for hop, entries in family.items():
                    for entry in entries:
                        if "nlri" in entry:
                            routes[entry["nlri"], entry.get("path-information")] = hop, update["attribute"]
        return state, routes

    def established(self, address):
        return self.table()[0] == "up"

    def routes(self, prefix):
        return sorted(hop for (nlri, _), (hop, _) in self.table()[1].items() if nlri == prefix)

    def attributes(self, prefix):
        """What was said of every path of the prefix: communities, large, med, local_pref, path."""
        return [{"communities": sorted(":".join(map(str, c)) for c in said.get("community", [])),
                 "large": sorted(":".join(map(str, c)) for c in said.get("large-community", [])),
                 "med": said.get("med"), "local_pref": said.get("local-preference"), "path": " ".join(map(str, said.get("as-path", [])))}
                for (nlri, _), (_, said) in self.table()[1].items() if nlri == prefix]

    def count(self, family):
        return len({nlri for nlri, _ in self.table()[1] if (":" in nlri) == (family == "ipv6")})
