# SPDX-License-Identifier: Apache-2.0
"""No SIGKILL moves an address or gives one twice, whenever it comes.

Each round writes more Services, kills Porter after a random while, and starts it again; whatever address any
answer of Porter ever named for a Service is the one it keeps. PORTER_CRASHES sets the rounds, PORTER_SEED the seed.
"""
import os
import random
import time

from lab import porter
from lab.space import Failure
from tests.harness import LabCase

SERVICES = 500
ROUNDS = int(os.environ.get("PORTER_CRASHES", "25"))
SEED = int(os.environ.get("PORTER_SEED", "0")) or random.randrange(1, 1 << 30)


class Sigkill(LabCase):
    def test_no_address_moves_and_none_is_given_twice(self):
        print(f"seed {SEED}, {ROUNDS} rounds")
        random.seed(SEED)
        self.make_lab()
        p = self.porter
        p.write("pool", porter.eip("lan", "10.64.0.0/16"))
        p.write("bgp", porter.conf())
        p.write("nodes", *self.lab.node_objects())
        self.seen, written = {}, 0
        for _ in range(ROUNDS):
            written = min(SERVICES, written + random.randint(1, 2 * SERVICES // ROUNDS))
            p.start()
            self.write_services(written)
            pause = time.monotonic() + random.choice((0, 0.002, 0.01, 0.05, 0.2)) * random.random()
            while time.monotonic() < pause:
                pass
            if random.random() < 0.5:
                self.look()
            p.kill()
        self.write_services(SERVICES)
        p.start()
        try:
            self.wait(f"{SERVICES} addresses", lambda: self.look() >= SERVICES, 20)
        except Failure:
            missing = next(name for i in range(SERVICES) if (name := f"default/s{i}") not in self.seen)
            self.fail(f"{SERVICES - len(self.seen)} Services without a route, among them:\n{p.ask('explain', 'service', missing).stdout}")
        self.assertEqual(len(set(self.seen.values())), SERVICES)

    def write_services(self, count):
        objects = []
        for i in range(count):
            objects += [porter.service(f"s{i}"), porter.endpoints(f"s{i}", ["n1"])]
        self.porter.write("services", *objects)

    def look(self):
        """Every address that is announced now belongs to one Service, and it is the one seen before."""
        routes = self.porter.json("routes")["items"]
        for route in routes:
            self.assertEqual(len(route["services"]), 1, route)
            service, address = route["services"][0], route["prefix"]
            self.assertEqual(self.seen.setdefault(service, address), address, f"{service} moved")
        holders = {}
        for service, address in self.seen.items():
            self.assertEqual(holders.setdefault(address, service), service, f"{address} was given twice")
        return len(routes)
