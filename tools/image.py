#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The container image, without a daemon, a registry or a base image: an archive that is the same bit for bit
whenever it is built from the same commit, the same binary and the same Debian packages.

  tools/image.py [--binary build/release/porter] [--output build/porter-image.tar] [--name ghcr.io/kubesphere/porter:VERSION]
                 [--sysroot FOLDER]     where the libraries of another machine are: see tools/sysroot.py

Two layers: Debian's libraries that the binary needs, which seldom change, and Porter itself. Beside the archive lies
its list of contents (SPDX 2.3, in the image too: /usr/share/porter/sbom.spdx.json). It is dated SOURCE_DATE_EPOCH, or
else the commit. `ctr images import`, `docker load`, `podman load` and `skopeo copy oci-archive:` read it.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
SOURCE = "https://github.com/kubesphere/porter"
LIMIT = 40 * 1000 * 1000
USER = 65532
# e_machine of ELF: (as OCI says it, as Debian says it)
MACHINES = {62: "amd64", 183: "arm64"}
# Where Debian has their libraries.
PLACES = {architecture: [f"{top}/{triplet}" for top in ("/lib", "/usr/lib")]
          for architecture, triplet in (("amd64", "x86_64-linux-gnu"), ("arm64", "aarch64-linux-gnu"))}
# Of these packages headers and templates are part of our binary; find_package() in CMakeLists.txt asks for them.
COMPILED_IN = ("libboost1.81-dev", "libcli11-dev", "libexpected-dev", "libfmt-dev", "libspdlog-dev", "prometheus-cpp-dev",
               "libstdc++-12-dev")
FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{USER}:\n",
    # Without it the C library asks DNS before /etc/hosts.
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
MERGED = {"lib": "usr/lib", "lib64": "usr/lib64"}  # as in Debian; the loader's name is spelled /lib64/…


class Refused(Exception):
    """There can be no image; the words say why."""


def run(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, **how)
    if done.returncode != 0:
        raise Refused(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def read(path):
    with open(path, "rb") as file:
        return file.read()


def machine(binary):
    """"amd64" or "arm64", from the ELF header."""
    try:
        head = read(binary)[:20]
    except OSError as error:
        raise Refused(f"{binary}: {error.strerror}; run `make` first") from None
    if head[:4] != b"\x7fELF":
        raise Refused(f"{binary}: not an ELF binary")
    number = int.from_bytes(head[18:20], "little")
    if number not in MACHINES:
        raise Refused(f"{binary}: for a machine of ELF's number {number}, not one of {', '.join(MACHINES.values())}")
    return MACHINES[number]


def libraries(binary, sysroot=""):
    """{name the loader looks for: file below the sysroot}, the loader itself too. Read of the files: they may be another machine's."""
    found, waiting = {}, [binary]
    while waiting:
        said = run("readelf", "--dynamic", "--program-headers", "--wide", waiting.pop())
        # The loader first, by its whole name: arm64's is needed as a library too.
        names = re.findall(r"program interpreter: (\S+)\]", said) + re.findall(r"\(NEEDED\).*\[(.*)\]", said)
        for name in names:
            base = os.path.basename(name)
            if name in found or any(os.path.basename(n) == base for n in found):
                continue
            places = [name] if name.startswith("/") else [f"{folder}/{name}" for folder in PLACES[machine(binary)]]
            path = next((p for p in places if os.path.exists(sysroot + p)), None)
            if path is None:
                raise Refused(f"{binary} needs {name}, which is not installed here")
            found[name] = path
            waiting.append(sysroot + path)
    return found


def stripped(binary):
    """Without symbols and debug data; the build ID stays, by which those that were kept can be found."""
    strip = next((s for s in ("llvm-strip-19", "llvm-strip", "strip") if subprocess.run(["which", s], capture_output=True).returncode == 0), None)
    if strip is None:
        raise Refused("no llvm-strip and no strip: apt-get install llvm-19")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "porter")
        run(strip, "--strip-all", "-o", out, binary)
        return read(out)


# What of Debian's is inside.
def query(sysroot):
    return ["dpkg-query", *(["--admindir", f"{sysroot}/var/lib/dpkg"] if sysroot else [])]


