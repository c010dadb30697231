#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 90
"""Many clients at once: disks are created, changed, filled, read and removed beside each other,
while one disk that nobody changes keeps its bytes."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.environ.get("UZ_ROOT", os.path.join(os.path.dirname(__file__), "..", ".."))
UZRAM = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"), "uzram")
DIR = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
SEED = int(os.environ.get("SEED") or time.time_ns() & 0xffffffff)
SECONDS = {"quick": 4, "check": 15, "long": 600}[os.environ.get("UZ_TEST_SIZE") or "quick"]
MOST_SECONDS = SECONDS + 120  # where nobody gets much done
WANTED = ("create", "remove", "set", "stat", "copied", "watched")
DISKS = ["a", "b", "c"]
POOLS = ["zbud", "z3fold", "zblock", "zsmalloc"]
CODECS = ["lz4", "zstd:level=1", "deflate:level=1", "lz4hc"]
# What may be refused because another client was faster, or the budget is small.
EXPECTED = {"ENOENT", "EEXIST", "ENOSPC", "EBUSY", "EAGAIN", "ENODATA"}
failures, done = [], {}


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(120)
    s.connect(os.path.join(DIR, "c"))
    return s, s.makefile("rb")


def ask(client, **members):
    client[0].sendall(json.dumps({"uzram": 1, **members}).encode() + b"\n")
    answer = json.loads(client[1].readline())
    cmd = members["cmd"]
    if answer["ok"]:
        done[cmd] = done.get(cmd, 0) + 1
    elif answer["errno"] not in EXPECTED:
        failures.append((members, answer))
    return answer


def goes_on(start):
    """For its time, and until everything was exercised."""
    took = time.monotonic() - start
    return not failures and took < MOST_SECONDS and (took < SECONDS or not all(map(done.get, WANTED)))


def administrate(rng, start):
    client = connect()
    while goes_on(start):
        disk = rng.choice(DISKS)
        kind = rng.randrange(10)
        if kind < 3:
            ask(client, cmd="create", disk=disk, size="8M", pool=rng.choice(POOLS), codec=rng.choice(CODECS))
        elif kind < 4:
            ask(client, cmd="remove", disk=disk)
        elif kind < 6:
            ask(client, cmd="set", disk=disk, pool=rng.choice(POOLS), codec=rng.choice(CODECS))
        elif kind < 7:
            ask(client, cmd="set", disk=disk, size=rng.choice(["4M", "8M", "16M"]))
        elif kind < 8:
            ask(client, cmd="set", disk=disk, **{"read-only": rng.random() < 0.3})
        elif kind < 9:
            ask(client, cmd=rng.choice(["compact", "idle", "reset"]), disk=disk)
        else:
            ask(client, cmd="stat", latency=True)


def copy(rng, start, number):
    back = os.path.join(DIR, f"back{number}")
    while goes_on(start):
        disk = rng.choice(DISKS)
        uri = f"nbd+unix:///{disk}?socket={DIR}/n"
        pair = [os.path.join(DIR, "data"), uri]
        if rng.random() < 0.5:
            pair = [uri, back]
        r = subprocess.run(["nbdcopy", *pair], stderr=subprocess.DEVNULL, timeout=300, check=False)
        done["copied"] = done.get("copied", 0) + (r.returncode == 0)


def watch(start):
    """The disk that nobody changes."""
    back = os.path.join(DIR, "back")
    while goes_on(start):
        subprocess.run(["nbdcopy", f"nbd+unix:///still?socket={DIR}/n", back], timeout=300, check=True)
        with open(back, "rb") as f, open(os.path.join(DIR, "data"), "rb") as g:
            if f.read() != g.read():
                failures.append("the disk that nobody changes has changed")
        done["watched"] = done.get("watched", 0) + 1


def main():
    if not shutil.which("nbdcopy"):
        print("SKIP: nbdcopy is not installed")
        sys.exit(77)
    print(f"SEED={SEED}")
    rng = random.Random(SEED)
    with open(os.path.join(DIR, "data"), "wb") as f:
        for i in range(1024):
            f.write((b"%06d" % i * 700)[:2000] + rng.randbytes(2096))
    server = subprocess.Popen(["timeout", str(2 * MOST_SECONDS), UZRAM, "serve", "--config", "/dev/null", "--ram", "64M",
                               "--nbd", f"unix:{DIR}/n", "--control", f"{DIR}/c", "--pid-file", f"{DIR}/pid",
                               "--name", "still", "--size", "4M"],
                              stdout=subprocess.DEVNULL, stderr=open(f"{DIR}/log", "wb"))
    try:
        start = time.monotonic()
        while not (os.path.exists(f"{DIR}/pid") and os.path.getsize(f"{DIR}/pid")):
            assert server.poll() is None and time.monotonic() < start + 120, "no server"
            time.sleep(0.05)
        subprocess.run(["nbdcopy", os.path.join(DIR, "data"), f"nbd+unix:///still?socket={DIR}/n"], check=True)
        start = time.monotonic()
        threads = [threading.Thread(target=administrate, args=(random.Random(SEED + i), start)) for i in range(3)]
        threads += [threading.Thread(target=copy, args=(random.Random(SEED + 9 + i), start, i)) for i in range(2)]
        threads.append(threading.Thread(target=watch, args=(start,)))
        for t in threads:
            t.start()
        for t in threads:
            t.join(2 * MOST_SECONDS)
        assert not any(t.is_alive() for t in threads), "a client hangs"
        assert not failures, failures[:3]
        for what in WANTED:
            assert done.get(what), f"nothing was exercised by {what}: {done}"
            print(f"COUNT {what}={done[what]}")
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(120)
    assert status == 0, f"the server ended with {status}: " + open(f"{DIR}/log").read()[-2000:]


main()
