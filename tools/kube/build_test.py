# SPDX-License-Identifier: Apache-2.0
"""Which binaries build.py takes, and what it says where it can build none: python3 -m unittest tools/kube/build_test.py"""
import contextlib
import io
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import build  # noqa: E402


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TEST_ASSET_", "KUBEBUILDER_"))}
        clean.update(XDG_CACHE_HOME=os.path.join(self.folder, "cache"), PATH=self.path("installed", ""))
        patch = mock.patch.dict(os.environ, clean, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def script(self, place, name, says, status=0):
        path = self.path(place, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
        os.chmod(path, 0o755)
        return path

    def quietly(self, action):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            return action(), said.getvalue()


class Find(Case):
    def test_nothing_is_found_where_nothing_is(self):
        self.assertIsNone(build.find("etcd"))

    def test_the_variables_of_envtest_win_in_their_order(self):
        cached = self.script(build.folder("etcd"), "etcd", "etcd Version: 3.6.16")
        self.assertEqual(build.find("etcd"), cached)
        assets = self.script("assets", "etcd", "etcd Version: 3.5.21")
        os.environ["KUBEBUILDER_ASSETS"] = os.path.dirname(assets)
        self.assertEqual(build.find("etcd"), assets)
        asset = self.script("asset", "my-etcd", "etcd Version: 3.5.20")
        os.environ["TEST_ASSET_ETCD"] = asset
        self.assertEqual(build.find("etcd"), asset)

    def test_the_variable_of_a_name_with_hyphens_or_a_dot(self):
        for name, variable in (("kube-apiserver", "TEST_ASSET_KUBE_APISERVER"), ("e2e.test", "TEST_ASSET_E2E_TEST")):
            os.environ[variable] = self.script("asset", name, "Kubernetes v1.35.1")
            self.assertEqual(build.find(name), os.environ[variable])

    def test_what_is_too_old_or_does_not_run_is_named_and_passed_over(self):
        os.environ["TEST_ASSET_ETCD"] = self.script("asset", "etcd", "etcd Version: 3.4.23")
        found, said = self.quietly(lambda: build.find("etcd"))
        self.assertIsNone(found)
        self.assertIn("3.4.23", said)
        self.assertIn("3.5.13 or newer", said)
        self.script("asset", "etcd", "etcd Version: 3.6.1", status=1)
        found, said = self.quietly(lambda: build.find("etcd"))
        self.assertIsNone(found)
        self.assertIn("does not run", said)

    def test_an_installed_one_counts_when_it_is_of_the_pinned_minor_version(self):
        minor = build.pinned("k8s").rpartition(".")[0]
        installed = self.script("installed", "kubectl", f"Client Version: {minor}.99")
        self.assertEqual(build.find("kubectl"), installed)
        self.script("installed", "kubectl", "Client Version: v1.20.4")
        self.assertIsNone(build.find("kubectl"))

    def test_either_helm_is_called_helm_where_it_is_installed(self):
        minor = build.pinned("helm4").rpartition(".")[0]
        installed = self.script("installed", "helm", f"{minor}.99+g0000000")
        self.assertEqual((build.find("helm4"), build.find("helm3")), (installed, None))
        os.environ["TEST_ASSET_HELM3"] = self.script("asset", "helm-of-mine", "v3.20.1+g0000000")
        self.assertEqual(build.find("helm3"), os.environ["TEST_ASSET_HELM3"])

    def test_a_name_it_does_not_know_is_refused_with_those_it_knows(self):
        with self.assertRaisesRegex(build.NotAvailable, "kube-proxy"):
            build.find("kubeproxy")


class Pins(Case):
    def test_the_specs_are_of_the_version_that_they_run_against(self):
        self.assertEqual(build.pinned("e2e"), build.pinned("k8s"))


class Go(Case):
    def refused(self):
        with mock.patch.object(build, "PLACES_OF_GO", ()), self.assertRaises(build.NotAvailable) as reason:
            build.go()
        return str(reason.exception)

    def test_without_go_it_says_what_to_install(self):
        said = self.refused()
        self.assertIn("no go command", said)
        self.assertIn("Debian 12", said)
        self.assertIn("KUBEBUILDER_ASSETS", said)

    def test_the_go_of_debian_12_is_too_old(self):
        self.script("installed", "go", "go1.19.8")
        self.assertIn("is go1.19.8", self.refused())

    def test_an_older_go_will_do_where_it_may_fetch_a_newer_one(self):
        path = self.script("installed", "go", "go1.24.4\nauto")
        self.assertEqual(build.go(), path)
        self.script("installed", "go", "go1.24.4\nlocal")
        self.assertIn("is go1.24.4", self.refused())

    def test_main_ends_with_77_where_nothing_can_be_had(self):
        with mock.patch.object(build, "PLACES_OF_GO", ()):
            status, said = self.quietly(lambda: build.main(["etcd"]))
        self.assertEqual(status, 77)
        self.assertIn("no go command", said)


if __name__ == "__main__":
    unittest.main()
