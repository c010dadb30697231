# SPDX-License-Identifier: MIT
"""Rows: what was measured, against whom, and whether the bar was reached."""

import json
import statistics

HEAD = f"{'bench':9} {'case':34} {'data':6} {'ours':>10} {'peer':>10} {'peer name':22} {'ratio':>6} {'reach':>6}  result"


def text(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


class Results:
    def __init__(self):
        self.rows = []

    def add(self, bench, case, data, ours, peer=None, peer_name=None, ratio=None, reach=None,
            unit="", reason=None, show=True, **more):
        """A row. ratio is ours/peer unless given; without reach it is there for information."""
        if ratio is None and peer and ours is not None:
            ratio = ours / peer
        ok = None
        if reach is not None and ratio is not None:
            ok = ratio >= reach
        elif reason is None:
            reason = "for information" if reach is None else "no peer"
        row = {"bench": bench, "case": case, "data": data, "ours": ours, "peer": peer,
               "peer_name": peer_name, "ratio": ratio, "reach": reach, "pass": ok, "unit": unit,
               **more}
        if ok is None:
            row["reason"] = reason
        if not self.rows and show:
            print(HEAD)
        self.rows.append(row)
        if show:
            print(line(row), flush=True)
        return row

    def limit(self, bench, case, data, ours, limit, unit="", **more):
        """A row whose figure must not be above a limit: ratio is limit/ours."""
        ratio = limit / ours if ours > 0 else 1.0
        return self.add(bench, case, data, ours, limit, "limit", ratio, 1.0, unit, **more)

    def write(self, path):
        with open(path, "w") as f:
            json.dump(self.rows, f, indent=1)
            f.write("\n")

    def summary(self):
        return summary(self.rows)


def outcome(row):
    return {True: "pass", False: "MISS"}.get(row["pass"], row.get("reason") or "-")


def line(row):
    return (f"{row['bench']:9} {row['case']:34} {row['data'] or '':6} {text(row['ours']):>10} "
            f"{text(row['peer']):>10} {row['peer_name'] or '':22} {text(row['ratio']):>6} "
            f"{text(row['reach']):>6}  {outcome(row)}")


def summary(rows):
    with_bar = [r for r in rows if r["reach"] is not None]
    count = [sum(r["pass"] is x for r in with_bar) for x in (True, False, None)]
    return (f"{len(with_bar)} rows with a bar: {count[0]} pass, {count[1]} miss, "
            f"{count[2]} without a peer; {len(rows) - len(with_bar)} for information")


median = statistics.median


def paired(ours, peer):
    """Median of the ratios round by round: what disturbs a round disturbs both."""
    return median(a / b for a, b in zip(ours, peer))
