#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""What is asked beside a command that takes long is answered at once: stat by anybody, and changes of
that disk and of others. Prints what each took; fails at ten times of what a machine with nothing else
to do shows. On one that has, an answer may take long without having waited for the command: what counts is
for how long the server worked meanwhile, if that is less."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.environ.get("UZ_ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
UZRAM = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"), "uzram")
DIR = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
SIZE = os.environ.get("UZ_TEST_SIZE") or "quick"
MIB = {"quick": 64, "check": 64, "long": 512}[SIZE]
SECONDS = {"quick": 1.2, "check": 2, "long": 10}[SIZE]
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
MOST_MS = {"stat": 500, "change": 1000}  # p99; the aim is 50 for stat


class Client:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(300)
        self.s.connect(os.path.join(DIR, "c"))
        self.f = self.s.makefile("rb")

    def ask(self, may_fail=False, **members):
        self.s.sendall(json.dumps({"uzram": 1, **members}).encode() + b"\n")
        answer = json.loads(self.f.readline())
        assert answer["ok"] or may_fail, (members, answer)
        return answer


def fill(disk):
    subprocess.run(["nbdcopy", os.path.join(DIR, "data"), f"nbd+unix:///{disk}?socket={DIR}/n"],
                   check=True, timeout=300)


def data():
    """Text of this tree with a number in each page; every other page small."""
    text = b"".join(open(os.path.join(ROOT, "app", n), "rb").read()
                    for n in sorted(os.listdir(os.path.join(ROOT, "app"))) if n.endswith(".c"))
    with open(os.path.join(DIR, "data"), "wb") as f:
        for i in range(MIB * 256):
            at = i * 997 % (len(text) - 5000)
            f.write((b"%08d" % i + text[at:at + (4088 if i % 2 else 500)]).ljust(4096, b"\0"))


class Watch:
    """Milliseconds since it was made: of time, or of the server's work if that is less."""

    def __init__(self):
        self.worked, self.start = worked_ms(), time.monotonic()

    def ms(self):
        return min((time.monotonic() - self.start) * 1000, worked_ms() - self.worked + TICK_MS)


def worked_ms():
    with open(f"{DIR}/pid", encoding="ascii") as f:
        pid = int(f.read())
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return sum(map(int, f.read().rpartition(")")[2].split()[11:13])) * TICK_MS


def percentile(ms, p):
    return sorted(ms)[min(len(ms) - 1, int(len(ms) * p))]


def say(what, kind, ms):
    p99 = percentile(ms, 0.99)
    print(f"beside {what:24} {kind:14} n {len(ms):5} p50 {percentile(ms, 0.5):7.1f} p99 {p99:7.1f} "
          f"max {max(ms):7.1f} ms", flush=True)
    return p99


def asked(what, failures, ended, seconds=SECONDS):
    """Asks until the time is over or the command has ended, and a few times at least."""
    c, took, n = Client(), {}, 0
    kinds = [("stat", {"cmd": "stat", "disk": "big", "latency": True}),
             ("stat", {"cmd": "stat"}),
             ("set other", {"cmd": "set", "disk": "other", "pool": "zbud"}),
             ("set other", {"cmd": "set", "disk": "other", "pool": "zslot"}),
             ("set big", {"cmd": "set", "disk": "big", "mem-limit": "0"}),
             ("create", {"cmd": "create", "disk": "new", "size": "1M"}),
             ("remove", {"cmd": "remove", "disk": "new"})]
    if what in ("resize", "reset", "writeback", "train"):
        kinds = [k for k in kinds if k[0] != "set big"]  # a change of the same disk waits for it
    end = time.monotonic() + seconds
    while n < 14 or n % len(kinds) or (time.monotonic() < end and not ended()):
        kind, request = kinds[n % len(kinds)]
        watch = Watch()
        c.ask(may_fail=kind == "set other", **request)
        took.setdefault(kind, []).append(watch.ms())
        n += 1
        time.sleep(0.001)
    for kind, ms in took.items():
        most = MOST_MS["stat" if kind == "stat" else "change"]
        if say(what, kind, ms) > most:
            failures.append(f"{kind} beside {what}: p99 {percentile(ms, 0.99):.0f} ms, at most {most}")


