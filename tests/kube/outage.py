# SPDX-License-Identifier: Apache-2.0
"""The API server away, replaced or restarted: no route changes, and what happened meanwhile is made up for."""
import os
import time

from lab import pki
from lab.kube_topology import CONTROLLER, NAMESPACE, SPEAKER
from tests.kube.outage_case import FIRST, SECOND, OutageCase

OUTAGE = int(os.environ.get("PORTER_OUTAGE", "60"))  # seconds


class Outage(OutageCase):
    def test_a_paused_api_server_changes_no_route(self):
        self.settle()
        self.lab.cluster.pause()
        self.addCleanup(self.lab.cluster.resume)
        self.stay(OUTAGE)
        self.lab.cluster.resume()
        self.check_it_goes_on()

    def test_a_stopped_api_server_changes_no_route_and_is_caught_up_with(self):
        self.settle()
        self.lab.add_service("gone")
        self.wait_addresses("gone", [SECOND])
        self.wait_hops(f"{SECOND}/32", self.hops())
        cluster = self.lab.cluster
        cluster.kill("kube-apiserver")
        self.stay(OUTAGE)
        cluster.spawn("kube-apiserver")
        cluster.wait_ready()
        self.lab.delete_service("gone")
        self.wait_hops(f"{SECOND}/32", [], seconds=60)
        self.assertEqual([line for line in self.monitor() if f"{FIRST} " in line], [])


    def test_a_refused_connection_changes_nothing(self):
        proxy = self.lab.proxy()
        self.settle(proxy)
        proxy.refuse()
        self.stay()
        proxy.refuse(False)
        self.check_it_goes_on()

    def test_a_replaced_certificate_of_the_same_authority_is_accepted(self):
        self.settle()
        self.lab.cluster.replace_serving_certificate()
        self.lab.cluster.restart()  # everybody has to shake hands again
        self.check_it_goes_on()

    def test_a_certificate_of_a_stranger_is_refused_and_changes_nothing(self):
        cluster = self.lab.cluster
        stranger = pki.Authority(os.path.join(self.lab.folder, "stranger"))
        self.settle()
        cluster.replace_serving_certificate(stranger)
        cluster.kill("kube-apiserver")
        cluster.spawn("kube-apiserver")
        self.stay(10)
        cluster.replace_serving_certificate()
        cluster.wait_ready()
        self.check_it_goes_on()

    def test_compaction_and_restart_are_got_over(self):
        self.settle()
        for i in range(5):
            self.lab.add_service(f"other{i}")
        self.wait("addresses", lambda: all(self.lab.addresses(f"other{i}") for i in range(5)))
        self.lab.cluster.compact()
        self.lab.cluster.restart()
        self.assertEqual([line for line in self.monitor() if f"{FIRST} " in line], [])
        self.lab.add_service("late")
        found = self.wait("an address", lambda: self.lab.addresses("late"), 60)
        self.wait_hops(f"{found[0]}/32", self.hops(), seconds=60)

    def test_a_rotated_token_file_is_read_again(self):
        proxy = self.lab.proxy()
        for account in (CONTROLLER, SPEAKER):
            self.api.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"bond-{account}", "namespace": NAMESPACE}})
        kubeconfig = self.lab.kubeconfig
        self.lab.kubeconfig = lambda account, proxy=None: kubeconfig(account, proxy, token_file=True, bound_secret=f"bond-{account}")
        self.addCleanup(setattr, self.lab, "kubeconfig", kubeconfig)
        self.settle(proxy)
        for account in (CONTROLLER, SPEAKER):
            fresh = self.lab.cluster.token(NAMESPACE, account)
            self.lab.cluster.write_token(self.lab.cluster.path(f"{account}.token"), fresh)
            self.api.delete("Secret", f"bond-{account}", NAMESPACE)
        began = time.monotonic()
        proxy.cut_watches()
        self.check_it_goes_on(120)
        self.wait("the new token is used", lambda: all(r.status != 401 for r in proxy.seen(since=time.monotonic() - 1)), 90, 0.5)
        used = {r.header("authorization") for r in proxy.seen(since=began) if r.status == 200}
        self.assertGreaterEqual(len(used), 2)
