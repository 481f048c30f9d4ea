# SPDX-License-Identifier: Apache-2.0
"""BGP speakers side by side: what is measured, and how.

    A   a daemon holds n routes and is quiet; one peer connects                 Established -> last route
    B   n routes are told; 500 changes, one by one, then 1,000 as one           change -> its UPDATE; first change -> last UPDATE
    C   a daemon holds n routes; many peers connect at once                     first TCP connection -> last route at the last peer
    F   peers are up (hold time 9 s) and nothing happens                        CPU, resident memory

Daemon and peers each have a network namespace; a veth pair joins them. What is measured runs SCHED_FIFO: daemon 20, trigger
25, sink 30. CPU is what the scheduler says of the daemon's threads. "waited" is how long those were ready and had no CPU:
where it is not small against the result, something else was measured. A session that drops, a route that is none of the
rig's or a malformed UPDATE fails a measurement. In each repetition the daemons take turns, so that a ratio is one of
neighbours in time.
"""
import itertools
import json
import os
import select
import statistics
import struct
import subprocess
import time

from lab.space import Failure, Host, link, stop

from .daemons import BUILD, DAEMONS, peer_address, scheduled, trigger

BURST = 1000
MOST_PEERS = 128


def network():
    """(where the daemon lives, where its peers do)"""
    dut, sink = Host("dut"), Host("sink")
    link(dut, "s0", sink, "e0")
    dut.ip("addr", "add", "10.0.0.1/16", "dev", "s0")
    sink.exec("ip", "-batch", "-", stdin="".join(f"addr add {peer_address(i)}/16 dev e0\n" for i in range(MOST_PEERS)))
    return dut, sink


class Sink:
    """tests/bench/sink.cpp: commands in, words and reports out."""

    def __init__(self, host, folder, daemon, routes, kick_ms=0):
        self.arrivals, self.log = os.path.join(folder, "arrivals"), os.path.join(folder, "sink.log")
        self.process = host.spawn("chrt", "-f", "30", f"{BUILD}/sink", routes, daemon.peers, daemon.hold, kick_ms, self.arrivals,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, log=self.log)
        self.waiting, self.lines = b"", []

    def line(self, seconds):
        end = time.monotonic() + seconds
        while not self.lines:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return None
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise Failure("the sink ended")
            *lines, self.waiting = (self.waiting + data).split(b"\n")
            self.lines += lines
        return self.lines.pop(0)

    def wait(self, word, seconds=60):
        if self.line(seconds) != word.encode():
            raise Failure(f"the sink: no \"{word}\" within {seconds} s: {self.report(faults_are_fatal=False)['peers'][:2]}")

    def report(self, faults_are_fatal=True):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        line = self.line(20)
        while line is not None and not line.startswith(b"{"):
            line = self.line(20)
        report = json.loads(line or "{}")
        if faults_are_fatal and any(peer["faults"] for peer in report["peers"]):
            with open(self.log) as log:
                raise Failure(f"the sink saw faults: {log.read()[-300:]}")
        return report

    def stop(self):
        self.process.stdin.close()
        stop(self.process)


class Measurement:
    """One daemon with its routes, quiet; afterwards all that was started is gone."""

    def __init__(self, where, folder, name, routes, peers=1, hold=90):
        self.dut, self.peers_host = where
        # A new one each, removed with all of them in the end: for minutes ext4 walks over each inode that was just freed whenever a
        # file is made, and the burst of test B would tell of the files of the measurement before.
        self.folder = os.path.join(folder, f"{len(os.listdir(folder))}-{name}")
        self.daemon = DAEMONS[name](self.dut, self.folder, routes, peers, hold)
        self.sink = None

    def __enter__(self):
        try:
            self.daemon.start()
            self.daemon.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.sink:
            self.sink.stop()
        self.daemon.stop()

    def begin(self):
        self.daemon.prioritise()
        self.cpu, self.waited = (scheduled(self.daemon.pid, field) for field in (0, 1))

    def connect(self, routes, kick=False):
        self.sink = Sink(self.peers_host, self.folder, self.daemon, routes, self.daemon.kick_ms if kick else 0)

    def cost(self):
        return {"cpu_ms": (scheduled(self.daemon.pid, 0) - self.cpu) / 1e6, "waited_ms": (scheduled(self.daemon.pid, 1) - self.waited) / 1e6,
                "resident_mb": self.daemon.resident()}


def milliseconds(end, begin):
    return (end - begin) / 1e6


def dump(where, folder, name, routes, peers):
    """A and C."""
    with Measurement(where, folder, name, routes, peers) as m:
        m.begin()
        m.connect(routes, kick=True)
        m.sink.wait("established")
        m.sink.wait("done")
        time.sleep(0.1)  # End-of-RIB, KEEPALIVEs: a part of what it costs
        report = m.sink.report()
        reached = report["peers"]
        last = max(peer["done"] for peer in reached)
        begin = reached[0]["established"] if peers == 1 else report["connected"]
        return {"last_ms": milliseconds(last, begin), "first_ms": milliseconds(min(peer["first"] for peer in reached), begin),
                "updates": sum(peer["updates"] for peer in reached) / peers, **m.cost()}


