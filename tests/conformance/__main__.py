# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own end-to-end specs for load balancers, run against Porter: python3 -m tests.conformance [WORDS OF A SPEC…]

docs/conformance.md lists every spec with its result. One that fails ends the program with status 1, unless the page says that it
fails; so does a spec that the page does not know, or one of the page's that is not there. UPDATE_GOLDEN=1 writes into the page what
was seen. What each spec said is left in build/conformance.
"""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from lab import space
from tests.conformance.cluster import ConformanceLab
from tools.kube import build

PAGE, LEFT = "docs/conformance.md", "build/conformance"
AT_ONCE = 2
# Seconds: for all, for one spec, for one that is known to fail and would wait for what does not come.
TOTAL, ONE, FAILING = 45 * 60, 20 * 60, 4 * 60
ROW = re.compile(r"^\| (LoadBalancers.*?) \| (L[34]) \| (passes|fails)(.*?) \| +(\d+) \|$", re.M)


class Spec:
    def __init__(self, texts, leaf):
        self.leaf = leaf
        self.name = re.sub(r" *\[[^]]*\]", "", " ".join((*texts, leaf))).strip()
        # A node remembers by itself which client goes where. Only a router that sends all of a client's connections to one node keeps that.
        self.hashed = "L3" if "session affinity" in self.name else "L4"
        self.state, self.seconds, self.words = "not run", 0, ""

    @property
    def result(self):
        return "passes" if self.state == "passed" else "fails"

    def file(self, ending):
        return os.path.join(LEFT, re.sub(r"[^a-z0-9]+", "-", self.name.lower()) + ending)


def reason(failure):
    """Its first line, and the step that ran out of time."""
    step = (failure.get("ProgressReport") or {}).get("CurrentStepText")
    return failure.get("Message", "").strip().partition("\n")[0] + (f" (last step: {step})" if step else "")


class Runner:
    def __init__(self, lab, began):
        self.lab, self.began, self.lock, self.done = lab, began, threading.Lock(), 0
        with open(PAGE) as file:
            self.page = {name: (result, int(seconds)) for name, _, result, _, seconds in ROW.findall(file.read())}

    def command(self, report, *words):
        return [self.lab.programs["e2e.test"], f"--kubeconfig={self.lab.cluster.admin_kubeconfig}", "--provider=skeleton",
                f"--kubectl-path={self.lab.cluster.programs['kubectl']}", "--dump-logs-on-failure=false", "--ginkgo.no-color", "--ginkgo.v",
                f"--ginkgo.json-report={report}", *words]

    @staticmethod
    def reports(path):
        """Those of the specs themselves, not of what is done before and after them."""
        with open(path) as file:
            return [r for suite in json.load(file) for r in suite["SpecReports"] or [] if r["LeafNodeType"] == "It" and r["State"] != "skipped"]

    def specs(self):
        path = os.path.join(LEFT, "list.json")
        self.lab.client.exec(*self.command(path, "--ginkgo.dry-run", "--ginkgo.focus=LoadBalancers"), timeout=120)
        return [Spec(r["ContainerHierarchyTexts"], r["LeafNodeText"]) for r in self.reports(path)]

    def expected(self, spec):
        return self.page.get(spec.name, ("passes", 0))[0]

    def left(self):
        return TOTAL - (time.monotonic() - self.began)

    def run(self, spec):
        limit = int(min(FAILING if self.expected(spec) == "fails" else ONE, self.left()))
        if limit < 60:
            return self.say(f"no time left for: {spec.name}")
        self.say(f"runs: {spec.name}")
        report, began = spec.file(".json"), time.monotonic()
        process = self.lab.client.spawn(*self.command(report, f"--ginkgo.focus=LoadBalancers.*{re.escape(spec.leaf)}", f"--ginkgo.timeout={limit}s"),
                                        log=spec.file(".log"))
        try:
            process.wait(limit + 120)  # its own limit comes first, and it takes away what it made
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        spec.seconds = round(time.monotonic() - began)
        found = self.reports(report) if os.path.exists(report) else []
        if len(found) != 1:
            spec.state, spec.words = "failed", f"{len(found)} specs ran, see {spec.file('.log')}"
        else:
            spec.state, spec.words = found[0]["State"], reason(found[0].get("Failure") or {})
        with self.lock:
            self.done += 1
        self.say(f"{self.done}: {spec.state} in {spec.seconds} s: {spec.name}{self.because(spec)}")

    @staticmethod
    def because(spec):
        return f"\n    {spec.words}" if spec.words else ""

    def say(self, text):
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)

    def run_all(self, specs):
        """The longest first, as the page knows them; one way of the router at a time."""
        specs = sorted(specs, key=lambda s: -self.page.get(s.name, ("", 0))[1])
        for hashed in ("L4", "L3"):
            self.lab.hash_by(hashed)
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                try:
                    list(pool.map(self.run, (s for s in specs if s.hashed == hashed)))
                except BaseException:  # interrupted: nobody waits for what still runs
                    for process in self.lab.client.processes:
                        process.kill()
                    raise

    def judge(self, specs, whole):
        """Prints the table; what is wrong, in words."""
        wrong = []
        for spec in specs:
            expected = self.page.get(spec.name, ("not on the page",))[0]
            print(f"{spec.result:7} {spec.seconds:5} s  {spec.hashed}  {spec.name}{'' if spec.result == expected else f'  ({PAGE}: {expected})'}")
            if expected == "not on the page" or spec.state == "not run" or (spec.result == "fails" and expected == "passes"):
                wrong.append(f"{spec.name}: {spec.state}; {PAGE}: {expected}{self.because(spec)}")
            elif spec.result != expected:
                print(f"  it passed: {PAGE} may say so")
        if whole:
            wrong += [f"{name}: on {PAGE}, but not among the specs" for name in self.page.keys() - {s.name for s in specs}]
        return wrong

    def write(self, specs):
        """What was seen, into the page's table."""
        seen = {s.name: s for s in specs if s.state != "not run"}

        def row(found):
            name, hashed, result, why, seconds = found.groups()
            spec = seen.pop(name, None)
            if spec:
                hashed, seconds, why, result = spec.hashed, spec.seconds, why if spec.result == result else "", spec.result
            return f"| {name} | {hashed} | {result}{why} | {seconds} |"

        with open(PAGE) as file:
            text = ROW.sub(row, file.read())
        new = "".join(f"| {s.name} | {s.hashed} | {s.result} | {s.seconds} |\n" for s in seen.values())
        head = re.search(r"^\| spec \|.*\n\|[-|: ]+\|\n", text, re.M)
        with open(PAGE, "w") as file:
            file.write(text[:head.end()] + new + text[head.end():])


