# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: what it renders, and what becomes of it in a real cluster, with Helm 3 and with Helm 4."""
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from lab import porter
from lab.kube_topology import NAMESPACE, KubeLab
from lab.space import run
from tests.kube.case import OURS, KubeCase
from tools import chart, chart_docs
from tools.kube import build

CHART = "charts/porter"
OPENELB = ("--values", f"{CHART}/values-openelb.yaml")
ALL_ON = {
    "metrics.enabled": True, "metrics.podMonitor.enabled": True, "metrics.prometheusRule.enabled": True,
    "metrics.dashboard.enabled": True, "networkPolicy.enabled": True, "networkPolicy.metricsFrom": [{"podSelector": {}}],
    "claimUnclassed": True, "ignoreExcludeLabel": True, "speaker.metricsPerService": True, "commonLabels": {"team": "net"},
    "webhookAnnotations": {"example.com/a": "b"}, "imagePullSecrets": [{"name": "regcred"}],
}
# For each value another one, and what else has to be so for it to matter. A value that is not here fails the test, and so does
# one that changes nothing.
OTHER = {
    "fullnameOverride": "other", "commonLabels": {"a": "b"}, "namespace.create": True, "image.repository": "r.example/porter",
    "image.tag": "x", "image.digest": "sha256:" + "0" * 64, "image.pullPolicy": "Always", "imagePullSecrets": [{"name": "a"}],
    "loadBalancerClass": "a.b/c", "claimUnclassed": True, "ignoreExcludeLabel": True, "logLevel": "debug",
    "crds.install": False, "crds.keep": False, "webhookAnnotations": {"a": "b"}, "controller.replicas": 3,
    "controller.webhookPort": 1, "controller.certificateLifetime": "30d", "controller.extraArgs": ["--a"],
    "controller.podLabels": {"a": "b"}, "controller.podAnnotations": {"a": "b"}, "controller.priorityClassName": "a",
    "controller.nodeSelector": {"a": "b"}, "controller.tolerations": [], "controller.affinity": {"a": {}},
    "controller.spreadOver": [], "controller.resources": {"limits": {"cpu": "1"}}, "speaker.statePath": "/run/other",
    "speaker.port": 1, "speaker.metricsAddress": "192.0.2.1", "speaker.metricsPerService": True,
    "speaker.capabilities.netAdmin": False, "speaker.capabilities.netBindService": False, "speaker.extraArgs": ["--a"],
    "speaker.podLabels": {"a": "b"}, "speaker.podAnnotations": {"a": "b"}, "speaker.priorityClassName": "a",
    "speaker.nodeSelector": {"a": "b"}, "speaker.tolerations": [], "speaker.affinity": {"a": {}},
    "speaker.maxUnavailable": "10%", "speaker.resources": {"limits": {"cpu": "1"}}, "metrics.enabled": True,
    "metrics.controllerPort": 1, "metrics.podMonitor.enabled": True, "metrics.podMonitor.labels": {"a": "b"},
    "metrics.podMonitor.interval": "5s", "metrics.prometheusRule.enabled": True, "metrics.prometheusRule.labels": {"a": "b"},
    "metrics.dashboard.enabled": True, "metrics.dashboard.labels": {"a": "b"}, "networkPolicy.enabled": True,
    "networkPolicy.metricsFrom": [{"podSelector": {}}],
}
GIVEN = {
    "speaker.metricsAddress": ["metrics.enabled"], "metrics.controllerPort": ["metrics.enabled"],
    "metrics.podMonitor.enabled": ["metrics.enabled"],
    "metrics.podMonitor.labels": ["metrics.enabled", "metrics.podMonitor.enabled"],
    "metrics.podMonitor.interval": ["metrics.enabled", "metrics.podMonitor.enabled"],
    "metrics.prometheusRule.labels": ["metrics.prometheusRule.enabled"],
    "metrics.dashboard.labels": ["metrics.dashboard.enabled"],
    "networkPolicy.metricsFrom": ["metrics.enabled", "networkPolicy.enabled"],
}


def setting(values):
    """--set-json for each; an empty map or list is given as it is."""
    return [word for path, value in values.items() for word in ("--set-json", f"{path}={json.dumps(value)}")]


class Helm:
    """One release of Helm, with a home of its own."""

    def __init__(self, name, folder):
        self.name, self.program = name, build.find(name)
        assert self.program, f"{name} is not there; run tools/kube/build.py {name} first"
        self.env = {**os.environ, **{f"HELM_{what}_HOME": os.path.join(folder, what) for what in ("CACHE", "CONFIG", "DATA")}}

    def __call__(self, *words, check=True):
        done = subprocess.run([self.program, *words], capture_output=True, text=True, env=self.env, timeout=100)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name} {' '.join(words)}: {done.stderr.strip()}")
        return done

    def template(self, *words, namespace=NAMESPACE):
        return self("template", "porter", CHART, "--namespace", namespace, *words).stdout


