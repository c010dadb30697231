# SPDX-License-Identifier: MIT
"""Starting things that end again: measuring programs, NBD servers, a kernel zram device."""

import contextlib
import json
import os
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"))
TIMEOUT_S = 300
ZRAM = "/sys/class/zram-control"


def lines(program, **arguments):
    """Runs build/bench/PROGRAM key=value...; what it printed, an object a line."""
    path = os.path.join(BUILD, "bench", program)
    command = [path] + [f"{k}={v}" for k, v in arguments.items() if v is not None]
    if not os.path.exists(path):
        raise SystemExit(f"bench: {path} is missing: './dev build' makes it")
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=TIMEOUT_S, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    return [json.loads(x) for x in done.stdout.splitlines()]


def pick(found, **want):
    return [x for x in found if all(x.get(k) == v for k, v in want.items())]


def control(mib):
    """What this machine does meanwhile to who only looks at the clock, or copies so much."""
    (x,) = lines("space", what="control", bytes_mib=mib)
    return {"control_worst_gap_us": x["worst_gap_us"], f"control_memcpy_{mib}_mib_ms": x["memcpy_ms"]}


@contextlib.contextmanager
def zram():
    """(number, None) of a new kernel device, or (None, why not). It is gone afterwards."""
    if not os.path.exists(ZRAM + "/hot_add"):
        yield None, "no kernel zram here (modprobe zram)"
        return
    if os.geteuid():
        yield None, "kernel zram needs root"
        return
    with open(ZRAM + "/hot_add") as f:
        number = int(f.read())
    try:
        with open(f"/sys/block/zram{number}/comp_algorithm") as f:
            known = f.read().replace("[", "").replace("]", "").split()
        if "lz4" in known:
            yield number, None
        else:
            yield None, "this kernel's zram has no lz4"
    finally:
        remove_zram(number)


def remove_zram(number):
    """udev may still look at it for a moment."""
    for last in [False] * 50 + [True]:
        try:
            with open(f"/sys/block/zram{number}/reset", "w") as f:
                f.write("1")
            with open(ZRAM + "/hot_remove", "w") as f:
                f.write(str(number))
            return
        except OSError as e:
            if last:
                raise RuntimeError(f"zram{number} is left over: {e}") from e
            time.sleep(0.1)


@contextlib.contextmanager
def server(command, socket, limit_s=TIMEOUT_S):
    """A server in the foreground until the block ends; yields its process id."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    guard = subprocess.Popen(["sh", "-c", f"sleep {limit_s} & s=$!; trap 'kill $s; exit' TERM; wait $s; "
                              f"kill {child.pid}"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if os.path.exists(socket) or child.poll() is not None:
                break
            time.sleep(0.05)
        if child.poll() is not None or not os.path.exists(socket):
            raise RuntimeError(f"{' '.join(command)} did not start")
        yield child.pid
    finally:
        guard.terminate()
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        guard.wait()


@contextlib.contextmanager
def folder(top=None):
    with tempfile.TemporaryDirectory(prefix="uzbench", dir=top) as path:
        yield path
