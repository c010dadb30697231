#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""measure: its figures are those of a served disk with the same data on it, a sample is of all the data,
pipes and processes are read right."""

import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uzgrant import DIR, MIB, PATIENCE_S, UZRAM, Server, wait_for  # noqa: E402

PAGE = 4096
SAME = b"\x07" * PAGE  # of one repeated word; zeros leave no trace on a fresh disk
SEED = int(os.environ.get("SEED") or random.getrandbits(31))
RNG = random.Random(SEED)
FIGURES = ("cost_bytes", "compr_data_size", "same_pages", "huge_pages")


def measure(*args, **options):
    p = subprocess.run([UZRAM, "measure", "--json", "--repeats", "1", *args], timeout=PATIENCE_S, check=False,
                       capture_output=True, **options)
    assert p.returncode == 0, (args, p.returncode, p.stderr)
    return json.loads(p.stdout)


def lz4(*args, **options):
    (row,) = measure("--pools", "zslot", "--codecs", "lz4", *args, **options)
    return row


def words():
    return b" ".join(RNG.choice((b"frame", b"pool", b"%d" % RNG.randrange(99))) for _ in range(PAGE))[:PAGE]


def write(name, pages):
    path = os.path.join(DIR, name)
    with open(path, "wb") as f:
        f.write(b"".join(pages))
    return path


def mixed():
    pages = [SAME] * 128 + [bytes(PAGE)] * 64 + [RNG.randbytes(PAGE) for _ in range(256)] + [words() for _ in range(384)]
    RNG.shuffle(pages)
    return write("mixed", pages)


def check_served(path):
    """What is measured of a file is what a disk has that the file is copied to."""
    for pool, codec in (("zslot", "lz4"), ("zsmalloc", "zstd:level=5")):
        (row,) = measure("--pools", pool, "--codecs", codec, path)
        assert row["pool"] == pool and row["codec"] == codec, row
        assert row["same_pages"] == 128 and row["huge_pages"] == 256, row
        assert row["sample_bytes"] == row["data_bytes"] == os.path.getsize(path), row
        with Server("--private", "--ram", "64M", "--size", "16M", "--pool", pool, "--codec", codec):
            def stat():
                text = subprocess.run([UZRAM, "stat", "--json"], check=True, timeout=PATIENCE_S, text=True,
                                      stdout=subprocess.PIPE).stdout
                return json.loads(text)[0]

            subprocess.run(["nbdcopy", path, f"nbd+unix:///?socket={DIR}/n"], check=True, timeout=PATIENCE_S)
            wait_for("nbdcopy has left", lambda: stat()["connections"] == 0)
            disk = stat()
            for key in ("compr_data_size", "same_pages", "huge_pages"):
                assert row[key] == disk[key], (key, row, disk)
            used = disk["mem_used_total"] + disk["table_size"]
            assert abs(row["cost_bytes"] - used) <= used // 10, (row, disk)


def check_matrix(path):
    """A row for every pool with every codec, each figure a number above 0."""
    version = subprocess.run([UZRAM, "version"], check=True, timeout=PATIENCE_S, text=True,
                             stdout=subprocess.PIPE).stdout.splitlines()
    pools, codecs = (line.split(": ")[1].split() for line in version[1:3])
    rows = measure(path)
    assert [(r["codec"], r["pool"]) for r in rows] == [(c, p) for c in codecs for p in pools]
    for r in rows:
        assert r["huge_pages"] * PAGE < r["cost_bytes"] < r["sample_bytes"], r
        assert all(r[k] > 0 for k in r if k not in ("pool", "codec", "dict_bytes")), r
    print(f"COUNT rows={len(rows)}")


def check_spread():
    """Of a file larger than the sample, and of a pipe, no part is left out: half of it is of one word."""
    path = write("halves", [SAME] * 2048 + [RNG.randbytes(PAGE) for _ in range(2048)])
    seen = lz4("--sample", "4M", path)
    assert seen["sample_bytes"] == 4 * MIB and seen["data_bytes"] == 16 * MIB, seen
    assert seen["same_pages"] == seen["huge_pages"] == 512, seen
    with open(path, "rb") as f, subprocess.Popen(["cat"], stdin=f, stdout=subprocess.PIPE) as pipe:
        piped = lz4("--sample", "4M", "-", stdin=pipe.stdout)
    assert piped["sample_bytes"] == 4 * MIB and piped["data_bytes"] == 16 * MIB, piped
    # 64 runs of 256 at random, 32 expected of one word with a deviation of 3.5.
    assert abs(piped["same_pages"] - 512) < 6 * 3.5 * 16, piped
    tail = os.path.join(DIR, "tail")
    with open(tail, "wb") as f:
        f.write(RNG.randbytes(2 * PAGE + 5))
    assert lz4(tail)["sample_bytes"] == 3 * PAGE
    two = lz4("--sample", "4M", path, tail)
    assert two["data_bytes"] == 16 * MIB + 2 * PAGE + 5 and two["sample_bytes"] >= 4 * MIB - 64 * 1024, two


def check_process():
    """Of a process: what is in its memory and only there."""
    code = ("import mmap, os, sys\n"
            "m = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
            "m.write(os.urandom(8 << 20))\n"
            "s = mmap.mmap(-1, 64 << 20)\n"
            "s.write(os.urandom(64 << 20))\n"
            "print('ready', flush=True)\n"
            "sys.stdin.read()\n")
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline() == b"ready\n"
            seen = lz4("--sample", "64M", "--pid", str(child.pid))
        finally:
            child.stdin.close()
            child.wait(PATIENCE_S)
    assert 2048 <= seen["huge_pages"] < 3072, f"8 MiB of noise, not the shared 64: {seen}"
    assert seen["data_bytes"] == seen["sample_bytes"] < 40 * MIB, seen


def check_trained():
    """A dictionary of the data makes small repeats cheaper."""
    path = write("words", [words() for _ in range(512)])
    plain, trained = measure("--pools", "zslot", "--codecs", "zstd zstd:dict=train", path)
    assert plain["dict_bytes"] == 0 < trained["dict_bytes"] <= 16384, (plain, trained)
    assert trained["compr_data_size"] < plain["compr_data_size"], (plain, trained)


def main():
    print(f"SEED {SEED}")
    path = mixed()
    check_served(path)
    check_matrix(path)
    check_spread()
    check_process()
    check_trained()


main()
