# SPDX-License-Identifier: Apache-2.0
"""Porter beside other speakers: `python3 -m tests.bench measure FOLDER` writes FOLDER/rig.jsonl, one line a measurement;
`python3 -m tests.bench page FOLDER` makes docs/benchmarks.md of that and of what else `make bench` left there.
"""
import argparse
import json
import os
import sys
import tempfile

from lab import space

from . import page, rig


def measure(options):
    space.enter()
    with tempfile.TemporaryDirectory(prefix="porter-bench-") as folder, open(os.path.join(options.folder, "rig.jsonl"), "w") as results:
        os.chmod(folder, 0o755)  # FRR's daemons are somebody else

        def put(row):
            print(rig.spoken(row), flush=True)
            results.write(json.dumps(row) + "\n")
            results.flush()
        failed = rig.measure(folder, options.tests.split(","), options.short, options.minutes * 60, put)
    if failed:
        print(f"{failed} measurements failed", flush=True)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument("what", choices=("measure", "page"))
    parser.add_argument("folder")
    parser.add_argument("--short", action="store_true", help="each once and with a tenth of the changes: to see that it works")
    parser.add_argument("--tests", default="A,B,C,F")
    parser.add_argument("--minutes", type=float, default=15, help="no measurement begins later")
    options = parser.parse_args()
    return measure(options) if options.what == "measure" else page.write(options.folder)


sys.exit(main())
