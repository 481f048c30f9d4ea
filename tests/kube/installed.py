# SPDX-License-Identifier: Apache-2.0
"""Porter as people install it: by Helm, from its image, on nodes with real kubelets, containerd and kube-proxy."""
import os
import re
import shutil
import signal
import subprocess
import time

from lab import porter
from lab.kube_topology import NAMESPACE
from lab.route_monitor import RouteMonitor
from lab.space import run, stop

from .chart import CHART
from .real_case import CLIENT, HOLD, RealCase, web


class Installed(RealCase):
    def preserved(self, node):
        """Whether the router's session was opened with routes said to be kept (RFC 4724, the F bit)."""
        said = self.router.birdc("show", "protocols", "all", self.router.name_of(self.lab.address(node))).stdout
        neighbor = said[said.index("Neighbor capabilities"):]
        return re.search(r"AF preserved:.*ipv4", neighbor.partition("Session:")[0]) is not None

    # The main job.
    def test_what_is_exposed_is_reached_over_all_nodes(self):
        address = self.expose()
        report = self.requests(address, 300)
        self.assertEqual(report["failed"], 0, report)
        self.assertGreater(len(report["by_node"]), 1, report)
        for replicas in (5, 1):
            self.kubectl("scale", "deployment/web", f"--replicas={replicas}")
            self.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
            self.assertEqual(self.requests(address, 50)["ok"], 50)
        self.wait_hops(address, self.hops())

    def test_local_traffic_goes_where_pods_are_and_keeps_the_clients_address(self):
        address = self.expose(replicas=2)
        self.kubectl("patch", "service", "web", "-p", '{"spec": {"externalTrafficPolicy": "Local"}}')
        at = sorted({p["spec"]["nodeName"] for p in self.lab.pods(app="web")})
        self.assertEqual(len(at), 2)
        self.wait_hops(address, self.hops(*at))
        self.wait("the client's own address", lambda: (self.fetch(address) or ("", ""))[1] == CLIENT)
        self.assertEqual(self.requests(address, 50)["ok"], 50)

    def test_local_traffic_follows_a_pod_that_moves(self):
        address = self.expose(replicas=1)
        self.kubectl("patch", "service", "web", "-p", '{"spec": {"externalTrafficPolicy": "Local"}}')
        before = self.lab.pods(app="web")[0]["spec"]["nodeName"]
        self.wait_hops(address, self.hops(before))
        self.kubectl("cordon", before)
        self.addCleanup(self.kubectl, "uncordon", before)
        self.kubectl("rollout", "restart", "deployment/web")
        self.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        after = self.wait("one Pod", lambda: [p["spec"]["nodeName"] for p in self.lab.pods(app="web")])
        self.assertNotIn(before, after)
        self.wait_hops(address, self.hops(*after))
        self.wait("an answer from there", lambda: (self.fetch(address) or [""])[0] in after)

    def test_both_families_are_reached(self):
        self.expose()
        self.kubectl("patch", "service", "web", "-p", '{"spec": {"ipFamilyPolicy": "RequireDualStack"}}')
        found = self.wait("two addresses", lambda: [a for a in [self.lab.addresses("web")] if len(a) == 2])[0]
        six = next(a for a in found if ":" in a)
        self.wait_hops(six, self.hops6())
        self.wait("an answer over IPv6", lambda: self.fetch(f"[{six}]"))

    # Updates while requests go on.
    def test_a_rolling_update_of_the_pods_fails_no_request(self):
        address = self.expose()
        with self.load(address) as report:
            self.rollout("deployment/web")
        self.assert_none_failed(report)

    def test_a_rolling_update_of_the_speakers_fails_no_request_and_changes_no_route(self):
        address, before = self.expose(), {n.name: self.lab.speaker_pod(n) for n in self.lab.nodes}
        changes = self.watch_routes()
        with self.load(address) as report:
            self.rollout("daemonset/porter-speaker", NAMESPACE)
            for node in self.lab.nodes:
                self.router.wait_established(self.lab.address(node))
        self.assert_none_failed(report)
        self.assertEqual(changes(), [])
        for node in self.lab.nodes:
            self.assertNotEqual(self.lab.speaker_pod(node), before[node.name])
            self.assertTrue(self.preserved(node), node.name)

    def test_a_rolling_update_of_the_controllers_fails_no_request_and_holds_up_no_service(self):
        address = self.expose()
        with self.load(address) as report:
            self.kubectl("rollout", "restart", "deployment/porter-controller", "-n", NAMESPACE)
            self.api.put(web("second", 1))
            self.kubectl("expose", "deployment", "second", "--type=LoadBalancer", "--port=80", "--target-port=8080")
            other = self.wait("an address for the second", lambda: self.lab.addresses("second"), 30)[0]
            self.kubectl("rollout", "status", "deployment/porter-controller", "-n", NAMESPACE, "--timeout=120s", timeout=130)
        self.assert_none_failed(report)
        self.wait("an answer of the second", lambda: self.fetch(other))
        self.assertNotEqual(other, address)

    def previous_chart(self):
        """The chart of the commit before, or of this one without a label where there is no commit before."""
        target = os.path.join(self.folder, "previous")
        os.makedirs(target)
        done = subprocess.run(f"git archive HEAD~1 charts/porter | tar -x -C {target}", shell=True, capture_output=True, text=True)
        path = os.path.join(target, CHART)
        if done.returncode != 0 or not os.path.exists(path):
            shutil.copytree(CHART, path, dirs_exist_ok=True)
            print(f"helm upgrade: from this commit's chart, for there is no other here: {done.stderr.strip()}", flush=True)
        return path

    def test_helm_upgrades_from_the_chart_of_the_commit_before(self):
        self.helm("uninstall", "porter", "--wait")
        self.install(path=self.previous_chart())
        address = self.expose()
        changes = self.watch_routes()
        with self.load(address) as report:
            self.upgrade("--set", "logLevel=debug")
            self.kubectl("rollout", "status", "daemonset/porter-speaker", "-n", NAMESPACE, "--timeout=120s", timeout=130)
        self.addCleanup(self.upgrade)
        self.assert_none_failed(report)
        self.assertEqual(changes(), [])

    # What happens to nodes.
    def test_without_its_kubelet_a_node_goes_on_announcing(self):
        address, node = self.expose(), self.lab.nodes[2]
        changes = self.watch_routes()
        with self.load(address) as report:
            node.signal(signal.SIGKILL, "kubelet")
            self.wait("the node is NotReady", lambda: not self.lab.node_ready(node.name), 40)
        self.assert_none_failed(report)
        self.assertEqual(changes(), [])

    def test_a_cut_cable_costs_the_hold_time_at_most(self):
        address, node = self.expose(), self.lab.nodes[2]
        monitor, began = RouteMonitor(self.router.host), time.time()
        self.lab.cable(node, "down")
        after = monitor.next_change(address, HOLD + 10) - began
        self.wait_hops(address, self.hops("n1", "n2"))
        print(f"cable cut: the node left the router's route after {after:.1f} s (hold time {HOLD} s)", flush=True)
        self.assertLess(after, HOLD + 1)
        self.lab.cable(node, "up")
        self.wait_hops(address, self.hops(), 60)

    def test_a_deleted_node_leaves(self):
        address, node = self.expose(), self.lab.nodes[2]
        monitor = RouteMonitor(self.router.host)
        with self.load(address) as report:
            self.kubectl("delete", "node", node.name)
            self.wait_hops(address, self.hops("n1", "n2"))
            self.assertEqual(self.requests(address, 50)["ok"], 50)
        # A connection that was open when the next hops changed may go to a node that does not know it.
        times = [at for at, _ in monitor.end()]
        others = [(began, ended) for began, ended in report["failures"] if not any(began - .05 <= at <= ended for at in times)]
        print(f"node deleted: {report['ok']} requests answered, {report['failed'] - len(others)} cut off that were open at the change of next "
              f"hops, {len(others)} others failed", flush=True)
        self.assertEqual(others, [], report)

    def test_a_rebooted_node_does_not_claim_to_have_kept_its_routes(self):
        address, node = self.expose(), self.lab.nodes[2]
        self.lab.power_cut(node)
        self.wait_hops(address, self.hops("n1", "n2"), HOLD + 5)
        self.lab.power_on(node)
        self.wait_hops(address, self.hops(), 60)
        self.assertFalse(self.preserved(node))
        self.wait("all answer again", lambda: self.requests(address, 50)["ok"] == 50)

    # Beside others, and as Porter 0.3 was used.
    def occupy_port_179(self):
        """A daemon that holds BGP's own port on every node, and sessions with its like, as Calico's BIRD does."""
        for node in self.lab.nodes:
            mesh = "".join(f"protocol bgp {other.name} {{ local {self.lab.address(node)} as 64512; neighbor {self.lab.address(other)} as 64512; "
                           f"connect delay time 1; ipv4 {{ import all; export none; }}; }}\n" for other in self.lab.nodes if other is not node)
            config = os.path.join(self.folder, f"mesh-{node.name}.conf")
            with open(config, "w") as file:
                file.write(f"router id {self.lab.address(node)};\nprotocol device {{}}\n{mesh}")
            socket = os.path.join(self.folder, f"mesh-{node.name}.ctl")
            self.addCleanup(stop, node.spawn("bird", "-f", "-c", config, "-s", socket))
        self.wait("the mesh is up", self.mesh_is_up, 60)

    def mesh_is_up(self):
        return all(node.exec("birdc", "-s", os.path.join(self.folder, f"mesh-{node.name}.ctl"), "show", "protocols",
                             check=False).stdout.count("Established") == len(self.lab.nodes) - 1 for node in self.lab.nodes)

    def test_beside_calico_the_router_may_dial_the_port_that_calico_holds(self):
        self.occupy_port_179()
        address = self.expose()
        self.api.put(porter.peer("router", "172.30.0.1", transport={"passiveMode": True, "portForward": True}))
        self.addCleanup(self.api.put, *self.settings())
        self.speak_to(179)
        self.addCleanup(self.speak_to, 17900)
        self.wait_hops(address, self.hops(), 60)
        self.assertTrue(self.mesh_is_up())
        self.assertEqual(self.requests(address, 50)["ok"], 50)

    def speak_to(self, port):
        """The router dials the nodes at that port from now on."""
        for neighbor in self.router.settings.neighbors:
            neighbor.port = port
        self.router.reconfigure()
        for node in self.lab.nodes:
            self.router.wait_established(self.lab.address(node), 60)

    def test_without_controllers_traffic_goes_on(self):
        address = self.expose()
        changes = self.watch_routes()
        with self.load(address) as report:
            self.kubectl("scale", "deployment/porter-controller", "-n", NAMESPACE, "--replicas=0")
            self.wait("none is left", lambda: not self.lab.pods(NAMESPACE, **{"app.kubernetes.io/component": "controller"}), 60)
            self.kubectl("scale", "deployment/porter-controller", "-n", NAMESPACE, "--replicas=2")
            self.kubectl("rollout", "status", "deployment/porter-controller", "-n", NAMESPACE, "--timeout=90s", timeout=100)
        self.assert_none_failed(report)
        self.assertEqual(changes(), [])
        self.assertEqual(self.lab.addresses("web"), [address])

    # As one asks.
    def test_it_can_be_asked_in_the_pod_and_from_a_laptop(self):
        address = self.expose()
        said = self.kubectl("exec", "-n", NAMESPACE, "daemonset/porter-speaker", "--", "porter", "explain", "service", "default/web").stdout
        self.assertIn(address, said)
        plugin = os.path.join(self.folder, "plugin")
        os.makedirs(plugin, exist_ok=True)
        if not os.path.exists(f"{plugin}/kubectl-porter"):
            os.symlink(porter.binary(), f"{plugin}/kubectl-porter")
        done = run("env", f"PATH={plugin}:{os.environ['PATH']}", f"KUBECONFIG={self.lab.cluster.admin_kubeconfig}",
                   self.lab.cluster.programs["kubectl"], "porter", "explain", "service", "default/web")
        self.assertIn(address, done.stdout)

    def test_uninstalled_nothing_of_it_runs_and_no_route_is_left(self):
        address = self.expose()
        self.helm("uninstall", "porter", "--wait")
        self.addCleanup(self.install)
        self.wait("no Pod is left", lambda: not self.api.list("Pod", NAMESPACE), 60)
        done = run(porter.binary(), "uninstall", "--yes", "--kubeconfig", self.lab.cluster.admin_kubeconfig, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.wait_hops(address, [], HOLD + 70)
