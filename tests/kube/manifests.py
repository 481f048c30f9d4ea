# SPDX-License-Identifier: Apache-2.0
"""Our CRDs and the manifests users have: what the API server, kubectl and Porter make of them."""
import base64
import glob
import json
import os
import re
import threading

from lab import pki, porter
from lab.api import ApiError, condition
from lab.space import run
from lab.kube_topology import CONTROL, NAMESPACE
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

    def test_everything_below_deploy_passes_strict_validation(self):
        paths = [part for path in sorted(glob.glob("deploy/*.yaml")) for part in ("-f", path)]
        done = self.kubectl("apply", "--dry-run=server", "--validate=strict", *paths)
        self.assertIn("deployment.apps/porter-controller created (server dry run)", done.stdout)

    def test_manifests_as_the_lab_writes_them_pass_strict_validation(self):
        things = [conf(), porter.peer("router", "172.30.0.1"), porter.eip("lan", "198.51.100.0/24")]
        done = self.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin="\n---\n".join(map(json.dumps, things)))
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
            self.assertIn("status" if kind == "BgpNodeState" else "spec", text, kind)
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


SECRET, SERVICE = "porter-webhook", "porter-webhook"
CONVERTED = ("eips", "bgpconfs", "bgppeers")
OLD = f"{porter.API}/v1alpha1"


def old_eip(name, address):
    return {"apiVersion": OLD, "kind": "Eip", "metadata": {"name": name}, "spec": {"address": address}}


class WebhookCase(KubeCase):
    """The webhooks as they are shipped, with replicas of the controller behind their Service."""
    nodes, replicas, flags = 1, 1, ()

    def setUp(self):
        super().setUp()
        self.prepare()
        self.lab.install_webhooks()
        self.lab.start_controllers(self.replicas, flags=self.flags)
        self.served()

    def prepare(self):
        """Before a controller runs."""

    def sweep(self):
        self.api.delete("ValidatingWebhookConfiguration", "porter")  # nobody answers it while things are swept away
        super().sweep()

    def served(self):
        """Both webhooks answer: whom to trust has come into the CRDs and the configuration."""
        thing = json.dumps(old_eip("probe", "198.51.100.1"))
        self.wait("v1alpha1 is served", lambda: self.kubectl("apply", "--dry-run=server", "-f", "-", stdin=thing, check=False)
                  .returncode == 0, 60, 0.3)

    def bundles(self):
        """The caBundles there are, in the four places that have one."""
        crds = [self.api.get("CustomResourceDefinition", f"{plural}.{porter.API}") for plural in CONVERTED]
        configs = [c["spec"]["conversion"]["webhook"]["clientConfig"] for c in crds]
        configs += [w["clientConfig"] for w in self.api.get("ValidatingWebhookConfiguration", "porter")["webhooks"]]
        return [c.get("caBundle", "") for c in configs]

    def secret(self):
        """The Secret's data, decoded."""
        data = (self.api.get("Secret", SECRET, NAMESPACE) or {}).get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def refused(self, action, *words):
        with self.assertRaises(ApiError) as error:
            action()
        for word in words:
            self.assertIn(word, str(error.exception))


