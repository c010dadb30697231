# SPDX-License-Identifier: MIT
"""What is refused, with which error, and that the connection goes on after it: ranges past
the end, unknown commands and flags, requests that are too long, writes to a read-only disk."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


SIZE_BYTES = 64 * MIB
RANGES = [(SIZE_BYTES, 1), (SIZE_BYTES - 1, 2), (SIZE_BYTES + PAGE, PAGE), (2**64 - 1, 1),
          (2**64 - PAGE, 2 * PAGE), (2**63, PAGE)]


def past_the_end(c):
    for offset, length in RANGES:
        for kind, error in ((READ, EINVAL), (TRIM, EINVAL), (CACHE, EINVAL), (STATUS, EINVAL),
                            (ZEROES, ENOSPC)):
            if kind != STATUS or c.structured:
                expect(c.error(kind, offset, length), error, f"command {kind} at {offset}")
        expect(c.write(offset, b"x" * length), ENOSPC, f"write at {offset}")


def unknown(c):
    for kind in (8, 9, 255, 65535):
        expect(c.error(kind, 0, 0), EINVAL, f"command {kind}")
    allowed = {READ: FUA | (DF if c.structured else 0), WRITE: FUA, FLUSH: FUA, TRIM: FUA,
               CACHE: FUA, ZEROES: FUA | NO_HOLE | FAST_ZERO}
    for kind, flags in allowed.items():
        for bit in range(16):
            payload = b"y" * 512 if kind == WRITE else b""
            want = 0 if flags & 1 << bit else EINVAL
            data, cookie = c.request(kind, 0, 512, 1 << bit, payload)
            c.send(data)
            length = 512 if kind == READ and not c.structured else 0
            expect(c.reply(cookie, length)[0], want, f"command {kind} flag {bit}")


def too_long(c):
    expect(c.error(READ, 0, 32 * MIB + 1), EOVERFLOW, "a read of more than 32 MiB")
    expect(c.error(READ, 0, 0xffffffff), EOVERFLOW, "a read of 4 GiB")
    expect(c.write(0, b"\1" * (32 * MIB + 1)), EINVAL, "a write of more than 32 MiB")
    expect(c.read(0, 4), (0, b"\0" * 4), "nothing of it was written")
    expect(c.write(0, b"\2" * (32 * MIB)), 0, "a write of 32 MiB")
    expect(c.read(32 * MIB - 1, 2), (0, b"\2\0"), "its end")
    expect(c.error(ZEROES, 0, SIZE_BYTES), 0, "zeroes may be longer")
    expect(c.error(TRIM, 0, SIZE_BYTES), 0, "and trim")


def empty(c):
    expect(c.read(0, 0), (0, b""), "a read of nothing")
    expect(c.write(0, b""), 0, "a write of nothing")
    for kind in (TRIM, ZEROES, CACHE, FLUSH):
        expect(c.error(kind, 0, 0), 0, f"command {kind} of nothing")
    expect(c.read(SIZE_BYTES, 0)[0], 0, "a read of nothing at the end")


def structured_errors(c):
    """After structured replies were negotiated a failed read must have one, with its reason."""
    error, _, chunks = c.command(READ, SIZE_BYTES, 1)
    expect((error, len(chunks)), (EINVAL, 1), "one error chunk")
    expect(chunks[0][0], 0x8001, "its type")
    expect(b"past the end" in chunks[0][1][6:], True, "its reason")
    expect(c.error(STATUS, 0, 0), EINVAL, "a status of nothing")


def read_only():
    with Server(read_only=1) as server:
        c = server.connect()
        expect(c.flags & 2, 2, "the read-only flag")
        expect(c.write(0, b"x" * 300000), EPERM, "write")
        expect(c.error(TRIM, 0, PAGE), EPERM, "trim")
        expect(c.error(ZEROES, 0, PAGE), EPERM, "zeroes")
        expect(c.error(FLUSH), 0, "flush")
        expect(c.read(0, PAGE), (0, b"\0" * PAGE), "read")
        c.disconnect()


def main():
    with Server(size=SIZE_BYTES) as server:
        for structured in (True, False):
            c = server.connect(structured=structured)
            past_the_end(c)
            unknown(c)
            c.error(TRIM, 0, SIZE_BYTES)
            empty(c)
            too_long(c)
            if structured:
                structured_errors(c)
            else:
                expect(c.error(STATUS, 0, PAGE), EINVAL, "status without its context")
            c.disconnect()
    read_only()


main()
