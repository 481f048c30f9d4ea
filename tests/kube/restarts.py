# SPDX-License-Identifier: Apache-2.0
"""Speakers that are killed or upgraded while the API server is away: the routers lose no route, and the plan takes over later."""
import contextlib
import ipaddress
import os
import tempfile

from lab.kube_topology import NAMESPACE
from tests.kube.outage_case import FIRST, SECOND, OutageCase

RESTART_TIME = 10  # seconds a router waits for the session: what is seen after them was told again


class Cases(OutageCase):
    """`kind` names the router."""
    peer = {"gracefulRestart": {"enabled": True, "restartTime": RESTART_TIME}}

    def away(self):
        """The API server ends; it is back when the test is over, whatever it found."""
        self.lab.cluster.kill("kube-apiserver")
        self.addCleanup(lambda: "kube-apiserver" in self.lab.cluster.processes or self.back())

    def back(self):
        self.lab.cluster.spawn("kube-apiserver")
        self.lab.cluster.wait_ready()

    def wait_restart_file(self, speaker):
        """It follows the routes within 200 ms; what it lacks cannot be announced while the API server is away."""
        route = bytes((32, *ipaddress.ip_address(FIRST).packed))

        def written():
            with contextlib.suppress(FileNotFoundError), open(os.path.join(speaker.state, "restart"), "rb") as file:
                return route in file.read()
            return False
        self.wait("the restart file has the route", written)

    def restart(self, end):
        """Every speaker ends as `end` says, and starts again."""
        for speaker in self.lab.speakers.values():
            self.wait_restart_file(speaker)
            end(speaker)
        for speaker in self.lab.speakers.values():
            speaker.start()
        for node in self.lab.nodes:
            self.router.wait_established(self.lab.address(node))

    def check_it_was_replayed(self):
        for speaker in self.lab.speakers.values():
            self.assertIn("routes of the last run are announced", speaker.ask("status").stdout)

    def check_no_session_was_reset(self):
        for name, speaker in self.lab.speakers.items():
            self.wait(f"{name} has planned", lambda s=speaker: "has not answered since the start" not in s.ask("status").stdout, 60)
            self.assertEqual([(p["state"], p["flaps"]) for p in speaker.json("peers")["items"]], [("Established", 0)])

    def test_killed_while_the_api_server_stands_still(self):
        self.settle(peer=self.peer)
        self.lab.cluster.pause()
        self.addCleanup(self.lab.cluster.resume)
        self.restart(lambda speaker: speaker.kill())
        self.stay(RESTART_TIME + 5)
        self.check_it_was_replayed()
        self.lab.cluster.resume()
        self.check_no_session_was_reset()
        self.check_it_goes_on()

    def test_upgraded_while_the_api_server_is_gone(self):
        self.settle(peer=self.peer)
        self.lab.add_service("gone")
        self.wait_hops(f"{SECOND}/32", self.hops())
        self.away()
        self.restart(lambda speaker: self.assertEqual(speaker.stop(), 0))
        self.stay(RESTART_TIME + 5)
        self.wait_hops(f"{SECOND}/32", self.hops())
        self.check_it_was_replayed()
        self.back()
        self.check_no_session_was_reset()
        self.lab.delete_service("gone")
        self.wait_hops(f"{SECOND}/32", [], seconds=60)
        self.assertEqual([line for line in self.monitor() if f"{FIRST} " in line], [])

    def test_a_harmed_file_is_refused_and_nobody_is_dialled(self):
        self.settle(peer=self.peer)
        self.away()
        for speaker in self.lab.speakers.values():
            speaker.kill()
            with open(os.path.join(speaker.state, "restart"), "r+b") as file:
                file.seek(60)
                file.write(b"\xff\x00\xff")
            speaker.start()
        for name, speaker in self.lab.speakers.items():
            self.wait(f"{name} says so", lambda s=speaker: s.answers() and "checksum does not match" in s.log_text())
            self.assertIn("nothing is known to announce", speaker.ask("status").stdout)
            self.assertEqual(speaker.json("peers")["items"], [])
        self.back()
        self.wait_hops(f"{FIRST}/32", self.hops(), seconds=60)

    def test_a_session_with_a_password_is_in_a_file_that_is_on_no_disk(self):
        memory = tempfile.TemporaryDirectory(prefix="porter-", dir="/dev/shm")
        self.addCleanup(memory.cleanup)
        self.api.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tor", "namespace": NAMESPACE},
                      "stringData": {"password": "between-two"}})
        self.addCleanup(self.api.delete, "Secret", "tor", NAMESPACE)
        self.set_password("between-two")
        self.addCleanup(self.set_password, "")
        self.settle(peer={**self.peer, "conf": {"authSecretRef": {"name": "tor", "key": "password"}}}, state=memory.name)
        self.away()
        self.restart(lambda speaker: speaker.kill())
        self.stay(RESTART_TIME + 5)
        for speaker in self.lab.speakers.values():
            self.assertEqual(os.stat(os.path.join(speaker.state, "restart")).st_mode & 0o777, 0o600)
            self.assertNotIn("between-two", speaker.log_text() + speaker.ask("peers", "-o", "json").stdout)
        self.back()
        self.check_no_session_was_reset()
        self.check_it_goes_on()

    def set_password(self, password):
        for neighbor in self.router.settings.neighbors:
            neighbor.password = password
        self.router.reconfigure()


class Bird(Cases):
    kind = "bird"


class Frr(Cases):
    kind = "frr"


def load_tests(loader, _tests, _pattern):
    return loader.suiteClass([loader.loadTestsFromTestCase(case) for case in (Bird, Frr)])
