# SPDX-License-Identifier: Apache-2.0
"""make bench: how long a change takes, and what Porter costs. Prints a table; judges nothing.

    change -> wire     Porter's own clock: from the event received to the last UPDATE handed to the kernel
    change -> kernel   from the rename of the file to the router's kernel route (BIRD's part included)
"""
import os
import re
import statistics
import sys
import tempfile
import time

from lab import porter, space
from lab.route_monitor import RouteMonitor
from lab.topology import Lab

FLIPS = int(os.environ.get("PORTER_BENCH_FLIPS", "300"))


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def measure(folder, services):
    lab = Lab(folder)
    p = lab.porter
    p.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1"))
    p.write("nodes", *lab.node_objects())
    p.write("pools", porter.eip("lan", "198.51.100.0/24"), porter.eip("big", "10.128.0.0/16"))
    objects = []
    for i in range(services):
        objects += [porter.service(f"s{i}", annotations={"eip.porter.kubesphere.io/v1alpha2": "big"}), porter.endpoints(f"s{i}", ["n1"])]
    p.write("many", *objects)
    lab.start()
    began = time.monotonic()
    p.start()
    lab.router.wait_established("172.30.0.11")
    space.wait_for("all of it sent", lambda: p.json("peers")["items"][0]["sent"]["total"] >= 3 * services, 120)
    started = time.monotonic() - began
    web = {"eip.porter.kubesphere.io/v1alpha2": "lan"}
    p.write("web", porter.service("web", policy="Local", annotations=web), porter.endpoints("web", ["n1"]))
    space.wait_for("the first route", lambda: lab.router.host.next_hops("198.51.100.0/32") == ["172.30.0.11"])
    routes, wire, kernel = RouteMonitor(lab.router.host), [], []
    for flip in range(FLIPS):
        node = f"n{2 - flip % 2}"
        before = time.time()
        p.write("web", porter.service("web", policy="Local", annotations=web), porter.endpoints("web", [node]))
        kernel.append((routes.next_change("198.51.100.0") - before) * 1000)
        wire.append(float(p.json("status")["lastChange"]["milliseconds"]))
    with open(f"/proc/{p.process.pid}/status") as file:
        rss = int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024
    routes.end()
    p.stop()
    lab.stop()
    return started, rss, wire, kernel


def main():
    space.enter()
    print(f"{'Services':>8}  {'start':>7}  {'RSS':>8}  {'change -> wire (median, p99)':>29}  {'change -> kernel (median, p99)':>31}  flips")
    for services in (10, 1000, 10_000):
        with tempfile.TemporaryDirectory(prefix="porter-bench-") as folder:
            os.chmod(folder, 0o755)
            started, rss, wire, kernel = measure(folder, services)
        print(f"{services:>8}  {started:>5.1f} s  {rss:>5.1f} MB  {statistics.median(wire):>17.2f} {percentile(wire, .99):>8.2f} ms"
              f"  {statistics.median(kernel):>19.2f} {percentile(kernel, .99):>8.2f} ms  {FLIPS:>5}", flush=True)
    return 0


sys.exit(main())
