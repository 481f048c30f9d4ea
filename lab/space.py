# SPDX-License-Identifier: Apache-2.0
"""A private corner of the machine: own network, mount and process namespaces, and an empty /run.

Whatever is started inside ends with it, also when the process outside is killed with SIGKILL; names
cannot collide, so any number of labs run at once; addresses are reachable only inside.
"""
import ctypes
import json
import os
import signal
import subprocess
import sys
import time

INSIDE = "PORTER_LAB_INSIDE"


class Failure(Exception):
    """Something the lab waited for did not come, or a command failed: the words say which."""


def enter():
    """Runs this program again inside a new space, and returns only there. Needs root."""
    if os.environ.get(INSIDE) == "here":
        die_with_parent()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # else pid 1 would not hear of it
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.makedirs("/run/netns")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    if os.geteuid() != 0:
        sys.exit("the lab makes network namespaces: run it as root")
    environment = dict(os.environ, **{INSIDE: "here"})
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
               sys.executable, *interpreter_arguments()]
    child = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent)
    signal.signal(signal.SIGTERM, lambda *_: terminate_children(child.pid))  # unshare keeps it to itself
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            continue  # the child got it too, and cleans up


def terminate_children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        for child in file.read().split():
            os.kill(int(child), signal.SIGTERM)


def interpreter_arguments():
    """How to start what is running now once more: python3 -m PACKAGE ARGUMENTS."""
    spec = sys.modules["__main__"].__spec__
    name = spec.name if spec else None
    if name and name.endswith(".__main__"):
        name = name[: -len(".__main__")]
    return ["-m", name, *sys.argv[1:]] if name else sys.argv


def die_with_parent():
    """SIGKILL for us when our parent dies (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def wait_for(what, condition, seconds=20, pause=0.01):
    """The first true value of condition(), asked again and again; Failure names what did not come."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(pause)


def run(*command, check=True, timeout=30, stdin=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, input=stdin)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: status {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done


class Host:
    """One network namespace: a node, a router, a client."""

    def __init__(self, name):
        self.name = name
        self.processes = []
        self.entrance = ("ip", "netns", "exec", name)
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        self.sysctl("net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
                    "net.ipv6.conf.all.disable_ipv6=0")

    def ip(self, *arguments, check=True):
        return run("ip", "-n", self.name, *arguments, check=check)

    def ip_json(self, *arguments):
        """What `ip -j` says; an empty list where it says nothing."""
        done = run("ip", "-j", "-n", self.name, *arguments, check=False)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else []

    def sysctl(self, *settings):
        self.exec("sysctl", "-qw", *settings)

    def exec(self, *command, check=True, timeout=30, stdin=None):
        return run(*self.entrance, *command, check=check, timeout=timeout, stdin=stdin)

    def spawn(self, *command, log=None, env=None, stdin=subprocess.DEVNULL, stdout=None):
        """Starts a process in the background; it ends with the space, or with stop()."""
        output = open(log, "ab") if log else subprocess.DEVNULL
        process = subprocess.Popen([*self.entrance, *map(str, command)], stdin=stdin,
                                   stdout=stdout or output, stderr=output, env=env, start_new_session=True,
                                   preexec_fn=die_with_parent)
        if log:
            output.close()
        self.processes.append(process)
        return process

    def forward(self):
        """Makes it a router that spreads flows by addresses and ports."""
        self.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                    "net.ipv4.fib_multipath_hash_policy=1", "net.ipv6.fib_multipath_hash_policy=1",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")

    def next_hops(self, prefix):
        """The next hops of the kernel's route for exactly this prefix, sorted; none if there is no route."""
        family = "-6" if ":" in prefix else "-4"
        exact = prefix.removesuffix("/32").removesuffix("/128")
        hops = set()
        for route in self.ip_json(family, "route", "show", exact):
            for hop in route.get("nexthops", [route]):
                via = hop.get("gateway") or hop.get("via", {}).get("host")  # "via": of the other family
                hops |= {via} if via else set()
        return sorted(hops)


def link(left, left_device, right, right_device):
    """A cable between two hosts."""
    run("ip", "link", "add", left_device, "netns", left.name, "type", "veth",
        "peer", "name", right_device, "netns", right.name)
    for host, device in ((left, left_device), (right, right_device)):
        host.sysctl(f"net.ipv6.conf.{device}.accept_dad=0")
        host.ip("link", "set", device, "up")


def stop(process, how=signal.SIGTERM, seconds=5):
    """Ends a process started by spawn(); SIGKILL if it takes longer."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(seconds)
    return process.returncode


class Daemon:
    """What runs on one host: processes, and their files in one folder."""

    def __init__(self, host, folder):
        self.host, self.folder = host, folder
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
