# SPDX-License-Identifier: Apache-2.0
"""The image of the release binary, taken apart and run: python3 -m unittest tools/image_test.py ($PORTER: another binary)"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import image  # noqa: E402

BINARY = os.environ.get("PORTER") or os.path.join(image.ROOT, "build/release/porter")
NAME = "localhost/porter:test"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class OfTheBinary(unittest.TestCase):
    """What is made of BINARY, dated 2023-11-14, and a folder to unpack it in."""

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(BINARY):
            raise unittest.SkipTest(f"{BINARY} is not there: run `make` first")
        patch = mock.patch.dict(os.environ, SOURCE_DATE_EPOCH="1700000000")
        patch.start()
        cls.addClassCleanup(patch.stop)
        folder = tempfile.TemporaryDirectory(prefix="porter-made-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name


class Image(OfTheBinary):
    """One archive for all tests, unpacked as a container runtime does it: layer over layer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data, cls.document = image.build(BINARY, NAME)
        with tarfile.open(fileobj=io.BytesIO(cls.data)) as tar:
            cls.files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
        cls.index = json.loads(cls.files["index.json"])
        cls.manifest = json.loads(cls.blob(cls.index["manifests"][0]))
        cls.config = json.loads(cls.blob(cls.manifest["config"]))
        cls.root = cls.folder
        cls.layers = [gzip.decompress(cls.blob(b)) for b in cls.manifest["layers"]]
        for layer in cls.layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                tar.extractall(cls.root)

    @classmethod
    def blob(cls, described):
        """What a descriptor names, after a look whether it is what it says."""
        data = cls.files["blobs/sha256/" + described["digest"].removeprefix("sha256:")]
        assert (sha256(data), len(data)) == (described["digest"], described["size"]), described
        return data

    def members(self):
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                yield from tar

    def inside(self, *command):
        """Runs something with the image as the whole file system; as nobody special it takes a user namespace."""
        words = ["chroot", self.root] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--root", self.root]
        return subprocess.run([*words, *command], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})

    def test_built_again_it_is_the_same_bit_for_bit(self):
        again, document = image.build(BINARY, NAME)
        self.assertEqual((sha256(again), document), (sha256(self.data), self.document))

    def test_the_layout_is_one_that_runtimes_read(self):
        self.assertEqual(json.loads(self.files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})
        self.assertEqual(self.index["manifests"][0]["annotations"]["io.containerd.image.name"], NAME)
        self.assertEqual(self.index["manifests"][0]["platform"], {"architecture": image.machine(BINARY), "os": "linux"})
        self.assertEqual(self.config["rootfs"]["diff_ids"], list(map(sha256, self.layers)))
        self.assertEqual(len(self.config["history"]), len(self.layers))
        docker = json.loads(self.files["manifest.json"])[0]
        self.assertEqual(docker["RepoTags"], [NAME])
        self.assertLessEqual({docker["Config"], *docker["Layers"]}, set(self.files))

    def test_it_is_small_and_says_what_it_is(self):
        self.assertLess(len(self.data), image.LIMIT)
        labels = self.config["config"]["Labels"]
        self.assertEqual(labels["org.opencontainers.image.version"], image.version())
        self.assertEqual(labels["org.opencontainers.image.created"], "2023-11-14T22:13:20Z")
        self.assertEqual(labels["org.opencontainers.image.licenses"], "Apache-2.0")

    def test_it_runs_in_a_file_system_that_holds_nothing_else(self):
        for program in (self.config["config"]["Entrypoint"][0], "/usr/bin/kubectl-porter"):
            done = self.inside(program, "version")
            self.assertEqual((done.returncode, done.stdout), (0, f"porter {image.version()}\n"), done.stderr)

    def test_every_library_is_found_inside(self):
        loader = next(f"/{m.name}" for m in self.members() if os.path.basename(m.name).startswith("ld-linux"))
        done = self.inside(loader, "--list", "/usr/bin/porter")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("not found", done.stdout)
        for name in image.libraries(BINARY):
            self.assertIn(name if name.startswith("/") else f"{name} => /", done.stdout)

    def test_an_ordinary_user_runs_it_and_can_write_nothing(self):
        self.assertEqual(self.config["config"]["User"], "65532:65532")
        with open(os.path.join(self.root, "etc/passwd")) as passwd:
            self.assertIn("nonroot:x:65532:65532:", passwd.read())
        for m in self.members():
            self.assertEqual((m.uid, m.gid), (0, 0), m.name)
            self.assertTrue(m.issym() or not m.mode & 0o7022, f"{m.name}: mode {m.mode:o}")

    def test_the_build_id_outlives_stripping(self):
        def build_id(path):
            notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True).stdout
            return [line.split()[-1] for line in notes.splitlines() if "Build ID" in line]
        self.assertEqual(build_id(os.path.join(self.root, "usr/bin/porter")), build_id(BINARY))
        self.assertTrue(build_id(BINARY), "the release binary has none")

    def test_the_list_of_contents_names_every_package_and_its_licence_is_there(self):
        with open(os.path.join(self.root, "usr/share/porter/sbom.spdx.json"), "rb") as file:
            self.assertEqual(file.read(), self.document)
        document = json.loads(self.document)
        self.assertEqual((document["spdxVersion"], document["dataLicense"], document["creationInfo"]["created"]),
                         ("SPDX-2.3", "CC0-1.0", "2023-11-14T22:13:20Z"))
        packages = {p["SPDXID"]: p for p in document["packages"]}
        for relation in document["relationships"]:
            self.assertIn(relation["relatedSpdxElement"], packages)
        debian = [p["name"] for p in packages.values() if p["name"] != "porter"]
        self.assertLessEqual({"libc6", "libssl3", "libcli11-dev"}, set(debian))
        for name in (*debian, "porter"):
            self.assertTrue(os.path.getsize(os.path.join(self.root, "usr/share/doc", name, "copyright")), name)
        for p in packages.values():
            if p["name"] != "porter":
                url = p["externalRefs"][0]["referenceLocator"]
                self.assertTrue(url.startswith(f"pkg:deb/debian/{p['name']}@{p['versionInfo']}?arch="), url)

    def test_the_lower_layer_is_the_same_for_another_commit(self):
        with mock.patch.dict(os.environ, SOURCE_DATE_EPOCH="1800000000"):
            data, _ = image.build(BINARY, NAME)
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            index = json.load(tar.extractfile("index.json"))
            manifest = json.load(tar.extractfile("blobs/sha256/" + index["manifests"][0]["digest"][7:]))
        self.assertEqual(manifest["layers"][0], self.manifest["layers"][0])
        self.assertNotEqual(manifest["layers"][1], self.manifest["layers"][1])


