# SPDX-License-Identifier: MIT
"""A client that says nothing, or one byte now and then, or does not read, loses its thread in
time; one that has passed the handshake may stay silent."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403

LIMIT_S = 1.0  # the default one is 10 times as long
LATE_S = 8.0


def ends_in_time(client, what):
    begin = time.monotonic()
    expect(client.is_gone(), True, f"{what}: closed")
    if time.monotonic() - begin > LATE_S:
        sys.exit(f"FAIL: {what}: only after {time.monotonic() - begin:.1f} s")


def trickle(client):
    client.greet()
    try:
        for byte in b"IHAVEOPT" * 100:
            client.send(bytes([byte]))
            time.sleep(0.05)
    except Gone:
        return
    sys.exit("FAIL: a client that sends a byte now and then was kept for 40 s")


def never_read(client):
    client.greet()
    begin = time.monotonic()
    try:
        while time.monotonic() - begin < TIMEOUT_S:
            client.option(OPT_LIST)
    except Gone:
        return
    sys.exit("FAIL: a client that takes no replies was kept")


def main():
    with Server(handshake_ms=int(LIMIT_S * 1000)) as server:
        before = server.count()
        patient = server.connect()
        silent = Client(server)
        silent.receive(18)
        ends_in_time(silent, "silent")
        expect("no complete handshake" in server.log(), True, "a line in the log")
        trickle(Client(server))
        never_read(Client(server))
        expect(patient.read(0, 1), (0, b"\0"), "a patient client")
        patient.disconnect()
        server.wait_count(before)


main()
