# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md from what was measured: each table between its markers is written anew, the words around them stay; and the plots."""
import json
import os
import re
import statistics

from . import plot
from .rig import BURST, OTHERS

PAGE, PLOTS = "docs/benchmarks.md", "docs/plots"
NAMES = {"porter": "Porter", "bird": "BIRD", "frr": "FRR", "gobgp": "GoBGP", "blast": "blast"}
MISSING = "–"


def figure(value, unit=""):
    """Two digits that count; whole numbers above 100."""
    if value is None:
        return MISSING
    text = f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"
    return f"{text} {unit}".strip()


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


class Rows:
    """What the rig wrote, by case and daemon."""

    def __init__(self, path):
        with open(path) as file:
            rows = [json.loads(line) for line in file]
        self.machine = next(row for row in rows if row["test"] == "machine")
        self.good = [row for row in rows if row["test"] != "machine" and "error" not in row]
        self.failed = [row for row in rows if "error" in row]
        for row in self.good:
            if row["daemon"] == "porter-core":  # beside the others it stands for Porter
                row["daemon"] = "porter"
            if "each_ms" in row:
                row["median_ms"] = statistics.median(row["each_ms"])

    def of(self, daemon, **case):
        return [row for row in self.good if row["daemon"] == daemon and all(row.get(key) == value for key, value in case.items())]

    def median(self, daemon, field, **case):
        values = [row[field] for row in self.of(daemon, **case)]
        return statistics.median(values) if values else None

    def ratio(self, other, field, **case):
        """Porter to another: the median over neighbours in time."""
        theirs = {row["repetition"]: row[field] for row in self.of(other, **case)}
        pairs = [row[field] / theirs[row["repetition"]] for row in self.of("porter", **case) if theirs.get(row["repetition"])]
        return statistics.median(pairs) if pairs else None

    def latencies(self, daemon, **case):
        """All changes of all repetitions."""
        return [value for row in self.of(daemon, **case) for value in row["each_ms"]]


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)])


def machine(rows):
    m = rows.machine
    versions = ", ".join(f"{NAMES.get(name, name)} {version}" for name, version in m["versions"].items() if version and name != "porter-core")
    loads = [row["load"] for row in rows.good]
    text = f"{m['date']}: {m['cores']} cores of an {m['cpu']}, kernel {m['kernel']}, load average {min(loads)} to {max(loads)}. {versions}."
    return text + (f" {len(rows.failed)} measurements failed and are left out." if rows.failed else "")


DUMPS = (("1,000 routes to a new peer: Established → last route", {"test": "A", "routes": 1000}),
         ("10,000 routes", {"test": "A", "routes": 10_000}),
         ("100,000 routes (`porter-core`)", {"test": "A", "routes": 100_000}),
         ("10,000 routes to 64 peers at once: first connection → last route at the last", {"test": "C"}))
CHANGES = (("10", {"test": "B", "routes": 10}), ("10,000", {"test": "B", "routes": 10_000}))


def line(rows, label, field, unit, case, others=(*OTHERS, "blast")):
    """One case: each daemon's median, then Porter's ratio to each of the others."""
    values = [figure(rows.median(name, field, **case), unit) for name in ("porter", *others)]
    ratios = (MISSING if field == "waited_ms" else figure(rows.ratio(name, field, **case)) for name in others)  # of near to nothing: no ratio
    return [label, f"**{values[0]}**", *values[1:], *ratios]


def compared(rows, lines, others=(*OTHERS, "blast")):
    head = ["", "Porter", *(NAMES[name] for name in others), *(f": {NAMES[name]}" for name in others)]
    return table(head, [line(rows, *each, others=others) for each in lines])


def dumps(rows):
    return compared(rows, [(label, "last_ms", "ms", case) for label, case in DUMPS])


def costs(rows):
    lines = [("CPU for 100,000 routes to a new peer", "cpu_ms", "ms", DUMPS[2][1]),
             ("… ready and without a CPU", "waited_ms", "ms", DUMPS[2][1]), ("CPU for 64 peers × 10,000", "cpu_ms", "ms", DUMPS[3][1]),
             ("… ready and without a CPU", "waited_ms", "ms", DUMPS[3][1]), ("UPDATEs to each of the 64", "updates", "", DUMPS[3][1])]
    return compared(rows, lines)


