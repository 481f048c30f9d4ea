# SPDX-License-Identifier: Apache-2.0
"""The changes of a host's kernel routes, as `ip monitor` tells them, from the moment the constructor returns."""
import os
import re
import select
import subprocess
import time

from .space import Failure

PROBE = "192.0.2.254"  # a route to it comes and goes until the monitor has told of one
PATIENCE = 10  # seconds


def stamp_of(line):
    stamp = re.match(r"\[(\S+)\.(\d+)\]", line)
    return time.mktime(time.strptime(stamp[1], "%Y-%m-%dT%H:%M:%S")) + int(stamp[2]) / 1e6


class RouteMonitor:
    def __init__(self, host):
        self.host, self.waiting = host, b""
        self.process = host.spawn("ip", "-ts", "-o", "monitor", "route", stdout=subprocess.PIPE)
        deadline = time.monotonic() + PATIENCE
        while not any(PROBE in line for line in self.read(.02)):
            if time.monotonic() > deadline:
                raise Failure("ip monitor tells of no route")
            host.exec("ip", "route", "replace", "blackhole", PROBE)
            host.exec("ip", "route", "del", "blackhole", PROBE)

    def read(self, seconds):
        """The lines that have come, after waiting for some if there are none."""
        if select.select([self.process.stdout], [], [], seconds)[0]:
            come = os.read(self.process.stdout.fileno(), 1 << 20)
            if not come:
                raise Failure("ip monitor has ended")
            self.waiting += come
        whole, newline, self.waiting = self.waiting.rpartition(b"\n")
        return (whole + newline).decode().splitlines()

    def next_change(self, prefix, seconds=30):
        """When the kernel got the next route to it, Unix seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.read(.5):
                if f"] {prefix} " in line:
                    return stamp_of(line)
        raise Failure(f"no change of the route to {prefix} within {seconds} s")

    def end(self):
        """(Unix seconds, line) of every change since the last read; the monitor is over."""
        self.process.terminate()
        text = (self.waiting + self.process.communicate(timeout=10)[0]).decode()
        return [(stamp_of(line), line.partition("] ")[2]) for line in text.splitlines() if PROBE not in line]
