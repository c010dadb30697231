# SPDX-License-Identifier: MIT
"""Several connections to one disk see each other's writes as soon as they are answered, write
beside each other, and the disk says so (CAN_MULTI_CONN)."""

import concurrent.futures
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


PAGES = 512
NR_CLIENTS = 4


def writer(c, rng, model, index, rounds):
    for _ in range(rounds):
        page = rng.randrange(PAGES // NR_CLIENTS) * NR_CLIENTS + index
        model[page] = page_of(rng)
        expect(c.write(page * PAGE, model[page], rng.choice((0, FUA))), 0, "write")
        expect_bytes(c.read(page * PAGE, PAGE)[1], model[page], "own page")


def main():
    rng = seeded()
    with Server(size=PAGES * PAGE) as server:
        clients = [server.connect() for _ in range(NR_CLIENTS)]
        expect(clients[0].flags & 256, 256, "CAN_MULTI_CONN")
        for i in range(100):
            data = page_of(rng)
            expect(clients[i % NR_CLIENTS].write(0, data), 0, "write")
            expect_bytes(clients[(i + 1) % NR_CLIENTS].read(0, PAGE)[1], data, "the other client")
        model = {0: data}
        with concurrent.futures.ThreadPoolExecutor(NR_CLIENTS) as executor:
            futures = [executor.submit(writer, c, random.Random(rng.random()), model, i,
                                       scale(300, 3000, 30000)) for i, c in enumerate(clients)]
        for future in futures:
            future.result()
        expect(clients[0].error(FLUSH), 0, "flush")
        for page in range(PAGES):
            expect_bytes(clients[page % 3].read(page * PAGE, PAGE)[1],
                         model.get(page, b"\0" * PAGE), f"page {page}")
        for c in clients:
            c.disconnect()


main()