def changes(rows):
    out = []
    for label, case in CHANGES:
        cells, count = [], []
        for name in ("porter", "blast", *OTHERS):
            values = rows.latencies(name, **case)
            cells.append(f"{figure(statistics.median(values))} ({figure(percentile(values, .99))}) ms" if values else MISSING)
            count.append(f"{len(values):,}")
        cells[0] = f"**{cells[0]}**"
        out.append([f"one change → its UPDATE, {label} there: median (p99)", *cells, figure(rows.ratio("bird", "median_ms", **case))])
        out.append(["… of so many", *count, ""])
        burst = [(figure(rows.median(name, "burst_ms", **case), "ms"), rows.median(name, "burst_updates", **case)) for name in ("porter", "blast", *OTHERS)]
        out.append([f"{BURST:,} at once → last UPDATE, {label} there", *(f"{value}, {figure(updates)} UPDATEs" for value, updates in burst),
                    figure(rows.ratio("bird", "burst_ms", **case))])
    return table(["", "Porter", "echo", *(NAMES[name] for name in OTHERS), ": BIRD"], out)


IDLE = (("100 peers, hold time 9 s, nothing happens: CPU", "cpu_percent", "%", {"test": "F", "peers": 100}),
        ("… resident", "resident_mb", "MB", {"test": "F", "peers": 100}),
        ("10 routes, 3 peers: resident", "resident_mb", "MB", {"test": "F", "peers": 3, "routes": 10}),
        ("10,000 routes, 3 peers: resident", "resident_mb", "MB", {"test": "F", "peers": 3, "routes": 10_000}))


def idle(rows):
    return compared(rows, IDLE, OTHERS)


def targets(rows):
    """What Porter sets itself, and whether it is so."""
    out = []

    def say(what, bound, value, shown):
        out.append([what, shown, MISSING if value is None else "yes" if value < bound else "no"])
    for label, case in DUMPS[:3]:
        worst = [rows.ratio(name, "last_ms", **case) for name in OTHERS]
        worst = None if None in worst else max(worst)
        say(f"{case['routes']:,} routes to a new peer: faster than BIRD, FRR and GoBGP", 1, worst, f"{figure(worst)} of the nearest")
    cpu, blast = rows.ratio("bird", "cpu_ms", **DUMPS[2][1]), rows.ratio("blast", "last_ms", **DUMPS[2][1])
    say("100,000: at most a fifth of BIRD's CPU", 0.2, cpu, f"{figure(cpu)} of it")
    say("100,000: at most twice the time of blast", 2, blast, f"{figure(blast)} times")
    fan = rows.ratio("bird", "last_ms", **DUMPS[3][1])
    say("64 peers × 10,000: faster than BIRD", 1, fan, f"{figure(fan)} of it")
    for (label, case), bound in zip(CHANGES, (5, 15)):
        values = rows.latencies("porter", **case)
        worst = percentile(values, .99) if values else None
        say(f"one change → UPDATE, {label} Services: p99 below {bound} ms", bound, worst, figure(worst, "ms"))
    burst, updates = (rows.median("porter", field, **CHANGES[0][1]) for field in ("burst_ms", "burst_updates"))
    say("1,000 changed files at once: all told within 50 ms", 50, burst, figure(burst, "ms"))
    say("… in at most 10 UPDATEs", 10.5, updates, figure(updates))
    for (label, field, unit, case), bound in zip(IDLE[2:] + IDLE[:1], (12, 40, 0.5)):
        value = rows.median("porter", field, **case)
        say(f"{label}: below {bound} {unit}", bound, value, figure(value, unit))
    return table(["target", "measured", "met"], out)


