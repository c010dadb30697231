# SPDX-License-Identifier: MIT
"""The benches: each runs measuring programs on each data set and adds rows."""

import json
import os
import re
import shutil
import subprocess
import tempfile

import contig
import kmsan
import tools
from result import median, paired
from tools import pick

ROUNDS = 7


class Context:
    """What the benches share: options, data sets, the rows."""

    def __init__(self, options, sets, results):
        self.options, self.sets, self.results = options, sets, results
        first = list(sets.values())[:1]
        self.pool_names = [x["pool"] for path in first for x in pick(
            tools.lines("overhead", data=path, size_mib=8, rounds=1), case="store")]
        self.default = self.pool_names[0] if self.pool_names else None

    def rate(self, found, **want):
        """MB/s of each round, by the chosen clock; and how busy the machine was."""
        key = "cpu_mb_s" if self.options.clock == "cpu" else "mb_s"
        return [x[key] for x in pick(found, **want)]


def engine(c):
    with tools.zram() as (number, why):
        for data, path in c.sets.items():
            found = tools.lines("engine", data=path, rounds=ROUNDS, zram=number)
            engine_rows(c, data, found, why)
        first = next(iter(c.sets))
        cold = tools.lines("engine", data=c.sets[first], rounds=5, zram=number, cold=1)
        rates = {w: c.rate(cold, case="fill", who=w) for w in ("ours", "zram")}
        c.results.add("engine", "first fill, memory not warmed", first, median(rates["ours"]),
                      median(rates["zram"]) if number is not None else None, "kernel zram lz4",
                      unit="MB/s", reason=why)


def engine_rows(c, data, found, why):
    for case, kernel_reach, bare_reach in (("rewrite", 1.15, 0.93), ("fill", 1.0, None),
                                           ("read", 1.4, 0.93)):
        name = {"fill": "first fill"}.get(case, case)
        ours, bare, zram = (c.rate(found, case=case, who=w) for w in ("ours", "bare", "zram"))
        busy = median(x["cpu_mb_s"] / x["mb_s"] for x in pick(found, case=case, who="ours"))
        c.results.add("engine", name, data, median(ours), median(zram) if zram else None,
                      "kernel zram lz4", paired(ours, zram) if zram else None, kernel_reach,
                      "MB/s", why, wall_over_cpu=busy,
                      bound=paired(bare, zram) if zram else None)
        kept = c.rate(found, case=case, who="kept")
        c.results.add("engine", name, data, median(ours), median(bare), "bare liblz4",
                      paired(ours, bare), bare_reach, "MB/s", wall_over_cpu=busy,
                      bound=paired(kept, bare) if kept else 1.0)
        if case == "rewrite":
            c.results.add("engine", name, data, median(ours), median(kept), "liblz4 and a copy",
                          paired(ours, kept), unit="MB/s")


def scale(c):
    if os.cpu_count() < 2:
        c.results.add("scale", "2 threads / 1", None, None, reach=0.93, reason="one CPU")
        return
    for data, path in c.sets.items():
        found = tools.lines("scale", data=path, rounds=ROUNDS)
        for case in ("read", "rewrite"):
            gain = {w: [x["mb_s_2"] / x["mb_s_1"] for x in pick(found, case=case, who=w)]
                    for w in ("ours", "bare")}
            c.results.add("scale", f"{case}, 2 threads / 1", data, median(gain["ours"]),
                          median(gain["bare"]), "two bare codecs",
                          paired(gain["ours"], gain["bare"]), 0.93, "x")


DENSITY = (("fill", "after fill", 1.02), ("overwrite", "after overwriting 3x", 1.035),
           ("discard", "2 s after discarding half", 1.05))


def density(c):
    with tools.zram() as (number, why):
        for data, path in c.sets.items():
            kernel = {}
            real = data in ("R1", "R2", "data") or c.options.full
            for pool in dict.fromkeys([c.default, "zsmalloc"] + (c.pool_names if real else [])):
                barred = pool in (c.default, "zsmalloc")
                found = tools.lines("density", data=path, pool=pool,
                                    object_mib=512 if barred or c.options.full else 64,
                                    zram=number if barred and not kernel else None)
                for x in pick(found, who="zram"):
                    kernel[x["case"]] = x["ratio"]
                density_rows(c, data, pool, found, kernel, why)