def out_of_time(*_):
    raise space.Failure(f"not done within {TOTAL / 60:.0f} minutes and five more")


def main(words):
    try:
        if os.environ.get(space.INSIDE) != "here":
            build.provide((*build.NEEDED, *build.NODES, "helm4", *build.E2E))  # out here there is a network
    except build.NotAvailable as reason:
        print(f"tests.conformance cannot run: {reason}", file=sys.stderr)
        return 77
    space.enter()
    began = time.monotonic()
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(TOTAL + 300)
    shutil.rmtree(LEFT, ignore_errors=True)
    os.makedirs(LEFT)
    with tempfile.TemporaryDirectory(prefix="porter-conformance-") as folder:
        os.chmod(folder, 0o755)
        lab = ConformanceLab(os.path.join(folder, "lab"))
        try:
            runner = Runner(lab, began)
            runner.say("starts a cluster of three nodes")
            lab.start()
            runner.say("installs Porter with Helm")
            lab.install_porter()
            specs = runner.specs()
            whole = not words
            specs = [s for s in specs if whole or any(w in s.name for w in words)]
            runner.say(f"{len(specs)} specs, {AT_ONCE} at a time, {TOTAL // 60} minutes at most; what they say goes to {LEFT}")
            runner.run_all(specs)
        except Exception:
            print(lab.logs(), file=sys.stderr)
            raise
        finally:
            lab.stop()
    wrong = runner.judge(specs, whole)
    if os.environ.get("UPDATE_GOLDEN"):
        runner.write(specs)
    passed = sum(s.state == "passed" for s in specs)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"tests.conformance: {time.monotonic() - began:.0f} s\n{passed} passed, {len(specs) - passed} failed, {len(wrong)} not as {PAGE} says")
    return 1 if wrong or not specs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
