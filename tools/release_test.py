# SPDX-License-Identifier: Apache-2.0
"""A release, unpacked and used: python3 -m unittest tools/release_test.py ($PORTER: another binary)"""
import contextlib
import io
import os
import subprocess
import sys
import tarfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import image  # noqa: E402
import release  # noqa: E402
from image_test import BINARY, OfTheBinary  # noqa: E402

VERSION = image.version()


class Release(OfTheBinary):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = release.everything(BINARY)
        with contextlib.redirect_stdout(io.StringIO()):
            release.write(cls.folder, cls.files)
        cls.binary = next(name for name in cls.files if name.endswith(".tar.gz"))
        with tarfile.open(os.path.join(cls.folder, cls.binary)) as tar:
            tar.extractall(cls.folder)
        cls.root = os.path.join(cls.folder, f"porter-{VERSION}")

    def run_here(self, *command, **how):
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, **how)

    def test_made_again_it_is_the_same_bit_for_bit(self):
        self.assertEqual(release.everything(BINARY), self.files)

    def test_the_sums_are_those_of_the_files(self):
        done = self.run_here("sha256sum", "--check", "--strict", "SHA256SUMS")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(done.stdout.count(": OK"), len(self.files) - 1)

    def test_the_binary_runs_under_each_of_its_names(self):
        for name in ("porter", "kubectl-porter"):
            done = self.run_here(os.path.join(self.root, "bin", name), "version")
            self.assertEqual(done.stdout, f"porter {VERSION}\n", done.stderr)

    def test_kubectl_completes_the_plugin(self):
        done = self.run_here(os.path.join(self.root, "bin/kubectl_complete-porter"), "expl")
        self.assertIn("explain", done.stdout)

    def test_the_manual_page_and_the_completions_are_where_they_are_looked_for(self):
        page = self.run_here("gzip", "-dc", os.path.join(self.root, "share/man/man8/porter.8.gz")).stdout
        self.assertTrue(page.startswith(".TH PORTER 8"), page[:80])
        for shell, path in release.SHELLS.items():
            with open(os.path.join(self.root, path)) as script:
                self.assertIn("porter", script.read(), shell)
        sourced = 'source "$1" && complete -p porter'
        self.assertIn("porter", self.run_here("bash", "-c", sourced, "bash", os.path.join(self.root, release.SHELLS["bash"])).stdout)

    def test_the_chart_is_all_of_the_folder(self):
        with tarfile.open(os.path.join(self.folder, f"porter-{VERSION}.tgz")) as tar:
            inside = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
        folder = os.path.join(image.ROOT, "charts")
        for where, _, names in os.walk(os.path.join(folder, "porter")):
            for name in names:
                path = os.path.join(where, name)
                self.assertEqual(inside.pop(os.path.relpath(path, folder)), image.read(path))
        self.assertEqual(inside, {})


if __name__ == "__main__":
    unittest.main()
