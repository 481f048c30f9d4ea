# SPDX-License-Identifier: Apache-2.0
"""Runs unittest modules inside a private space of namespaces, three at a time, and adds up what they say.

Each module is a process of its own in a space of its own: names and addresses cannot collide, and
whatever a test started ends with it, however it ends.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

from lab import space
from lab.topology import Lab

BOUND = 600  # seconds for one module
AT_ONCE = 3  # most of a module is waiting, on two cores too


class LabCase(unittest.TestCase):
    """A test with a lab: `self.lab` is made by make_lab() and taken down at the end."""

    def make_lab(self, router="bird", **how):
        folder = tempfile.TemporaryDirectory(prefix="porter-test-")
        os.chmod(folder.name, 0o755)
        self.addCleanup(folder.cleanup)
        self.lab = Lab(folder.name, router, **how)
        self.addCleanup(self.lab.stop)
        self.porter, self.router = self.lab.porter, self.lab.router
        return self.lab

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before and hasattr(self, "log_tail"):
            print(self.log_tail, file=sys.stderr)

    def tearDown(self):
        if hasattr(self, "porter") and os.path.exists(self.porter.log):
            with open(self.porter.log) as log:
                self.log_tail = "porter's last lines:\n" + "".join(log.readlines()[-25:])

    def wait(self, what, condition, seconds=20):
        return space.wait_for(what, condition, seconds)

    def wait_hops(self, prefix, *expected, seconds=20):
        """The router has a route to the prefix over exactly these next hops."""
        try:
            self.wait(prefix, lambda: self.hops(prefix) == sorted(expected), seconds)
        except space.Failure:
            self.fail(f"the router has {prefix} via {self.hops(prefix) or 'nothing'}, not via {sorted(expected) or 'nothing'}")

    def hops(self, prefix):
        """Where the router's kernel sends what is for the prefix."""
        return self.router.host.next_hops(prefix)


def main(package, modules):
    """`python3 -m tests.X [MODULE…]`: exit status 0 if every test of every module passed."""
    if len(sys.argv) > 2 and sys.argv[1] == "--inside":
        space.enter()
        program = unittest.main(module=f"{package}.{sys.argv[2]}", argv=["test", "-v", *sys.argv[3:]], exit=False)
        return 0 if program.result.wasSuccessful() and program.result.testsRun else 1
    wanted = [m for m in modules if not sys.argv[1:] or m in sys.argv[1:]]
    began, passed, failed = time.monotonic(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for module, (done, seconds) in zip(wanted, pool.map(lambda m: timed(run_module, package, m), wanted)):
            lines = re.findall(r"^\w+ \(.*\) ?(?:\n.*?)?\.\.\. (ok|FAIL|ERROR|skipped.*)$", done.stderr, re.M)
            ok = lines.count("ok")
            passed += ok
            bad = max(len(lines) - ok, 0 if done.returncode == 0 else 1)
            failed += bad
            print(f"{package}.{module}: {ok} passed, {bad} failed ({seconds:.0f} s)", flush=True)
            if bad:
                print(done.stdout + done.stderr, flush=True)
    print(f"{package}: {time.monotonic() - began:.0f} s\n{passed} passed, {failed} failed", flush=True)
    return 0 if passed and not failed else 1


def timed(work, *arguments):
    began = time.monotonic()
    return work(*arguments), time.monotonic() - began


def run_module(package, module):
    command = [sys.executable, "-m", package, "--inside", module]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=BOUND, preexec_fn=space.die_with_parent)
    except subprocess.TimeoutExpired as late:
        text = late.stderr.decode() if isinstance(late.stderr, bytes) else late.stderr or ""
        return subprocess.CompletedProcess(command, 1, "", f"{text}\n{module}: not done within {BOUND} s")
