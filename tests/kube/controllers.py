# SPDX-License-Identifier: Apache-2.0
"""Controllers that die, sleep and wake, and a cluster that forgets: no address moves and none is given twice."""
import random
import threading
import time

from lab import porter
from lab.api import MERGE
from lab.kube_topology import NAMESPACE
from tests.kube.case import KubeCase

SERVICES = 500
FIRST = "198.51.100.0"
BIG = "10.64.0.0/16"


class Controllers(KubeCase):
    nodes = 1
    limit = 240

    def begin_two(self, speakers=False):
        self.begin(controllers=2, speakers=speakers)
        self.api.put(porter.eip("big", BIG, priority=-1))
        self.lab.wait_leader()

    def wait_all_assigned(self, count, seconds=90):
        """Every Service has exactly one address, as its EipAddress says; no condition is missing."""
        def assigned():
            return sum(1 for found in self.all_addresses().values() if len(found) == 1) == count
        try:
            self.wait(f"{count} addresses", assigned, seconds, pause=0.5)
        except Exception:
            missing = [n for n, found in self.all_addresses().items() if not found]
            self.fail(f"{len(missing)} of {count} Services have no address, {missing[:3]}; the first: "
                      f"{self.conditions(*reversed(missing[0].split('/'))) if missing else ''}")
        self.check_agreement()

    def test_a_leader_killed_during_500_creations_leaves_each_with_one_address(self):
        self.begin_two()
        creation = threading.Thread(target=self.lab.bulk_services, args=(SERVICES,))
        creation.start()
        rounds = 0
        while creation.is_alive() or rounds < 3:
            leader = self.lab.wait_leader()
            time.sleep(random.uniform(0.1, 0.6))  # somewhere in the middle of its work
            leader.kill()
            rounds += 1
            self.lab.start_controllers(1)
        creation.join()
        self.lab.wait_leader()
        self.wait_all_assigned(SERVICES)

    def test_fail_over_takes_less_than_five_seconds(self):
        self.begin_two()
        leader = self.lab.leader()
        leader.kill()
        began = time.monotonic()
        self.lab.add_service("web")
        self.wait("an address", lambda: self.lab.addresses("web"), 30)
        self.assertLess(time.monotonic() - began, 5.5)  # 5 s, and the time that the last answer takes
        self.assertIsNot(self.lab.leader(), leader)

    def test_a_service_deleted_while_no_controller_runs_is_released_by_the_next(self):
        """That is why Services carry no finalizer of ours: what they hold lies in the cluster too, and is found again."""
        self.begin()
        self.lab.add_service("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.lab.controllers[0].kill()
        self.lab.delete_service("web")
        self.wait_hops(f"{FIRST}/32", [])
        self.assertEqual(list(self.holders()), [FIRST])
        self.lab.start_controllers(1)
        self.wait("no EipAddress", lambda: self.holders() == {}, 30)

    def test_clocks_that_differ_by_minutes_neither_steal_the_lease_nor_keep_it(self):
        """One is ahead by 10 minutes: to it every renewal is long over; its own lie in the future of the other."""
        self.begin(speakers=False)
        first = self.lab.wait_leader()
        ahead = self.lab.start_controllers(1, clock=600)[0]
        renewals = set()
        def lease():
            return self.api.get("Lease", "porter-controller", NAMESPACE)["spec"]
        def renewed():
            self.assertIn(first.name, lease()["holderIdentity"])
            renewals.add(lease()["renewTime"])
            return len(renewals) >= 4
        self.wait("it renews, and nobody takes it away", renewed, 30)
        for leader, next_leader in ((first, ahead), (ahead, None)):
            began = time.monotonic()
            leader.kill()
            if next_leader is None:
                next_leader = self.lab.start_controllers(1)[0]
            self.wait("the other leads", lambda leader=next_leader: self.lab.leader() is leader, 30)
            self.assertLess(time.monotonic() - began, 7)
        self.assertEqual(lease()["leaseTransitions"], 2)
        self.lab.add_service("web")
        self.wait("an address", lambda: self.lab.addresses("web"))

    def test_an_orderly_end_hands_the_lease_over_at_once(self):
        self.begin_two()
        leader = self.lab.leader()
        began = time.monotonic()
        self.assertEqual(leader.stop(), 0)
        self.wait("another leads", lambda: self.lab.leader() not in (None, leader), 30)
        self.assertLess(time.monotonic() - began, 3.5)

    def test_a_leader_that_slept_through_its_lease_gives_no_address_twice(self):
        self.begin_two()
        leader = self.lab.leader()
        creation = threading.Thread(target=self.lab.bulk_services, args=(200,))
        creation.start()
        self.wait("it is at work", lambda: len(self.holders()) > 0)
        leader.pause()
        self.wait("another leads", lambda: self.lab.leader() not in (None, leader), 30)
        creation.join()
        self.lab.bulk_services(50, start=200)
        leader.resume()
        self.lab.bulk_services(50, start=250)
        self.wait_all_assigned(300)
        self.wait("one leads", lambda: self.lab.leader() is not None)

    def test_two_controllers_forced_active_give_no_address_twice(self):
        """The second one's Lease is another, thanks to the proxy: both lead. Their pools overlap too."""
        def other_lease(request):
            if "/leases" in request.target:
                request.target = request.target.replace("/porter-controller", "/porter-controller-two")
                request.body = request.body.replace(b'"porter-controller"', b'"porter-controller-two"')
        rbac = "rbac.authorization.k8s.io"
        self.api.put({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": "second", "namespace": NAMESPACE},
                      "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
                                 "resourceNames": ["porter-controller-two"], "verbs": ["get", "update"]}]},
                     {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"name": "second", "namespace": NAMESPACE},
                      "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "second"},
                      "subjects": [{"kind": "ServiceAccount", "name": "porter-controller", "namespace": NAMESPACE}]})
        proxy = self.lab.proxy()
        proxy.edit = other_lease
        self.begin(speakers=False)
        self.api.put(porter.eip("big", BIG, priority=-2), porter.eip("half", "10.64.0.0/17", priority=-1))
        self.lab.start_controllers(1, proxy=proxy)
        self.wait("both lead", lambda: all((self.api.get("Lease", name, NAMESPACE) or {}).get("spec", {}).get("holderIdentity")
                                           for name in ("porter-controller", "porter-controller-two")))
        self.addCleanup(self.api.delete, "Lease", "porter-controller-two", NAMESPACE)
        self.lab.bulk_services(150, prefix="any")
        self.lab.bulk_services(150, prefix="half", annotations={"eip.porter.kubesphere.io/v1alpha2": "half"})
        self.wait_all_assigned(300)

    def test_a_restored_snapshot_moves_no_address(self):
        self.begin_two(speakers=True)
        self.lab.bulk_services(40)
        self.wait_all_assigned(40)
        before = self.all_addresses()
        snapshot = self.lab.cluster.snapshot()
        for i in range(0, 10):
            self.lab.delete_service(f"s{i}")
        self.lab.bulk_services(20, start=40)
        self.wait("the changes are done", lambda: len(self.holders()) == 50, 60)
        monitor = self.watch_routes()
        self.lab.cluster.restore(snapshot)
        self.wait_all_assigned(40)
        self.assertEqual(self.all_addresses(), before)
        kept = {before[f"default/s{i}"][0] for i in range(10, 40)}
        self.assertEqual([line for line in monitor() if line.startswith("Deleted") and line.split()[1] in kept], [])
        self.lab.bulk_services(20, prefix="later")
        self.wait_all_assigned(60)

    def test_wiped_statuses_come_back_as_they_were(self):
        self.begin_two(speakers=True)
        self.lab.bulk_services(60)
        self.wait_all_assigned(60)
        before = self.all_addresses()
        monitor = self.watch_routes()
        for controller in self.lab.controllers:
            controller.kill()
        for i in range(60):
            self.api.patch("Service", f"s{i}", {"status": {"loadBalancer": None, "conditions": None}}, subresource="status")
        for kind in ("Eip", "BgpPeer", "BgpConf"):
            for thing in self.api.list(kind):
                self.api.patch(kind, thing["metadata"]["name"], {"status": None}, subresource="status", content=MERGE)
        self.assertEqual(sum(map(len, self.all_addresses().values())), 0)
        self.lab.start_controllers(2)
        self.wait_all_assigned(60)
        self.assertEqual(self.all_addresses(), before)
        monitor()

    def test_lost_answers_to_writes_do_no_harm(self):
        proxy = self.lab.proxy()
        self.begin(speakers=False, proxy=proxy)
        fault = proxy.fault(method="POST", path="eipaddresses", drop=True, after=True, times=5)
        self.lab.bulk_services(30)
        self.wait_all_assigned(30)
        self.assertEqual(fault.hits, 5)
        self.assertEqual(len(self.holders()), 30)

    def test_conflicts_and_refusals_are_tried_again(self):
        proxy = self.lab.proxy()
        self.begin(speakers=False, proxy=proxy)
        proxy.fault(method="PATCH", path="/services/", status=409, reason="Conflict", times=5)
        proxy.fault(method="POST", path="eipaddresses", status=500, times=3)
        proxy.fault(method="PATCH", path="/services/", status=429, headers={"Retry-After": "1"}, times=3)
        self.lab.bulk_services(30)
        self.wait_all_assigned(30)