def density_rows(c, data, pool, found, kernel, why):
    for case, name, bar in DENSITY:
        (x,) = pick(found, case=case, who="ours")
        name = f"{pool} {name}"
        more = {"compressed_mib": x["compr_mib"], "reserve_mib": x["reserve_mib"]}
        if pool == c.default:
            c.results.limit("density", name, data, x["ratio"], bar, "x", **more)
        if pool in (c.default, "zsmalloc"):
            peer = kernel.get(case)
            c.results.add("density", name, data, x["ratio"], peer, "kernel zram and table",
                          peer / x["ratio"] if peer else None,
                          1.0 if pool == "zsmalloc" else None, "x", why, **more)
            c.results.limit("density", f"{name}: reserve", data, x["reserve_mib"],
                            max(4, x["ram_total_mib"] / 100), "MiB")
        else:
            c.results.add("density", name, data, x["ratio"], unit="x", **more)


def overhead(c):
    limits = {"store": 200, "load": 80}
    for data, path in c.sets.items():
        found = tools.lines("overhead", data=path, rounds=5)
        for pool in c.pool_names:
            for case, limit in limits.items():
                runs = pick(found, case=case, pool=pool)
                ns = median(x["p50_ns"] for x in runs)
                more = {"p99_ns": median(x["p99_ns"] for x in runs),
                        "codec_ns": median(x["codec_p50_ns"] for x in runs)}
                if pool in (c.default, "zsmalloc"):
                    c.results.limit("overhead", f"{pool} {case}, p50", data, ns, limit, "ns", **more)
                else:
                    c.results.add("overhead", f"{pool} {case}, p50", data, ns, unit="ns", **more)


NBD_MIB = 128


def nbd_servers(where, shm):
    """(name, command, socket) of all that are here; None as command when it is not."""
    disk = os.path.join(shm, "disk")
    with open(disk, "wb") as f:
        f.truncate(NBD_MIB << 20)

    def socket(name):
        return os.path.join(where, name + ".sock")

    kit, qemu = shutil.which("nbdkit"), shutil.which("qemu-nbd")
    kit_start = [kit, "-f", "-U"]
    yield ("ours", [os.path.join(tools.BUILD, "uzram"), "serve", "--size", f"{NBD_MIB}M", "--ram",
                    f"{2 * NBD_MIB}M", "--private", "--codec", "lz4", "--control",
                    os.path.join(where, "control.sock"), "--nbd", "unix:" + socket("ours")],
           socket("ours"))
    yield ("nbdkit memory", kit and kit_start + [socket("memory"), "memory", f"{NBD_MIB}M"],
           socket("memory"))
    yield ("nbdkit memory zstd", kit and kit_start + [socket("zstd"), "memory", f"{NBD_MIB}M",
                                                     "allocator=zstd"], socket("zstd"))
    yield ("qemu-nbd on tmpfs", qemu and [qemu, "-f", "raw", "-t", "-k", socket("qemu"), disk],
           socket("qemu"))


def client(socket, data, op, seconds, pid, fill=False):
    command = [os.path.join(tools.BUILD, "bench", "nbd_client"), "--socket", socket, "--data", data,
               "--op", op, "--qd", "32", "--seconds", str(seconds), "--server-pid", str(pid), "--json"]
    done = subprocess.run(command + (["--fill"] if fill else []), stdout=subprocess.PIPE,
                          timeout=tools.TIMEOUT_S, text=True, check=True)
    return json.loads(done.stdout)


def nbd_rounds(pids, sockets, data):
    """{(server, op): [result of each round]}; the servers take turns."""
    found = {}
    for name in pids:
        client(sockets[name], data, "write", 0.1, pids[name], fill=True)
    for _ in range(5):
        for op in ("read", "write"):
            for name, pid in pids.items():
                found.setdefault((name, op), []).append(
                    client(sockets[name], data, op, 0.5, pid))
    return found


def nbd(c):
    shm = "/dev/shm" if os.path.isdir("/dev/shm") else None
    for data, path in c.sets.items():
        bare = tools.lines("engine", data=path, size_mib=64, rounds=3)
        codec_us = 4096 / median(c.rate(bare, case="read", who="bare"))
        with tools.folder() as where, tools.folder(shm) as on_shm, \
                tools.contextlib.ExitStack() as stack:
            pids, sockets, missing = {}, {}, []
            for name, command, socket in nbd_servers(where, on_shm):
                if not command:
                    missing.append(name)
                    continue
                sockets[name] = socket
                pids[name] = stack.enter_context(tools.server(command, socket))
            nbd_rows(c, data, nbd_rounds(pids, sockets, path), missing, codec_us)


