# SPDX-License-Identifier: Apache-2.0
"""A cluster of a size people have: what is written, how big it is, what it costs. `make bench` runs it with 5,000 Services.

Nodes, Services and EndpointSlices are plain API objects; one node has a real speaker, and a peer that only listens
beside the router. Figures are printed and never judged here, but for what does not depend on the machine: how much
is written and how big it is.
"""
import json
import os
import re
import statistics
import time

from lab import porter
from lab.api import condition
from lab.kube_topology import endpoints
from lab.receiver import Receiver
from tests.kube.case import KubeCase, conf

SERVICES = int(os.environ.get("PORTER_SCALE_SERVICES", "500"))
NODES = int(os.environ.get("PORTER_SCALE_NODES", "200"))
SINGLES = int(os.environ.get("PORTER_SCALE_SINGLES", "50"))
POOL = "10.64.0.0/16"
OBJECT_LIMIT, MEMORY_LIMIT = 100_000, 100  # bytes; MB of controller and speaker together
# Leases, questions in the shape of a write, and what the API server writes for itself.
NO_WRITES = ("leases", "tokenreviews", "subjectaccessreviews", "selfsubjectrulesreviews", "serviceaccounts/token", "ipaddresses")
KINDS = ("Service", "Eip", "EipAddress", "BgpPeer", "BgpConf", "BgpNodeState")
REQUEST = re.compile(r'^apiserver_request_total\{(.*)\} (\S+)$', re.M)


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def spread(values):
    """Milliseconds, as people read them."""
    return f"{statistics.median(values) * 1000:.1f} ms, p99 {percentile(values, .99) * 1000:.1f} ms"


