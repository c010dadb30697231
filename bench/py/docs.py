# SPDX-License-Identifier: MIT
"""docs/benchmarks.md and its plot from the rows of one run.

The page's text between the markers is made here; what is written outside of them (why a row
misses, what bounds it) is kept.
"""

import datetime
import glob
import json
import os
import platform
import re
import subprocess

import data
import plot
import tools
from result import median, outcome, summary, text

BEGIN, END = "<!-- made by bench/run: begin -->", "<!-- made by bench/run: end -->"
COLUMNS = ("write MB/s", "read MB/s", "mixed MB/s", "p99.9 us", "memory/data")
ABOUT = {
    "engine": "The library on private memory, one thread, lz4, 1 MiB requests, MB/s. All sides take "
              "turns every 16 MiB of a 256 MiB disk. In a rewrite every page gets another page's "
              "content. Bare liblz4: the same library and state, page by page into one warm buffer, "
              "and out of one packed array. liblz4 and a copy: the same, and the bytes are copied "
              "into memory one behind the other; a store that copies cannot do less. Bound is the "
              "ratio that this (or for reads bare liblz4) reaches against the peer. Kernel zram: O_DIRECT. Ratios are medians of the ratios "
              "of each round. Free memory is touched just before a fill, for all sides, because a "
              "virtual machine may have given it back to its host; the row without is there too.",
    "density": "(ram_total - populated reserve) / compressed bytes; at most max(4 MiB, 1%) of reserve "
               "is taken off. Kernel: mem_used_total + 16 bytes a page, over compr_data_size. At least "
               "512 MiB of compressed bytes for the pools with a bar, 64 MiB for the others, which "
               "are measured on R1 and R2 (with --full: on all, as large).",
    "scale": "Throughput of two threads over that of one, and the same of two bare codecs in the same "
             "run.",
    "overhead": "Time between two calls of the codec inside a request of 128 KiB: all that a store or "
                "load costs besides the codec, the copy of the object too.",
    "nbd": "4 KiB requests at random, 32 under way on one connection, unix socket, bench/nbd_client; "
           "kIOPS. The servers take turns.",
    "empty": "What a disk of 1 TiB costs before anything is on it.",
    "attach": "The time to open a store in a memfd again: every second page of 4 GiB holds data. "
              "JSON: worst gap of a thread that only looks at the clock, in the same minute.",
    "pools": "The table of 2019 with all pools side by side: 4 KiB requests, write and read in "
             "sequence, mixed at random.",
    "return": "CPU time of the calls that take memory and give it back, in percent of the time, for a load "
              "that grows and shrinks again and again. Cells (bench/returns.c; kind of memory, size of the "
              "pieces, period, of the bench's clock): what `--return auto` costs over the cheapest "
              "fixed method that frees, the median cycle of each, trials of methods included; 0.02% is "
              "added to both. small: private without huge pages. Then (bench/oscillate.c) a thread in the "
              "background gives memory back as a server's does, and what is resident 12 s after the load "
              "went is compared with what is in use.",
    "contig": "Grants of contiguous memory (bench/contig.c). To drop: all of the region holds clean copies of "
              "what is on a backing; to move: nothing but data, and what it moves to is resident. 256 "
              "MiB of 1 GiB: 700 MiB to be moved spread evenly, 250 MiB to be dropped, one thread of "
              "requests, eight that hold single pages for 10 us to 10 ms. Policy cma does what the kernel "
              "does, and its caller tries again until it has its memory. JSON: p50, p99, p99.9, max, CPU "
              "time of the granting thread, and the worst gap of a thread that only looks at the "
              "clock, in the same minute.",
    "grants": "The same 256 MiB of 1 GiB again and again, each piece of 50 grants on a store of its own with "
              "its own seed; build/long/grants.jsonl.",
    "kmsan": "lua, zlib and lz4 of Debian's sources at -O2 under libkmsan, MSan and memcheck, user "
             "CPU seconds, runs in turns; ours and MSan check the same (parameters, constants) and have "
             "the same -flto. Reach is the peer's time over ours. Memory: plain has 100 MiB and "
             "more, and ours less 8 MiB may be 3.2 times that. JSON: of_plain, peer_of_plain.",
}


def first_line(command):
    try:
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             timeout=20).stdout.strip()
        return out.splitlines()[0] if out else "-"
    except OSError:
        return "not installed"


def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return "-"