def words(path):
    with open(path, "rb") as file:
        data = file.read()
    return struct.unpack(f"<{len(data) // 8}Q", data)


def changes(where, folder, name, routes, share):
    """B: `share` of the daemon's number of changes one by one, then BURST as one."""
    with Measurement(where, folder, name, routes) as m:
        singly, asked = int(m.daemon.changes * share), os.path.join(m.folder, "asked")
        m.connect(routes + singly + BURST)
        m.sink.wait("established")
        time.sleep(2)  # past what daemons do in the first seconds of a session
        m.daemon.wait_calm()
        m.begin()
        trigger(m.daemon, routes, singly, BURST, asked)
        m.sink.wait("done", 30)
        cost = m.cost()
        m.sink.report()
        at, both = words(asked), words(m.sink.arrivals)
        arrived, updates = both[::2], both[1::2]
        latencies = [milliseconds(arrived[routes + i], at[i]) for i in range(singly)]
        burst = arrived[routes + singly:]
        return {"each_ms": [round(value, 4) for value in sorted(latencies)], "burst_ms": milliseconds(max(burst), at[singly]),
                "burst_updates": len(set(updates[routes + singly:])), **cost}


def idle(where, folder, name, routes, peers, seconds):
    """F."""
    with Measurement(where, folder, name, routes, peers, hold=9) as m:
        m.connect(routes)
        m.sink.wait("established")
        m.sink.wait("done")
        m.daemon.wait_calm()
        m.begin()
        began = time.monotonic_ns()
        time.sleep(seconds)
        lasted, cost = time.monotonic_ns() - began, m.cost()
        m.sink.report()
        return {"cpu_percent": cost["cpu_ms"] * 1e8 / lasted, **cost}


OTHERS = ("bird", "frr", "gobgp")


def cases(short):
    """(test, what it is told, {daemon: how it is measured}), cheap ones first."""
    def measured(names, how, *arguments):
        return {name: (how, arguments) for name in names}
    for routes in (1000, 10_000, 100_000):
        porter = "porter-core" if routes > 10_000 else "porter"
        yield "A", {"routes": routes}, 5, measured((porter, *OTHERS, "blast"), dump, routes, 1)
    yield "C", {"routes": 10_000, "peers": 64}, 3, measured(("porter", *OTHERS, "blast"), dump, 10_000, 64)
    for routes in (10, 10_000):
        yield "B", {"routes": routes}, 4, measured(("porter", "blast", *OTHERS), changes, routes, 0.1 if short else 1)
    yield "F", {"routes": 10, "peers": 100}, 2, measured(("porter", *OTHERS), idle, 10, 100, 3 if short else 9)
    for routes in (10, 10_000):
        yield "F", {"routes": routes, "peers": 3}, 1, measured(("porter", *OTHERS), idle, routes, 3, 0.5 if short else 5)


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), os.uname().machine)
    return {"cpu": model, "cores": os.cpu_count(), "kernel": os.uname().release}


def tried(how, *arguments):
    """Three times at most: of 64 sessions at once FRR drops one now and then."""
    for tries in (1, 2, 3):
        try:
            return {**how(*arguments), "tries": tries}
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            error = str(failure)
    return {"error": error, "tries": tries}


def measure(folder, tests, short, seconds, put):
    """Every case once, then again, until each has its repetitions or the time is over: put() gets each result. The number that failed."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))  # below all that is measured, above what else the machine does
    where, failed, end = network(), 0, time.monotonic() + seconds
    put({"test": "machine", **machine(), "date": time.strftime("%Y-%m-%d"),
         "versions": {name: kind(where[0], os.path.join(folder, f"version-{name}"), 0, 0).version() for name, kind in DAEMONS.items()}})
    for repetition in itertools.count():
        todo = [case for case in cases(short) if case[0] in tests and repetition < (1 if short else case[2])]
        if not todo:
            return failed
        for test, parameters, _, ways in todo:
            for name, (how, arguments) in ways.items():
                if time.monotonic() > end:
                    print(f"the time is over: in the middle of repetition {repetition + 1}", flush=True)
                    return failed + 1
                row = {"test": test, **parameters, "daemon": name, "repetition": repetition, "load": round(os.getloadavg()[0], 2)}
                began = time.monotonic()
                row.update(tried(how, where, folder, name, *arguments))
                failed += "error" in row
                row["seconds"] = round(time.monotonic() - began, 1)
                put(row)


def spoken(row):
    """One line of progress."""
    shown = {key: value for key, value in row.items() if key not in ("each_ms", "load", "versions")}
    if "each_ms" in row:
        shown["median_ms"] = statistics.median(row["each_ms"])
    return "  " + " ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in shown.items())