def both(test):
    """Runs a test with Helm 3 and then with Helm 4, and each finds the cluster as it was."""
    def each(self):
        for helm in self.helms:
            if helm is not self.helms[0] and hasattr(self, "sweep"):
                self.sweep()
            test(self, helm)
    each.__name__ = test.__name__
    return each


def with_helms(case):
    folder = tempfile.TemporaryDirectory(prefix="porter-helm-")
    case.addClassCleanup(folder.cleanup)
    case.folder = folder.name
    case.helms = [Helm(name, os.path.join(folder.name, name)) for name in build.HELM]


class Rendering(unittest.TestCase):
    """What needs no cluster."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        with_helms(cls)

    @both
    def test_lint_finds_nothing(self, helm):
        for words in ([], setting(ALL_ON), OPENELB):
            said = helm("lint", "--strict", CHART, *words).stdout
            self.assertNotRegex(said, r"\[(WARNING|ERROR)\]")

    def test_every_value_is_tried_and_every_one_changes_something(self):
        self.assertEqual(sorted(path for path, _, _ in chart_docs.values(chart_docs.read(chart_docs.VALUES))), sorted(OTHER))
        render = functools.cache(self.helms[0].template)

        def changes(path):
            given = {other: OTHER[other] for other in GIVEN.get(path, ())}
            return render(*setting(given)) != render(*setting({**given, path: OTHER[path]}))
        self.assertEqual([path for path in OTHER if not changes(path)], [])

    @both
    def test_a_value_that_there_is_not_or_of_another_type_is_refused(self, helm):
        for words, expected in ({"speaker.hostnetwork": True}, "hostnetwork"), ({"controller": {"replica": 3}}, "replica"), \
                ({"speaker.port": "http"}, "port"), ({"logLevel": "loud"}, "logLevel"), ({"image.digest": "sha256:1"}, "digest"), \
                ({"metrics.podMonitor.enabled": True}, "metrics.enabled"):
            done = helm("template", "porter", CHART, *setting(words), check=False)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn(expected, done.stderr)

    def test_an_older_kubernetes_is_refused(self):
        done = self.helms[0]("template", "porter", CHART, "--kube-version", "1.29.9", check=False)
        self.assertIn("1.30", done.stderr)

    def test_what_deploy_and_the_chart_share_is_the_same(self):
        self.assertEqual(chart.stale(), [], "run tools/chart.py")
        with open(chart.RENDERED) as file:
            self.assertEqual(file.read(), chart.render(self.helms[0].program), "run tools/chart.py")

    def test_the_release_decides_where_the_webhooks_are_and_who_porter_is(self):
        text = self.helms[0].template("--set", "fullnameOverride=lb", namespace="elsewhere")
        self.assertNotIn("porter-system", text)
        self.assertIn("system:serviceaccount:elsewhere:lb-", text)
        self.assertNotRegex(text, r"name: porter-(controller|speaker)$")

    def test_no_capability_that_a_value_does_not_ask_for(self):
        text = self.helms[0].template("--show-only", "templates/speaker.yaml", *setting(
            {"speaker.capabilities.netAdmin": False, "speaker.capabilities.netBindService": False}))
        self.assertIn("drop: [ALL]", text)
        self.assertNotIn("add:", text)
        for template in ("speaker", "controller"):
            self.assertNotIn("NET_RAW", self.helms[0].template("--show-only", f"templates/{template}.yaml"))

    def test_probes_ask_where_the_speaker_listens(self):
        on = setting({"metrics.enabled": True})
        elsewhere = setting({"metrics.enabled": True, "speaker.metricsAddress": "192.0.2.1"})
        for words, listen, host in ([], "127.0.0.1:7472", 'host: "127.0.0.1"'), (on, "$(HOST_IP):7472", None), \
                (OPENELB, ":50051", None), (elsewhere, "192.0.2.1:7472", 'host: "192.0.2.1"'):
            text = self.helms[0].template("--show-only", "templates/speaker.yaml", *words)
            self.assertIn(f"--metrics-listen={listen}\n", text)
            self.assertEqual(re.findall(r"host: .*", text), [host] * 2 if host else [])

    def test_flags_are_those_of_the_binary(self):
        everything = self.helms[0].template(*setting(ALL_ON)) + self.helms[0].template(*OPENELB)
        for role in ("controller", "speaker"):
            known = run(porter.binary(), role, "--help").stdout
            arguments = re.search(rf"- {role}\n((?: +- --.*\n)+)", everything)[1]
            for flag in re.findall(r"- (--[a-z0-9-]+)", arguments):
                self.assertIn(flag, known)

    def test_alerts_ask_for_metrics_that_there_are(self):
        with open("docs/metrics.md") as file:
            documented = set(re.findall(r"`(porter_\w+)`", file.read()))
        rules = self.helms[0].template("--show-only", "templates/monitoring.yaml", "--set", "metrics.prometheusRule.enabled=true")
        asked = set(re.findall(r"porter_\w+", "".join(re.findall(r"expr: .*", rules))))
        self.assertTrue(asked)
        self.assertLessEqual(asked, documented)


class Release(KubeCase):
    """Install, upgrade, uninstall against a real API server. No kubelet runs what is installed: the tests run controllers."""
    nodes, limit = 1, 400

    @classmethod
    def setUpClass(cls):
        with_helms(cls)
        os.makedirs(os.path.join(cls.folder, "lab"))
        os.chmod(cls.folder, 0o755)
        cls.lab = KubeLab(os.path.join(cls.folder, "lab"), nodes=1)
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start()
        cls.api, cls.kubectl, cls.router = cls.lab.api, cls.lab.kubectl, cls.lab.router

    def setUp(self):
        super().setUp()
        for namespace in (NAMESPACE, "openelb-system"):
            self.api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    def sweep(self):
        self.lab.reset_porter()
        for name, namespace in ("porter", NAMESPACE), ("openelb", "openelb-system"):
            self.helm(self.helms[0], "uninstall", name, "--namespace", namespace, check=False)
        self.porter_uninstall()

    def porter_uninstall(self):
        return run(porter.binary(), "uninstall", "--yes", "--kubeconfig", self.lab.cluster.admin_kubeconfig, check=False, timeout=120)

    def helm(self, helm, *words, check=True):
        return helm(*words, "--kubeconfig", self.lab.cluster.admin_kubeconfig, check=check)

    def install(self, helm, *words, path=CHART):
        return self.helm(helm, "install", "porter", path, "--namespace", NAMESPACE, *words)

    def ask_nobody(self):
        """There are no Pods here, so nobody would answer the webhooks."""
        self.api.delete("ValidatingWebhookConfiguration", "porter")

    def live(self, path):
        """{kind/name: what it is, without whose it is} of everything a manifest names."""
        def bare(thing):
            thing = {k: v for k, v in thing.items() if k not in ("metadata", "status", "secrets")}
            for own in ("clusterIP", "clusterIPs"):
                thing.get("spec", {}).pop(own, None)
            return thing
        items = json.loads(self.kubectl("get", "-f", path, "-o", "json").stdout)["items"]
        return {f"{i['kind']}/{i['metadata']['name']}": bare(i) for i in items}

    def monitoring_crds(self):
        """Just enough for the API server to know the kinds; the Prometheus Operator's own are not here."""
        for kind in ("PodMonitor", "PrometheusRule"):
            schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
            self.api.put({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                          "metadata": {"name": f"{kind.lower()}s.monitoring.coreos.com"},
                          "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
                                   "names": {"kind": kind, "plural": f"{kind.lower()}s"},
                                   "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}]}})
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "podmonitors.monitoring.coreos.com",
                     "prometheusrules.monitoring.coreos.com")

    @both
    def test_what_it_renders_passes_strict_validation(self, helm):
        self.monitoring_crds()
        for words, namespace in (([], NAMESPACE), (setting(ALL_ON), NAMESPACE), (OPENELB, "openelb-system")):
            rendered = helm.template(*words, namespace=namespace)
            said = self.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=rendered).stdout
            self.assertEqual(said.count("(server dry run)"), len(re.findall(r"^kind: ", rendered, re.M)), said)

    @both
    def test_installed_it_is_what_kubectl_applies(self, helm):
        self.install(helm)
        by_helm, roles = self.live("deploy/porter.yaml"), self.live("deploy/rbac.yaml")
        self.helm(helm, "uninstall", "porter", "--namespace", NAMESPACE)
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "deploy/porter.yaml")
        by_kubectl = self.live("deploy/porter.yaml")
        self.assertEqual(by_helm, by_kubectl)
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "deploy/rbac.yaml")
        self.assertEqual(roles, self.live("deploy/rbac.yaml"))
        self.kubectl("delete", "-f", "deploy/porter.yaml", "--wait=false")
        self.wait("the namespace is gone", lambda: self.api.get("Namespace", NAMESPACE) is None, 60, 0.3)
        self.setUp()

    def older(self):
        """The chart as an earlier release might have been: with a CRD that lacks a field."""
        path = os.path.join(self.folder, "older")
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(CHART, path)
        file = f"{path}/templates/crds/network.kubesphere.io_eips.yaml"
        with open(file) as crd:
            text = crd.read()
        less = re.sub(r"\n( +)priority:\n(?:\1 +.*\n)+", "\n", text)
        self.assertNotEqual(less, text)
        with open(file, "w") as crd:
            crd.write(less)
        return path

    @both
    def test_an_upgrade_upgrades_the_crds_and_what_they_hold_stays(self, helm):
        self.install(helm, path=self.older())
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        pool = porter.eip("lan", "198.51.100.0/24", priority=7)
        self.ask_nobody()
        self.api.put(pool)
        self.assertNotIn("priority", self.api.get("Eip", "lan")["spec"])
        self.helm(helm, "upgrade", "porter", CHART, "--namespace", NAMESPACE)
        self.ask_nobody()
        self.wait("the field is there", lambda: self.api.apply(pool)["spec"].get("priority") == 7, 20, 0.3)
        self.helm(helm, "uninstall", "porter", "--namespace", NAMESPACE)
        self.assertIsNotNone(self.api.get("Eip", "lan"))  # crds.keep

    @both
    def test_whom_to_trust_outlives_an_upgrade(self, helm):
        self.install(helm)
        self.lab.webhooks = True
        self.addCleanup(setattr, self.lab, "webhooks", False)
        self.lab.start_controllers(1)

        def trusted():
            review = self.api.get("ValidatingWebhookConfiguration", "porter")["webhooks"]
            conversion = self.api.get("CustomResourceDefinition", f"eips.{porter.API}")["spec"]["conversion"]["webhook"]
            return [w["clientConfig"].get("caBundle") for w in (*review, conversion)]
        self.wait("Porter has written its authority", lambda: all(trusted()), 60, 0.3)
        before = trusted()
        self.helm(helm, "upgrade", "porter", CHART, "--namespace", NAMESPACE, "--set", "logLevel=debug")
        self.assertEqual(trusted(), before)

    @both
    def test_uninstalled_nothing_is_left_but_the_crds(self, helm):
        self.install(helm)
        mine = [f"{i['kind']} {i['metadata']['name']}" for i in self.everything()]
        self.assertIn("DaemonSet porter-speaker", mine)
        self.helm(helm, "uninstall", "porter", "--namespace", NAMESPACE)
        self.wait("the rest is gone", lambda: {i["kind"] for i in self.everything()} <= {"CustomResourceDefinition"}, 60, 0.5)
        self.assertEqual(len(self.everything()), len(OURS))

    @both
    def test_after_porter_uninstall_nothing_is_left_at_all(self, helm):
        self.install(helm)
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        self.ask_nobody()
        self.lab.start_controllers(1)
        self.api.put(porter.eip("lan", "198.51.100.0/24"))
        self.wait("it is held", lambda: self.api.get("Eip", "lan")["metadata"].get("finalizers"), 30)
        done = self.porter_uninstall()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.lab.reset_porter()
        self.helm(helm, "uninstall", "porter", "--namespace", NAMESPACE)
        self.wait("all is gone", lambda: self.everything() == [], 60, 0.5)
        for kind, name in (("Lease", "porter-controller"), ("Secret", "porter-webhook")):
            self.assertIsNone(self.api.get(kind, name, NAMESPACE))

    def everything(self):
        """Whatever in the cluster carries our label, of every kind that can be listed."""
        kinds = [k for k in self.kubectl("api-resources", "--verbs=list", "-o", "name").stdout.split()
                 if not k.startswith("events") and k != "componentstatuses"]
        said = self.kubectl("get", ",".join(kinds), "--all-namespaces", "--ignore-not-found", "-o", "json",
                            "-l", "app.kubernetes.io/name=porter").stdout
        items = json.loads(said or '{"items": []}')["items"]
        # What Kubernetes makes of ours, it takes away by itself.
        return [i for i in items if not i["metadata"].get("ownerReferences") and i["kind"] not in ("Endpoints", "EndpointSlice")]

    @both
    def test_in_openelbs_place_it_has_openelbs_names(self, helm):
        self.helm(helm, "install", "openelb", CHART, "--namespace", "openelb-system", *OPENELB)
        for kind, name in (("Deployment", "openelb-controller"), ("DaemonSet", "openelb-speaker")):
            thing = json.loads(self.kubectl("get", kind, name, "-n", "openelb-system", "-o", "json").stdout)
            labels = thing["spec"]["template"]["metadata"]["labels"]
            self.assertEqual((labels["app"], labels["component"]), ("openelb", name.partition("-")[2]))
        self.helm(helm, "uninstall", "openelb", "--namespace", "openelb-system")
        self.wait("the rest is gone", lambda: {i["kind"] for i in self.everything()} <= {"CustomResourceDefinition"}, 60, 0.5)
        self.kubectl("delete", "crd", *(i["metadata"]["name"] for i in self.everything()))
