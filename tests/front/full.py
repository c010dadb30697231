# SPDX-License-Identifier: MIT
"""When the RAM budget is used up a write fails with ENOSPC and says why, pages that were there
keep their content, the connection goes on, and discarding makes room again."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


SIZE_BYTES = 256 * MIB


def fill(c, rng, model):
    """Incompressible pages until one is refused."""
    for page in range(SIZE_BYTES // PAGE):
        data = rng.randbytes(PAGE)
        error, _, chunks = c.command(WRITE, page * PAGE, PAGE, 0, data)
        if error:
            expect(error, ENOSPC, "the error of a full disk")
            if c.structured:
                text = chunks[0][1][6:]
                expect(struct.unpack(">H", chunks[0][1][4:6])[0], len(text), "length of the reason")
                expect(b"RAM budget" in text, True, f"reason: {text}")
            return page
        model[page] = data
    sys.exit("FAIL: 256 MiB of random data fit a smaller budget")


def main():
    rng = seeded()
    for structured in (True, False):
        with Server(size=SIZE_BYTES, ram=24 * MIB) as server:
            c, model = server.connect(structured=structured), {}
            refused = fill(c, rng, model)
            expect(refused > 1000, True, f"{refused} pages fit 24 MiB")
            expect_bytes(c.read(refused * PAGE, PAGE)[1], b"\0" * PAGE, "the refused page")
            expect(c.write(0, rng.randbytes(2 * MIB)) in (0, ENOSPC), True, "a large write")
            for page in range(512, refused):
                expect_bytes(c.read(page * PAGE, PAGE)[1], model[page], f"page {page}")
            expect(c.error(TRIM, 0, 8 * MIB), 0, "trim")
            for page in range(1000):
                expect(c.write(page * PAGE, model[page]), 0, "writes after the trim")
            for page in range(1000):
                expect_bytes(c.read(page * PAGE, PAGE)[1], model[page], f"page {page}")
            c.disconnect()


main()
