# SPDX-License-Identifier: Apache-2.0
"""Our CRDs and the manifests users have: what the API server, kubectl and Porter make of them."""
import glob
import json
import os
import re

from lab import porter
from lab.api import ApiError, condition
from lab.space import run
from tests.kube.case import OURS, KubeCase, conf

SAMPLES = "../shared/spec/samples"  # as Porter 0.3 and OpenELB 0.6 were published with
COLUMNS = {"Eip": ["ADDRESS", "PROTOCOL", "USED", "TOTAL", "READY", "AGE"],
           "BgpPeer": ["NEIGHBOR", "REMOTE-AS", "SESSIONS", "ADVERTISED", "AGE"]}


def samples(version):
    """The sample manifests of one API version: files with objects of ours only."""
    out = []
    for path in sorted(glob.glob(f"{SAMPLES}/**/*.yaml", recursive=True)):
        with open(path) as file:
            text = file.read()
        kinds = set(re.findall(r"^kind: (\w+)", text, re.M))
        if f"apiVersion: {porter.API}/{version}" in text and kinds <= {"Eip", "BgpConf", "BgpPeer"}:
            out.append(path)
    return out


class Definitions(KubeCase):
    """What the API server alone does with our CRDs."""
    nodes = 1

    def refused(self, thing, *words):
        with self.assertRaises(ApiError) as error:
            self.api.create(thing)
        for word in words:
            self.assertIn(word, str(error.exception))

    def test_every_kind_is_served_and_established(self):
        for kind in OURS:
            self.assertEqual(self.api.list(kind), [], kind)
        for crd in self.api.list("CustomResourceDefinition"):
            self.assertEqual(condition(crd, "Established").get("status"), "True", crd["metadata"]["name"])
            self.assertEqual(condition(crd, "NonStructuralSchema"), {}, crd["metadata"]["name"])

    def test_applying_them_again_changes_nothing(self):
        before = {c["metadata"]["name"]: c["metadata"]["generation"] for c in self.api.list("CustomResourceDefinition")}
        self.kubectl("apply", "--server-side", "-f", "deploy/crds")
        after = {c["metadata"]["name"]: c["metadata"]["generation"] for c in self.api.list("CustomResourceDefinition")}
        self.assertEqual(before, after)

    def test_manifests_as_the_lab_writes_them_pass_strict_validation(self):
        things = [conf(), porter.peer("router", "172.30.0.1"), porter.eip("lan", "198.51.100.0/24")]
        done = self.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin="---\n".join(map(json.dumps, things)))
        self.assertEqual(done.stdout.count("(server dry run)"), 3, done.stdout)
        self.assertEqual(self.api.list("Eip"), [])

    def test_samples_of_v1alpha2_apply_unchanged(self):
        paths = samples("v1alpha2")
        if not paths:
            self.skipTest(f"no samples below {SAMPLES}")
        for path in paths:
            self.kubectl("apply", "--validate=strict", "-f", path)

    def test_an_unknown_field_is_named(self):
        thing = porter.eip("typo", "198.51.100.0/24", adress="198.51.100.0/24")
        done = self.kubectl("apply", "--validate=strict", "-f", "-", stdin=json.dumps(thing), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("adress", done.stderr)

    def test_what_cannot_be_right_is_refused_by_the_schema(self):
        self.refused(porter.eip("bad", "198.51.100.0/24", protocol="carrier-pigeon"), "protocol")
        self.refused({"apiVersion": f"{porter.API}/v1alpha2", "kind": "Eip", "metadata": {"name": "none"}, "spec": {}}, "address")
        self.refused(porter.peer("bad", "172.30.0.1", asn=-1), "peerAs")

    def test_explain_tells_every_field(self):
        for kind in OURS:
            text = self.kubectl("explain", "--recursive", kind.lower()).stdout
            self.assertIn("spec", text, kind)
        for field in ("eip.spec.address", "eip.spec.priority", "bgppeer.spec.conf.neighborAddress", "bgpconf.spec.listenPort"):
            text = self.kubectl("explain", field).stdout
            self.assertGreater(len(text.partition("DESCRIPTION:")[2].strip()), 20, text)

    def test_columns_short_names_and_category(self):
        self.api.put(porter.eip("lan", "198.51.100.0/24"), porter.peer("router", "172.30.0.1"))
        for kind, columns in COLUMNS.items():
            header = self.kubectl("get", kind.lower()).stdout.split("\n")[0].split()
            self.assertEqual(header[1:], columns, kind)
        listed = self.kubectl("get", "porter").stdout  # the category
        self.assertIn("lan", listed)
        self.assertIn("router", listed)

    def test_status_is_a_subresource(self):
        self.api.put(porter.eip("lan", "198.51.100.0/24"))
        self.api.patch("Eip", "lan", {"status": {"occupied": True}})
        self.assertNotIn("occupied", self.api.get("Eip", "lan").get("status", {}))


class Conversion(KubeCase):
    """v1alpha1, which only Porter can convert."""
    nodes = 1

    def setUp(self):
        super().setUp()
        self.lab.start_controllers()

    def served(self):
        """The conversion webhook answers: the CA has come into the CRDs."""
        self.wait("v1alpha1 is served", lambda: self.kubectl("get", f"eips.v1alpha1.{porter.API}", check=False).returncode == 0, 30, 0.5)

    def test_samples_of_v1alpha1_apply_unchanged_and_come_back_the_same(self):
        self.served()
        paths = samples("v1alpha1")
        if not paths:
            self.skipTest(f"no samples below {SAMPLES}")
        for path in paths:
            self.kubectl("apply", "--validate=strict", "-f", path)
        eip = self.api.get("Eip", "eip-sample", version=f"{porter.API}/v1alpha1")
        self.assertEqual((eip["spec"]["address"], eip["spec"]["disable"]), ("139.198.121.228", False))
        peer = self.api.get("BgpPeer", "bgppeer-sample")
        self.assertEqual((peer["spec"]["conf"]["peerAs"], peer["spec"]["conf"]["neighborAddress"]), (65001, "192.168.0.6"))
        self.assertEqual(self.api.get("BgpConf", "bgpconf-sample")["spec"]["routerId"], "192.168.0.2")

    def test_a_round_trip_through_the_old_version_loses_nothing(self):
        self.served()
        self.api.put(porter.eip("lan", "198.51.100.0/24", priority=7, autoAssign=False, exclude=["198.51.100.9"]),
                     porter.peer("router", "172.30.0.1", send_max=5, nodeSelector={"matchLabels": {"a": "b"}}))
        for kind, name in (("Eip", "lan"), ("BgpPeer", "router")):
            before = self.api.get(kind, name)["spec"]
            old = self.api.get(kind, name, version=f"{porter.API}/v1alpha1")
            old["metadata"].setdefault("labels", {})["touched"] = "yes"
            old["metadata"].pop("managedFields", None)
            self.api.replace(old)
            self.assertEqual(self.api.get(kind, name)["spec"], before)

    def test_what_validate_refuses_admission_refuses_in_the_same_words(self):
        self.served()
        thing = porter.eip("bad", "198.51.100.200-198.51.100.100")
        done = self.kubectl("apply", "-f", "-", stdin=json.dumps(thing), check=False)
        self.assertNotEqual(done.returncode, 0)
        path = os.path.join(self.lab.folder, "bad.yaml")
        with open(path, "w") as file:
            json.dump(thing, file)
        said = run(porter.binary(), "validate", path, check=False)
        self.assertEqual(said.returncode, 1)
        words = re.search(r"spec\.address: (.+)", said.stdout + said.stderr)[1]
        self.assertIn(words, done.stderr)