def nbd_rows(c, data, found, missing, codec_us):
    names = sorted({name for name, _ in found} - {"ours"}) + missing
    for op in ("read", "write"):
        ours = [x["iops"] / 1e3 for x in found["ours", op]]
        for name in names:
            reach = 8.0 if (name, op) == ("nbdkit memory zstd", "write") else 1.0
            peer = [x["iops"] / 1e3 for x in found.get((name, op), [])]
            c.results.add("nbd", f"4k random {op}, qd32", data, median(ours),
                          median(peer) if peer else None, name,
                          paired(ours, peer) if peer else None, reach, "kIOPS",
                          None if peer else f"{name} is not installed",
                          p99_us=median(x["p99_us"] for x in found["ours", op]))
    us = median(x["server_us_per_io"] for x in found["ours", "read"])
    c.results.limit("nbd", "server CPU of a 4k read", data, us, codec_us + 1.0, "us",
                    codec_us=codec_us)


def empty(c):
    found = tools.lines("space", what="empty", rounds=5)
    ram = max(x["ram_total_mib"] for x in found)
    c.results.limit("empty", "1 TiB disk: ram_total", None, ram, 8, "MiB")
    c.results.limit("empty", "1 TiB disk: time to create", None,
                    median(x["create_ms"] for x in found), 50, "ms", **tools.control(2))
    c.results.limit("empty", "1 TiB disk: its map allocates", None,
                    max(x["map_grew_bytes"] for x in found), 0, "bytes")
    empty_served(c)


def empty_served(c):
    """The same through the server and a stock client: ram_total before and after nbdinfo --map."""
    case = "1 TiB disk: nbdinfo --map allocates"
    if not shutil.which("nbdinfo"):
        c.results.add("empty", case, None, None, reach=1.0, reason="nbdinfo is not installed")
        return
    uzram = os.path.join(tools.BUILD, "uzram")
    with tools.folder() as where:
        socket, ctl = os.path.join(where, "nbd.sock"), os.path.join(where, "control.sock")

        def ram_total():
            out = subprocess.run([uzram, "stat", "--json", "--control", ctl], text=True, check=True,
                                 stdout=subprocess.PIPE, timeout=20).stdout
            return int(re.search(r'"ram_total": *(\d+)', out).group(1))

        command = [uzram, "serve", "--size", "1T", "--ram", "1G", "--private", "--control", ctl,
                   "--nbd", "unix:" + socket]
        with tools.server(command, socket):
            # The first client is served by a stream of its own, made when it comes.
            map_of(socket)
            before = ram_total()
            extents = map_of(socket)
            c.results.limit("empty", case, None, ram_total() - before, 0, "bytes",
                            extents=extents, ram_total_mib=before / 1048576)


def map_of(socket):
    done = subprocess.run(["nbdinfo", "--map", "nbd+unix:///?socket=" + socket], text=True, check=True,
                          stdout=subprocess.PIPE, timeout=120)
    return len(done.stdout.splitlines())


def attach(c):
    for data, path in c.sets.items():
        found = tools.lines("space", what="attach", data=path, rounds=5)
        c.results.limit("attach", "4 GiB disk half full", data, median(x["ms"] for x in found), 100,
                        "ms", pages=found[0]["pages"], **tools.control(64))


POOL_FIGURES = (("write", "mb_s", "MB/s"), ("read", "mb_s", "MB/s"), ("mixed", "mb_s", "MB/s"),
                ("mixed", "p999_us", "us"), ("mixed", "of_data", "x"))
POOL_COLUMNS = ("write MB/s", "read MB/s", "mixed MB/s", "p99.9 us", "memory/data")


