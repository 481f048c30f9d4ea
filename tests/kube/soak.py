# SPDX-License-Identifier: Apache-2.0
"""A long bad day by seed: Services, endpoints, nodes, peers, processes and the API server change and fail at random.

Now and then everything comes to rest: faults are lifted, what was killed is started. Then a checker that shares no
code with Porter computes from the API objects what the router must have, and compares. PORTER_SOAK_SECONDS (120) and
PORTER_SOAK_SEED choose how long and which day.
"""
import collections
import os
import random
import time

from lab import porter
from lab.api import ApiError
from lab.kube_topology import endpoints, ingress
from lab.space import Failure
from tests.kube.case import KubeCase

SECONDS = int(os.environ.get("PORTER_SOAK_SECONDS", "120"))
SEED = int(os.environ.get("PORTER_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
MOST, ROUND, REST = 60, 15, 60  # Services; seconds of churn between two rests; seconds that a rest may take
POOLS = ("198.51.100.0/26", "198.51.100.64/26")


class Soak(KubeCase):
    limit = SECONDS + 180

    def setUp(self):
        super().setUp()
        self.random, self.done, self.number, self.moved = random.Random(SEED), collections.Counter(), 0, {}
        self.proxy = self.lab.proxy()
        self.addCleanup(lambda: "kube-apiserver" in self.lab.cluster.processes or self.lab.cluster.restart())
        self.begin(controllers=2, proxy=self.proxy)
        self.api.put(*(porter.eip(f"pool{i}", address, priority=-1 - i) for i, address in enumerate(POOLS)))

    # What happens. Each is one change; names are what the summary prints.
    def services(self):
        return [s["metadata"]["name"] for s in self.api.list("Service", "default") if s["spec"].get("type") == "LoadBalancer"]

    def some(self):
        names = self.services()
        return self.random.choice(names) if names else None

    def some_nodes(self):
        return [n.name for n in self.lab.nodes if self.random.random() < 0.6]

    def create(self):
        if len(self.services()) < MOST:
            self.number += 1
            self.lab.add_service(f"s{self.number}", self.some_nodes(), policy=self.random.choice(["Cluster", "Local"]))

    def delete(self):
        name = self.some()
        if name:
            self.lab.delete_service(name)

    def recreate(self):
        """Deleted and there again at once under another uid."""
        name = self.some()
        if name:
            self.api.delete("Service", name)
            self.api.create(porter.service(name, policy="Local", allocateLoadBalancerNodePorts=False))

    def move_endpoints(self):
        name = self.some()
        if name:
            self.api.replace(endpoints(name, self.some_nodes(), ready=self.random.random() < 0.9))

    def change_policy(self):
        name = self.some()
        if name:
            self.api.patch("Service", name, {"spec": {"externalTrafficPolicy": self.random.choice(["Cluster", "Local"])}})

    def disown(self):
        """The type changes to ClusterIP: what was ours is released."""
        name = self.some()
        if name:
            self.api.patch("Service", name, {"spec": {"type": "ClusterIP", "externalTrafficPolicy": None, "allocateLoadBalancerNodePorts": None}})

    def flip_node(self):
        self.lab.set_ready(self.random.choice(self.lab.nodes).name, self.random.choice(["True", "False"]))

    def disable_pool(self):
        self.api.patch("Eip", self.random.choice(["pool0", "pool1"]), {"spec": {"disable": self.random.random() < 0.5}})

    def shut_peer(self):
        self.api.patch("BgpPeer", "router", {"spec": {"conf": {"adminDown": True}}})
        self.api.patch("BgpPeer", "router", {"spec": {"conf": {"adminDown": False}}})

    def kill_leader(self):
        leader = self.lab.leader()
        if leader:
            leader.kill()
            leader.start()

    def pause_leader(self):
        leader = self.lab.leader()
        if leader and leader not in self.paused:
            leader.pause()
            self.paused.append(leader)

    def restart_speaker(self):
        speaker = self.lab.speakers[self.random.choice(self.lab.nodes).name]
        self.random.choice([speaker.kill, speaker.stop])()
        speaker.start()

    def spoil(self):
        """A few requests go wrong."""
        how = self.random.choice([{"status": 429, "headers": {"Retry-After": "1"}}, {"status": 500}, {"status": 503}, {"drop": True},
                                  {"drop": True, "after": True}, {"delay": 1.5}])
        self.proxy.fault(method=self.random.choice(["POST", "PATCH", "DELETE", "LIST", "WATCH", ""]), times=self.random.randint(1, 5), **how)

    def spoil_watches(self):
        self.random.choice([self.proxy.cut_watches, self.proxy.end_watches, self.proxy.expire_watches, self.proxy.silence_watches,
                            self.proxy.cut_connections])()

    def slow_api(self):
        self.proxy.latency = self.random.choice([0.05, 0.2, 0.5])

    def restart_api_server(self):
        self.lab.cluster.restart()

    CHANGES = {create: 30, delete: 10, recreate: 4, move_endpoints: 25, change_policy: 8, disown: 3, flip_node: 8, disable_pool: 3,
               shut_peer: 1, kill_leader: 2, pause_leader: 1, restart_speaker: 3, spoil: 10, spoil_watches: 4, slow_api: 2,
               restart_api_server: 0.3}

    def churn(self):
        end, self.paused = time.monotonic() + ROUND, []
        while time.monotonic() < end:
            change = self.random.choices(list(self.CHANGES), list(self.CHANGES.values()))[0]
            try:
                change(self)
                self.done[change.__name__] += 1
            except ApiError as error:
                if error.status not in (404, 409):  # what it was about has gone or changed meanwhile
                    raise

    def rest(self):
        """Faults are lifted, everybody runs."""
        self.proxy.lift()
        self.proxy.latency = 0.0
        self.proxy.silence_watches(silent=False)
        for paused in self.paused:
            paused.resume()
        for command in (*self.lab.controllers, *self.lab.speakers.values()):
            command.check()

    # What must be, computed from nothing but the API's objects.
    def expected(self):
        """({Service: address}, {prefix: next hops}, what is wrong already)"""
        node_ready = {n["metadata"]["name"]: all(c["status"] != "False" for c in n["status"]["conditions"] if c["type"] == "Ready")
                      for n in self.api.list("Node")}
        slices = {s["metadata"]["labels"]["kubernetes.io/service-name"]: s.get("endpoints") or [] for s in self.api.list("EndpointSlice", "default")
                  if "kubernetes.io/service-name" in s["metadata"].get("labels", {}) and s["metadata"]["name"].endswith("-ipv4")}
        records, addresses, routes, wrong = {}, {}, {}, []
        for record in self.api.list("EipAddress"):
            for holder in record["spec"].get("services", []):
                records[(holder["name"], holder["uid"])] = record["metadata"]["name"]
        for service in self.api.list("Service", "default"):
            name, uid, shown = service["metadata"]["name"], service["metadata"]["uid"], ingress(service)
            ours = service["spec"].get("type") == "LoadBalancer"
            if not ours:
                if shown or (name, uid) in records:
                    wrong.append(f"{name} is not ours and has {shown or records[(name, uid)]}")
                continue
            if len(shown) != 1 or records.pop((name, uid), None) != shown[0]:
                wrong.append(f"{name} shows {shown}: {self.conditions(name)}")
                continue
            if shown[0] in addresses.values():
                wrong.append(f"{shown[0]} was given twice")
            addresses[name] = shown[0]
            ready = {e["nodeName"] for e in slices.get(name, []) if e["conditions"]["ready"]}
            serving = {e["nodeName"] for e in slices.get(name, []) if e["conditions"]["serving"]}
            of_those = ready or serving
            local = service["spec"].get("externalTrafficPolicy") == "Local"
            hops = {n for n, is_ready in node_ready.items() if is_ready and (n in of_those if local else of_those)}
            if hops:
                routes[shown[0]] = self.hops(*hops)
        wrong += [f"{address} is held for {name} ({uid}), which is not there" for (name, uid), address in records.items()]
        return addresses, routes, wrong

    def at_rest(self):
        """"" if API and router agree, otherwise the first few things that do not."""
        addresses, routes, wrong = self.expected()
        shown = self.router.host.ip_json("-4", "route", "show", "proto", "bird")
        there = {r["dst"]: sorted([r["gateway"]] if "gateway" in r else [h["gateway"] for h in r.get("nexthops", [])]) for r in shown}
        wrong += [f"{p}: the router has {there.get(p, 'nothing')}, due is {routes.get(p, 'nothing')}"
                  for p in sorted({*there, *routes}) if there.get(p) != routes.get(p)]
        # An address stays until the user's own change makes it illegal: here only deletion and change of type do.
        for service in self.api.list("Service", "default"):
            name, uid = service["metadata"]["name"], service["metadata"]["uid"]
            if name in addresses and self.moved.get(uid, addresses[name]) != addresses[name]:
                wrong.append(f"{name} moved from {self.moved[uid]} to {addresses[name]}")
        return "; ".join(wrong[:5])

    def test_api_and_router_agree_whenever_there_is_peace(self):
        print(f"  soak: {SECONDS} s, seed {SEED}", flush=True)
        end, rests = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            self.churn()
            self.rest()
            began = time.monotonic()
            try:
                self.wait("agreement", lambda: not self.at_rest(), REST, pause=0.2)
            except Failure:
                self.fail(f"{self.at_rest() or 'agreement came too late'}; seed {SEED}, after {dict(self.done)}")
            addresses = self.expected()[0]
            self.moved = {s["metadata"]["uid"]: addresses[s["metadata"]["name"]] for s in self.api.list("Service", "default")
                          if s["metadata"]["name"] in addresses}
            rests += 1
            print(f"  soak: rest {rests} after {time.monotonic() - began:.1f} s, {len(addresses)} Services, {sum(self.done.values())} changes",
                  flush=True)
        print(f"  soak: {dict(self.done)}", flush=True)
        self.assertGreater(sum(self.done.values()), SECONDS)
