# SPDX-License-Identifier: MIT
"""Grants of contiguous memory: how long they take, whether they fail, what they cost the disks."""

import json
import os
import random

import tools
from result import median, paired


def quantiles(values, unit="ms"):
    """p50 p99 p99.9 max, as keys of a row."""
    v = sorted(values)
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    found = {f"{k}_{unit}": v[min(int(q * len(v)), len(v) - 1)] for k, q in at.items()}
    return {**found, f"max_{unit}": v[-1], "samples": len(v)}


def latency(c, case, found, limit, mib, **more):
    q = quantiles([x["ms"] for x in found])
    c.results.limit("contig", case, None, q["p99_ms"], limit, "ms", **q,
                    **{f"{what}_{k}": v for what in ("cpu", "back")
                       for k, v in quantiles([x[what + "_ms"] for x in found]).items()},
                    **tools.control(mib), **more)


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
    c.results.add("contig", f"{memory}: moved / bare memcpy", None, median(rate) / 1e6,
                  median(copy) / 1e6, "memcpy, warm", paired(rate, copy), 0.6, "GB/s")


STAGES = ("wait", "search", "drop", "move", "pin", "return")


def trace(policy, grants, **more):
    """The grants, all counts, and where the time of the slowest went."""
    found = tools.lines("contig", what="trace", policy=policy, grants=grants, **more)
    (total,) = tools.pick(found, case="trace")
    given = tools.pick(found, case="grant")
    slowest = max(given, key=lambda x: x["ms"])
    return given, total, {f"slowest_{s}_ms": slowest[f"{s}_ms"] for s in STAGES + ("cpu", "ready")}


KEPT = ("given_up", "enomem", "ebusy", "move_percent", "discard_percent", "moved", "held", "requests",
        "writes_refused", "compared")


def failures(c, case, total):
    """Of the tries; without a bar when they are there to be seen."""
    tries = total["grants"] - total["given_up"] + total["enomem"] + total["ebusy"]
    failed = total["enomem"] + total["ebusy"]
    more = {k: total[k] for k in KEPT}
    if total["policy"] == "guaranteed":
        c.results.limit("contig", case, None, failed, 0, "failed", grants=total["grants"], **more)
    else:
        c.results.add("contig", case, None, 100 * failed / tries, unit="% failed", tries=tries, **more)