def inside(folder):
    """What Google Benchmark measured, and the fits."""
    out, curves = [], {}
    for part in ("parts", "rib", "plan"):
        with open(os.path.join(folder, f"{part}.json")) as file:
            measured = json.load(file)["benchmarks"]
        fits = {row["run_name"]: row for row in measured if row.get("aggregate_name") == "BigO"}
        for row in measured:
            if "aggregate_name" in row:
                continue
            name, _, size = row["name"].partition("/")
            fit = fits.get(name)
            nanoseconds = row["cpu_time"] * {"ns": 1, "us": 1e3, "ms": 1e6}[row["time_unit"]]
            if fit and size:
                curves.setdefault(name, []).append((float(size), nanoseconds / 1e3))
            elif "octets_per_path" in row:
                out.append([f"`{row['name'].removesuffix('/iterations:1')}`", "", f"{row['octets_per_path']:.0f} octets a path", ""])
            else:
                out.append([f"`{row['name']}`", "", span(nanoseconds), ""])
        for name, fit in fits.items():
            points = curves[name]
            coefficient = fit["cpu_coefficient"] * {"ns": 1, "us": 1e3, "ms": 1e6}[fit["time_unit"]]
            out.append([f"`{name}`", f"{points[0][0]:,.0f} … {points[-1][0]:,.0f}", f"{span(points[0][1] * 1e3)} … {span(points[-1][1] * 1e3)}",
                        f"{span(coefficient)} × {fit['big_o']}"])
    return table(["benchmark / its argument", "size", "CPU time", "fit"], sorted(out)), curves


def span(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return figure(nanoseconds / size, unit)
    return figure(nanoseconds, "ns")


def scale(folder):
    """What tests/kube/scale.py printed."""
    with open(os.path.join(folder, "scale.txt")) as file:
        said = re.findall(r"^  scale, (\d+) Services, (\d+) nodes: (.*?): (.*)$", file.read(), re.M)
    if not said:
        return None
    services, nodes = said[0][:2]
    return table([f"{int(services):,} Services, {nodes} nodes", ""], [[what, value] for _, _, what, value in said])


def exceedance(values):
    """[(ms, share of the changes that took longer)]"""
    ordered = sorted(values)
    return [(value, (len(ordered) - i) / len(ordered)) for i, value in enumerate(ordered) if value > 0]


def plots(rows, curves):
    names = ("porter", *OTHERS, "blast")
    yield "dump", plot.lines("A table to a new peer: Established to the last route", "routes", "ms", {
        NAMES[name]: [(case["routes"], value) for _, case in DUMPS[:3] if (value := rows.median(name, "last_ms", **case))] for name in names})
    yield "change", plot.lines("One change to its UPDATE: how many took longer than that", "ms", "share of the changes", {
        f"{shown}, {label} there": exceedance(rows.latencies(name, **case))
        for name, shown in (("porter", "Porter"), ("bird", "BIRD"), ("blast", "echo")) for label, case in CHANGES})
    if curves:
        yield "parts", plot.lines("How the parts grow", "prefixes, addresses taken, ports of a document, …", "µs", {
            name.removesuffix("_by_services").removesuffix("_by_prefixes").replace("_", " "): points for name, points in curves.items()})


def write(folder):
    """Only what was measured is replaced."""
    measured, curves, path = {}, {}, {part: os.path.join(folder, part) for part in ("rig.jsonl", "parts.json", "scale.txt")}
    if os.path.exists(path["parts.json"]):
        measured["inside"], curves = inside(folder)
    if os.path.exists(path["scale.txt"]):
        measured["scale"] = scale(folder)
    rows = Rows(path["rig.jsonl"])
    measured.update({make.__name__: make(rows) for make in (machine, dumps, costs, changes, idle, targets)})
    with open(PAGE) as file:
        text = file.read()
    for name, block in measured.items():
        if block is None:
            continue
        text, found = re.subn(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", lambda m, b=block: f"{m[1]}{b}\n{m[2]}", text, flags=re.S)
        if found != 1:
            raise SystemExit(f"{PAGE}: {found} places for the measured \"{name}\"")
    with open(PAGE, "w") as file:
        file.write(text)
    os.makedirs(PLOTS, exist_ok=True)
    for name, drawing in plots(rows, curves):
        with open(os.path.join(PLOTS, f"{name}.svg"), "w") as file:
            file.write(drawing)
    print("\n\n".join(filter(None, measured.values())))
    return 0
