#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kubernetes, etcd and Helm for the tests, built once from the Go modules pinned beside this file.

  tools/kube/build.py                    kube-apiserver, kube-controller-manager, kubectl, etcd: what the tests need
  tools/kube/build.py NAME...            others too: helm3 helm4 kube-proxy kube-scheduler kubelet; e2e.test agnhost (make conformance)
  tools/kube/build.py --pin k8s v1.36.3  write go.mod and go.sum for another version (commit both); or: etcd v3.6.16, helm4 v4.3.1

Prints `NAME=PATH` for each. A binary is looked for in this order, and built only when none is usable:
  1. $TEST_ASSET_<NAME>, as in TEST_ASSET_KUBE_APISERVER   2. $KUBEBUILDER_ASSETS/<name>  (both are what setup-envtest gives)
  3. ${XDG_CACHE_HOME:-~/.cache}/porter/<module>/<version>-<hash of go.sum>/   4. $PATH
From nothing a build costs about 9 minutes of CPU and 2 GB of memory. It runs under nice; two at once wait for each
other; one that was interrupted goes on where it was, for Go keeps what it has compiled.
"""
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
NEEDED = ("kube-apiserver", "etcd", "kube-controller-manager", "kubectl")
NODES = ("kube-proxy", "kube-scheduler", "kubelet")
HELM = ("helm3", "helm4")
KUBERNETES = (*(name for name in NEEDED if name != "etcd"), *NODES)
E2E = ("e2e.test", "agnhost")
MODULES = {"k8s": "k8s.io/kubernetes", "e2e": "k8s.io/kubernetes", "etcd": "go.etcd.io/etcd/server/v3", "helm3": "helm.sh/helm/v3", "helm4": "helm.sh/helm/v4"}
# {name here: (its folder with go.mod, its package below the module, its name on PATH)}
PROGRAMS = {**{name: ("k8s", f"/cmd/{name}", name) for name in KUBERNETES}, "etcd": ("etcd", "", "etcd"),
            **{name: (name, "/cmd/helm", "helm") for name in HELM},
            # In a folder of their own: what most tests need is not built anew when these change.
            "e2e.test": ("e2e", "/test/e2e", "e2e.test"), "agnhost": ("e2e", "/test/images/agnhost", "agnhost")}
NICE = 15
PLACES_OF_GO = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go")
# The oldest releases the tests make sense with: 1.34 serves every API we use as GA; etcd since 3.5.13 reports the progress
# of watches on request, without which the API server refuses WatchList; of Helm the releases that are still repaired.
OLDEST = {"k8s": (1, 34, 0), "e2e": (1, 34, 0), "etcd": (3, 5, 13), "helm3": (3, 19, 0), "helm4": (4, 0, 0)}


class NotAvailable(Exception):
    """There is no binary and none can be built; the words say what to install."""


def module_of(name):
    if name in PROGRAMS:
        return PROGRAMS[name][0]
    raise NotAvailable(f"{name}: not one of {', '.join(sorted(PROGRAMS))}")


def package(name):
    module, below, _ = PROGRAMS[name]
    return MODULES[module] + below


def read(*path):
    with open(os.path.join(HERE, *path)) as file:
        return file.read()


def pinned(module):
    """The version go.mod asks for, "v1.36.3"."""
    return re.search(rf"\b{re.escape(MODULES[module])} (v[0-9.]+)", read(module, "go.mod"))[1]


def cache():
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "porter")


def folder(module):
    digest = hashlib.sha256(read(module, "go.sum").encode()).hexdigest()[:12]
    return os.path.join(cache(), module, f"{pinned(module)}-{digest}")


def numbers(text):
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def version(path, name):
    """What the binary says of itself, as three numbers; zeros if it does not run."""
    question = {"kubectl": ["version", "--client"], "helm": ["version", "--short"]}.get(PROGRAMS[name][2], ["--version"])
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([path, *question], capture_output=True, text=True, timeout=30)
        if done.returncode == 0:
            return numbers(done.stdout)
    return (0, 0, 0)


def say(text):
    print(text, file=sys.stderr, flush=True)


def usable(path, name):
    """What was given to us on purpose has to work and not be too old; it need not be the version we would build."""
    oldest = OLDEST[module_of(name)]
    found = version(path, name)
    if found >= oldest:
        return True
    wanted = ".".join(map(str, oldest))
    say(f"{path}: {'does not run' if found == (0, 0, 0) else 'version ' + '.'.join(map(str, found))}; {name} {wanted} or newer is needed: not used")
    return False


def given(name):
    """What the environment offers."""
    asset = os.environ.get("TEST_ASSET_" + re.sub(r"[-.]", "_", name.upper()))
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    for path in filter(None, (asset, assets and os.path.join(assets, name))):
        if os.path.exists(path) and usable(path, name):
            return path
    return None


def find(name):
    """The path of a usable binary, or None."""
    built = os.path.join(folder(module_of(name)), name)
    found = given(name) or (built if os.access(built, os.X_OK) else None)
    if found:
        return found
    installed = shutil.which(PROGRAMS[name][2])
    if installed and version(installed, name)[:2] == numbers(pinned(module_of(name)))[:2]:
        return installed
    return None


def go_line(module):
    """The Go release a module asks for; "" while it has not been pinned."""
    with contextlib.suppress(FileNotFoundError):
        return re.search(r"^go ([0-9.]+)", read(module, "go.mod"), re.M)[1]
    return ""


def go():
    """The go command, if it can build what is pinned."""
    found = shutil.which("go") or next((p for p in PLACES_OF_GO if os.access(p, os.X_OK)), None)
    wanted = max((asked for module in MODULES if (asked := go_line(module))), key=numbers, default="1.26.0")
    advice = (f"Kubernetes for the tests is built with Go {wanted} or newer, or with any Go since 1.21 that may fetch it (GOTOOLCHAIN=auto).\n"
              "Debian 12 has 1.19, which is too old: unpack https://go.dev/dl/ into /usr/local/go, or apt-get install -t bookworm-backports golang.\n"
              "Or point KUBEBUILDER_ASSETS to binaries that are there (setup-envtest use -p path), with kube-controller-manager beside them.")
    if not found:
        raise NotAvailable(f"no go command. {advice}")
    text = subprocess.run([found, "env", "GOVERSION", "GOTOOLCHAIN"], capture_output=True, text=True, cwd="/").stdout.split()
    have = tuple(map(int, re.findall(r"\d+", text[0])[:2])) if text else (0, 0)
    need = tuple(map(int, wanted.split(".")[:2]))
    if have < need and (have < (1, 21) or text[1:] == ["local"]):
        raise NotAvailable(f"{found} is {text[0] if text else 'broken'}. {advice}")
    return found


def flags(name):
    """Without these /version says v0.0.0, and clients that parse it break; Helm 3 takes every cluster it is not asked to
    talk to for Kubernetes 1.20."""
    out, module = ["-s", "-w"], module_of(name)
    if name in HELM:
        out.append(f"-X {MODULES[module]}/internal/version.version={pinned(module)}")
        minor = re.search(r"\bk8s\.io/client-go v0\.(\d+)\.", read(module, "go.mod"))[1]
        for variables in ("chartutil", "lint/rules") if name == "helm3" else ():  # Helm 4 finds out by itself
            out += [f"-X {MODULES[module]}/pkg/{variables}.k8sVersionM{key}" for key in ("ajor=1", f"inor={minor}")]
    elif name != "etcd":
        wanted = pinned("k8s")
        values = {"gitVersion": wanted, "gitMajor": "1", "gitMinor": wanted.split(".")[1], "gitTreeState": "clean",
                  "gitCommit": "0" * 40, "buildDate": "1970-01-01T00:00:00Z"}
        for variables in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
            out += [f"-X {variables}.{key}={value}" for key, value in values.items()]
        if name == "agnhost":
            out.append(f"-X main.Version={wanted}")
    return " ".join(out)


def child():
    """Under nice, and not left behind if we are killed."""
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextlib.contextmanager
def alone(module):
    """One build at a time for this user: two would only take each other's memory."""
    os.makedirs(folder(module), exist_ok=True)
    with open(os.path.join(cache(), ".kube.lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(name, step, began):
    module = module_of(name)
    out = os.path.join(folder(module), name)
    with alone(module):
        if os.access(out, os.X_OK):  # made while we waited
            return out
        command, where = go(), os.path.join(HERE, module)
        say(f"{step} {name} {pinned(module)}: building ({time.monotonic() - began:.0f} s so far)")
        new, log = f"{out}.new", f"{out}.log"
        # A test's -v is not the build's: each package shows by its call of the compiler.
        words, sign = (["test", "-c", "-vet=off", "-x"], b"/compile -o ") if name.endswith(".test") else (["build", "-v"], b"")
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [command, *words, "-buildvcs=false", "-trimpath", "-ldflags", flags(name), "-o", new, package(name)],
                cwd=where, env=dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=readonly"), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, preexec_fn=child)
        started = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
                break
            with open(log, "rb") as lines:
                say(f"{step} {name}: {sum(sign in line for line in lines)} packages compiled in {time.monotonic() - started:.0f} s")
        if process.returncode != 0:
            with open(log, errors="replace") as lines:
                raise NotAvailable(f"{name} was not built:\n{''.join(lines.readlines()[-20:])}")
        if version(new, name) != numbers(pinned(module)):  # a wrong -ldflags shows here, not in a test
            raise NotAvailable(f"{new} does not say it is {pinned(module)}")
        os.replace(new, out)
        os.unlink(log)
        say(f"{step} {name}: {os.stat(out).st_size / 1e6:.0f} MB in {time.monotonic() - started:.0f} s")
        return out


def provide(names=NEEDED):
    """{name: path}; builds what is missing."""
    began, found = time.monotonic(), {}
    for i, name in enumerate(names):
        found[name] = find(name) or build(name, f"[{i + 1}/{len(names)}]", began)
    return found


def pin(module, wanted):
    """Kubernetes asks for its own staging modules as v0.0.0 and replaces them by folders. A dependency's replaces do not
    count, so each of them is replaced here by its published version v0.N.P; the godebug line too counts in the main module only."""
    upstream = json.loads(subprocess.run([go(), "mod", "download", "-json", f"{MODULES[module]}@{wanted}"], cwd="/", check=True,
                                         capture_output=True, text=True).stdout)["GoMod"]
    with open(upstream) as file:
        text = file.read()
    lines = [f"module porter/tools/kube/{module}", "", re.search(r"^go .*", text, re.M)[0], ""]
    lines += [*re.findall(r"^godebug .*", text, re.M), ""]
    lines += ["tool (", *(f"\t{package(name)}" for name in PROGRAMS if module_of(name) == module), ")", ""]
    lines += [f"require {MODULES[module]} {wanted}", ""]
    if MODULES[module] == MODULES["k8s"]:
        staged = re.findall(r"^\s+(k8s\.io/[a-z0-9-]+) => \./staging/", text, re.M)
        lines += ["replace (", *(f"\t{name} => {name} {wanted.replace('v1.', 'v0.', 1)}" for name in staged), ")"]
    os.makedirs(os.path.join(HERE, module), exist_ok=True)
    with open(os.path.join(HERE, module, "go.mod"), "w") as file:
        file.write("\n".join(lines) + "\n")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(HERE, module, "go.sum"))
    subprocess.run([go(), "mod", "tidy"], cwd=os.path.join(HERE, module), check=True)


def main(arguments):
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    try:
        if arguments[:1] == ["--pin"]:
            if len(arguments) != 3 or arguments[1] not in MODULES or not re.fullmatch(r"v\d+\.\d+\.\d+", arguments[2]):
                raise NotAvailable(f"--pin takes one of {', '.join(MODULES)} and a version such as v1.36.3")
            pin(*arguments[1:])
            return 0
        for name, path in provide(arguments or NEEDED).items():
            print(f"{name}={path}", flush=True)
    except NotAvailable as reason:
        say(f"build.py: {reason}")
        return 77  # "skipped" for CTest and others: what is missing is not a failure of what is tested
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