class Conversion(WebhookCase):
    """v1alpha1, which only Porter can convert."""

    def test_samples_of_v1alpha1_apply_unchanged_and_come_back_the_same(self):
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
        self.api.put(porter.eip("lan", "198.51.100.0/24", priority=7, autoAssign=False, exclude=["198.51.100.9"]),
                     porter.peer("router", "172.30.0.1", send_max=5, nodeSelector={"matchLabels": {"a": "b"}}))
        for kind, name in (("Eip", "lan"), ("BgpPeer", "router")):
            before = self.api.get(kind, name)["spec"]

            def touched():
                old = self.api.get(kind, name, version=f"{porter.API}/v1alpha1")
                old["metadata"].setdefault("labels", {})["touched"] = "yes"
                old["metadata"].pop("managedFields", None)
                try:
                    self.api.replace(old)
                except ApiError as error:
                    if error.status != 409:  # the controller may write at the same time
                        raise
                    return False
                return True
            self.wait(f"{kind} {name} replaced", touched)
            self.assertEqual(self.api.get(kind, name)["spec"], before)

    def test_what_validate_refuses_admission_refuses_in_the_same_words(self):
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

    def test_samples_of_v1alpha2_apply_unchanged_with_admission(self):
        for path in samples("v1alpha2"):
            self.kubectl("apply", "--validate=strict", "-f", path)

    def test_a_dry_run_is_answered_and_leaves_nothing(self):
        good, bad = porter.eip("good", "198.51.100.0/24"), porter.eip("bad", "198.51.100.200-198.51.100.100")
        self.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(good))
        done = self.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(bad), check=False)
        self.assertIn("spec.address", done.stderr)
        self.assertEqual(self.api.list("Eip"), [])

    def test_addresses_in_use_cannot_be_taken_out_of_an_eip(self):
        self.api.put(porter.eip("lan", "198.51.100.0/24"))
        self.lab.add_service("web")
        self.wait("web has an address", lambda: self.lab.addresses("web"))
        address = self.lab.addresses("web")[0]
        self.refused(lambda: self.api.patch("Eip", "lan", {"spec": {"address": "198.51.100.128/25"}}),
                     address, "default/web", "release them first")
        self.api.patch("Eip", "lan", {"spec": {"address": "198.51.100.0/25"}})

    def test_applying_the_manifests_again_leaves_whom_to_trust(self):
        before = self.bundles()
        self.assertTrue(all(before), before)
        for how in (("--server-side",), ("--server-side", "--force-conflicts"), ()):
            self.kubectl("apply", *how, "-f", "deploy/crds", "-f", "deploy/webhook.yaml")
            self.assertEqual(self.bundles(), before, how)

    def test_whom_to_trust_comes_back_after_the_configuration_was_made_anew(self):
        self.api.delete("ValidatingWebhookConfiguration", "porter")
        self.kubectl("apply", "--server-side", "-f", "deploy/webhook.yaml")
        self.wait("the caBundle is back", lambda: all(self.bundles()), 45)


class Rotation(WebhookCase):
    """Certificates change while conversions go on."""
    replicas, flags = 2, ("--webhook-certificate-lifetime", "30s")

    def test_no_conversion_fails_while_certificates_are_rotated(self):
        self.api.create(old_eip("lan", "198.51.100.0/24"))
        failures, stop, count = [], threading.Event(), [0]

        def converse():
            while not stop.is_set():
                try:
                    self.api.get("Eip", "lan", version=OLD)
                    count[0] += 1
                except Exception as error:  # whatever it is, it is told
                    failures.append(str(error))
        thread = threading.Thread(target=converse)
        thread.start()
        try:
            shown = self.secret()["tls.crt"]
            for _ in range(2):
                self.wait("another certificate is shown", lambda last=shown: self.secret()["tls.crt"] != last, 60)
                self.assertEqual(self.secret()["ca.crt"].count("BEGIN"), 2)  # both, for a while
                shown = self.secret()["tls.crt"]
            self.wait("the old authority goes", lambda: self.secret()["ca.crt"].count("BEGIN") == 1, 30)
            self.api.delete("Secret", SECRET, NAMESPACE)  # how a person asks for a new one
            self.wait("it was made anew", lambda: self.secret().get("tls.crt", shown) != shown, 60)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(count[0], 50)


