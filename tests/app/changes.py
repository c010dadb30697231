#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""Changes to live disks from several clients at once. What one client set is not undone by another that
sets something else; a disk gets the codec that was asked for, though entries of codecs are used again; a
backing is given and taken away beside all that; a disk that cannot be made is never seen, and its name is
free again; nobody waits for ever."""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uzgrant import *  # noqa: E402,F403

ROUNDS = {"quick": 60, "check": 150, "long": 5000}[os.environ.get("UZ_TEST_SIZE") or "quick"]
failures = []


def together(*jobs):
    """Runs all at once; what one of them raises fails the test."""
    def run(job):
        try:
            job()
        except BaseException as e:  # noqa: B902
            failures.append(repr(e))
    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join(3 * PATIENCE_S)
    assert not any(t.is_alive() for t in threads), "a client waits for ever"
    assert not failures, failures[:3]


def change(client, disk="d0", **what):
    answer = client.ask(cmd="set", disk=disk, **what)[0]
    assert answer["ok"], (what, answer)


def disk_of(client, name):
    disks = client.ask(cmd="stat", disk=name)[0]["disks"]
    return disks[0]


def check_lost():
    """Two parameters of one codec: each is worked out over what the other one has changed."""
    one, two = Client(), Client()
    for i in range(ROUNDS):
        checksum, level = i % 2 == 0, -1 - i % 40
        together(lambda: change(one, checksum=checksum), lambda: change(two, level=level))
        now = disk_of(one, "d0")
        assert (now["checksum"], now["level"]) == (checksum, level), (i, now["checksum"], now["level"], level)


def check_entries(server):
    """More settings than there are entries, of two disks: each gets its own."""
    def own(disk, levels):
        client = Client()
        for i in range(ROUNDS):
            level = levels[i % len(levels)]
            change(client, disk, level=level)
            got = disk_of(client, disk)["level"]
            assert got == level, f"{disk}: level {got} instead of {level} in round {i}"

    def look():
        client = Client()
        for _ in range(ROUNDS):
            for disk in client.ask(cmd="stat")[0]["disks"]:
                assert disk["codec"] == "zstd", disk

    together(lambda: own("d0", range(-1, -31, -1)), lambda: own("d1", range(-101, -131, -1)), look)
    assert server.process.poll() is None, server.log()


def check_backing():
    """It is there when its client was told so, whoever sets other things."""
    path = os.path.join(DIR, "backing")
    stop = threading.Event()

    def toggle():
        client = Client()
        for _ in range(ROUNDS // 2):
            change(client, backing=path, **{"backing-format": True})
            assert disk_of(client, "d0")["backing"] == path
            change(client, backing="none")
            assert disk_of(client, "d0")["backing"] == "none"
        stop.set()

    def others():
        client, i = Client(), 0
        while not stop.is_set() and not failures:
            i += 1
            change(client, pool=("zbud", "zsmalloc")[i % 2], recompress=("off", "lz4,idle=9")[i % 2])
            client.ask(cmd="writeback", disk="d0", what="all")
            client.ask(cmd="set", disk="d0", **{"writeback-idle": 1})

    together(toggle, others, others)


def check_unborn():
    """A disk whose backing is refused: who asks for it meanwhile is told that there is none."""
    stop = threading.Event()
    with open(os.path.join(DIR, "foreign"), "wb") as f:
        f.write(b"x" * 100000)

    def create():
        client = Client()
        for _ in range(ROUNDS):
            answer = client.ask(cmd="create", disk="new", size="8M", backing=os.path.join(DIR, "foreign"))[0]
            assert answer["errno"] == "EEXIST" and "foreign" in answer["error"], answer
        stop.set()

    def meddle():
        client = Client()
        while not stop.is_set() and not failures:
            for request in ({"cmd": "remove", "disk": "new"}, {"cmd": "set", "disk": "new", "size": "16M"}):
                answer = client.ask(**request)[0]
                assert answer["ok"] is False and answer["errno"] == "ENOENT", answer

    together(create, meddle, meddle)
    client = Client()
    assert client.ask(cmd="create", disk="new", size="8M")[0]["ok"]
    assert client.ask(cmd="remove", disk="new")[0]["ok"]


def check_remove():
    """Disks that go while they are changed."""
    def life(name):
        client = Client()
        for _ in range(ROUNDS // 2):
            assert client.ask(cmd="create", disk=name, size="4M")[0]["ok"]
            answer = client.ask(cmd="remove", disk=name)[0]
            assert answer["ok"] or answer["errno"] == "ENOENT", answer
            wait_for("it is gone", lambda: client.ask(cmd="stat", disk=name)[0]["ok"] is False)

    def meddle(name):
        client = Client()
        for i in range(ROUNDS):
            answer = client.ask(cmd="set", disk=name, codec="lz4", recompress="zstd:level=%d" % (i % 20 + 1),
                                pool=("zbud", "zsmalloc")[i % 2])[0]
            assert answer["ok"] or answer["errno"] in ("ENOENT", "ENOSPC"), answer

    together(lambda: life("x"), lambda: meddle("x"), lambda: meddle("x"), lambda: meddle("d1"))


def main():
    with Server("--ram", "128M", "--codec", "zstd", "--size", "16M", "--name", "d0", "--name", "d1") as server:
        check_lost()
        check_entries(server)
        check_backing()
        check_unborn()
        check_remove()
        print(f"COUNT rounds={ROUNDS}")


main()
