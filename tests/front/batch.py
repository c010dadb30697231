# SPDX-License-Identifier: MIT
"""Writes that arrive together are shared by two threads. Nobody may notice: what a page holds
is of the last write to it, replies come in the order of the requests, a write that is refused
hurts no other. The second thread comes on demand, goes when it is idle, or when a connection
wants its memory, and is counted."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403

SIZE_BYTES = 2 * MIB
HOT_BYTES = 12 * PAGE
SLOW_PAGES = 5
STREAMS = 63  # of a store, without its own


class Batch:
    """Requests that are sent at once, and what must come back."""

    def __init__(self, rng, c, model):
        self.rng, self.c, self.model = rng, c, model
        self.bytes, self.wants = b"", []

    def add(self, kind, offset, length, flags=0, payload=b"", error=0, data=b""):
        request, cookie = self.c.request(kind, offset, length, flags, payload)
        self.bytes += request
        self.wants.append((cookie, kind, offset, length, error, data))

    def write(self, offset, data):
        self.model[offset:offset + len(data)] = data
        self.add(WRITE, offset, len(data), self.rng.choice((0, FUA)), data)

    def refused(self):
        payload = self.rng.randbytes(self.rng.choice((0, 100, PAGE)))
        if self.rng.randrange(2):
            self.add(WRITE, SIZE_BYTES - len(payload) + 1, len(payload), 0, payload, ENOSPC)
        else:
            self.add(WRITE, 0, len(payload), NO_HOLE, payload, EINVAL)

    def other(self, offset, length):
        kind = self.rng.choice((READ, READ, TRIM, ZEROES, FLUSH))
        if kind == READ:
            self.add(READ, offset, length, data=bytes(self.model[offset:offset + length]))
        elif kind == FLUSH:
            self.add(FLUSH, 0, 0)
        else:
            self.model[offset:offset + length] = bytes(length)
            self.add(kind, offset, length)

    def trap(self):
        """A slow write and a quick one that must come after it, or a read."""
        page = self.rng.randrange(HOT_BYTES // PAGE - SLOW_PAGES)
        last = (page + SLOW_PAGES - 1) * PAGE
        self.write(page * PAGE, b"".join(page_of(self.rng) for _ in range(SLOW_PAGES)))
        if self.rng.randrange(2):
            self.write(last, bytes([self.rng.randrange(1, 256)]) * PAGE)
        else:
            for i in range(2):
                self.write(HOT_BYTES + i * PAGE, b"\1" * PAGE)
            self.add(READ, last, PAGE, data=bytes(self.model[last:last + PAGE]))

    def one(self, hot):
        """Hot batches have many writes to few pages, whole or in part."""
        if hot and self.rng.randrange(3) == 0:
            self.trap()
        span = HOT_BYTES if hot else SIZE_BYTES
        offset, length = self.rng.randrange(span // PAGE - 2) * PAGE, PAGE * self.rng.choice((1, 1, 2))
        if self.rng.randrange(4) == 0:
            offset, length = offset + self.rng.randrange(PAGE), self.rng.randrange(1, PAGE)
        what = self.rng.randrange(40)
        if what == 0:
            self.refused()
        elif what == 1:
            self.other(offset, length)
        else:
            self.write(offset, (page_of(self.rng) * 2)[:length])

    def run(self, name):
        self.c.send(self.bytes)
        for cookie, kind, offset, length, error, data in self.wants:
            simple = kind == READ and not self.c.structured
            got, plain, chunks = self.c.reply(cookie, length if simple else 0)
            expect(got, error, f"{name}: command {kind} at {offset}")
            if kind == READ and not error:
                got = assemble(offset, length, chunks) if self.c.structured else plain
                expect_bytes(got, data, f"{name}: read {length} at {offset}")


def random_batches(rng, server, model, structured):
    c = server.connect(structured=structured)
    for i in range(scale(40, 200, 3000)):
        batch, hot = Batch(rng, c, model), rng.randrange(3) == 0
        for _ in range(rng.choice((1, 2, 5, 40, 150))):
            batch.one(hot)
        batch.run(f"batch {i}")
        if hot:
            expect_bytes(c.read(0, HOT_BYTES)[1], bytes(model[:HOT_BYTES]), f"after batch {i}")
    expect_bytes(c.read(0, SIZE_BYTES)[1], bytes(model), "the whole disk")
    c.disconnect()


def helped(server, nr):
    """Writes done by second threads, when @nr clients have left."""
    end = time.monotonic() + TIMEOUT_S
    while True:
        found = re.findall(r", (\d+) by a second thread", server.log())
        if len(found) == nr:
            return sum(map(int, found))
        if time.monotonic() > end:
            sys.exit(f"FAIL: {len(found)} clients left, want {nr}: {server.log()}")
        time.sleep(0.01)


def ordered():
    """On a busy machine a round may pass without help. A slow codec leaves much to be shared."""
    rng = seeded()
    with Server(size=SIZE_BYTES, ram=32 * MIB, helpers=4, codec="lz4hc") as server:
        before, model, rounds = server.count(), bytearray(SIZE_BYTES), 0
        while rounds < 2 or not helped(server, rounds):
            expect(rounds < 20, True, "a second thread took part")
            random_batches(rng, server, model, rounds % 2 == 0)
            rounds += 1
        server.wait_count(before)


def many_writes(rng, c):
    batch = Batch(rng, c, bytearray(SIZE_BYTES))
    for i in range(32):
        batch.write(i * PAGE, page_of(rng))
    batch.run("32 writes")


def wait_threads(server, want, most, what, clients=(), rng=None):
    """Until there are @want threads and never more than @most, while @clients write."""
    end, got = time.monotonic() + TIMEOUT_S, 0
    while got != want:
        for c in clients:
            many_writes(rng, c)
        got = server.count()["threads"]
        expect(got <= most, True, f"{what}: {got} threads, at most {most}")
        expect(time.monotonic() < end, True, f"{what}: {got} threads, want {want}")
        time.sleep(0.02)


def counted():
    rng = random.Random(1)
    with Server(size=SIZE_BYTES, ram=32 * MIB, helpers=1) as server:
        clients = [server.connect(), server.connect()]
        alone = server.count()["threads"]
        for c in clients:
            expect(c.write(0, page_of(rng)), 0, "a single write")
        expect(server.count()["threads"], alone, "threads when nobody sent many")
        for _ in range(20):
            wait_threads(server, alone + 1, alone + 1, "two clients", clients, rng)
        wait_threads(server, alone, alone + 1, "idle for long")
        wait_threads(server, alone + 1, alone + 1, "the other client", clients[1:], rng)
        for c in clients:
            c.disconnect()
        wait_threads(server, alone - 2, alone + 1, "all have left")


def give_way():
    """The last stream is the second thread's; a client that connects gets it, one more does not."""
    rng = random.Random(1)
    with Server(size=SIZE_BYTES, ram=64 * MIB, helpers=1, max=STREAMS + 10) as server:
        clients = [server.connect() for _ in range(STREAMS - 1)]
        alone = server.count()["threads"]
        wait_threads(server, alone + 1, alone + 1, "a second thread", clients[:1], rng)
        clients.append(server.connect())
        expect(clients[-1].write(0, page_of(rng)), 0, "a write of the last client")
        wait_threads(server, alone + 1, alone + 2, "the last client instead of the second thread")
        c = Client(server)
        c.greet()
        kind, text = c.go()[-1]
        expect((kind, text[:40]), (ERR_POLICY, b"no memory for another connection in the "), "one more")
        many_writes(rng, clients[0])
        for c in clients:
            c.disconnect()


ordered()
counted()
give_way()
