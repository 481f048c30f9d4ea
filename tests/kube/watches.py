# SPDX-License-Identifier: Apache-2.0
"""Watches that are cut, expire or fall silent, and a server that is slow, busy or wrong: the proxy between makes it so."""
import base64
import json
import time

from tests.kube.outage_case import OutageCase

ROUTES = "services|endpointslices|nodes|eip"


class Watches(OutageCase):
    def test_cut_watches_are_resumed_without_a_list(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        began = time.monotonic()
        cut = proxy.cut_watches()
        self.assertGreater(cut, 0)
        self.wait("the watches are back", lambda: proxy.open_watches() >= cut, 40)
        # A list of one object asks whether the storage is still the one it was; it is no list of all.
        self.assertEqual([r.target for r in proxy.seen("LIST", ROUTES, began) if not r.target.endswith("?limit=1")], [])
        self.check_it_goes_on()

    def test_a_watch_that_expires_is_followed_by_a_list(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        began = time.monotonic()
        self.assertGreater(proxy.expire_watches("/services"), 0)
        self.wait("a list", lambda: proxy.seen("LIST", "/services", began) or any(
            "sendInitialEvents=true" in r.target for r in proxy.seen("WATCH", "/services", began)), 40)
        self.check_it_goes_on()

    def test_429_and_retry_after_are_honoured(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        fault = proxy.fault(path=ROUTES, status=429, headers={"Retry-After": "2"}, seconds=8)
        began = time.monotonic()
        proxy.cut_watches()
        self.stay(8)
        asked = [r for r in proxy.seen(path=ROUTES, since=began) if r.status == 429]
        self.assertGreater(fault.hits, 0)
        clients = len(self.lab.controllers) + len(self.lab.speakers)
        for target in {r.target.partition("?")[0] for r in asked}:
            count = sum(1 for r in asked if r.target.startswith(target))
            self.assertLess(count, 8 * clients, target)  # each about once in two seconds, not in a loop
        self.check_it_goes_on()

    def test_server_errors_for_a_while_change_nothing(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        proxy.fault(status=500, seconds=6)
        proxy.cut_connections()
        self.stay(8)
        self.check_it_goes_on()

    def test_five_seconds_of_latency_move_nothing_and_end_nobody(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        proxy.latency = 5.0
        self.stay(25)
        proxy.latency = 0.0
        self.check_it_goes_on(90)

    def test_answers_that_contradict_are_no_reason_to_withdraw(self):
        """An empty answer in the place of a list's is not the news that everything was deleted."""
        proxy = self.lab.proxy()
        self.settle(proxy)
        proxy.fault(method="LIST", path="/services", status=200, seconds=5)
        proxy.expire_watches("/services")
        self.stay(8)
        self.check_it_goes_on()

    def test_at_most_eight_watches_a_speaker(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        kinds = {r.target.partition("?")[0] for r in proxy.seen("WATCH") if account_of(r).endswith(":porter-speaker")}
        self.assertTrue(kinds)
        self.assertLessEqual(len(kinds), 8, sorted(kinds))
        self.assertFalse([r.target for r in proxy.seen(path="/secrets") if r.verb in ("LIST", "WATCH") and "metadata.name" not in r.target])


def account_of(request):
    """The ServiceAccount in the token's claims."""
    token = request.header("authorization").removeprefix("Bearer ").split(".")
    return json.loads(base64.urlsafe_b64decode(token[1] + "=="))["sub"] if len(token) == 3 else ""