def owner(path, sysroot=""):
    """The Debian package of a file. dpkg may know it below /lib and not below /usr/lib, or the other way round."""
    real = os.path.realpath(sysroot + path).removeprefix(os.path.realpath(sysroot) if sysroot else "")
    for name in dict.fromkeys((path, real, path.removeprefix("/usr"), real.removeprefix("/usr"))):
        done = subprocess.run([*query(sysroot), "-S", name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0].split(",")[0]
    raise Refused(f"{path} is of no Debian package: what it is and under which licence cannot be told")


def package(name, sysroot=""):
    wanted = "${Package}\n${Version}\n${Architecture}\n${source:Package}\n${source:Version}\n${Maintainer}\n"
    values = run(*query(sysroot), "-W", "-f", wanted, name).splitlines()[:6]
    return dict(zip(("name", "version", "architecture", "source", "source_version", "maintainer"), values))


def licences(names, sysroot=""):
    """{path inside: content} of the packages' copyright files, and of the licences these refer to."""
    out = {}
    for name in names:
        text = read(f"{sysroot}/usr/share/doc/{name}/copyright")
        out[f"usr/share/doc/{name}/copyright"] = text
        for path in re.findall(rb"/usr/share/common-licenses/[A-Za-z0-9.+-]*[A-Za-z0-9]", text):
            path = path.decode()
            if os.path.exists(path):
                out[path.lstrip("/")] = read(path)
    return out


def sbom(version, dated, architecture, binary, linked, compiled):
    """SPDX 2.3. Debian's packages are named by their package URL, which scanners for vulnerabilities look up."""
    def spdx_id(name):
        return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)

    def entry(p):
        url = f"pkg:deb/debian/{p['name']}@{p['version']}?arch={p['architecture']}&upstream={p['source']}@{p['source_version']}"
        return {"SPDXID": spdx_id("deb-" + p["name"]), "name": p["name"], "versionInfo": p["version"],
                "supplier": f"Organization: {p['maintainer'].partition(' <')[0]}", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
                "licenseComments": f"/usr/share/doc/{p['name']}/copyright",
                "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}]}

    porter = {"SPDXID": "SPDXRef-porter", "name": "porter", "versionInfo": version, "supplier": "Organization: Porter",
              "downloadLocation": SOURCE, "filesAnalyzed": False, "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0",
              "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION",
              "checksums": [{"algorithm": "SHA256", "checksumValue": hashlib.sha256(binary).hexdigest()}]}
    packages = sorted({p["name"]: p for p in (*linked, *compiled)}.values(), key=lambda p: p["name"])
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-porter")]
    relations += [("SPDXRef-porter", "DYNAMIC_LINK", spdx_id("deb-" + p["name"])) for p in linked]
    relations += [("SPDXRef-porter", "STATIC_LINK", spdx_id("deb-" + p["name"])) for p in compiled]
    content = {"packages": [porter, *map(entry, packages)],
               "relationships": [dict(zip(("spdxElementId", "relationshipType", "relatedSpdxElement"), r)) for r in relations]}
    unique = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"porter-{version}-{architecture}",
                       "documentNamespace": f"{SOURCE}/spdx/porter-{version}-{unique}",
                       "creationInfo": {"created": dated, "creators": ["Tool: porter-tools-image.py"]}, **content}, indent=1).encode() + b"\n"


# Layers.
def member(name, kind, mode, mtime):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, mtime
    return entry


def layer(files, links, folders, mtime):
    """An uncompressed tar, sorted: {path: (bytes, mode)}, {path: target}, and their parent folders; all of root."""
    for path in (*files, *links):
        parts = path.split("/")[:-1]
        folders = {*folders, *("/".join(parts[:i]) for i in range(1, len(parts) + 1))}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted({*files, *links, *folders}):
            if path in files:
                data, mode = files[path]
                entry = member(path, tarfile.REGTYPE, mode, mtime)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            elif path in links:
                entry = member(path, tarfile.SYMTYPE, 0o777, mtime)
                entry.linkname = links[path]
                tar.addfile(entry)
            else:
                tar.addfile(member(path, tarfile.DIRTYPE, 0o755, mtime))
    return out.getvalue()


def library_layer(needed, copyrights, sysroot):
    files = {name: (text.encode(), 0o644) for name, text in FILES.items()}
    for name, path in needed.items():
        # Named as the loader looks for it, and where it looks without a cache; /lib64/ld-… is below usr/lib64.
        inside = f"usr{path}" if name.startswith("/") else f"{library_folder(path)}/{name}"
        files[inside] = (read(sysroot + path), 0o755)
    files.update({path: (data, 0o644) for path, data in copyrights.items()})
    return layer(files, MERGED, set(MERGED.values()), 0)  # 1970: the layer is the same for every commit


def library_folder(path):
    return "usr/" + os.path.dirname(path).removeprefix("/usr").lstrip("/")


