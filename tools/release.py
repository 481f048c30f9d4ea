#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a release is made of, the same bit for bit whenever it is made of the same commit, binary and Debian packages.

  tools/release.py chart    build/porter-VERSION.tgz: the Helm chart
  tools/release.py          build/release-VERSION/: chart, image, its list of contents, binary with man page and completions,
                            manifests for kubectl, and SHA256SUMS over them
"""
import argparse
import gzip
import hashlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import image  # noqa: E402

PLUGIN = ("kubectl-porter", "kubectl_complete-porter")
SHELLS = {"bash": "share/bash-completion/completions/porter", "zsh": "share/zsh/site-functions/_porter",
          "fish": "share/fish/vendor_completions.d/porter.fish"}


def packed(files, links=None):
    """A .tar.gz of {path: (bytes, mode)} and {path: target}."""
    return gzip.compress(image.layer(files, links or {}, set(), image.source_date()), 9, mtime=0)


def chart():
    folder = os.path.join(image.ROOT, "charts/porter")
    paths = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    return packed({f"porter/{os.path.relpath(path, folder)}": (image.read(path), 0o644) for path in paths})


def program(binary):
    """What is unpacked into /usr/local."""
    def said(*words):
        return image.run(binary, *words).encode()
    files = {"bin/porter": (image.stripped(binary), 0o755), "share/man/man8/porter.8.gz": (gzip.compress(said("man"), 9, mtime=0), 0o644),
             "share/doc/porter/copyright": (image.read(os.path.join(image.ROOT, "LICENSE")), 0o644),
             **{path: (said("completion", shell), 0o644) for shell, path in SHELLS.items()}}
    top = f"porter-{image.version()}"
    return packed({f"{top}/{path}": what for path, what in files.items()}, {f"{top}/bin/{name}": "porter" for name in PLUGIN})


def everything(binary):
    """{file name: content}"""
    version, architecture = image.version(), image.machine(binary)
    archive, contents = image.build(binary, f"ghcr.io/kubesphere/porter:{version}")
    files = {f"porter-{version}.tgz": chart(), f"porter-{version}-linux-{architecture}.tar.gz": program(binary),
             f"porter-{version}-image-{architecture}.tar": archive, f"porter-{version}-image-{architecture}.spdx.json": contents,
             "porter.yaml": image.read(os.path.join(image.ROOT, "deploy/porter.yaml"))}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    return {**files, "SHA256SUMS": sums.encode()}


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, data in files.items():
        image.write(os.path.join(folder, name), data)
        print(f"{os.path.join(folder, name)}: {len(data) / 1e3:.0f} kB, sha256:{hashlib.sha256(data).hexdigest()}")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["chart"])
    parser.add_argument("--binary", default=os.path.join(image.ROOT, "build/release/porter"))
    parser.add_argument("--output", help="folder in place of build/ or build/release-VERSION/")
    given = parser.parse_args(arguments)
    build = os.path.join(image.ROOT, "build")
    try:
        if given.what == "chart":
            write(given.output or build, {f"porter-{image.version()}.tgz": chart()})
        else:
            write(given.output or os.path.join(build, f"release-{image.version()}"), everything(given.binary))
    except image.Refused as reason:
        print(f"release.py: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