class Refusals(unittest.TestCase):
    def refused(self, words, *arguments):
        done = subprocess.run([sys.executable, image.__file__, *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(words, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_no_binary_is_said_with_what_to_do(self):
        self.refused("run `make` first", "--binary", "/nonexistent")

    def test_what_is_no_binary_is_named(self):
        self.refused("not an ELF binary", "--binary", __file__)

    def test_a_library_that_is_not_installed_is_named(self):
        with mock.patch.object(image, "run", return_value=" 0x1 (NEEDED)  Shared library: [libnone.so.1]\n"), \
                self.assertRaisesRegex(image.Refused, "libnone.so.1, which is not installed"):
            image.libraries(BINARY)

    def test_a_loader_that_is_also_needed_as_a_library_stays_where_the_kernel_looks_for_it(self):
        said = (" 0x1 (NEEDED)  Shared library: [ld-linux-x86-64.so.2]\n"
                "      [Requesting program interpreter: /lib64/ld-linux-x86-64.so.2]\n")
        with mock.patch.object(image, "run", return_value=said):
            self.assertEqual(list(image.libraries(BINARY)), ["/lib64/ld-linux-x86-64.so.2"])

    def test_a_file_of_no_package_is_named(self):
        with self.assertRaisesRegex(image.Refused, "of no Debian package"):
            image.owner(image.__file__)


if __name__ == "__main__":
    unittest.main()
