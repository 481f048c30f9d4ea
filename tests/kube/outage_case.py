# SPDX-License-Identifier: Apache-2.0
"""What the tests of outages have in common: a Service whose route must not change, and the proof that life goes on."""
import time

from tests.kube.case import KubeCase

FIRST, SECOND = "198.51.100.0", "198.51.100.1"


class OutageCase(KubeCase):
    limit = 240

    def settle(self, proxy=None, **how):
        """Everything runs, one Service is announced."""
        self.begin(proxy=proxy, **how)
        self.lab.add_service("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.monitor = self.watch_routes()

    def check_it_goes_on(self, seconds=60):
        """No route has changed, everything that ran still runs, and a new Service comes through."""
        changed = [line for line in self.monitor() if f"{FIRST} " in line]
        self.assertEqual(changed, [])
        for command in (*self.lab.controllers, *self.lab.speakers.values()):
            command.check()
        self.lab.add_service("next")
        self.wait_addresses("next", [SECOND], seconds=seconds)
        self.wait_hops(f"{SECOND}/32", self.hops(), seconds=seconds)

    def stay(self, seconds=15):
        """Long enough to notice; the routes are looked at all the while."""
        end = time.monotonic() + seconds
        self.wait("the outage", lambda: self.assertEqual(self.router.host.next_hops(f"{FIRST}/32"), self.hops())
                  or time.monotonic() > end, seconds + 5, pause=0.5)
