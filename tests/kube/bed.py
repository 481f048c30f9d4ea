# SPDX-License-Identifier: Apache-2.0
"""The test bed itself: what the other modules rely on is so. Needs no Porter."""
import http.client
import os
import tempfile
import threading
import time

from lab import porter
from lab.api import ApiError, condition, path_of
from lab.cluster import Cluster, state
from lab.kube_topology import CONTROL, KubeLab, cluster_admin, ingress
from lab.space import wait_for
from tests.kube.case import KubeCase, has_failed
from tools.kube import build


class Loopback(KubeCase):
    """A control plane alone, without namespaces of its own."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="porter-kube-")
        cls.addClassCleanup(folder.cleanup)
        cls.cluster = Cluster(os.path.join(folder.name, "cluster"))
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.api = cls.cluster.api

    def sweep(self):
        pass  # what these tests make does not meet

    def tearDown(self):
        if has_failed(self):
            print("\n".join(self.cluster.log_tail(name) for name in self.cluster.processes), flush=True)

    def test_kubectl_talks_to_it_and_the_version_is_the_pinned_one(self):
        self.assertIn("default", self.cluster.kubectl("get", "namespaces").stdout)
        if self.cluster.programs["kube-apiserver"].startswith(build.cache()):
            self.assertEqual(self.api.ask("GET", "/version")["gitVersion"], build.pinned("k8s"))

    def test_a_namespace_gets_its_accounts_and_goes_away_with_what_is_in_it(self):
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "brief"}})
        self.wait("default account", lambda: self.api.get("ServiceAccount", "default", "brief"))
        self.api.create(porter.service("web", namespace="brief"))
        self.api.delete("Namespace", "brief")
        self.wait("the namespace is gone", lambda: self.api.get("Namespace", "brief") is None, 40)

    def test_a_service_account_may_do_what_its_role_says_and_no_more(self):
        self.api.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}},
                     {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
                      "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}]},
                     {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
                      "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                      "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "default"}]})
        reader = self.cluster.client(token=self.cluster.token("default", "reader"))
        self.wait("the role counts", lambda: reader.send("GET", path_of("Service", namespace="default"))[0] == 200)
        with self.assertRaises(ApiError) as refused:
            reader.create(porter.service("web"))
        self.assertEqual((refused.exception.status, refused.exception.reason), (403, "Forbidden"))

    def test_a_token_bound_to_a_secret_dies_with_it(self):
        self.api.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bound"}},
                     {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lease-of-life"}})
        client = self.cluster.client(token=self.cluster.token("default", "bound", bound_secret="lease-of-life"))
        self.assertEqual(client.send("GET", "/version")[0], 200)
        self.api.delete("Secret", "lease-of-life")
        self.wait("the token is refused", lambda: client.send("GET", "/version")[0] == 401, 60, pause=0.5)

    def test_a_thousand_services_are_made_in_seconds(self):
        self.api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "many"}})
        self.api.create_many([porter.service(f"s{i}", namespace="many", allocateLoadBalancerNodePorts=False) for i in range(1000)])
        self.assertEqual(len(self.api.list("Service", "many", limit=100)), 1000)

    def test_a_watch_delivers_and_a_list_may_be_asked_of_it(self):
        events = self.api.watch("ConfigMap", "default", timeout=10, sendInitialEvents="true", resourceVersionMatch="NotOlderThan")
        for event in events:
            if event["type"] == "BOOKMARK":
                break
        self.assertEqual(event["object"]["metadata"]["annotations"], {"k8s.io/initial-events-end": "true"})
        self.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "news"}})
        self.assertEqual(next(e["object"]["metadata"]["name"] for e in events if e["type"] == "ADDED"), "news")
        events.close()

    def test_z_a_certificate_may_be_replaced_while_it_runs(self):
        self.cluster.replace_serving_certificate()
        self.assertTrue(self.cluster.client("admin").ready())

    def test_z_after_compaction_and_restart_an_old_revision_is_gone(self):
        old = self.api.ask("GET", path_of("ConfigMap", namespace="default"))["metadata"]["resourceVersion"]
        for i in range(3):
            self.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "turn"}, "data": {"i": str(i)}})
        self.cluster.compact()
        self.cluster.restart()
        event = next(self.api.watch("ConfigMap", "default", timeout=10, resourceVersion=old))
        self.assertEqual((event["type"], event["object"]["code"]), ("ERROR", 410))

    def test_z_a_paused_api_server_says_nothing_and_goes_on_later(self):
        quick = self.cluster.client("admin", timeout=1)
        self.cluster.pause()
        self.assertEqual(state(self.cluster.processes["kube-apiserver"].pid), "T")
        self.assertFalse(quick.ready())
        self.cluster.resume()
        self.wait("it goes on", quick.ready)

    def test_z_a_snapshot_brings_back_what_was(self):
        self.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "before"}})
        snapshot = self.cluster.snapshot()
        self.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after"}})
        self.cluster.restore(snapshot)
        self.assertIsNotNone(self.api.get("ConfigMap", "before"))
        self.assertIsNone(self.api.get("ConfigMap", "after"))


class Proxy(KubeCase):
    """The lab's network, and what its proxy can spoil."""
    nodes = 2

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="porter-kube-")
        os.chmod(folder.name, 0o755)
        cls.addClassCleanup(folder.cleanup)
        cls.lab = KubeLab(folder.name, nodes=2)
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start()
        cls.api = cls.lab.api
        cls.api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "porter-system"}},
                    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tester", "namespace": "porter-system"}},
                    cluster_admin("tester"))
        cls.token = cls.lab.cluster.token("porter-system", "tester")

    def setUp(self):
        super().setUp()
        self.proxy = self.lab.proxy()
        self.client = self.lab.cluster.client(token=self.token, timeout=10)
        self.client.host, self.client.port = self.proxy.address, self.proxy.port

    def sweep(self):
        for proxy in self.lab.proxies:
            proxy.stop()
        self.lab.proxies.clear()

    def follow(self, **how):
        """Collects a watch in a thread: (events, thread)."""
        events = []

        def collect():
            try:
                for event in self.client.watch("ConfigMap", "default", timeout=15, **how):
                    events.append(event)
            except (OSError, ValueError) as error:
                events.append({"type": "LOST", "object": str(error)})
        # The proxy takes note of the end of the one before a moment after its client does.
        self.wait("no watch is left", lambda: self.proxy.open_watches("configmaps") == 0)
        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        self.wait("the watch is open", lambda: self.proxy.open_watches("configmaps") == 1)
        return events, thread

    def test_the_nodes_are_there_and_reach_the_api_server(self):
        self.lab.add_nodes(n2="False")
        nodes = self.api.list("Node")
        self.assertEqual([(n["metadata"]["name"], condition(n, "Ready")["status"], n["spec"].get("taints")) for n in nodes],
                         [("n1", "True", None), ("n2", "False", None)])
        done = self.lab.nodes[0].exec("curl", "-sk", "-m", "5", f"https://{CONTROL}:6443/version", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.lab.nodes[0].exec("curl", "-sk", "-m", "5", f"{self.proxy.url}/version", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_service_keeps_our_endpoints_and_takes_a_status(self):
        self.lab.add_service("web", ["n1"], families=("IPv4", "IPv6"), family_policy="RequireDualStack")
        self.client.patch("Service", "web", {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}}}, subresource="status")
        service = self.api.get("Service", "web")
        self.assertEqual((ingress(service), service["status"]["loadBalancer"]["ingress"][0]["ipMode"]), (["198.51.100.7"], "VIP"))
        slices = self.api.list("EndpointSlice", "default", labelSelector="kubernetes.io/service-name=web")
        self.assertEqual({s["metadata"]["name"] for s in slices} & {"web-ipv4", "web-ipv6"}, {"web-ipv4", "web-ipv6"})
        self.lab.delete_service("web")

    def test_requests_pass_and_are_counted(self):
        self.client.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "passed"}})
        self.assertEqual([r.method for r in self.proxy.writes("configmaps")], ["POST"])
        self.assertEqual([r.status for r in self.proxy.seen("GET", "configmaps/passed")], [404])
        self.client.list("ConfigMap", "default")
        self.assertEqual(len(self.proxy.seen("LIST")), 1)
        big = self.client.list("ConfigMap")  # several namespaces, more than one chunk or segment
        self.assertEqual(len(big), len(self.api.list("ConfigMap")))

    def test_a_fault_answers_as_often_as_it_was_told(self):
        self.proxy.fault(path="services", status=429, headers={"Retry-After": "1"}, times=2)
        statuses = [self.client.send("GET", path_of("Service", namespace="default"))[0] for _ in range(3)]
        self.assertEqual(statuses, [429, 429, 200])

    def test_a_fault_lasts_as_long_as_it_was_told(self):
        fault = self.proxy.fault(status=503, seconds=0.5)
        self.assertEqual(self.client.send("GET", "/version")[0], 503)
        self.wait("it ends", lambda: self.client.send("GET", "/version")[0] == 200, 5)
        self.assertGreater(fault.hits, 0)

    def test_latency_delays(self):
        self.proxy.latency = 0.4
        began = time.monotonic()
        self.client.send("GET", "/version")
        self.assertGreater(time.monotonic() - began, 0.4)

    def test_a_write_may_be_done_and_its_answer_lost(self):
        self.proxy.fault(method="POST", path="configmaps", drop=True, after=True, times=1)
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "unanswered"}})
        self.assertIsNotNone(self.api.get("ConfigMap", "unanswered"))

    def test_watches_are_cut_ended_expired_and_silenced(self):
        events, thread = self.follow()
        self.assertEqual(self.proxy.cut_watches(), 1)
        thread.join(5)
        self.assertEqual(events[-1]["type"], "LOST")

        events, thread = self.follow()
        self.proxy.end_watches()
        thread.join(5)
        self.assertFalse(thread.is_alive())
        self.assertNotIn("LOST", [e["type"] for e in events])

        events, thread = self.follow()
        self.proxy.expire_watches("configmaps")
        thread.join(5)
        self.assertEqual((events[-1]["type"], events[-1]["object"]["code"]), ("ERROR", 410))

        events, thread = self.follow()
        self.wait("what there is", lambda: events)
        self.proxy.silence_watches()
        self.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "unheard"}})
        elsewhere = self.api.watch("ConfigMap", "default", timeout=10)
        next(e for e in elsewhere if e["object"]["metadata"].get("name") == "unheard")
        elsewhere.close()
        self.assertNotIn("unheard", names(events))
        self.proxy.silence_watches(silent=False)
        self.wait("it is heard", lambda: "unheard" in names(events))
        self.proxy.cut_watches()
        thread.join(5)

    def test_it_may_refuse_every_connection(self):
        self.assertEqual(self.client.send("GET", "/version")[0], 200)
        self.proxy.refuse()
        with self.assertRaises(OSError):
            self.client.send("GET", "/version")
        self.proxy.refuse(False)
        wait_for("it answers again", self.client.ready)


def names(events):
    return [e["object"]["metadata"].get("name") for e in events]
