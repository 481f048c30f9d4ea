# SPDX-License-Identifier: Apache-2.0
"""`porter uninstall`: nothing of ours stays, nothing of others goes, and it does not matter what is gone already."""
from lab import porter
from lab.kube_topology import NAMESPACE
from lab.space import run
from tests.kube.case import ANNOUNCED, LAN, OURS, KubeCase

FIRST = "198.51.100.0"
HOLD = "network.kubesphere.io/addresses-in-use"
CRDS = [f"{kind.lower()}{'es' if kind.endswith('s') else 's'}.{porter.API}" for kind in OURS]


class Uninstall(KubeCase):
    nodes = 1

    def setUp(self):
        super().setUp()
        self.lab.install()

    def sweep(self):
        self.lab.install()
        super().sweep()

    def uninstall(self, *flags):
        done = run(porter.binary(), "uninstall", "--kubeconfig", self.lab.cluster.admin_kubeconfig, *flags, check=False, timeout=120)
        return done.returncode, done.stdout, done.stderr

    def with_a_service(self):
        self.begin()
        self.lab.add_service("web")
        self.wait_hops(f"{FIRST}/32", self.hops())
        self.wait("it is held", lambda: HOLD in self.api.get("Eip", "lan")["metadata"].get("finalizers", []))

    def left(self):
        """What of ours is still there."""
        found = [name for name in CRDS if self.api.get("CustomResourceDefinition", name)]
        found += [f"{kind} {name}" for kind in ("ClusterRole", "ClusterRoleBinding") for name in ("porter-controller", "porter-speaker")
                  if self.api.get(kind, name)]
        found += [f"{kind} {name}" for kind, name in (("Lease", "porter-controller"), ("Secret", "porter-webhook"),
                                                      ("ServiceAccount", "porter-controller"), ("ServiceAccount", "porter-speaker"))
                  if self.api.get(kind, name, NAMESPACE)]
        if self.api.get("ValidatingWebhookConfiguration", "porter"):
            found.append("the webhook configuration")
        return found

    def test_everything_of_ours_goes_and_services_stay_as_they_are(self):
        """Controller and speaker run on all the while."""
        self.with_a_service()
        self.wait_condition("web", "True", "Announced", ANNOUNCED)
        before = self.api.get("Service", "web")
        status, said, errors = self.uninstall("--yes")
        self.assertEqual((status, errors), (0, ""), said)
        self.assertEqual(self.left(), [])
        self.assertIn("deleted 2 eips.network.kubesphere.io", said)
        self.wait_hops(f"{FIRST}/32", [])  # the sessions were ended
        after = self.api.get("Service", "web")
        self.assertEqual(after["status"], before["status"])
        self.assertEqual(after["metadata"].get("finalizers"), None)
        self.lab.delete_service("web")
        self.assertIsNone(self.api.get("Service", "web"))

    def test_again_it_says_that_all_is_gone(self):
        self.assertEqual(self.uninstall("--yes")[0], 0)
        status, said, errors = self.uninstall("--yes")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn(f"gone already: customresourcedefinitions.apiextensions.k8s.io eips.{porter.API}", said)

    def test_half_of_it_may_be_gone(self):
        self.api.put(porter.eip("lan", LAN))
        self.api.patch("Eip", "lan", {"metadata": {"finalizers": [HOLD, "finalizer.ipam.kubesphere.io/v1alpha1"]}})
        self.api.delete("Eip", "lan")  # nobody is left who would let it go
        self.kubectl("delete", "-f", "deploy/rbac.yaml", "--ignore-not-found", "--wait=false")
        self.kubectl("delete", "crd", f"bgppeers.{porter.API}")
        self.kubectl("delete", "crd", f"eips.{porter.API}", "--wait=false")  # waits for the Eip, which waits for nobody
        status, said, errors = self.uninstall("--yes")
        self.assertEqual((status, errors), (0, ""), said)
        self.assertEqual(self.left(), [])
        self.wait("the namespace can be made anew", lambda: self.api.get("Namespace", NAMESPACE) is None, 40)

    def test_a_finalizer_of_somebody_else_is_named_and_left(self):
        self.api.put(porter.eip("lan", LAN))
        self.api.patch("Eip", "lan", {"metadata": {"finalizers": ["example.com/audit"]}})
        self.addCleanup(self.let_go)
        dry = self.uninstall("--dry-run")
        self.assertIn("held by somebody else's finalizer: example.com/audit", dry[2])

    def let_go(self):
        if self.api.get("Eip", "lan"):
            self.api.patch("Eip", "lan", {"metadata": {"finalizers": None}})

    def test_a_dry_run_changes_nothing_and_without_yes_nothing_is_done(self):
        self.with_a_service()
        before = self.left()
        status, said, errors = self.uninstall("--dry-run")
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("would delete 2 eips", said)
        self.assertEqual(self.uninstall()[0], 2)
        self.assertEqual(self.left(), before)
        self.wait_hops(f"{FIRST}/32", self.hops())

    def test_the_crds_that_porter_prints_are_those_that_are_delivered(self):
        printed = run(porter.binary(), "crds").stdout
        said = self.kubectl("apply", "--server-side", "-f", "-", stdin=printed).stdout
        self.assertEqual(said.count("serverside-applied"), len(OURS))
        self.kubectl("diff", "--server-side", "-f", "deploy/crds")