def pools(c):
    size, rounds = (256, 15) if c.options.full else (64, 5)
    for codec in ("lz4", "zstd"):
        for data in [d for d in c.sets if d.startswith("R3") or c.options.full]:
            found = tools.lines("pools", data=c.sets[data], codec=codec, size_mib=size, rounds=rounds)
            read = {}
            for pool in c.pool_names:
                figures = []
                for (case, key, unit), column in zip(POOL_FIGURES, POOL_COLUMNS):
                    if key == "mb_s" and c.options.clock == "cpu":
                        key = "cpu_mb_s"
                    values = [x[key] for x in pick(found, case=case, pool=pool)]
                    if case == "read":
                        read[pool] = values
                    figures.append(f"{median(values):.4g} {column}")
                    c.results.add("pools", f"{pool} {codec} {column}", data, median(values),
                                  unit=unit, show=False)
                print(f"pools     {pool:9} {codec:5} {data:6} {', '.join(figures)}", flush=True)
            best = max(read, key=lambda p: median(read[p]))
            c.results.add("pools", f"{c.default} {codec} read against best", data,
                          median(read[c.default]), median(read[best]), best,
                          paired(read[c.default], read[best]), 0.97, "MB/s")


def returned(c):
    """A load that oscillates: CPU of taking memory and giving it back, and what stays."""
    return_cells(c)
    for backing in ("private", "memfd"):
        fast = tools.lines("oscillate", backing=backing, period_ms=1000, cycles=20)
        slow = tools.lines("oscillate", backing=backing, period_ms=60000, learn=0, cycles=1)
        (first,) = pick(fast, case="learn")
        (x,) = pick(fast, case="cycles")
        c.results.limit("return", f"{backing}: 1 s period, CPU in faults", None, x["cpu_percent"], 1,
                        "%", faulted_mib=x["faulted_mib"], returned_mib=x["returned_mib"],
                        first_two_cycles_percent=first["cpu_percent"])
        (x,) = pick(slow, case="after")
        c.results.limit("return", f"{backing}: 60 s period, 12 s after", None, x["ratio"], 1.05, "x",
                        resident_mib=x["resident_mib"], live_mib=x["live_mib"])


CELL_BACKINGS = ("private", "small", "memfd", "file")
CELL_PIECES_KIB = (2048, 256, 64)
CELL_PERIODS_MS = (400, 1000, 3000, 8000, 60000)
LEARN_MS = 120000  # not counted: a method that is better by a sixth has paid for its trial by then
LEAST_PERCENT = 0.02  # of a CPU: costs below are noise, and counted as that
FREED = 0.05  # of what went may be resident 12 s later


def cell(found):
    """(cost of auto over that of the best fixed method that frees, its name, cost of auto)."""
    fixed = [x for x in found if x["case"] != "auto" and x["left"] <= FREED]
    best = min(fixed, key=lambda x: x["cpu_percent"])
    (auto,) = pick(found, case="auto")
    if auto["left"] > FREED:
        raise RuntimeError(f"auto left {auto['left']:.0%} of what went")
    return ((auto["cpu_percent"] + LEAST_PERCENT) / (best["cpu_percent"] + LEAST_PERCENT),
            best["case"], auto)


def return_cells(c):
    """The method that an arena chooses against each fixed one, by backing, pieces and period."""
    ratios = []
    for backing in CELL_BACKINGS:
        for kib in CELL_PIECES_KIB:
            for period in CELL_PERIODS_MS:
                found = tools.lines("returns", backing=backing, piece_kib=kib, period_ms=period,
                                    learn=max(3, LEARN_MS // period),
                                    cycles=min(100, max(12, 60000 // period)))
                ratio, best, auto = cell(found)
                ratios.append(ratio)
                c.results.add("return", f"{backing} {kib} KiB {period} ms", None, auto["cpu_percent"],
                              peer_name=best, ratio=ratio, unit="%", switches=auto["switches"])
    found = tools.lines("returns", backing="private", period_ms=3000, learn=8, settle=5, cycles=50,
                        spin_us=500)
    ratio, best, auto = cell(found)
    c.results.add("return", "private 3000 ms, MADV_FREE spins", None, auto["cpu_percent"],
                  peer_name=best, ratio=1 / ratio, reach=1 / 1.1, unit="%", switches=auto["switches"])
    good = 100 * sum(r <= 1.1 for r in ratios) / len(ratios)
    c.results.add("return", f"{len(ratios)} cells, within 1.1x of best", None, good, 95, "limit",
                  good / 95, 1.0, "%")
    c.results.limit("return", f"{len(ratios)} cells, auto over best", None, max(ratios), 1.25, "x")


DISK = {f.__name__: f for f in (engine, density, scale, overhead, nbd, empty, pools, attach)}
ALL = DISK | {"return": returned, "contig": contig.contig, "grants": contig.grants,
             "kmsan": kmsan.kmsan}  # these take long: only by name
