#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian 12's libraries for another machine, to build Porter for it here: nothing is installed, and nothing of it runs.

  tools/sysroot.py arm64     prints the folder, in ${XDG_CACHE_HOME:-~/.cache}/porter/sysroot; made where it is not there

Apt resolves and fetches the packages with a state of its own, dpkg-deb unpacks them. The folder has a dpkg database, in
which `dpkg-query --admindir FOLDER/var/lib/dpkg` finds what a file is of. It is made anew when the packages below change,
or when it is deleted.
"""
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys

PACKAGES = ("libc6-dev", "libgcc-12-dev", "libstdc++-12-dev", "libboost1.81-dev", "libboost-json1.81-dev", "libexpected-dev",
            "libfmt-dev", "libspdlog-dev", "libyaml-dev", "libcli11-dev", "libssl-dev", "prometheus-cpp-dev", "libgtest-dev",
            "librapidcheck-dev", "libbenchmark-dev")
ARCHITECTURES = ("arm64",)


def run(*command, **how):
    return subprocess.run(command, check=True, capture_output=True, text=True, **how).stdout


def place(architecture):
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    key = hashlib.sha256("\n".join((architecture, *PACKAGES)).encode()).hexdigest()[:12]
    return os.path.join(cache, "porter", "sysroot", f"{architecture}-{key}")


def fetch(architecture, folder):
    """The paths of the packages and of all they depend on."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, part))
    config = os.path.join(folder, "apt.conf")
    open(os.path.join(folder, "status"), "w").close()
    with open(config, "w") as file:
        file.write(f'APT {{ Architecture "{architecture}"; Architectures {{ "{architecture}"; }}; Install-Recommends "false"; }};\n'
                   f'Dir {{ State "{folder}/state"; State::status "{folder}/status"; Cache "{folder}/cache"; }};\n')
    environment = {**os.environ, "APT_CONFIG": config, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "-qq", "update", env=environment)
    run("apt-get", "-qq", "-y", "--download-only", "install", *PACKAGES, env=environment)
    return sorted(glob.glob(os.path.join(folder, "cache/archives/*.deb")))


def unpack(package, root, status):
    run("dpkg-deb", "--extract", package, root)
    control = run("dpkg-deb", "--field", package)
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and not line.startswith(" "))
    status.write(control.rstrip() + "\nStatus: install ok installed\n\n")
    shared = f":{fields['Architecture']}" if fields.get("Multi-Arch") == "same" else ""
    files = [line.split()[5].lstrip(".").rstrip("/") for line in run("dpkg-deb", "--contents", package).splitlines()]
    with open(os.path.join(root, f"var/lib/dpkg/info/{fields['Package']}{shared}.list"), "w") as file:
        file.write("".join(f"{name or '/.'}\n" for name in files))


def relative_links(root):
    """Links that begin at / would lead out of the folder."""
    for where, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(where, name)
            if os.path.islink(path) and os.readlink(path).startswith("/"):
                target = os.path.relpath(root + os.readlink(path), where)
                os.unlink(path)
                os.symlink(target, path)


def make(architecture, folder):
    work = folder + ".new"
    shutil.rmtree(work, ignore_errors=True)
    root, info = os.path.join(work, "root"), os.path.join(work, "root/var/lib/dpkg/info")
    os.makedirs(info)
    packages = fetch(architecture, work)
    for name, text in (("arch", f"{run('dpkg', '--print-architecture').strip()}\n{architecture}\n"), ("info/format", "1\n")):
        with open(os.path.join(root, "var/lib/dpkg", name), "w") as file:
            file.write(text)
    with open(os.path.join(root, "var/lib/dpkg/status"), "w") as status:
        for i, package in enumerate(packages):
            unpack(package, root, status)
            if sys.stderr.isatty():
                print(f"\rsysroot for {architecture}: {i + 1} of {len(packages)} packages", end="", file=sys.stderr)
    relative_links(root)
    os.rename(root, folder)
    shutil.rmtree(work)


def provide(architecture):
    folder = place(architecture)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            print(f"making a sysroot for {architecture}", file=sys.stderr)
            make(architecture, folder)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ARCHITECTURES:
        sys.exit(__doc__)
    try:
        print(provide(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"sysroot.py: {' '.join(error.cmd)}: {(error.stderr or error.stdout).strip()}")
