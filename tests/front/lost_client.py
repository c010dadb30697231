# SPDX-License-Identifier: MIT
"""TCP clients with a reply under way: one whose machine is gone is ended in time, wherever the
server waits for it; one that is only suspended takes all its replies when it goes on."""

import ctypes
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403

LOST_S = 4.0  # the default is 75 times as long
LATE_S = 40.0  # the system itself gives up after 900
SO_ATTACH_FILTER = 26
DATA_BYTES = MIB
READS = 16  # more than the socket buffers of both sides hold


def vanish(client):
    """From now on the socket's system takes no packet for it, so it acknowledges nothing."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0), 8)
    client.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                           struct.pack("HP", 1, ctypes.addressof(drop_all)))


def ask(client, nr):
    """Reads of all the data, not to be taken yet: their cookies."""
    requests = [client.request(READ, 0, DATA_BYTES) for _ in range(nr)]
    client.send(b"".join(data for data, _ in requests))
    return [cookie for _, cookie in requests]


def wait_lost(server, nr, begin):
    while server.log().count("lost: it acknowledged nothing") < nr:
        if time.monotonic() - begin > LATE_S:
            sys.exit(f"FAIL: not {nr} lost clients after {LATE_S:.0f} s: {server.log()}")
        time.sleep(0.1)


def main():
    data = seeded().randbytes(DATA_BYTES)
    with Server("tcp:127.0.0.1:0", lost_ms=int(LOST_S * 1000)) as server:
        before = server.count()
        silent, suspended, little, much = [server.connect() for _ in range(4)]
        expect(suspended.write(0, data), 0, "write")
        begin = time.monotonic()
        cookies = ask(suspended, READS)
        for client, nr in ((little, 1), (much, READS)):  # the server receives, sends
            vanish(client)
            ask(client, nr)
        time.sleep(LOST_S * 1.25)
        for cookie in cookies:
            error, _, chunks = suspended.reply(cookie)
            expect(error, 0, "a reply to a client that was suspended")
            expect_bytes(assemble(0, DATA_BYTES, chunks), data, "what it read")
        wait_lost(server, 2, begin)
        expect(silent.read(0, PAGE), (0, data[:PAGE]), "a client that was silent")
        for client in (silent, suspended):
            client.disconnect()
        server.wait_count(before)


main()
