#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""Grants of regions beside disks: the memory is fresh and charged once, every page of the disk keeps
its bytes under I/O, a client that dies leaves no grant, one that is too late learns who held what and
makes nobody else wait, and after SIGKILL during grants every page is there. On memory that was made elsewhere,
for which a sealed memfd stands, grants are windows of it, and what could end the server is refused."""

import fcntl
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

ROUNDS = uznbd.scale(1, 2, 40)
PAGE = uznbd.PAGE
DISK = 40 * MIB
STAGES = ("wait", "search", "drop", "move", "pin", "return")
HELD = os.path.join(BUILD, "tests/app/plugin/codec-held.so")
HELD_BEGUN = os.environ["UZ_HELD"] = os.path.join(DIR, "held")


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
    again = subprocess.run([UZRAM, "contig", "alloc", "cam0", "--deadline", "10s", "--", "sh", "-c",
                            "stat -Lc %s /proc/self/fd/$UZRAM_GRANT_FD"], stdout=subprocess.PIPE,
                           timeout=PATIENCE_S, check=False)
    assert again.returncode == 0 and int(again.stdout) == 24 * MIB, again
    held.wait(PATIENCE_S)
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
        held.wait(PATIENCE_S)
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
    return subprocess.run([UZRAM, *args], check=True, timeout=PATIENCE_S, text=True, stdout=subprocess.PIPE).stdout


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
    assert sum(cam0[f"stage_{s}_ns"] for s in STAGES) > 0, cam0
    assert sum(cam0[f"slowest_{s}_ns"] for s in STAGES) <= cam0["grant_max_ns"], cam0
    assert 0 < cam0["grant_p50_ns"] <= cam0["grant_p99_ns"] <= cam0["grant_p999_ns"] <= cam0["grant_max_ns"]
    assert cam0["evac_min"] == b["evac_min"] == 1024, (cam0, b)
    metrics = cli("metrics")
    assert f'uzram_region_info{{region="cam0",policy="{cam0["policy"]}"}} 1\n' in metrics, metrics
    for name, suffix in (("count", ""), ("used", ""), ("cma_alloc_success", "_total")):
        assert f'uzram_region_{name}{suffix}{{region="cam0"}} {cam0[name]}\n' in metrics, (name, metrics)
    rows = [line.split() for line in cli("contig", "stat").splitlines()]
    assert rows[1][:3] == ["cam0", "24M", "10M"] and rows[1][-1] == "guaranteed", rows
    assert rows[2][:3] == ["b", "4M", "0B"] and rows[5][1] == "10M" and rows[5][4] == "cam0", rows
    assert rows[-2][0] == "cam0" and len(rows[-2]) == 2 + len(STAGES), rows
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
    open(HELD_BEGUN, "w", encoding="ascii").close()
    readers = [Reader(server, page) for page in pages]
    wait_for("every reader holds its page", lambda: os.path.getsize(HELD_BEGUN) >= len(pages))
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
    """A grant beside readers of @pages: the lines that name them, [] if it came without meeting one, and
    how long it took."""
    readers = read_held(server, pages)
    begin = time.monotonic()
    text = subprocess.run([UZRAM, "contig", "alloc", "cam0", "--deadline", "200ms", "--", "true"],
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False).stderr
    took = time.monotonic() - begin
    join_all(readers, model)
    return text.splitlines() if "busy: " in text else [], took


def check_late(server, pages, lines, took):
    assert lines[0] == "uzram: cma: cma_alloc: cam0: alloc failed, req-size: 6144 pages, ret: -16", lines
    assert lines[1] == "number of available pages: 6144@0 => 6144 free of 6144 total pages", lines
    for line in lines[2:-1]:
        busy = re.match(r"busy: pfn \d+ owner d0:(\d+) age (\d+) ms$", line)
        assert busy and int(busy[1]) in pages and int(busy[2]) <= took * 1000, (line, pages, took)
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


def busy_for(ms, model, pages, rng):
    """Pages that are read for so long, and what was seen, as far as this machine was fast enough for it."""
    with held_server(model) as server:
        lines, took = late(server, pages, model)
        if not lines:
            return "no grant met a page in use"
        check_late(server, pages, lines, took)
        waited_ms, met, slowest = ask_slowly(server, pages, model, rng)
    seen = f"of {ms} ms it waited {waited_ms}, was seen {met} times, others waited {slowest * 1000:.0f} ms"
    if waited_ms < ms * 0.4 or met < 4 or slowest > ms * 0.0006:
        return seen
    print(f"COUNT waited_ms={waited_ms} slowest_other_ms={slowest * 1000:.0f}")
    return None


def check_busy(rng):
    """Pages that are read for long: named after the deadline, waited for within it, also at the end. What is
    long to a machine that has other things to do is tried."""
    for ms in (700, 700, 1400, 2800, 5600):
        model = [held_page(ms, rng) for _ in range(20 * MIB // PAGE)]
        pages = rng.sample(range(len(model)), 6)
        seen = busy_for(ms, model, pages, rng)
        if not seen:
            break
    assert not seen, seen
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


class Memory:
    """What a driver would have made: a memfd, 2 MiB of it before the region and 2 MiB behind it."""

    def __init__(self, size=28 * MIB, seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW, flags=0):
        self.fd = os.memfd_create("caller", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | flags)
        os.ftruncate(self.fd, size)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)
        self.size, self.path = size, f"/proc/{os.getpid()}/fd/{self.fd}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def bytes(self, at, n):
        return os.pread(self.fd, n, at)


def in_place(c, memory, region, first, **what):
    """A grant out of the region that begins at byte first of memory, and its place there."""
    answer, fd = c.alloc(region=region, deadline_ms=10000, **what)
    mine, theirs = os.fstat(fd), os.fstat(memory.fd)
    assert (mine.st_dev, mine.st_ino, mine.st_size) == (theirs.st_dev, theirs.st_ino, memory.size), answer
    assert answer["in_place"] and answer["offset"] >= first and (answer["offset"] - first) % (2 * MIB) == 0, answer
    return answer, fd


def check_library(memory):
    """The library's call tells the offset: its caller fills its window and nothing else."""
    c = Client()
    before, fd = in_place(c, memory, "cam0", 2 * MIB, size="4M")
    os.close(fd)
    done = subprocess.run([os.path.join(BUILD, "examples/grant_client"), "6", "cam0", "5000"], timeout=PATIENCE_S,
                          stdout=subprocess.PIPE, check=True, text=True)
    assert f": {6 * MIB} bytes are ours" in done.stdout, done.stdout
    wait_for("only ours is left", lambda: len(grants()) == 1)
    data = memory.bytes(0, memory.size)
    at = data.index(b"\x5a" * 4096)
    assert data.count(b"\x5a") == 6 * MIB and data[at:at + 6 * MIB] == b"\x5a" * (6 * MIB), at
    assert at != before["offset"] and at % (2 * MIB) == 0 and 2 * MIB <= at <= 20 * MIB, (at, before)
    c.s.close()
    wait_for("no grant is left", lambda: not grants())


