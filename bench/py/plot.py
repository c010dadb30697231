# SPDX-License-Identifier: MIT
"""A plot of the pools' table as SVG: a panel for each figure and codec, a line for each pool."""

COLOURS = ("#1f6fb4", "#d1572b", "#3a9a4b", "#8a5bb0", "#b08a1e", "#555555", "#c2438f")
WIDTH, HEIGHT, LEFT, TOP = 300, 190, 56, 30


def line(points, colour):
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="2.5" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'


def label(x, y, text, anchor="middle", size=11):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}">{text}</text>'


def panel(x0, y0, title, ticks, series):
    """series: {name: [value at each tick]}; the axis starts at 0."""
    top = 1.08 * max(max(v) for v in series.values())
    right, bottom = x0 + WIDTH - 14, y0 + HEIGHT - 22
    left, high = x0 + LEFT, y0 + TOP

    def at(i, value):
        return (left + (right - left) * i / max(1, len(ticks) - 1),
                bottom - (bottom - high) * value / top)

    out = [label((left + right) / 2, y0 + 18, title, size=12),
           f'<path d="M{left},{high} V{bottom} H{right}" fill="none" stroke="#888"/>']
    out += [label(at(i, 0)[0], bottom + 14, t) for i, t in enumerate(ticks)]
    for part in (0, 0.5, 1):
        value = top / 1.08 * part
        out.append(label(left - 4, at(0, value)[1] + 4, f"{value:.3g}", "end"))
    out += [line([at(i, v) for i, v in enumerate(values)], COLOURS[k % len(COLOURS)])
            for k, values in enumerate(series.values())]
    return "".join(out)


def svg(rows, ticks):
    """rows: a list of rows of panels (title, series)."""
    width, height = WIDTH * max(map(len, rows)), HEIGHT * len(rows) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>']
    for y, panels in enumerate(rows):
        out += [panel(x * WIDTH, y * HEIGHT, title, ticks, series)
                for x, (title, series) in enumerate(panels)]
    for k, name in enumerate(rows[0][0][1]):
        x = 20 + 110 * k
        out.append(f'<rect x="{x}" y="{height - 22}" width="12" height="12" '
                   f'fill="{COLOURS[k % len(COLOURS)]}"/>' + label(x + 18, height - 12, name, "start"))
    return "\n".join(out) + "\n</svg>\n"