def resident(command):
    """MB of a Command's process."""
    with open(f"/proc/{command.process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def cpu_seconds(command):
    with open(f"/proc/{command.process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watcher:
    """lab.watcher as a process, and what it saw."""

    def __init__(self, lab, path):
        cluster, self.path = lab.cluster, path
        open(path, "w").close()
        keys = cluster.pki
        self.process = lab.control.spawn("python3", "-m", "lab.watcher", cluster.address, cluster.port, keys.certificate,
                                         keys.path("admin.crt"), keys.path("admin.key"), path, log=path + ".err")

    def first(self):
        """{Service: (seconds of its first event, seconds of the first that shows an address, the address)}"""
        out = {}
        with open(self.path) as file:
            for line in file:
                at, _, name, shown, _ = line.rstrip("\n").split("\t") if line.endswith("\n") else (0, "", "", "", "")
                if not name:
                    continue
                came, assigned, address = out.get(name, (float(at), None, ""))
                if shown and assigned is None:
                    assigned, address = float(at), shown
                out[name] = (came, assigned, address)
        return out

    def said(self):
        """{Service: [what its conditions said, each once]}, of those that said more than one thing."""
        out = {}
        with open(self.path) as file:
            for _, _, name, _, said in (line.rstrip("\n").split("\t") for line in file):
                if said and said not in out.setdefault(name, []):
                    out[name].append(said)
        return {name: all_said for name, all_said in out.items() if len(all_said) > 1}


class Scale(KubeCase):
    nodes, limit, controllers_of_kubernetes = 1, 500 + SERVICES // 5, False

    def setUp(self):
        super().setUp()
        self.api.create_many([porter.node(f"far-{i}", [f"10.1.{i // 250}.{i % 250 + 1}"]) for i in range(NODES - self.nodes)])
        self.receiver = Receiver(self.router.host, "172.30.0.1", os.path.join(self.lab.folder, "receiver.log"))
        self.addCleanup(self.receiver.process.kill)
        self.watcher = Watcher(self.lab, os.path.join(self.lab.folder, "watcher.log"))
        self.addCleanup(self.watcher.process.kill)
        self.begin()
        self.api.put(porter.peer("receiver", "172.30.0.1", families=("AFI_IP",), transport={"remotePort": 1179}),
                     porter.eip("big", POOL, priority=-1))
        self.wait("the receiver's session", lambda: any(line.word == "open" for line in self.receiver.read()))
        self.wait("the controller knows of the sessions", lambda: all(
            condition(peer, "Established").get("status") == "True" for peer in self.api.list("BgpPeer")), 30)

    def sweep(self):
        """Nobody comes behind: the cluster goes as a whole."""
        self.lab.reset_porter()

    @property
    def controller(self):
        return self.lab.controllers[0]

    @property
    def speaker(self):
        return self.lab.speakers["n1"]

    def writes(self):
        """{(verb, resource/subresource): how many the API server has answered}, Leases and its own business left out."""
        out = {}
        for labels, value in REQUEST.findall(self.api.ask("GET", "/metrics")):
            label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if label["verb"] not in ("POST", "PUT", "PATCH", "APPLY", "DELETE") or not label["code"].startswith("2"):
                continue
            resource = "/".join(filter(None, (label["resource"], label["subresource"])))
            if resource in NO_WRITES:
                continue
            key = (label["verb"], resource)
            out[key] = out.get(key, 0) + int(float(value))
        return out

    def written_since(self, before):
        return {key: count - before.get(key, 0) for key, count in sorted(self.writes().items()) if count != before.get(key, 0)}

    def wait_quiet(self, seconds=60, but=("events",)):
        """Until nothing but these has been written for longer than any of Porter's paces (a peer's status: 10 s).

        Events wait for their turn, ten a second."""
        def written():
            return {key: count for key, count in self.writes().items() if key[1] not in but}
        last, since = written(), time.monotonic()

        def quiet():
            nonlocal last, since
            now = written()
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > 11
        self.wait("nothing is written any more", quiet, seconds, pause=0.5)

    def wait_announced(self, count, seconds=180 + SERVICES // 20):
        self.wait(f"{count} prefixes at the receiver", lambda: len(self.receiver.table()) == count, seconds, pause=0.05)

    def say(self, what, figure):
        print(f"  scale, {SERVICES} Services, {NODES} nodes: {what}: {figure}", flush=True)

    def create(self, name):
        """A Service whose EndpointSlice is there already; when it was posted."""
        self.api.create(endpoints(name, ["n1"]))
        posted = time.monotonic()
        self.api.create(porter.service(name, allocateLoadBalancerNodePorts=False))
        return posted

    def test_what_a_cluster_costs(self):
        before, mark, began, cpu = self.writes(), self.receiver.mark(), time.monotonic(), cpu_seconds(self.controller)
        self.lab.bulk_services(SERVICES)
        created = time.monotonic() - began
        self.wait_announced(SERVICES)
        self.say("created at once", f"{created:.1f} s to create, {time.monotonic() - began:.1f} s to the last prefix, "
                 f"{sum(1 for line in self.receiver.since(mark) if line.word == 'update')} UPDATEs, "
                 f"CPU controller {cpu_seconds(self.controller) - cpu:.2f} s, speaker {cpu_seconds(self.speaker):.2f} s")
        self.wait_quiet()
        self.check_writes_of_creation(self.written_since(before))
        self.check_one_at_a_time()
        self.check_deletion_of_one()
        self.check_sizes()
        self.check_withdrawal_of_all()
        self.check_restart_of_the_speaker()
        self.check_restart_of_the_controller()

    def check_writes_of_creation(self, written):
        self.say("written", ", ".join(f"{verb} {resource} {count}" for (verb, resource), count in written.items()))
        self.assertEqual(written.get(("POST", "eipaddresses")), SERVICES)
        statuses = sum(count for (_, resource), count in written.items() if resource == "services/status")
        said = self.watcher.said()
        self.assertEqual(statuses, SERVICES, "one write of a new Service's status, and no other; "
                         f"of {len(said)} that said more than one thing: {dict(list(said.items())[:3])}")

    def check_one_at_a_time(self):
        posted = {}
        for i in range(SINGLES):
            posted[f"one{i}"] = self.create(f"one{i}")
            self.wait_announced(SERVICES + i + 1, 20)
        self.wait("the watcher has seen them", lambda: sum(1 for n, (_, shown, _) in self.watcher.first().items()
                                                           if n.startswith("one") and shown) == SINGLES)
        heard, seen = self.receiver.table(), self.watcher.first()
        of_these = [(at, *seen[name][:2], heard[f"{seen[name][2]}/32"]) for name, at in posted.items()]
        self.say("one at a time, POST of the Service -> UPDATE", spread([wire - at for at, _, _, wire in of_these]))
        self.say("one at a time, Service seen by a bare watcher -> UPDATE", spread([wire - came for _, came, _, wire in of_these]))
        self.say("one at a time, status seen by a bare watcher -> UPDATE", spread([wire - shown for _, _, shown, wire in of_these]))

    def check_deletion_of_one(self):
        self.wait_quiet(60 + SERVICES // 8, but=())
        before = self.writes()
        self.lab.delete_service("one0")
        self.wait_announced(SERVICES + SINGLES - 1)
        self.wait_quiet()
        written = self.written_since(before)
        self.say("written for one deletion", ", ".join(f"{verb} {resource} {count}" for (verb, resource), count in written.items()))
        # Ours to delete were the Service and its EndpointSlice; what Porter adds is the address, and counts that people read.
        mirrors = {"eips/status", "bgppeers/status", "bgpconfs/status", "bgpnodestates", "bgpnodestates/status", "events"}
        other = {key: count for key, count in written.items() if key[1] not in mirrors}
        self.assertEqual(other, {("DELETE", "services"): 1, ("DELETE", "endpointslices"): 1, ("DELETE", "eipaddresses"): 1})
        for key, count in written.items():
            self.assertLessEqual(count, 2, key)
        self.lab.delete_service("one1")
        posted = self.create("next")
        self.wait("the watcher has seen it", lambda: self.watcher.first().get("next", ("", None))[1] is not None)
        prefix = f"{self.watcher.first()['next'][2]}/32"
        self.wait("it is announced", lambda: prefix in self.receiver.table())
        self.say("the next Service after a deletion", f"{1000 * (self.receiver.table()[prefix] - posted):.1f} ms from POST to UPDATE")

    def check_withdrawal_of_all(self):
        count = len(self.receiver.table())
        self.api.put({"apiVersion": f"{porter.API}/v1alpha2", "kind": "BgpAdvertisement", "metadata": {"name": "all"},
                      "spec": {"eips": ["big"]}})
        self.api.put(conf(advertise="Selected"))
        self.wait_quiet()
        self.assertEqual(len(self.receiver.table()), count)
        mark = self.receiver.mark()
        self.api.delete("BgpAdvertisement", "all")
        self.wait_announced(0)
        lines = self.receiver.since(mark)
        gone = [line.at for line in lines if line.word == "-"]
        self.say("the only BgpAdvertisement deleted", f"{len(gone)} prefixes withdrawn, {1000 * (gone[-1] - gone[0]):.0f} ms from the first "
                 f"to the last, in {sum(1 for line in lines if line.word == 'update')} UPDATEs")
        self.api.put(conf(advertise="All"))
        self.wait_announced(count)
        self.wait_quiet(60 + SERVICES // 40)

    def check_sizes(self):
        biggest = max((len(json.dumps(thing)), f"{kind} {thing['metadata']['name']}") for kind in KINDS for thing in self.api.list(kind))
        memory = resident(self.controller) + resident(self.speaker)
        self.say("largest object", f"{biggest[1]}, {biggest[0]} bytes")
        self.say("memory", f"controller {resident(self.controller):.1f} MB, speaker {resident(self.speaker):.1f} MB")
        self.assertLess(biggest[0], OBJECT_LIMIT)
        with open(self.controller.host.exec("readlink", "-f", f"/proc/{self.controller.process.pid}/exe").stdout.strip(), "rb") as file:
            sanitized = b"__asan_init" in file.read()
        if not sanitized:
            self.assertLess(memory, MEMORY_LIMIT)

    def check_restart_of_the_speaker(self):
        count, mark = len(self.receiver.table()), self.receiver.mark()
        self.speaker.kill()
        began = time.monotonic()
        self.speaker.start()
        self.wait("all of it again", lambda: len(self.receiver.table()) == count and
                  any(line.word == "open" for line in self.receiver.since(mark)), 60)
        lines = self.receiver.since(mark)
        up = next(line.at for line in lines if line.word == "open")
        last = max(line.at for line in lines if line.word == "+")
        self.say("speaker restarted", f"session after {up - began:.2f} s, last prefix {1000 * (last - up):.0f} ms later, "
                 f"{sum(1 for line in lines if line.word == 'update')} UPDATEs, {cpu_seconds(self.speaker):.2f} s of CPU")
        self.assertEqual([line.argument for line in lines if line.word == "-"], [])

    def check_restart_of_the_controller(self):
        self.wait_quiet()
        before = self.writes()
        self.controller.kill()
        self.controller.start()
        self.lab.wait_leader()
        self.wait("it is ready", self.controller.ready, 30)
        self.wait_quiet()
        written = {key: count for key, count in self.written_since(before).items() if key[1] != "events"}
        self.assertEqual(written, {}, f"a restart writes nothing; the speaker said last\n{self.speaker.log_tail(12)}")
