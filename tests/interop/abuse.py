# SPDX-License-Identifier: Apache-2.0
"""Peers that flood, stall, do not read, and strangers by the thousand: nobody else is hurt, and Porter stays small."""
import os
import re
import sys
import time

from lab import porter
from lab.space import wait_for
from tests.harness import LabCase
from tests.interop.cases import ALL, HOPS, NEIGHBOUR, WEB

MEMORY_LIMIT = 100  # MB
SERVICES = 2_000


class Abuse(LabCase):
    nodes = 5  # n1 is Porter's; from n4 on they are no nodes but hosts of bad peers

    def bad(self, word, host, address, asn):
        path = os.path.join(self.lab.folder, word + ".log")
        return host.spawn(sys.executable, "-m", "lab.bad_peer", word, address, asn, log=path), path

    def sessions(self):
        return {item["name"]: item for item in self.porter.json("peers")["items"]}

    def process_file(self, name):
        with open(f"/proc/{self.porter.process.pid}/{name}") as file:
            return file.read()

    def cpu_seconds(self):
        fields = self.process_file("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_idle(self):
        """Less than a twentieth of a CPU since it was asked last."""
        before, self.spent, since, self.asked = self.spent, self.cpu_seconds(), self.asked, time.monotonic()
        return self.spent - before < (self.asked - since) / 20

    def resident(self):
        return int(re.search(r"VmRSS:\s+(\d+)", self.process_file("status"))[1]) / 1024

    def is_sanitized(self):
        with open(porter.binary(), "rb") as file:
            return b"__asan_init" in file.read()

    def rename_many(self, name):
        """2,000 Services under other names: routes for whoever does not read to fall behind of."""
        self.porter.write("many", *(each for i in range(SERVICES) for each in (
            porter.service(f"{name}{i}", annotations={"eip.porter.kubesphere.io/v1alpha2": "big"}), porter.endpoints(f"{name}{i}", ["n1"]))))

    def test_others_keep_their_session_and_are_told_of_changes(self):
        self.make_lab("bird", nodes=self.nodes)
        words = ("flood", "stall", "deaf")
        hosts = self.lab.nodes[2:5]
        processes = [self.bad(word, host, f"172.30.0.{13 + i}", 65013 + i) for i, (word, host) in enumerate(zip(words, hosts))]
        self.porter.write("bgp", porter.conf(), porter.peer("router", "172.30.0.1"),
                          *(porter.peer(word, f"172.30.0.{13 + i}", asn=65013 + i, families=("AFI_IP",)) for i, word in enumerate(words)))
        self.porter.write("nodes", *self.lab.node_objects()[:2])
        self.porter.write("pools", porter.eip("lan", "198.51.100.0/24"), porter.eip("big", "10.128.0.0/16", autoAssign=False))
        self.porter.write("web", porter.service("web"), porter.endpoints("web", ALL[:2]))
        self.lab.start()
        self.porter.start()
        self.router.wait_established(NEIGHBOUR)
        self.wait_hops(WEB, *HOPS[:2])
        strangers = self.bad("stranger", self.lab.nodes[1], "172.30.0.11", 0)
        self.wait("the flood has come to the limit", lambda: self.sessions()["flood"]["received"]["ignored"] > 500_000, 60)
        self.wait("the strangers are at it", lambda: self.lines(strangers) > 2)
        self.wait("the stalled session is over", lambda: self.sessions()["stall"]["flaps"] > 0, 40)
        before = self.sessions()["flood"]["received"]["ignored"]
        for round_of in range(3):
            self.rename_many(f"s{round_of}-")
            began = time.monotonic()
            self.porter.write("web", porter.service("web", policy="Local"), porter.endpoints("web", [ALL[round_of % 2]]))
            self.wait_hops(WEB, HOPS[round_of % 2], seconds=10)
            print(f"  abuse: a change was in the router's kernel after {1000 * (time.monotonic() - began):.0f} ms", flush=True)
        peak = self.resident()
        print(f"  abuse: {peak:.0f} MB, {self.last(strangers)} of strangers, {self.last(processes[0])}", flush=True)
        self.assertNotEqual(self.sessions()["flood"]["received"]["ignored"], before, "the flood was still on")
        good = self.sessions()["router"]
        self.assertEqual((good["state"], good["flaps"]), ("Established", 0))
        if not self.is_sanitized():
            self.assertLess(peak, MEMORY_LIMIT)
        for process, _ in (*processes, strangers):
            process.kill()
            process.wait(10)
        self.wait("the bad ones are gone", lambda: all(self.sessions()[word]["state"] != "Established" for word in words), 30)
        self.spent, self.asked = self.cpu_seconds(), time.monotonic()
        wait_for("two seconds that take hardly any CPU", self.is_idle, 60, pause=2)

    def lines(self, bad):
        with open(bad[1]) as file:
            return sum(1 for _ in file)

    def last(self, bad):
        with open(bad[1]) as file:
            return file.readlines()[-1].strip()