def machine(rows_of):
    cpu = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    ram = int(re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo")).group(1)) >> 20
    yield "date", datetime.date.fromtimestamp(os.path.getmtime(rows_of)).isoformat()
    yield "CPU", f"{cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} logical"
    yield "memory", f"{ram} GiB"
    yield "virtual", first_line(["systemd-detect-virt", "--vm"])
    yield "kernel", platform.release()
    for name in ("enabled", "defrag", "shmem_enabled"):
        yield f"THP {name}", f"`{read('/sys/kernel/mm/transparent_hugepage/' + name)}`"
    yield "compiler", first_line(["gcc", "--version"])
    for package in ("liblz4-dev", "libzstd-dev", "nbdkit", "qemu-utils"):
        yield package, first_line(["dpkg-query", "-W", "-f", "${Version}", package])


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] +
                     ["| " + " | ".join(r) + " |" for r in rows])


def bench_table(rows):
    head = ("case", "data", "ours", "peer", "", "ratio", "reach", "bound", "")
    return table(head, [(r["case"], r["data"] or "", f"{text(r['ours'])} {r['unit']}", text(r["peer"]),
                         r["peer_name"] or "", text(r["ratio"]), text(r["reach"]), text(r.get("bound")),
                         outcome(r))
                        for r in rows])


def pools_figures(rows):
    """{(codec, column): {pool: {data: value}}}"""
    found = {}
    for r in rows:
        m = re.fullmatch(r"(\S+) (\S+) (%s)" % "|".join(map(re.escape, COLUMNS)), r["case"])
        if m:
            pool, codec, column = m.groups()
            found.setdefault((codec, column), {}).setdefault(pool, {})[r["data"]] = r["ours"]
    return found


def pools_tables(figures):
    out = []
    for codec in dict.fromkeys(c for c, _ in figures):
        pools = list(figures[codec, COLUMNS[0]])
        sets = list(figures[codec, COLUMNS[0]][pools[0]])
        body = [(d, p, *(text(figures[codec, col][p].get(d)) for col in COLUMNS))
                for d in sets for p in pools]
        out.append(f"#### {codec}\n\n" + table(("data", "pool", *COLUMNS), body))
    return "\n\n".join(out)


def pools_plot(figures, path):
    sets = [d for d in next(iter(next(iter(figures.values())).values())) if d.startswith("R3")]
    panels = [[(f"{codec}: {column}", {p: [v[d] for d in sets] for p, v in figures[codec, column].items()})
               for column in COLUMNS if (codec, column) in figures]
              for codec in dict.fromkeys(c for c, _ in figures)]
    with open(path, "w") as f:
        f.write(plot.svg(panels, [d.split("-")[1] + "%" for d in sets]))


def sections(rows, folder, path):
    yield "## Machine\n\n" + table(("", ""), machine(path))
    notes = sorted(glob.glob(os.path.join(tools.BUILD, "bench-data", "*.txt")))
    names = [os.path.basename(n)[:-4] for n in notes]
    yield "## Data\n\n" + table(("name", "what"), [(n, data.describe(os.path.dirname(p), n))
                                                  for n, p in zip(names, notes)])
    busy = [r["wall_over_cpu"] for r in rows if "wall_over_cpu" in r]
    yield "## Summary\n\n" + summary(rows) + "." + (
        f" Wall time over CPU time of the engine's thread: {median(busy):.2f} at the median, "
        f"{max(busy):.2f} at worst; 1.00 is a machine that does nothing else." if busy else "")
    missed = [r for r in rows if r["pass"] is False]
    if missed:
        yield "### Missed\n\n" + bench_table(missed)
    for bench in dict.fromkeys(r["bench"] for r in rows):
        mine = [r for r in rows if r["bench"] == bench]
        figures = pools_figures(mine)
        out = f"## {bench}\n\n{ABOUT[bench]}\n\n`./dev bench {bench}`\n\n"
        out += bench_table([r for r in mine if r["reach"] is not None or not figures])
        if figures:
            pools_plot(figures, os.path.join(folder, "pools.svg"))
            out += "\n\n![pools](pools.svg)\n\n" + pools_tables(figures)
        yield out


def write(path):
    with open(path) as f:
        rows = json.load(f)
    folder = os.path.join(tools.ROOT, "docs")
    page = os.path.join(folder, "benchmarks.md")
    os.makedirs(folder, exist_ok=True)
    made = "\n".join([BEGIN, "", "\n\n".join(sections(rows, folder, path)), "", END])
    before, after = "# Benchmarks\n\n", "\n"
    old = read(page)
    if BEGIN in old and END in old:
        before, after = old.split(BEGIN)[0], old.split(END)[1] + "\n"
    with open(page, "w") as f:
        f.write(before + made + after)
    print(f"wrote {os.path.relpath(page)}")