def policies(c, grants):
    """256 MiB out of 1 GiB; a caller of the kernel's way tries again until it has its memory."""
    ours, total, slowest = trace("guaranteed", grants)
    q = quantiles([x["ms"] for x in ours])
    failures(c, "256 MiB of 1 GiB, requests, held pages", total)
    c.results.limit("contig", "256 MiB of 1 GiB, p99", None, q["p99_ms"], 40, "ms", **q, **slowest,
                    **tools.control(256))
    q2 = quantiles([x["ms"] - x["ready_ms"] for x in ours])
    c.results.limit("contig", "the same, but for being preempted, p99", None, q2["p99_ms"], 40, "ms", **q2)
    share = total["move_percent"] + total["discard_percent"]
    c.results.add("contig", "region in use before a grant", None, share, 90, "limit", share / 90, 1.0, "%")
    cma, total, _ = trace("cma", grants, retry=1, deadline_ms=10000)
    failures(c, "the same, policy cma", total)
    peer = quantiles([x["ms"] for x in cma])
    c.results.add("contig", "the same, p99 until it is there", None, q["p99_ms"], peer["p99_ms"],
                  "policy cma", peer["p99_ms"] / q["p99_ms"], 15.0, "ms",
                  **{"cma_" + k: v for k, v in peer.items()})
    _, total, _ = trace("gcma", max(grants // 10, 5))
    failures(c, "the same, policy gcma", total)


def beside(c, rounds):
    """What requests of the disk notice of a grant of 256 MiB in a second of theirs."""
    found = tools.lines("contig", what="io", rounds=rounds)
    recall, quiet = (tools.pick(found, case=k) for k in ("recall", "quiet"))
    rates = [[x["kiops"] for x in rows] for rows in (recall, quiet)]
    c.results.add("contig", "requests, a grant in each second", None, median(rates[0]),
                  median(rates[1]), "without a grant", paired(*rates), 0.98, "kIOPS",
                  grant_p50_ms=median(x["grant_ms"] for x in recall))
    c.results.limit("contig", "longest request beside a grant", None,
                    max(x["worst_ms"] for x in recall), 1, "ms",
                    median_of_rounds_ms=median(x["worst_ms"] for x in recall),
                    longest_without_a_grant_ms=max(x["worst_ms"] for x in quiet),
                    median_without_a_grant_ms=median(x["worst_ms"] for x in quiet), **tools.control(256))
    c.results.limit("contig", "the same, but for being preempted", None,
                    max(x["own_ms"] for x in recall), 1, "ms",
                    median_of_rounds_ms=median(x["own_ms"] for x in recall),
                    longest_without_a_grant_ms=max(x["own_ms"] for x in quiet),
                    median_without_a_grant_ms=median(x["own_ms"] for x in quiet))


def lending(c, rounds):
    """The control has no region in either store: how far from 1 that is, is what the row cannot tell."""
    rates = [[[x[k] for x in tools.lines("contig", what="lending", rounds=rounds, region=region)]
              for k in ("on", "off")] for region in (1, 0)]
    c.results.add("contig", "4k writes with a region", None, *map(median, rates[0]), "without",
                  paired(*rates[0]), 0.97, "kIOPS of CPU time", no_region_in_both=paired(*rates[1]))


REST_US = 100  # after a request: the run shall not take a CPU by itself


def piece(mib):
    """Grants between two lines of the log: seconds, and minutes on a machine that is busy."""
    return max(25, 3200 // mib)


def grants(c):
    """
    The long run, to be broken off and gone on with: UZ_GRANTS grants of a quarter of UZ_GRANTS_MIB, on memory
    that moves as a whole and on a memfd in turn. Each piece has its own seed.
    """
    path = os.path.join(tools.BUILD, "long", "grants.jsonl")
    want, mib = int(os.environ.get("UZ_GRANTS", 100000)), int(os.environ.get("UZ_GRANTS_MIB", 1024))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    rows = logged(path, mib)
    while sum(r["grants"] for r in rows) < want:
        seed, memfd = random.getrandbits(31), len(rows) % 2
        given, total, slowest = trace("guaranteed", piece(mib), seed=seed, mib=mib, memfd=memfd,
                                   rest_us=REST_US, deadline_ms=10000)
        rows.append({**total, **slowest, "seed": seed, "memfd": memfd, "ms": [x["ms"] for x in given]})
        with open(path, "a") as f:
            f.write(json.dumps(rows[-1]) + "\n")
        print(f"grants: {sum(r['grants'] for r in rows)} of {want}, seed {seed}, failed "
              f"{total['enomem'] + total['ebusy']}", flush=True)
    summary(c, rows, mib)


def summary(c, rows, mib):
    for memfd in (0, 1):
        of = [r for r in rows if r["memfd"] == memfd]
        if not of:
            continue
        name = f"long run, {'memfd' if memfd else 'private'}, {mib} MiB"
        total = {k: sum(r[k] for r in of) for k in ("grants",) + KEPT}
        for k in ("move_percent", "discard_percent"):
            total[k] = mean(of, k)
        failures(c, name, {"policy": "guaranteed", **total})
        q = quantiles([x for r in of for x in r["ms"]])
        c.results.add("contig", f"{name}, p99", None, q["p99_ms"], unit="ms", **q)


def logged(path, mib):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [r for r in map(json.loads, f) if r["mib"] == mib]


def contig(c):
    nr = 1000 if c.options.full else 200
    discard(c, nr, "private")
    move(c, nr // 2, "private")
    discard(c, nr // 4, "memfd")
    move(c, nr // 20, "memfd")
    policies(c, nr // 2)
    beside(c, nr // 10)
    lending(c, 48)
