#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""Grants of regions beside disks: the memory is fresh and charged once, every page of the disk keeps
its bytes under I/O, a client that dies leaves no grant, one that is too late learns who held what and
makes nobody else wait, and after SIGKILL during grants every page is there."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "lib"), os.path.join(HERE, "..", "front", "lib")]
import uznbd  # noqa: E402
from uzgrant import *  # noqa: E402,F403

SEED = int(os.environ.get("SEED") or time.time_ns() & 0xffffffff)
ROUNDS = {"quick": 1, "check": 2, "long": 40}[os.environ.get("UZ_TEST_SIZE") or "quick"]
PAGE = 4096
DISK = 40 * MIB
HELD = os.path.join(BUILD, "tests/app/plugin/codec-held.so")


def nbd(server, disk=b"d0"):
    client = uznbd.Client(server)
    client.open(disk)
    return client


def write_all(disk, data):
    for at in range(0, len(data), MIB):
        assert disk.write(at, data[at:at + MIB]) == 0, f"write at {at}"


def read_all(disk, size):
    parts = [disk.read(at, MIB) for at in range(0, size, MIB)]
    assert not any(error for error, _ in parts), "a read failed"
    return b"".join(data for _, data in parts)


class Writer(threading.Thread):
    """Rewrites pages of the disk until it is told to stop; knows what each of them must hold."""

    def __init__(self, server, model, rng):
        super().__init__()
        self.disk, self.model, self.rng = nbd(server), model, rng
        self.go, self.nr, self.error = True, 0, 0
        self.start()

    def run(self):
        while self.go and not self.error:
            at = self.rng.randrange(DISK // PAGE) * PAGE
            data = uznbd.page_of(self.rng)
            self.error = self.disk.write(at, data)
            self.model[at:at + PAGE] = data
            self.nr += 1

    def stop(self):
        self.go = False
        self.join()
        self.disk.close()
        assert not self.error and self.nr > 10, (self.error, self.nr)


def regions(name):
    return [r[name] for r in Client().ask(cmd="contig-stat")[0]["regions"]]


def check_memory():
    before = ram_total()
    c = Client()
    answer, fd = c.alloc(region="cam0", size=5 * MIB)
    assert answer["bytes"] == 6 * MIB == os.fstat(fd).st_size == os.fstat(fd).st_blocks * 512
    assert 6 * MIB <= ram_total() - before < 11 * MIB, "it is not charged once"
    assert not os.pread(fd, 6 * MIB, 0).strip(b"\0"), "it is not fresh"
    (one,) = grants()
    assert (one["id"], one["region"], one["bytes"], one["pid"], one["waiting"]) == (
        answer["grant"], "cam0", 6 * MIB, os.getpid(), False), one
    whole, other = c.alloc(region="b")
    assert whole["bytes"] == 4 * MIB
    for number in (answer["grant"], whole["grant"]):
        assert c.ask(cmd="contig-free", grant=number)[0]["ok"]
    assert not grants() and os.fstat(fd).st_blocks == 0
    os.close(fd)
    os.close(other)


def check_io(server, rng):
    """Random sizes, three at a time, while a client fills the disk; then every byte is compared."""
    model = bytearray(DISK)
    disk = nbd(server)
    writer = Writer(server, model, random.Random(rng.random()))
    c = Client()
    wait_for("data in a region", lambda: sum(regions("lent_move")) > 0)
    for name in ("cam0", "b"):
        answer, fd = c.alloc(region=name, deadline_ms=10000)
        c.ask(cmd="contig-free", grant=answer["grant"])
        os.close(fd)
    for _ in range(25 * ROUNDS):
        held = [c.alloc(region=name, size=rng.randrange(1, size), deadline_ms=10000)
                for name, size in (("cam0", 12 * MIB), ("cam0", 12 * MIB), ("b", 4 * MIB))]
        for answer, fd in held:
            os.pwrite(fd, b"x" * MIB, rng.randrange(answer["bytes"] - MIB + 1))
        for answer, fd in held:
            assert c.ask(cmd="contig-free", grant=answer["grant"])[0]["ok"]
            os.close(fd)
    writer.stop()
    assert read_all(disk, DISK) == model, "a page changed"
    disk.disconnect()
    moved = sum(regions("pgmigrate_success"))
    print(f"COUNT written={writer.nr} moved={moved}")
    assert moved > 0, "nothing was in the way of these grants"


def check_dead(server, rng):
    held = subprocess.Popen([UZRAM, "contig", "alloc", "cam0"], stdout=subprocess.PIPE)
    line = held.stdout.readline().decode()
    assert re.match(r"grant \d+: 24M of region cam0, emptied in [\d.]+ ms, cleared in [\d.]+ ms, /proc/", line), line
    held.kill()
    # Started again at once: it waits for what its predecessor had.
    again = subprocess.run([UZRAM, "contig", "alloc", "cam0", "--deadline", "5s", "--", "sh", "-c",
                            "stat -Lc %s /proc/self/fd/$UZRAM_GRANT_FD"], stdout=subprocess.PIPE,
                           timeout=20, check=False)
    assert again.returncode == 0 and int(again.stdout) == 24 * MIB, again
    held.wait(10)
    wait_for("grants of dead clients are freed", lambda: not grants())
    assert f"of 24M of region cam0: its client {held.pid} (uzram) is gone: freed" in server.log()

    # Gone before the answer: the server is stopped, asked, and goes on without its client.
    c = Client()
    os.kill(server.pid, signal.SIGSTOP)
    c.send(cmd="contig-alloc", region="cam0")
    c.s.close()
    os.kill(server.pid, signal.SIGCONT)
    wait_for("the grant for a dead client is made and freed",
             lambda: server.log().count("of 24M of region cam0: its client") == 3 and not grants())
    for _ in range(10 * ROUNDS):
        held = subprocess.Popen([UZRAM, "contig", "alloc", "cam0"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.06)
        held.kill()
        held.wait(10)
    wait_for("no grant is left", lambda: not grants())


def check_wrong():
    refused(1, "no region 'cam1'; there are: cam0 b", "alloc", "cam1")
    refused(2, "size: 25M is more than region cam0 has: 24M", "alloc", "cam0", "25M")
    refused(2, "size: it is not a size of more than 0", "alloc", "cam0", "0")
    refused(2, "size: it is not a size of more than 0", "alloc", "cam0", "much")
    refused(2, "usage: uzram contig alloc NAME [SIZE]", "alloc", "cam0", "1M", "2M")
    refused(2, "usage: uzram contig alloc NAME [SIZE]", "free", "1", "--", "true")
    for bad in ("0ms", "50", "10001ms", "11s", "-1s", "1us", "9999999s", "ms"):
        refused(2, f"--deadline: '{bad}' is not a time from 1ms to 10s: write 50ms or 2s",
                "alloc", "cam0", f"--deadline={bad}")
    refused(1, "nosuchcommand: No such file", "alloc", "cam0", "--", "nosuchcommand")
    for text, wrong in ((": it is a number from 1 to 10000", {"deadline_ms": 0}),
                        (": it is a number from 1 to 10000", {"deadline_ms": "1"}),
                        ("leave one out", {"scatter": True}),
                        ("it is not the name of a region", {"region": ["cam0"]}),
                        ("no region ''", {"region": ""})):
        answer = Client().ask(**{"cmd": "contig-alloc", "region": "cam0", **wrong})[0]
        assert not answer["ok"] and text in answer["error"], answer
    refused(1, " of the RAM budget of 112M are in use, and regions are promised 28M, grants out of them included",
            "alloc", "90M", "--scatter")
    c = Client()
    c.alloc(region="cam0", size="20M")
    text = refused(1, "region cam0 has no stretch of 2560 pages left: free a grant", "alloc", "cam0", "10M")
    assert re.search(r"^uzram: cma: cma_alloc: cam0: alloc failed, req-size: 2560 pages, ret: -12\n"
                     r"number of available pages: 1024@(0|10) => 1024 free of 6144 total pages\n", text), text
    c.s.close()
    wait_for("no grant is left", lambda: not grants())


def cli(*args):
    return subprocess.run([UZRAM, *args], check=True, timeout=20, text=True, stdout=subprocess.PIPE).stdout


def check_stat():
    """One truth in four forms."""
    c = Client()
    c.alloc(region="cam0", size="10M")
    answer = json.loads(cli("contig", "stat", "--json"))
    cam0, b = answer["regions"]
    assert [g["region"] for g in answer["grants"]] == ["cam0"]
    assert (cam0["name"], cam0["count"], cam0["used"], cam0["policy"], cam0["spread"]) == (
        "cam0", 6144, 2560, "guaranteed", True), cam0
    assert cam0["reserved"] == 6144 - 2560 and 1792 <= cam0["maxchunk"] <= 6144 - 2560, cam0
    assert b["used"] == 0 and b["maxchunk"] == b["count"] == 1024 and not b["spread"], b
    for name in ("cma_alloc_success", "cma_alloc_fail", "alloc_pages_success", "pgmigrate_success"):
        assert cam0[name] + b[name] > 0, (name, "what was done before is not counted")
    files = dict(line.split(": ") for line in cli("contig", "stat", "--sysfs").splitlines())
    for r in (cam0, b):
        for name in ("count", "used", "maxchunk"):
            assert files[f"cma/{r['name']}/{name}"] == str(r[name]), (name, files)
        for name in ("alloc_pages_success", "alloc_pages_fail"):
            assert files[f"mm/cma/{r['name']}/{name}"] == str(r[name]), (name, files)
    for name in ("cma_alloc_success", "cma_alloc_fail", "pgmigrate_success", "pgmigrate_fail"):
        assert files[f"vmstat/{name}"] == str(cam0[name] + b[name]), (name, files)
    assert files["meminfo/CmaTotal"] == f"{28 * 1024} kB" and files["cma/b/order_per_bit"] == "9"
    bits = int(files["cma/cam0/bitmap"].split()[0])
    assert files["cma/cam0/bitmap"].split()[1:] == ["0"] and bits < 1 << 12, files
    assert bin(bits)[2:].strip("0") == "11111" and files["cma/b/bitmap"] == "0 0", files
    assert sum(cam0[f"stage_{s}_ns"] for s in ("wait", "drop", "move", "pin", "return")) > 0, cam0
    assert 0 < cam0["grant_p50_ns"] <= cam0["grant_p99_ns"] <= cam0["grant_p999_ns"] <= cam0["grant_max_ns"]
    assert cam0["evac_min"] == b["evac_min"] == 1024, (cam0, b)
    metrics = cli("metrics")
    assert f'uzram_region_info{{region="cam0",policy="{cam0["policy"]}"}} 1\n' in metrics, metrics
    for name, suffix in (("count", ""), ("used", ""), ("cma_alloc_success", "_total")):
        assert f'uzram_region_{name}{suffix}{{region="cam0"}} {cam0[name]}\n' in metrics, (name, metrics)
    rows = [line.split() for line in cli("contig", "stat").splitlines()]
    assert rows[1][:3] == ["cam0", "24M", "10M"] and rows[1][-1] == "guaranteed", rows
    assert rows[2][:3] == ["b", "4M", "0B"] and rows[5][1] == "10M" and rows[5][4] == "cam0", rows
    c.s.close()
    wait_for("no grant is left", lambda: not grants())


class Reader(threading.Thread):
    """Reads one page, which takes as long as the page says."""

    def __init__(self, server, page):
        super().__init__()
        self.disk, self.page = nbd(server), page
        self.start()

    def run(self):
        self.result = self.disk.read(self.page * PAGE, PAGE)


def held_page(ms, rng):
    return b"HELD" + ms.to_bytes(4, "little") + rng.randbytes(2492) + bytes(PAGE - 2500)


def read_held(server, pages):
    readers = [Reader(server, page) for page in pages]
    time.sleep(0.1)
    return readers


def join_all(readers, model):
    for r in readers:
        r.join()
        assert r.result == (0, model[r.page]), f"page {r.page} changed"
        r.disk.disconnect()


def held_server(model):
    """Its disk is new, so that it is spread over the region too."""
    server = Server("--ram", "64M", "--size", "20M", "--region", "cam0:24M,spread", "--codec", HELD,
                    "--name", "d0", "--name", "d1", "--codec", "lz4")
    disk = nbd(server)
    for page, data in enumerate(model):
        assert disk.write(page * PAGE, data) == 0
    disk.disconnect()
    return server


def late(server, pages, model):
    """A grant beside readers of @pages: the lines that name them, [] if it came without meeting one."""
    readers = read_held(server, pages)
    text = subprocess.run([UZRAM, "contig", "alloc", "cam0", "--deadline", "200ms", "--", "true"],
                          stderr=subprocess.PIPE, text=True, timeout=20, check=False).stderr
    join_all(readers, model)
    return text.splitlines() if "busy: " in text else []


def check_late(server, pages, lines):
    assert lines[0] == "uzram: cma: cma_alloc: cam0: alloc failed, req-size: 6144 pages, ret: -16", lines
    assert lines[1] == "number of available pages: 6144@0 => 6144 free of 6144 total pages", lines
    for line in lines[2:-1]:
        busy = re.match(r"busy: pfn \d+ owner d0:(\d+) age (\d+) ms$", line)
        assert busy and int(busy[1]) in pages and int(busy[2]) <= 250, (line, pages)
    assert lines[-1] == "the pages named (disk:page) were in use at the deadline of 200 ms: " \
                        "give more time with --deadline", lines
    assert "\n".join(lines) in server.log(), server.log()


def ask_slowly(server, pages, model, rng):
    """A grant that waits for readers, and how long others waited at most meanwhile."""
    other, c = nbd(server, b"d1"), Client()
    readers = read_held(server, pages)
    c.send(cmd="contig-alloc", region="cam0", deadline_ms=10000)
    slowest, met = 0, 0
    while any(r.is_alive() for r in readers):
        start = time.monotonic()
        met += any(g["waiting"] for g in grants())
        assert Client().ask(cmd="version")[0]["ok"]
        assert other.write(rng.randrange(64) * PAGE, uznbd.page_of(rng)) == 0
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.01)
    answer = c.receive()[0]
    assert answer["ok"] and answer["bytes"] == 24 * MIB, answer
    join_all(readers, model)
    other.disconnect()
    c.s.close()
    wait_for("no grant is left", lambda: not grants())
    return answer["evacuate_us"] // 1000, met, slowest


def check_busy(rng):
    """Pages that are read for long: named after the deadline, waited for within it, also at the end."""
    model = [held_page(700, rng) for _ in range(20 * MIB // PAGE)]
    lines = []
    for _ in range(5):
        pages = rng.sample(range(len(model)), 6)
        with held_server(model) as server:
            lines = late(server, pages, model)
            if not lines:
                continue
            check_late(server, pages, lines)
            waited_ms, met, slowest = ask_slowly(server, pages, model, rng)
            break
    assert lines, "no grant met a page in use"
    assert waited_ms > 300 and met > 3, f"it did not wait: {waited_ms} ms, seen {met} times"
    assert slowest < 0.4, f"others waited {slowest:.3f} s"
    print(f"COUNT waited_ms={waited_ms} slowest_other_ms={slowest * 1000:.0f}")
    with held_server(model) as server:
        readers = read_held(server, pages)
        Client().send(cmd="contig-alloc", region="cam0", deadline_ms=10000)
    for r in readers:
        r.join()


def check_gcma(rng):
    with Server("--ram", "64M", "--size", "20M", "--region", "g:24M,policy=gcma,spread") as server:
        write_all(nbd(server), rng.randbytes(20 * MIB))
        text = refused(1, "policy gcma takes only copies of what is on a backing", "alloc", "g")
        assert "uzram: cma: cma_alloc: g: alloc failed, req-size: 6144 pages, ret: -16\n" in text, text


def check_killed(rng):
    """SIGKILL while grants come and go; the store is adopted with its region again."""
    store = f"/dev/shm/uz-test-{os.getpid()}"
    options = ["--memory", store, "--ram", "96M", "--size", "40M", "--region", "cam0:24M,spread"]
    data = rng.randbytes(DISK)
    try:
        with Server(*options) as server:
            disk = nbd(server)
            write_all(disk, data)
            server.kill()
        for _ in range(4 * ROUNDS):
            with Server(*options) as server:
                assert read_all(nbd(server), DISK) == data, "a page was lost"
                assert not grants()
                end = time.monotonic() + rng.random() * 0.5
                c = Client()
                while time.monotonic() < end - 0.2:
                    answer, fd = c.alloc(region="cam0", size=rng.randrange(1, 24 * MIB), deadline_ms=5000)
                    os.close(fd)
                    c.ask(cmd="contig-free", grant=answer["grant"])
                c.send(cmd="contig-alloc", region="cam0", deadline_ms=5000)
                time.sleep(max(0, rng.random() * 0.05))
                server.kill()
        with Server(*options) as server:
            assert read_all(nbd(server), DISK) == data, "a page was lost"
            Client().alloc(region="cam0", deadline_ms=10000)
    finally:
        if os.path.exists(store):
            os.unlink(store)


def main():
    print(f"SEED={SEED}", flush=True)
    rng = random.Random(SEED)
    with Server("--ram", "112M", "--size", str(DISK), "--region", "cam0:24M,spread", "--region", "b:4M,evac=4M") as server:
        assert "region cam0: 24M, the disks use it until 'uzram contig alloc cam0'" in server.log()
        check_io(server, rng)
        check_memory()
        fds, used = server.fds(), ram_total()
        check_dead(server, rng)
        check_wrong()
        check_stat()
        wait_for("descriptors leak", lambda: server.fds() <= fds)
        assert ram_total() < used + 8 * MIB, "memory of grants is still charged"
    check_busy(rng)
    check_gcma(rng)
    check_killed(rng)


main()