class SecretOfOthers(WebhookCase):
    """cert-manager writes the Secret: it is used, and never written."""
    replicas, flags = 2, ("--webhook-certificate-lifetime", "30s")  # so that it is looked at twice a second

    def prepare(self):
        self.issue(self.lab.cluster.pki)

    def issue(self, authority):
        certificate, key = authority.issue("hook", "/CN=hook", "server", (f"DNS:{SERVICE}.{NAMESPACE}.svc",))
        self.authority = pki.data(authority.certificate)
        self.api.put({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                      "metadata": {"name": SECRET, "namespace": NAMESPACE,
                                   "annotations": {"cert-manager.io/certificate-name": "porter-webhook"}},
                      "data": {"ca.crt": self.authority, "tls.crt": pki.data(certificate), "tls.key": pki.data(key)}})
        self.written = self.api.get("Secret", SECRET, NAMESPACE)["metadata"]["resourceVersion"]

    def trusted(self):
        """The certificates in the caBundles, without the armour of PEM."""
        return [re.sub(r"-----\w+ CERTIFICATE-----|\s", "", base64.b64decode(b).decode()) for b in self.bundles()]

    def test_it_is_used_as_it_is_and_a_renewal_by_another_authority_is_followed(self):
        self.api.create(old_eip("lan", "198.51.100.0/24"))
        other = pki.Authority(os.path.join(self.lab.folder, "other-pki"), "other")
        for authority in (self.lab.cluster.pki, other):
            self.issue(authority)
            with open(authority.certificate) as file:
                wanted = re.sub(r"-----\w+ CERTIFICATE-----|\s", "", file.read())
            self.wait("only its authority is trusted", lambda wanted=wanted: set(self.trusted()) == {wanted}, 40, 0.3)
            for _ in range(20):
                self.assertEqual(self.api.get("Eip", "lan", version=OLD)["spec"]["address"], "198.51.100.0/24")
            self.assertEqual(self.api.get("Secret", SECRET, NAMESPACE)["metadata"]["resourceVersion"], self.written)


class Url(WebhookCase):
    """A controller outside of the cluster is asked at a URL."""
    flags = ("--webhook-url", f"https://{CONTROL}:9481")

    def test_the_api_server_asks_there(self):
        crd = self.api.get("CustomResourceDefinition", f"eips.{porter.API}")
        config = crd["spec"]["conversion"]["webhook"]["clientConfig"]
        self.assertEqual((config["url"], config.get("service")), (f"https://{CONTROL}:9481/convert", None))
        self.api.create(old_eip("lan", "198.51.100.0/24"))
        self.refused(lambda: self.api.create(porter.eip("bad", "198.51.100.200-198.51.100.100")), "spec.address")
        lines = dict(line.rsplit(" ", 1) for line in self.lab.controllers[0].fetch("/metrics")[1].splitlines() if line[:1] != "#")
        self.assertGreaterEqual(int(lines["porter_webhook_requests_total"]), 2)
        self.assertIn("porter_webhook_handshakes_failed_total", lines)  # it may have asked before it knew whom to trust


class Upgrade(KubeCase):
    """Objects that were stored as v1alpha1 before our CRDs came."""
    nodes = 1

    def stored_version(self, plural, name):
        """apiVersion of what lies in etcd."""
        key = base64.b64encode(f"/registry/{porter.API}/{plural}/{name}".encode()).decode()
        answer = self.lab.cluster.etcd("/v3/kv/range", {"key": key})
        return json.loads(base64.b64decode(answer["kvs"][0]["value"]))["apiVersion"]

    def crd(self, plural):
        return self.api.get("CustomResourceDefinition", f"{plural}.{porter.API}")

    def go_back_to_v1alpha1(self):
        """CRDs that know v1alpha1 only, as Porter 0.3 had them."""
        for plural in CONVERTED:
            crd = self.crd(plural)
            versions = [v for v in crd["spec"]["versions"] if v["name"] == "v1alpha1"]
            versions[0]["storage"] = True
            spec = {key: crd["spec"][key] for key in ("group", "scope", "names")}
            self.api.delete("CustomResourceDefinition", crd["metadata"]["name"])
            self.wait("the CRD is gone", lambda plural=plural: self.crd(plural) is None)
            self.api.create({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                             "metadata": {"name": crd["metadata"]["name"]}, "spec": {**spec, "versions": versions}})
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")

    def test_objects_stored_as_v1alpha1_are_served_used_and_migrated(self):
        self.go_back_to_v1alpha1()
        count = 60  # more than a page
        self.wait("v1alpha1 can be written", lambda: self.try_create(old_eip("lan", "198.51.100.0/24")))
        for number in range(count):
            self.api.create(old_eip(f"spare{number}", f"203.0.113.{number}"))
        self.wait("v1alpha1 can be written", lambda: self.try_create(
            {"apiVersion": OLD, "kind": "BgpPeer", "metadata": {"name": "router"},
             "spec": {"config": {"peerAs": 65001, "neighborAddress": "172.30.0.1"}}}))
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "deploy/crds")
        self.assertEqual(self.stored_version("eips", "lan"), OLD)
        self.lab.install_webhooks()
        self.addCleanup(self.api.delete, "ValidatingWebhookConfiguration", "porter")
        self.lab.start_controllers(2)
        for plural in CONVERTED:
            self.wait(f"{plural} are migrated", lambda plural=plural: self.crd(plural)["status"]["storedVersions"] == ["v1alpha2"], 60)
        self.assertEqual(self.stored_version("bgppeers", "router"), f"{porter.API}/v1alpha2")
        for name in ("lan", *(f"spare{number}" for number in range(count))):
            self.assertEqual(self.stored_version("eips", name), f"{porter.API}/v1alpha2", name)
        self.assertEqual(self.api.get("Eip", "lan", version=OLD)["spec"]["address"], "198.51.100.0/24")
        self.lab.add_service("web")
        self.wait("web has an address", lambda: self.lab.addresses("web"))

    def try_create(self, thing):
        """A CRD that is new is served a moment later."""
        try:
            self.api.create(thing)
        except ApiError:
            return False
        return True


