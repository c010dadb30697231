# SPDX-License-Identifier: MIT
"""Clients that break the protocol, leave in the middle, or do not read: only their own
connection suffers, with a line in the log, and the server's memory stays what it was."""

import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


def connect(server, **options):
    """As soon as there is room: clients that have left may be counted for a moment still."""
    end = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return server.connect(**options)
        except Gone:
            expect(time.monotonic() < end, True, "there is room after the others left")
            time.sleep(0.02)


def rss_bytes(server):
    with open(f"/proc/{server.pid()}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_idle(server):
    """Until the server does nothing any more."""
    used = -1
    while True:
        with open(f"/proc/{server.pid()}/stat", encoding="ascii") as f:
            now = sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
        if now == used:
            return
        used = now
        time.sleep(0.3)


def wrong_magic(server):
    c = server.connect()
    c.send(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
    expect(c.is_gone(), True, "closed")
    expect("request magic" in server.log(), True, "a line in the log")


def leaves_in_the_middle(server, rng):
    for _ in range(scale(50, 500, 5000)):
        c = connect(server, structured=rng.random() < 0.5)
        data = c.request(WRITE, PAGE * rng.randrange(100), 65536, 0, b"x" * 65536)[0]
        data += c.request(READ, 0, MIB)[0] * rng.randrange(5)
        c.send(data[:rng.randrange(len(data) + 1)])
        c.close()


def garbage(server, rng):
    for _ in range(scale(50, 500, 5000)):
        c = connect(server)
        head = struct.pack(">IHH", 0x25609513, rng.randrange(65536), rng.randrange(12))
        try:
            c.send(head + rng.randbytes(rng.randrange(3000)))
        except Gone:
            pass
        c.close()


def slow_reader(server):
    """Asks for gigabytes and takes nothing."""
    c = server.connect()
    before = rss_bytes(server)
    c.sock.setblocking(False)
    asked = 0
    try:
        while True:
            asked += c.sock.send(c.request(READ, 0, 16 * MIB)[0]) // 28
    except BlockingIOError:
        pass
    wait_idle(server)
    grown = rss_bytes(server) - before
    expect(asked * 16 * MIB > 1 << 30, True, f"{asked} reads of 16 MiB were taken")
    expect(grown < 16 * MIB, True, f"the server's memory grew by {grown} bytes")
    return c


def too_many(server):
    """Beyond max_connections a client is refused; one that leaves makes room."""
    clients = []
    while True:
        c = Client(server)
        try:
            c.greet()
        except Gone:
            break
        clients.append(c)
        expect(len(clients) <= 8, True, "connections with max=8")
    expect("which is max_connections" in server.log(), True, "a line in the log")
    for c in clients:
        c.close()
    connect(server).disconnect()


def main():
    rng = seeded()
    with Server(size=64 * MIB, ram=128 * MIB, max=8) as server:
        honest = server.connect()
        content = page_of(rng) * 4096
        expect(honest.write(16 * MIB, content), 0, "write")
        expect(honest.write(0, content), 0, "write")
        before = server.count()
        wrong_magic(server)
        for attack in (leaves_in_the_middle, garbage):
            attack(server, rng)
            server.wait_count(before)
        slow = slow_reader(server)
        expect(honest.read(16 * MIB, len(content)) == (0, content), True, "the honest client's data")
        slow.close()
        too_many(server)
        server.wait_count(before)
        expect(honest.read(16 * MIB, len(content)) == (0, content), True, "the honest client's data")
        honest.disconnect()


main()
