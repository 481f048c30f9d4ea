# SPDX-License-Identifier: Apache-2.0
"""python3 -m lab demo | up | status | shell [HOST] | capture [FILE] | down | broken [FILE]"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from . import porter, space
from .topology import Lab

HOME = os.environ.get("PORTER_LAB", "/var/tmp/porter-lab")


def main(arguments):
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, about in (("demo", "the main job, step by step"), ("up", "start the lab and leave it running")):
        sub = verbs.add_parser(verb, help=about)
        sub.add_argument("--router", choices=("bird", "frr"), default="bird")
        sub.add_argument("--second-router", choices=("bird", "frr"), default="")
    verbs.add_parser("status", help="sessions, routes and addresses of the running lab")
    verbs.add_parser("down", help="end the running lab")
    shell = verbs.add_parser("shell", help="a shell on one of its hosts: client, router, n1, n2, n3")
    shell.add_argument("host", nargs="?", default="n1")
    shell.add_argument("command", nargs=argparse.REMAINDER, help="a command instead of a shell")
    capture = verbs.add_parser("capture", help="BGP between n1 and the router, as text, or into a pcap file")
    capture.add_argument("file", nargs="?")
    broken = verbs.add_parser("broken", help="six set-ups that do not work, and what porter explain says of each")
    broken.add_argument("file", nargs="?", help="replace the blocks of this page")
    verbs.add_parser("hold", help=argparse.SUPPRESS).add_argument("settings")
    options = parser.parse_args(arguments)
    if options.verb == "demo":
        from . import demo
        space.enter()
        return demo.main(options.router, options.second_router)
    if options.verb == "broken":
        from . import broken
        space.enter()
        return broken.main(options.file)
    return {"up": up, "status": status, "down": down, "shell": shell_on, "capture": capture_on, "hold": hold}[options.verb](options)


# A running lab is one process that holds the namespaces ("hold"); everything else looks it up here.
def pid_file():
    return os.path.join(HOME, "pid")


def holder():
    """The process inside the lab's namespaces; None if no lab runs."""
    try:
        with open(pid_file()) as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if b"hold" in file.read() else None
    except (OSError, ValueError):
        return None


def up(options):
    if holder():
        print("the lab is up already: make lab is done; python3 -m lab status")
        return 0
    if os.geteuid() != 0:
        sys.exit("the lab makes network namespaces: run it as root")
    shutil.rmtree(HOME, ignore_errors=True)
    os.makedirs(HOME)
    settings = json.dumps({"router": options.router, "second_router": options.second_router})
    with open(os.path.join(HOME, "lab.log"), "ab") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-m", "lab", "hold", settings],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env=dict(os.environ, PORTER=porter.binary(), **{space.INSIDE: "here"}))
    ready = os.path.join(HOME, "ready")
    space.wait_for("the lab", lambda: os.path.exists(ready) or process.poll() is not None, 60)
    if not os.path.exists(ready):
        with open(os.path.join(HOME, "lab.log")) as log:
            sys.exit("the lab did not come up:\n" + log.read()[-2000:])
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    with open(pid_file(), "w") as file:
        file.write(children[0])
    print(f"""the lab is up: client - router ({options.router}) - n1 n2 n3; porter runs on n1
  manifests   {HOME}/porter/manifests   edit, add, delete: porter follows
  try         python3 -m lab status
              python3 -m lab shell client curl -s http://139.198.121.228/
              python3 -m lab shell n1 {porter.binary()} status --socket {HOME}/porter/state/porter.sock
  end         python3 -m lab down""")
    return 0


def hold(options):
    """Runs inside the namespaces until it is told to end."""
    os.environ[space.INSIDE] = "here"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/run/netns")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    lab = Lab(HOME, **json.loads(options.settings))
    p = lab.porter
    p.write("bgp", porter.conf(), *(porter.peer(f"router{i + 1}", r.settings.address) for i, r in enumerate(lab.routers)))
    p.write("nodes", *lab.node_objects())
    p.write("pools", porter.eip("eip-sample", "139.198.121.228"), porter.eip("lan", "198.51.100.0/24"), porter.eip("lan6", "2001:db8:121::/120"))
    p.write("web", porter.service("web", annotations={"eip.porter.kubesphere.io/v1alpha2": "eip-sample"}),
            porter.endpoints("web", ["n1", "n2", "n3"]))
    lab.start()
    p.start()
    for router in lab.routers:
        router.wait_established("172.30.0.11")
    with open(os.path.join(HOME, "ready"), "w"):
        pass
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        if p.process.poll() is not None:  # killed by whoever plays with it: that is what a lab is for
            time.sleep(2)
            p.start()
        time.sleep(0.5)


def inside(*command, **how):
    pid = holder()
    if not pid:
        sys.exit("no lab is running: make lab")
    return subprocess.run(["nsenter", "-t", str(pid), "--net", "--mount", "--pid", *command], **how)


def shell_on(options):
    command = options.command or [os.environ.get("SHELL", "/bin/bash")]
    return inside("ip", "netns", "exec", options.host, *command).returncode


def capture_on(options):
    target = ["-w", os.path.abspath(options.file)] if options.file else ["-v"]
    return inside("ip", "netns", "exec", "n1", "tcpdump", "-n", "-i", "eth0", *target, "tcp", "port", "17900", "or", "port", "179").returncode


def status(_options):
    socket = f"{HOME}/porter/state/porter.sock"
    for verb in ("status", "peers", "routes"):
        print(f"$ porter {verb}", flush=True)
        inside("ip", "netns", "exec", "n1", porter.binary(), verb, "--socket", socket)
        print(flush=True)
    print("$ ip route (router)", flush=True)
    return inside("ip", "-n", "router", "route", "show", "proto", "bird").returncode


def down(_options):
    pid = holder()
    if pid:
        os.kill(pid, signal.SIGTERM)
        space.wait_for("the end of the lab", lambda: not holder(), 20)
    shutil.rmtree(HOME, ignore_errors=True)
    print("the lab is down")
    return 0
