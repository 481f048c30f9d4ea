#!/usr/bin/env python3
"""clang-tidy over every source file of a build folder's compile_commands.json, two at a time.

    tidy.py BUILD [FILE...]

A file that was clean is not looked at again until it, a header of ours it includes, the checks or the tool
change: what was clean lies as empty files in ${XDG_CACHE_HOME:-~/.cache}/porter/tidy, named by a hash of these.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import check_layers

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "porter" / "tidy"
NOISE = re.compile(r"warnings? generated|^Suppressed |Use -header-filter|Processing file|^\s*$")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def ours(path, seen):
    """The file and every header of ours it reaches."""
    if path in seen or not path.exists():
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_text()):
        for base in (ROOT / "src", path.parent):
            if (base / name).exists():
                ours((base / name).resolve(), seen)
                break


def key(path, salt):
    seen = set()
    ours(path, seen)
    digest = hashlib.sha256(salt)
    for each in sorted(seen):
        digest.update(str(each.relative_to(ROOT)).encode() + b"\0" + each.read_bytes() + b"\0")
    return digest.hexdigest()


def checks():
    text = b"".join(p.read_bytes() for p in sorted(ROOT.rglob(".clang-tidy")) if "build" not in p.relative_to(ROOT).parts)
    version = subprocess.run(["clang-tidy-19", "--version"], capture_output=True, check=True).stdout
    boost = subprocess.run(["dpkg-query", "-W", "libboost1.81-dev"], capture_output=True, check=False).stdout
    return text + version + boost


# Each check walks through all of Asio's and GoogleTest's headers: with every check a driver takes 40 s, with these 10 s.
# They are those that find what neither the compilers nor the sanitizers do.
OF_DRIVERS_AND_TESTS = (
    "-*", "bugprone-dangling-handle", "bugprone-implicit-widening-of-multiplication-result", "bugprone-infinite-loop",
    "bugprone-return-const-ref-from-parameter", "bugprone-unused-return-value", "bugprone-use-after-move",
    "cppcoreguidelines-avoid-capturing-lambda-coroutines", "cppcoreguidelines-slicing", "misc-const-correctness",
    "misc-coroutine-hostile-raii", "performance-for-range-copy", "performance-unnecessary-value-param",
    "readability-function-cognitive-complexity", "readability-identifier-naming")


def checks_of(path, pure):
    """Pure code is looked at with all of .clang-tidy, the static analyzer too."""
    is_pure = path.parent.name in pure and not path.stem.endswith("_test")
    return [] if is_pure else [f"--checks={','.join(OF_DRIVERS_AND_TESTS)}"]


def tidy(build, path, pure):
    done = subprocess.run(["clang-tidy-19", "-p", build, "--quiet", *checks_of(path, pure), str(path)], capture_output=True, text=True)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not NOISE.search(line)]
    return done.returncode == 0, "\n".join(said)


def main(build, names):
    compiled = {pathlib.Path(e["file"]).resolve() for e in json.loads((ROOT / build / "compile_commands.json").read_text())}
    wanted = [pathlib.Path(n).resolve() for n in names] or sorted(
        p for p in compiled if p.is_relative_to(ROOT) and not p.is_relative_to(ROOT / build))
    CACHE.mkdir(parents=True, exist_ok=True)
    salt = checks()
    keys = {path: key(path, salt) for path in wanted}
    due = [path for path in wanted if not (CACHE / keys[path]).exists()]
    print(f"clang-tidy: {len(due)} of {len(wanted)} files to look at", flush=True)
    pure = {name for name, is_pure, _ in check_layers.libraries((ROOT / "CMakeLists.txt").read_text()) if is_pure}
    bad, began = 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for number, (path, (clean, said)) in enumerate(zip(due, pool.map(lambda p: tidy(build, p, pure), due)), 1):
            if clean:
                (CACHE / keys[path]).touch()
            else:
                bad += 1
                print(said, flush=True)
            if number % 20 == 0:
                print(f"clang-tidy: {number} of {len(due)}, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