def porter_layer(binary, document, mtime):
    files = {"usr/bin/porter": (binary, 0o755), "usr/share/porter/sbom.spdx.json": (document, 0o644),
             "usr/share/doc/porter/copyright": (read(os.path.join(ROOT, "LICENSE")), 0o644)}
    plugin = {f"usr/bin/{name}": "porter" for name in ("kubectl-porter", "kubectl_complete-porter")}
    return layer(files, plugin, {"run/porter"}, mtime)  # run/porter: a place to mount at


# The archive.
def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob(kind, data):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(data), "size": len(data)}


def text(tree):
    return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


def archive(name, architecture, epoch, layers, config, labels):
    """layers: {what it is: the uncompressed tar}, the lowest first; config: what OCI calls that (Entrypoint, User …)."""
    packed = [gzip.compress(raw, 9, mtime=0) for raw in layers.values()]
    settings = text({
        "architecture": architecture, "os": "linux", "created": iso(epoch),
        "rootfs": {"type": "layers", "diff_ids": [digest(raw) for raw in layers.values()]},
        "config": {"Env": ["PATH=/usr/bin"], "WorkingDir": "/", "Labels": labels, **config},
        "history": [{"created": iso(epoch), "created_by": "tools/image.py", "comment": what} for what in layers]})
    manifest = text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "annotations": labels,
                     "config": blob("config.v1+json", settings), "layers": [blob("layer.v1.tar+gzip", data) for data in packed]})
    index = text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {**blob("manifest.v1+json", manifest), "platform": {"architecture": architecture, "os": "linux"},
         "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}}]})
    paths = {digest(data): f"blobs/sha256/{digest(data)[7:]}" for data in (settings, manifest, *packed)}
    docker = text([{"Config": paths[digest(settings)], "RepoTags": [name], "Layers": [paths[digest(data)] for data in packed]}])
    files = {"oci-layout": text({"imageLayoutVersion": "1.0.0"}), "index.json": index, "manifest.json": docker,
             **{paths[digest(data)]: data for data in (settings, manifest, *packed)}}
    return layer({path: (data, 0o644) for path, data in files.items()}, {}, set(), epoch)


def iso(epoch):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def version():
    return re.search(rb"project\(porter VERSION ([0-9.]+)", read(os.path.join(ROOT, "CMakeLists.txt")))[1].decode()


def commit(form):
    done = subprocess.run(["git", "-C", ROOT, "log", "-1", f"--format={form}"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def source_date():
    given = os.environ.get("SOURCE_DATE_EPOCH") or commit("%ct")
    if not given:
        raise Refused("neither SOURCE_DATE_EPOCH nor a commit: nothing says how the image is to be dated")
    return int(given)


def build(binary, name, sysroot=""):
    """(the archive, its list of contents)."""
    architecture, epoch = machine(binary), source_date()
    needed = libraries(binary, sysroot)
    linked = [package(n, sysroot) for n in sorted({owner(path, sysroot) for path in needed.values()})]
    compiled = [package(n, sysroot) for n in sorted(COMPILED_IN)]
    copyrights = licences([p["name"] for p in (*linked, *compiled)], sysroot)
    content = stripped(binary)
    document = sbom(version(), iso(epoch), architecture, content, linked, compiled)
    labels = {"org.opencontainers.image." + key: value for key, value in {
        "title": "Porter", "description": "A load balancer for bare-metal Kubernetes", "version": version(), "revision": commit("%H"),
        "created": iso(epoch), "source": SOURCE, "licenses": "Apache-2.0"}.items()}
    layers = {"Debian's libraries": library_layer(needed, copyrights, sysroot), "Porter": porter_layer(content, document, epoch)}
    out = archive(name, architecture, epoch, layers, {"Entrypoint": ["/usr/bin/porter"], "User": f"{USER}:{USER}"}, labels)
    if len(out) > LIMIT:
        raise Refused(f"{len(out) / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f}: is {binary} the release build?")
    return out, document


def write(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/porter"))
    parser.add_argument("--output", default=os.path.join(ROOT, "build/porter-image.tar"))
    parser.add_argument("--sysroot", default="")
    parser.add_argument("--name", default=f"ghcr.io/kubesphere/porter:{version()}")
    given = parser.parse_args(arguments)
    try:
        data, document = build(given.binary, given.name, given.sysroot)
    except Refused as reason:
        print(f"image.py: {reason}", file=sys.stderr)
        return 1
    write(given.output, data)
    write(given.output.removesuffix(".tar") + ".spdx.json", document)
    print(f"{given.output}: {given.name}, {len(data) / 1e6:.1f} MB, {digest(data)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
