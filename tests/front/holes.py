# SPDX-License-Identifier: MIT
"""Zero pages travel as holes and are reported as holes, data never is, neighbouring extents are
merged, and zeroing with NO_HOLE is a plain zero."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


SIZE_BYTES = 256 * MIB
DATA_EXTENT, ZERO = 0, 3  # 3: HOLE and ZERO
RUN = b"\xaa" * PAGE


def kinds(chunks):
    return [(k, len(d) - 8 if k == DATA else struct.unpack(">QI", d)[1]) for k, d in chunks]


def read_kinds(c, offset, length, flags=0):
    error, _, chunks = c.command(READ, offset, length, flags)
    expect(error, 0, "read")
    assemble(offset, length, chunks)
    return kinds(chunks)


def holes_in_reads(c):
    expect(read_kinds(c, 0, 32 * MIB), [(HOLE, 32 * MIB)], "an empty disk is one hole")
    expect(c.write(2 * PAGE, RUN), 0, "write")
    expect(read_kinds(c, 0, 5 * PAGE), [(HOLE, 2 * PAGE), (DATA, PAGE), (HOLE, 2 * PAGE)], "holes")
    expect(read_kinds(c, 100, 1000), [(HOLE, 1000)], "a hole inside a page")
    expect(read_kinds(c, 2 * PAGE + 5, 7), [(DATA, 7)], "data inside a page")
    expect(read_kinds(c, 0, 5 * PAGE, DF), [(DATA, 5 * PAGE)], "one chunk with DF")
    expect(read_kinds(c, 0, 32 * MIB, DF), [(DATA, 32 * MIB)], "and when it is large")
    expect(c.write(2 * PAGE, b"\0" * PAGE), 0, "zeros written")
    expect(read_kinds(c, 0, 5 * PAGE), [(HOLE, 5 * PAGE)], "are a hole")


def large_reads(c):
    for i in range(0, 8 * MIB, MIB):
        expect(c.write(i, RUN * 256), 0, "write")
    expect(c.read(0, 8 * MIB) == (0, RUN * 2048), True, "8 MiB read in parts")
    expect(c.read(1, 8 * MIB - 2) == (0, (RUN * 2048)[2:]), True, "unaligned")
    expect(c.read(1, 8 * MIB - 2, DF) == (0, (RUN * 2048)[2:]), True, "unaligned, with DF")
    expect(c.error(TRIM, 0, 8 * MIB), 0, "trim")


def extents(c):
    expect(c.status(0, SIZE_BYTES), (0, [(SIZE_BYTES, ZERO)]), "an empty disk")
    for page in (3, 4, 5, 600, 601):
        expect(c.write(page * PAGE, RUN), 0, "write")
    want = [(3, ZERO), (3, DATA_EXTENT), (594, ZERO), (2, DATA_EXTENT)]
    want = [(n * PAGE, f) for n, f in want]
    expect(c.status(0, 602 * PAGE), (0, want), "extents")
    expect(c.status(0, 602 * PAGE, REQ_ONE), (0, want[:1]), "REQ_ONE")
    expect(c.status(4 * PAGE, PAGE, REQ_ONE), (0, [(PAGE, DATA_EXTENT)]), "never past the request")
    expect(c.status(4 * PAGE + 7, 3 * PAGE)[1], [(2 * PAGE - 7, DATA_EXTENT), (PAGE + 7, ZERO)], "unaligned")


def many_extents(c):
    """Every other page: more extents than a reply holds come in several replies."""
    nr = 32000
    for first in range(0, nr, 2000):
        data = b"".join(c.request(WRITE, i * 2 * PAGE, PAGE, 0, RUN)[0]
                        for i in range(first, first + 2000))
        before = c.cookie - 2000
        c.send(data)
        for i in range(2000):
            expect(c.reply(before + i + 1)[0], 0, "write")
    at, got = 0, []
    while at < nr * 2 * PAGE:
        error, extents_here = c.status(at, nr * 2 * PAGE - at)
        expect(error, 0, "status")
        expect(0 < len(extents_here) <= 1 << 20, True, "number of extents")
        got += extents_here
        at += sum(n for n, _ in extents_here)
    expect(got == [(PAGE, DATA_EXTENT), (PAGE, ZERO)] * nr, True, "every other page")
    expect(c.error(TRIM, 0, SIZE_BYTES), 0, "trim")


def zeroes(c):
    for flags in (0, NO_HOLE, FAST_ZERO, FUA, NO_HOLE | FAST_ZERO | FUA):
        expect(c.write(0, RUN * 4), 0, "write")
        expect(c.error(ZEROES, 10, 3 * PAGE, flags), 0, f"zeroes with flags {flags}")
        want = RUN[:10] + b"\0" * 3 * PAGE + RUN[10:]
        expect_bytes(c.read(0, 4 * PAGE)[1], want, "the edges stay")
        expect(c.status(PAGE, 2 * PAGE), (0, [(2 * PAGE, ZERO)]), "the rest is a hole")
    expect(c.error(TRIM, 5, 4 * PAGE - 9), 0, "trim")
    want = RUN[:5] + b"\0" * (4 * PAGE - 9) + RUN[:4]
    expect_bytes(c.read(0, 4 * PAGE)[1], want, "unaligned trim zeroes its edges")
    expect(c.error(ZEROES, 0, SIZE_BYTES), 0, "zero the disk")


def main():
    with Server(size=SIZE_BYTES, ram=384 * MIB) as server:
        c = server.connect()
        holes_in_reads(c)
        large_reads(c)
        extents(c)
        expect(c.error(TRIM, 0, SIZE_BYTES), 0, "trim")
        many_extents(c)
        zeroes(c)
        c.disconnect()


main()
