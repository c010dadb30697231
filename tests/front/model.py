# SPDX-License-Identifier: MIT
"""Random requests of any offset and length, several sent at once and cut into pieces at random
places, against a copy of the disk: every byte compared, with both forms of replies."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


SIZE_BYTES = 4 * MIB


def random_range(rng):
    """Small and unaligned, or of whole pages, or larger than the server's buffer."""
    kind = rng.randrange(10)
    if kind < 5:
        length = rng.randrange(1, 3 * PAGE)
        return rng.randrange(SIZE_BYTES - length), length
    if kind < 9:
        page = rng.randrange(SIZE_BYTES // PAGE - 16)
        return page * PAGE, rng.randrange(1, 16) * PAGE
    length = rng.randrange(200000, 900000)
    return rng.randrange(SIZE_BYTES - length), length


class Step:
    """One request: its bytes, and what must come back."""

    def __init__(self, rng, c, model):
        self.kind = rng.choice((READ, READ, WRITE, WRITE, ZEROES, TRIM, FLUSH))
        self.offset, self.length = random_range(rng)
        flags, payload, self.want = 0, b"", b""
        if self.kind == READ:
            flags = rng.choice((0, DF)) if c.structured else 0
            self.want = bytes(model[self.offset:self.offset + self.length])
        elif self.kind == WRITE:
            payload = page_of(rng) * (self.length // PAGE + 1)
            payload = payload[:self.length]
            flags = rng.choice((0, FUA))
            model[self.offset:self.offset + self.length] = payload
        elif self.kind in (ZEROES, TRIM):
            model[self.offset:self.offset + self.length] = bytes(self.length)
        else:
            self.offset = self.length = 0
        self.bytes, self.cookie = c.request(self.kind, self.offset, self.length, flags, payload)

    def check(self, c, name):
        is_simple_read = self.kind == READ and not c.structured
        error, data, chunks = c.reply(self.cookie, self.length if is_simple_read else 0)
        expect(error, 0, name)
        if self.kind == READ and c.structured:
            data = assemble(self.offset, self.length, chunks)
        expect_bytes(data, self.want, f"{name}: read {self.length} at {self.offset}")


def send_in_pieces(rng, c, data):
    while data:
        cut = rng.choice((len(data), rng.randrange(1, len(data) + 1), rng.randrange(1, 64)))
        c.send(data[:cut])
        data = data[cut:]


def main():
    rng = seeded()
    with Server(size=SIZE_BYTES, ram=64 * MIB) as server:
        for structured in (True, False):
            c, model = server.connect(structured=structured), bytearray(SIZE_BYTES)
            expect(c.error(TRIM, 0, SIZE_BYTES), 0, "trim")
            for i in range(scale(150, 1500, 15000)):
                steps = [Step(rng, c, model) for _ in range(rng.choice((1, 1, 2, 5)))]
                send_in_pieces(rng, c, b"".join(s.bytes for s in steps))
                for s in steps:
                    s.check(c, f"batch {i}")
            expect_bytes(c.read(0, SIZE_BYTES)[1], bytes(model), "the whole disk")
            c.disconnect()


main()
