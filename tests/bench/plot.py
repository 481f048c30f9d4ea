# SPDX-License-Identifier: Apache-2.0
"""Lines over two logarithmic axes, as SVG. Debian's python3-matplotlib cannot be installed beside libboost1.81-dev, which Porter is
built with; this is all that it would do here, and the same figures give the same bytes.
"""
import math

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 570, 44, 326
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#777777", "#56b4e9", "#e69f00")  # told apart by everybody (Okabe, Ito)
STYLE = """  <style>
    .grid { stroke: #ddd; stroke-width: 1 }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round }
    .small { font-size: 11px; fill: #444 }
    .middle { text-anchor: middle } .end { text-anchor: end }
    text { fill: #111 }
  </style>
"""


def number(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def decades(values):
    """The powers of ten that enclose them."""
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return [10.0 ** power for power in range(low, max(high, low + 1) + 1)]


def lines(title, across, up, series):
    """series: {name: [(x, y)]}, all above 0; dots where a line has few points. The text of an SVG file."""
    series = {name: points for name, points in series.items() if points}
    xs, ys = (decades([point[i] for points in series.values() for point in points]) for i in (0, 1))

    def place(value, marks, begin, end):
        return round(begin + (end - begin) * math.log10(value / marks[0]) / math.log10(marks[-1] / marks[0]), 1)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" '
           f'font-size="13">\n  <title>{title}</title>\n{STYLE}  <rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           f'  <text x="{LEFT}" y="24">{title}</text>',
           f'  <text class="small middle" x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 40}">{across}</text>',
           f'  <text class="small middle" transform="rotate(-90)" x="{-(TOP + BOTTOM) / 2:g}" y="18">{up}</text>']
    for mark in xs:
        x = place(mark, xs, LEFT, RIGHT)
        out.append(f'  <path class="grid" d="M{x} {TOP}V{BOTTOM}"/><text class="small middle" x="{x}" y="{BOTTOM + 18}">{number(mark)}</text>')
    for mark in ys:
        y = place(mark, ys, BOTTOM, TOP)
        out.append(f'  <path class="grid" d="M{LEFT} {y}H{RIGHT}"/><text class="small end" x="{LEFT - 6}" y="{y + 4}">{number(mark)}</text>')
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        at = []
        for x, y in points:
            here = (place(x, xs, LEFT, RIGHT), place(y, ys, BOTTOM, TOP))
            if not at or math.dist(at[-1], here) >= 1:  # closer nobody sees
                at.append(here)
        out.append(f'  <path class="line" stroke="{colour}" d="M{"L".join(f"{x} {y}" for x, y in at)}"/>')
        if len(at) < 10:
            out.append("  " + "".join(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in at))
        y = TOP + 12 + 22 * i
        out.append(f'  <path class="line" stroke="{colour}" d="M{RIGHT + 14} {y - 4}h22"/><text class="small" x="{RIGHT + 42}" y="{y}">{name}</text>')
    return "\n".join(out) + "\n</svg>\n"
