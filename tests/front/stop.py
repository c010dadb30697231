# SPDX-License-Identifier: MIT
"""Stopping: requests that were sent are answered, later ones get ESHUTDOWN, idle clients do
not delay it, clients that go on or take no replies are cut at the timeout. Dropping a disk ends
its clients only. Neither leaves threads, file descriptors or memory behind."""

import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


LONG_MS = 60000
ATTEMPTS = 30  # for what needs clients that are not kept waiting for a CPU themselves


def timed(server, line):
    begin = time.monotonic()
    expect(server.tell(line), "done", line)
    return time.monotonic() - begin


class Pump(threading.Thread):
    """A client that goes on whatever it is told, and what it was told."""

    def __init__(self, client):
        super().__init__()
        self.client, self.errors, self.fine, self.fine_after = client, [], 0, 0
        self.start()

    def run(self):
        try:
            while True:
                error = self.client.write(0, b"x" * PAGE)
                if error:
                    self.errors.append(error)
                elif self.errors:
                    self.fine_after += 1
                else:
                    self.fine += 1
        except Gone:
            pass


def new_server():
    server = Server(disks=2, size=64 * MIB)
    return server, server.count()


def idle():
    server, before = new_server()
    with server:
        clients = [server.connect(name=b"d0") for _ in range(5)]
        clients.append(Client(server))
        expect(timed(server, f"stop {LONG_MS}") < LONG_MS / 2000, True, "idle clients do not delay a stop")
        for c in clients[:5]:
            expect(c.is_gone(), True, "closed")
        after = server.count()
        # the acceptor's thread, its eventfd and the listener
        expect((after["threads"], after["fds"]), (before["threads"] - 1, before["fds"] - 2), "counts")
        expect(after["meta"] - before["meta"] < 256 << 10, True, "memory")


def stop_beside_pumps():
    """How long it took, and whether somebody was told ESHUTDOWN."""
    server, _ = new_server()
    with server:
        pumps = [Pump(server.connect(name=b"d0")) for _ in range(3)]
        for p in pumps:
            while not p.fine:
                time.sleep(0.01)
        took = timed(server, "stop 700")
        for p in pumps:
            p.join(TIMEOUT_S)
            expect(p.is_alive(), False, "closed")
            expect(set(p.errors) <= {ESHUTDOWN}, True, f"errors {set(p.errors)}")
            expect(p.fine_after, 0, "writes that succeed after one was refused")
        return took, any(p.errors for p in pumps)


def busy():
    """Clients that go on are cut after the timeout. One that gets no CPU for a while does not go on."""
    for _ in range(ATTEMPTS):
        took, told = stop_beside_pumps()
        expect(took < 20, True, f"clients that go on are cut ({took:.1f} s)")
        if took > 0.6 and told:
            return
    sys.exit(f"FAIL: clients that go on were cut after {took:.1f} s of 0.7, told ESHUTDOWN: {told}")


def sent_before():
    """All that was sent before the stop is answered, then the connection ends."""
    server, _ = new_server()
    with server:
        c = server.connect(name=b"d0")
        sent = [c.request(WRITE, i * PAGE, PAGE, 0, bytes([i]) * PAGE) for i in range(30)]
        c.send(b"".join(data for data, _ in sent))
        expect(timed(server, f"stop {LONG_MS}") < LONG_MS / 2000, True, "stop")
        for _, cookie in sent:
            expect(c.reply(cookie)[0] in (0, ESHUTDOWN), True, "answered")
        expect(c.is_gone(), True, "closed")


def ask_until_full(c):
    """How many reads the socket took; none: the server waits for us to take its replies."""
    for i in range(100000):
        try:
            c.sock.send(c.request(READ, 0, MIB)[0])
        except BlockingIOError:
            return i
    sys.exit("FAIL: 100000 reads of 1 MiB were taken")


def no_reader():
    """A client that takes no replies cannot hold the server."""
    server, _ = new_server()
    with server:
        c = server.connect(name=b"d0")
        expect(c.write(0, b"x" * MIB), 0, "write")
        c.sock.setblocking(False)
        while ask_until_full(c):
            time.sleep(0.3)
        took = timed(server, "stop 500")
        expect(0.4 < took < 20, True, f"cut after the timeout ({took:.1f} s)")


def half_request():
    server, _ = new_server()
    with server:
        c = server.connect(name=b"d0")
        c.send(c.request(WRITE, 0, PAGE)[0] + b"x" * 100)
        expect(timed(server, f"stop {LONG_MS}") < LONG_MS / 2000, True, "half a write does not delay a stop")
        expect(c.is_gone(), True, "closed")


def drop():
    server, before = new_server()
    with server:
        gone, stays = server.connect(name=b"d0"), server.connect(name=b"d1")
        pump = Pump(server.connect(name=b"d0"))
        while not pump.fine:
            time.sleep(0.01)
        timed(server, "drop d0")
        pump.join(TIMEOUT_S)
        expect(set(pump.errors) <= {ESHUTDOWN}, True, f"errors {set(pump.errors)}")
        expect(gone.is_gone(), True, "the disk's client is gone")
        expect(stays.read(0, 1), (0, b"\0"), "the other disk's is not")
        c = Client(server)
        c.greet()
        expect(c.go(b"d0")[-1][0], ERR_UNKNOWN, "no new client")
        expect(c.go(b"")[-1][0], REP_ACK, "'' is the only disk now")
        c.disconnect()
        stays.disconnect()
        server.wait_count(before)


def path():
    server, _ = new_server()
    with server:
        expect(oct(os.stat(server.socket).st_mode & 0o777), "0o600", "mode of the socket")
    expect(os.path.exists(server.socket), False, "the socket's path after the end")
    try:
        socket.socket(socket.AF_UNIX).connect(server.socket)
        sys.exit("FAIL: somebody listens after the end")
    except FileNotFoundError:
        pass


def main():
    idle()
    busy()
    sent_before()
    no_reader()
    half_request()
    drop()
    path()


main()
