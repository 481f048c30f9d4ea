# SPDX-License-Identifier: Apache-2.0
"""Watches that fall silent and stay open: no error tells of it, and a watch is believed until its own timeout has passed."""
from tests.kube.outage_case import SECOND, OutageCase

LONGEST_WATCH = 305  # seconds: ListWatch::kLongestWatch and kGrace


class Silence(OutageCase):
    limit = 420

    def test_a_watch_that_falls_silent_is_noticed(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        self.assertGreater(proxy.silence_watches("services|endpointslices|nodes|eip"), 0)
        self.lab.add_service("next")
        self.wait_hops(f"{SECOND}/32", self.hops(), seconds=LONGEST_WATCH + 20)