def check_command(memory):
    script = "stat -Lc %i /proc/self/fd/$UZRAM_GRANT_FD; echo $UZRAM_GRANT_OFFSET $UZRAM_GRANT_BYTES"
    for region, text in (("cam0", f"{os.fstat(memory.fd).st_ino}\n{2 * MIB} {24 * MIB}\n"), ("n", f"\n0 {4 * MIB}\n")):
        done = subprocess.run([UZRAM, "contig", "alloc", region, "--deadline", "5s", "--", "sh", "-c", script],
                              stdout=subprocess.PIPE, timeout=PATIENCE_S, check=True, text=True)
        assert done.stdout.endswith(text), (done.stdout, text)
    wait_for("no grant is left", lambda: not grants())


def check_windows(server, memory, rng):
    """What clients write into their windows stays there, and no page of the disk changes for it."""
    model, c = bytearray(DISK), Client()
    writer = Writer(server, model, random.Random(rng.random()))
    wait_for("data in the region", lambda: regions("lent_move")[0] > 256)
    whole, fd = in_place(c, memory, "cam0", 2 * MIB)
    assert (whole["offset"], whole["bytes"]) == (2 * MIB, 24 * MIB), whole
    windows = [(whole, fd)]
    for _ in range(8 * ROUNDS):
        for answer, fd in windows:
            mark = rng.randbytes(4096) * (answer["bytes"] // 4096)
            assert os.pwrite(fd, mark, answer["offset"]) == len(mark)
            answer["mark"] = mark
        time.sleep(0.02)
        for answer, fd in windows:
            assert memory.bytes(answer["offset"], answer["bytes"]) == answer["mark"], "a window changed"
            assert c.ask(cmd="contig-free", grant=answer["grant"])[0]["ok"]
            os.close(fd)
        windows = [in_place(c, memory, "cam0", 2 * MIB, size=rng.randrange(1, 12 * MIB)) for _ in range(2)]
        (a, _), (b, _) = windows
        assert a["offset"] + a["bytes"] <= b["offset"] or b["offset"] + b["bytes"] <= a["offset"], (a, b)
    writer.stop()
    for answer, fd in windows:
        os.close(fd)
    c.s.close()
    wait_for("no grant is left", lambda: not grants())
    disk = nbd(server)
    assert read_all(disk, DISK) == model, "a page changed"
    disk.disconnect()
    assert os.fstat(memory.fd).st_blocks * 512 == memory.size, "memory was taken out"


def check_lent_again(server, memory, rng):
    """After the client has died the disks have the window again, and its content is no longer kept."""
    held = subprocess.Popen([UZRAM, "contig", "alloc", "cam0", "--deadline", "5s"], stdout=subprocess.PIPE)
    line = held.stdout.readline().decode()
    assert re.match(r"grant \d+: 24M of region cam0, emptied in [\d.]+ ms, in place at byte 2097152, /proc/", line), line
    with open(f"/proc/{held.pid}/fd/{line.split('/fd/')[1].split(',')[0]}", "r+b", buffering=0) as f:
        f.seek(2 * MIB)
        f.write(b"\x77" * (24 * MIB))
    held.kill()
    held.wait(PATIENCE_S)
    wait_for("the grant of the dead client is freed", lambda: not grants())
    assert f"of 24M of region cam0: its client {held.pid} (uzram) is gone: freed" in server.log()
    data = rng.randbytes(DISK)
    disk = nbd(server)
    write_all(disk, data)
    assert regions("lent_move")[0] > 256, "nothing is lent"
    assert memory.bytes(2 * MIB, 24 * MIB).count(b"\x77") < 23 * MIB, "the disks do not use it"
    assert read_all(disk, DISK) == data, "a page changed"
    disk.disconnect()


def check_in_place(rng):
    with Memory() as memory, Memory(8 * MIB) as other:
        for at in (0, 26 * MIB):
            os.pwrite(memory.fd, b"k" * 2 * MIB, at)
        with Server("--private", "--ram", "112M", "--size", str(DISK), "--region",
                    f"cam0:24M,spread,fd={memory.fd},offset=2M", "--region", f"p:4M,path={other.path}",
                    "--region", "n:4M", pass_fds=[memory.fd]) as server:
            assert f"region cam0: 24M in place on descriptor {memory.fd}, the disks use it" in server.log()
            assert f"region p: 4M in place on {other.path}, the disks use it" in server.log()
            assert regions("in_place") == [True, True, False]
            fds = server.fds()
            check_library(memory)
            check_command(memory)
            check_windows(server, memory, rng)
            check_lent_again(server, memory, rng)
            c = Client()
            answer, fd = in_place(c, other, "p", 0)
            assert grants()[0]["offset"] == answer["offset"] == 0 and answer["bytes"] == 4 * MIB, answer
            os.close(fd)
            answer, fd = c.alloc(region="n", deadline_ms=10000)
            assert not answer["in_place"] and answer["offset"] == 0, answer
            assert os.fstat(fd).st_size == 4 * MIB and not os.pread(fd, 4 * MIB, 0).strip(b"\0")
            os.close(fd)
            c.s.close()
            wait_for("descriptors leak", lambda: server.fds() <= fds)
            cannot(1, f"{other.path} is in use by a server", f"a:2M,path={other.path},offset=2M")
        for at in (0, 26 * MIB):
            assert memory.bytes(at, 2 * MIB) == b"k" * 2 * MIB, "what is not the region's changed"


def cannot(status, text, *specs, fds=(), options=("--private",)):
    args = [a for spec in specs for a in ("--region", spec)]
    done = subprocess.run([UZRAM, "serve", "--config", "/dev/null", "--nbd", f"unix:{DIR}/n2", "--control",
                           f"{DIR}/c2", "--ram", "64M", "--size", "8M", *options, *args], text=True, timeout=PATIENCE_S,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=fds)
    assert done.returncode == status and text in done.stdout, (specs, done.returncode, done.stdout)


def check_memory_refused():
    """Memory that cannot be used, each with what to do about it."""
    shm = f"/dev/shm/uz-test-{os.getpid()}-region"
    files = [os.path.join(DIR, "file"), shm]
    with Memory(8 * MIB) as good, Memory(8 * MIB, fcntl.F_SEAL_GROW) as loose, \
            Memory(8 * MIB, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE) as frozen, Memory(3 * MIB) as small:
        for option in ((), ("--memfd",), ("--memory", shm)):
            cannot(2, "region cam0 is on memory of its own (fd=), so part of the disks is lost with the server: say so "
                      "with --private", f"cam0:4M,fd={good.fd}", fds=[good.fd], options=option)
            assert not os.path.exists(shm)
        for number in (*range(3, 12), 777, 9999999):
            cannot(1, f"region cam0: descriptor {number} is not open in what started the server", f"cam0:4M,fd={number}")
        for m, status, text in ((loose, 1, "whoever has it could make it smaller, which would end the server: use a memfd"),
                                (frozen, 1, "it is sealed against writing: leave that seal out"),
                                (small, 1, "region cam0: 4M from 0 on of descriptor "),
                                (small, 1, ": it ends before that: make it larger, or the region or its offset= smaller")):
            cannot(status, text, f"cam0:4M,fd={m.fd}", fds=[m.fd])
        for offset, status, text in (("1", 2, "offset= has to be a multiple of 4K"), ("6M", 1, "it ends before that"),
                                     ("4000000T", 1, "it ends before that")):
            cannot(status, text, f"cam0:4M,fd={good.fd},offset={offset}", fds=[good.fd])
        readable = os.open(good.path, os.O_RDONLY)
        cannot(1, "it is not open for reading and writing: open it with O_RDWR", f"cam0:4M,fd={readable}", fds=[readable])
        os.close(readable)
        cannot(1, "regions a and b are on the same memory", f"a:4M,fd={good.fd}", f"b:2M,fd={good.fd},offset=3M", fds=[good.fd])
        cannot(1, "regions a and b are on the same memory", f"a:4M,fd={good.fd}", f"b:4M,path={good.path}", fds=[good.fd])
        cannot(1, f"region b: {good.path} is in use by a server", f"a:4M,path={good.path}", f"b:4M,path={good.path}")
    with Memory(8 * MIB, flags=os.MFD_HUGETLB) as huge, open("/proc/meminfo", encoding="ascii") as f:
        if "HugePages_Total:       0\n" in f.read():
            cannot(1, "the system has not so many pages for it", f"cam0:4M,fd={huge.fd}", fds=[huge.fd])
    for name in files:
        with open(name, "wb") as f:
            f.truncate(8 * MIB)
        cannot(1, "whoever has it could make it smaller", f"cam0:4M,path={name}")
        assert os.stat(name).st_size == 8 * MIB and not os.stat(name).st_blocks, "it was touched"
        os.unlink(name)
    for path in ("/dev/null", "/dev/zero"):
        cannot(1, "it cannot be mapped as memory that is shared", f"cam0:4M,path={path}")
    cannot(1, "No such file or directory: it has to be there", "cam0:4M,path=/nosuchfile")
    cannot(1, "Is a directory: it has to be there", f"cam0:4M,path={DIR}")


def main():
    rng = uznbd.seeded()
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
    check_in_place(rng)
    check_memory_refused()


main()
