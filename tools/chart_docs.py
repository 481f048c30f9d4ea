#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of values in charts/porter/README.md, written from the comments in values.yaml.

  tools/chart_docs.py           write it
  tools/chart_docs.py --check   fail if it is not what values.yaml says
"""
import os
import re
import sys

CHART = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "charts/porter")
README, VALUES = os.path.join(CHART, "README.md"), os.path.join(CHART, "values.yaml")
BEGIN, END = "<!-- values: from values.yaml, by tools/chart_docs.py -->\n", "<!-- end of values -->\n"
LINE = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):(?: (.*))?$")


def read(path):
    with open(path) as file:
        return file.read()


def values(text):
    """[(path, default, description)]. A key with a comment is a value, whatever lies below it; one without is a group of values."""
    found, groups, comment = [], [], []
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if not line.startswith("#"))  # the file's own comment ends with an empty line
    i = start
    while i < len(lines):
        line = lines[i]
        i += 1
        if line.lstrip().startswith("# "):
            comment.append(line.lstrip()[2:])
            continue
        match = LINE.match(line)
        if not match:
            if line.strip():
                raise SystemExit(f"chart_docs.py: values.yaml:{i}: not a key: {line}")
            comment = []
            continue
        depth, key, default = len(match[1]) // 2, match[2], match[3]
        groups = [*groups[:depth], key]
        if comment:
            below = []
            while i < len(lines) and lines[i].strip() and (len(lines[i]) - len(lines[i].lstrip()) > len(match[1])
                                                          or lines[i].startswith(match[1] + "- ")):
                below.append(lines[i].removeprefix(match[1]))
                i += 1
            found.append((".".join(groups), default or flow(below), " ".join(comment)))
            comment = []
        elif default is not None:
            raise SystemExit(f"chart_docs.py: values.yaml:{i}: {'.'.join(groups)} has no description")
    return found


def flow(lines):
    """A short default of several lines, in one."""
    items, last = [], []
    for line in lines:
        depth = (len(line) - len(line.lstrip())) // 2
        text = line.strip()
        if text.startswith("- "):
            items.append(text[2:])
        elif line.startswith("  ") and items and lines[0].startswith("- "):
            items[-1] += ", " + text
        elif text.endswith(":"):
            last = last[:depth - 1] + [text[:-1]]
        else:
            items.append(".".join([*last[:depth - 1], text]))
    return "[" + ", ".join("{" + i + "}" for i in items) + "]" if lines[0].startswith("- ") else "{" + ", ".join(items) + "}"


def table(text):
    def cell(words):
        return words.replace("|", "\\|")
    rows = [f"| `{path}` | `{cell(default)}` | {cell(description)} |" for path, default, description in values(text)]
    return "\n".join(["| value | default | what |", "|---|---|---|", *rows, ""])


def fresh():
    before, _, rest = read(README).partition(BEGIN)
    return before + BEGIN + table(read(VALUES)) + END + rest.partition(END)[2]


def main(arguments):
    if arguments == ["--check"]:
        if fresh() != read(README):
            print("charts/porter/README.md: not what values.yaml says; run tools/chart_docs.py", file=sys.stderr)
            return 1
        return 0
    if arguments:
        print(__doc__)
        return 2
    text = fresh()
    with open(README, "w") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