class Down(WebhookCase):
    """Nobody answers the webhooks: nothing of the users' is held up."""

    def setUp(self):
        super().setUp()
        self.api.put(porter.eip("lan", "198.51.100.0/24"))
        self.lab.add_service("before")
        self.wait("before has an address", lambda: self.lab.addresses("before"))
        self.lab.controllers[0].kill()

    def test_services_and_what_belongs_to_them_are_written_as_always(self):
        self.lab.add_service("web")
        self.api.patch("Service", "web", {"metadata": {"annotations": {"a": "b"}}})
        self.api.patch("Service", "web", {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.9"}]}}}, subresource="status")
        self.assertEqual(self.lab.addresses("web"), ["198.51.100.9"])
        self.lab.delete_service("web")
        self.assertEqual(self.api.get("Eip", "lan")["spec"]["address"], "198.51.100.0/24")
        self.api.patch("Eip", "lan", {"status": {"occupied": False}}, subresource="status")

    def test_our_own_kinds_are_refused_until_somebody_answers_and_can_always_be_deleted(self):
        self.refused(lambda: self.api.create(porter.eip("other", "203.0.113.0/24")), "configuration.network.kubesphere.io")
        self.api.delete("Eip", "lan")
        found = self.api.get("Eip", "lan")
        if found is not None:  # a finalizer, which whoever may can take away
            self.api.patch("Eip", "lan", {"metadata": {"finalizers": None}})
        self.assertIsNone(self.api.get("Eip", "lan"))

    def test_a_controller_without_webhooks_gives_addresses(self):
        self.lab.webhooks = False
        self.addCleanup(setattr, self.lab, "webhooks", True)
        self.lab.start_controllers(1)
        self.lab.add_service("web")
        self.wait("web has an address", lambda: self.lab.addresses("web"))

    def test_a_controller_without_the_rights_names_them_and_goes_on(self):
        role = self.api.get("Role", "porter-controller", NAMESPACE)
        rules = [rule for rule in role["rules"] if "secrets" not in rule["resources"]]
        self.api.patch("Role", "porter-controller", {"rules": rules}, NAMESPACE)
        self.addCleanup(self.kubectl, "apply", "--server-side", "--force-conflicts", "-f", "deploy/rbac.yaml")
        controller = self.lab.start_controllers(1, wait=False)[0]
        self.wait("what is missing is named", lambda: "secrets" in controller.fetch("/readyz")[1], 30)
        self.assertIn("porter-webhook", controller.fetch("/readyz")[1])
        self.lab.add_service("web")
        self.wait("web has an address", lambda: self.lab.addresses("web"))
        self.assertIn("secrets", controller.log_text())