def beside(label, failures, again=None, goes_on=False, **request):
    """The command in a thread of its own, again and again if it is short. @goes_on: work goes on after it."""
    stop, errors = threading.Event(), []

    def work():
        try:
            c = Client()
            while not stop.is_set():
                c.ask(**request)
                if again:
                    again(stop)
                else:
                    break
        except Exception as e:
            errors.append(e)
            raise

    t = threading.Thread(target=work, daemon=True)
    t.start()
    time.sleep(0.05)
    asked(label, failures, lambda: not goes_on and not t.is_alive())
    stop.set()
    return t, errors


def refill(stop):
    if not stop.is_set():
        fill("big")


def grow_and_refill(stop):
    Client().ask(cmd="set", disk="big", size=f"{MIB}M")
    refill(stop)


def end(t, errors):
    t.join(300)
    assert not t.is_alive() and not errors, errors


def main():
    if not shutil.which("nbdcopy"):
        print("SKIP: nbdcopy is not installed")
        sys.exit(77)
    data()
    open(f"{DIR}/backing", "wb").truncate((MIB + 1) << 20)
    server = subprocess.Popen(["timeout", "1000", UZRAM, "serve", "--config", "/dev/null", "--ram", "1G",
                               "--nbd", f"unix:{DIR}/n", "--control", f"{DIR}/c", "--pid-file", f"{DIR}/pid",
                               "--name", "big", "--size", f"{MIB}M", "--name", "other", "--size", "1M"],
                              stdout=subprocess.DEVNULL, stderr=open(f"{DIR}/log", "wb"))
    failures = []
    try:
        start = time.monotonic()
        while not (os.path.exists(f"{DIR}/pid") and os.path.getsize(f"{DIR}/pid")):
            assert server.poll() is None and time.monotonic() < start + 120, "no server"
            time.sleep(0.05)
        fill("big")
        asked("nothing", failures, lambda: False, 0.5)
        end(*beside("compact", failures, cmd="compact", disk="big", again=refill))
        end(*beside("train", failures, cmd="train", disk="big", codec="zstd", bytes=16384))
        end(*beside("change of pool", failures, goes_on=True, cmd="set", disk="big", pool="zsmalloc"))
        end(*beside("change of codec", failures, goes_on=True, cmd="set", disk="big", codec="zstd", level="19",
                    dict="none"))
        Client().ask(cmd="set", disk="big", codec="lz4", pool="zslot")
        end(*beside("reset", failures, cmd="reset", disk="big", again=refill))
        end(*beside("resize", failures, cmd="set", disk="big", size="1M", again=grow_and_refill))
        Client().ask(cmd="set", disk="big", size=f"{MIB}M")
        fill("big")
        Client().ask(cmd="set", disk="big", backing=f"{DIR}/backing", **{"backing-format": "yes"})
        end(*beside("writeback", failures, cmd="writeback", disk="big", what="all", again=refill))
        Client().ask(cmd="reset", disk="big")
        fill("big")
        t, errors = beside("recompress", failures, cmd="recompress", disk="big", codec="zstd", level="19")
        assert t.is_alive(), "the command was over before it was measured"
        watch = Watch()
        Client().ask(cmd="remove", disk="big")
        took = watch.ms()
        print(f"remove of the disk itself: {took:.0f} ms")
        assert took < 5000, "remove waited for the recompression"
        end(t, errors)
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(120)
    assert status == 0, f"the server ended with {status}: " + open(f"{DIR}/log").read()[-2000:]
    assert not failures, failures


main()
