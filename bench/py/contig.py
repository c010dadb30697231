# SPDX-License-Identifier: MIT
"""Grants of contiguous memory: how long they take, whether they fail, what they cost the disks."""

import tools
from result import median


def quantiles(values, unit="ms"):
    """p50 p99 p99.9 max, as keys of a row."""
    v = sorted(values)
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    found = {f"{k}_{unit}": v[min(int(q * len(v)), len(v) - 1)] for k, q in at.items()}
    return {**found, f"max_{unit}": v[-1], "samples": len(v)}


def control(mib):
    (x,) = tools.lines("space", what="control", bytes_mib=mib)
    return {"control_worst_gap_ms": x["worst_gap_us"] / 1000, f"control_memcpy_{mib}_mib_ms": x["memcpy_ms"]}


def latency(c, case, found, limit, mib, **more):
    q = quantiles([x["ms"] for x in found])
    c.results.limit("contig", case, None, q["p99_ms"], limit, "ms", **q,
                    **{"cpu_" + k: v for k, v in quantiles([x["cpu_ms"] for x in found]).items()},
                    **control(mib), **more)


def mean(found, key):
    return sum(x[key] for x in found) / len(found)


def discard(c, grants, memory):
    found = tools.lines("contig", what="discard", grants=grants, memfd=int(memory == "memfd"))
    latency(c, f"{memory}: 32,000 pages to drop, p99", found, 3, 125,
            lent_discard=mean(found, "lent_discard"))


def move(c, grants, memory):
    found = tools.lines("contig", what="move", grants=grants, memfd=int(memory == "memfd"))
    latency(c, f"{memory}: 32,000 pages to move, p99", found, 25, 125, moved=mean(found, "moved"))
    rate = [x["moved"] * 4096 / x["ms"] for x in found]
    copy = [x["copied"] * 4096 / x["copy_ms"] for x in found]
    ratio = median(a / b for a, b in zip(rate, copy))
    c.results.add("contig", f"{memory}: moved / bare memcpy", None, median(rate) / 1e6,
                  median(copy) / 1e6, "memcpy, warm", ratio, 0.6, "GB/s")


def contig(c):
    grants = 1000 if c.options.full else 200
    discard(c, grants, "private")
    move(c, grants // 2, "private")
    discard(c, grants // 4, "memfd")
    move(c, grants // 20, "memfd")
