#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""The control socket against clients that send garbage: an error each time, and no harm."""

import array
import json
import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uzgrant import DIR, PATH, PATIENCE_S, Server, wait_for  # noqa: E402

SEED = int(os.environ.get("SEED") or time.time_ns() & 0xffffffff)
ROUNDS = {"quick": 300, "check": 3000, "long": 30000}[os.environ.get("UZ_TEST_SIZE") or "quick"]


class Client:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(PATIENCE_S)
        self.s.connect(PATH)
        self.buf = b""

    def send(self, data):
        self.s.sendall(data)

    def line(self):
        while b"\n" not in self.buf:
            got = self.s.recv(65536)
            if not got:
                return None
            self.buf += got
        line, self.buf = self.buf.split(b"\n", 1)
        return json.loads(line)

    def ask(self, data):
        self.send(data + b"\n")
        return self.line()

    def command(self, **members):
        return self.ask(json.dumps({"uzram": 1, **members}).encode())

    def close(self):
        self.s.close()


def expect(answer, errno, text):
    assert answer["ok"] is False and answer["errno"] == errno and text in answer["error"], answer


WRONG = [
    (b"", "EINVAL", "not JSON"),
    (b"hello", "EINVAL", "not JSON: look at byte 1"),
    (b'{"uzram":1,"cmd":"stat"', "EINVAL", "not JSON"),
    (b'{"uzram":1,"cmd":"stat"} x', "EINVAL", "look at byte 26"),
    (b"[]", "EINVAL", "a request is a JSON object"),
    (b"{}", "EINVAL", "no protocol version"),
    (b'{"uzram":"1"}', "EINVAL", "no protocol version"),
    (b'{"uzram":2,"cmd":"stat"}', "EPROTONOSUPPORT", "protocol version 2"),
    (b'{"uzram":1}', "EINVAL", "'cmd' is missing"),
    (b'{"uzram":1,"cmd":7}', "EINVAL", "no command '7'"),
    (b'{"uzram":1,"cmd":"list"}', "EINVAL", "no command 'list'"),
    (b'{"uzram":1,"cmd":"stat","x":1}', "EINVAL", "stat has no 'x'; it takes disk latency"),
    (b'{"uzram":1,"cmd":"version","disk":"d0"}', "EINVAL", "version has no 'disk'; it takes nothing"),
    (b'{"uzram":1,"cmd":"stat","disk":"d0","disk":"d0"}', "EINVAL", "'disk' is given twice"),
    (b'{"uzram":1,"cmd":"stat","disk":5}', "ENOENT", "no disk '5'"),
    (b'{"uzram":1,"cmd":"stat","disk":""}', "EINVAL", "'disk' is not the name"),
    (b'{"uzram":1,"cmd":"stat","disk":["d0"]}', "EINVAL", "'disk' is not the name"),
    (b'{"uzram":1,"cmd":"stat","disk":"\xff"}', "EINVAL", "not JSON: look at byte 33"),
    (b'{"uzram":1,"cmd":"stat","disk":"' + b"x" * 99 + b'"}', "EINVAL", "'disk' is not the name"),
    (b'{"uzram":1,"cmd":"remove"}', "EINVAL", "remove needs a disk"),
    (b'{"uzram":1,"cmd":"set","disk":"d0"}', "EINVAL", "nothing to set"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","size":null}', "EINVAL", "'size' is neither"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","size":{}}', "EINVAL", "'size' is neither"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","size":0}', "EINVAL", "must be more than 0"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","pool":"a\\u0000b"}', "EINVAL", "'pool' is neither"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","pool":"../../x"}', "EINVAL", "../../x"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","nbd":"unix:x"}', "EINVAL", "set has no 'nbd'; it takes pool"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","control":"x"}', "EINVAL", "set has no 'control'"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","help":true}', "EINVAL", "set has no 'help'"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","codec":"zstd","dict_fd":0}', "EINVAL", "no such descriptor"),
    (b'{"uzram":1,"cmd":"set","disk":"d0","codec":"zstd","dict_fd":9}', "EINVAL", "'dict_fd' is not"),
    (b'{"uzram":1,"cmd":"ram"}', "EINVAL", "give ram=SIZE"),
    (b'{"uzram":1,"cmd":"create","disk":"a/b"}', "EINVAL", "is not a disk name"),
    (b'{"uzram":1,"cmd":"create"}', "EINVAL", "create needs a disk"),
    (b'{"uzram":1,"cmd":"create","disk":"d0"}', "EEXIST", "disk d0 exists"),
    (b'{"uzram":1,"cmd":"stat","latency":"maybe"}', "EINVAL", "latency: it is neither true nor false"),
    (b'{"uzram":1,"cmd":"contig-alloc","scatter":1,"size":"1M"}', "EINVAL", "scatter: it is neither"),
    (b'{"uzram":1,"cmd":"idle","disk":"d0","seconds":-1}', "EINVAL", "seconds: '-1' is not a number"),
    (b'{"uzram":1,"cmd":"stat","' + b"k" * 60 + b'":1}', "EINVAL", "a key is longer than 39"),
    (b"[" * 100, "E2BIG", "more than 256 values"),
    (b"{" + b",".join(b'"%d":%d' % (i, i) for i in range(300)) + b"}", "E2BIG", "more than 256"),
    (b"\xff\xfe\x00\x01", "EINVAL", "not JSON"),
]


def check_wrong():
    one = Client()
    for line, errno, text in WRONG:
        expect(one.ask(line), errno, text)
    answer = one.command(cmd="version")
    assert answer["ok"] and answer["uzram"] == 1 and "lz4" in answer["codecs"], answer
    one.close()


def check_lines():
    c = Client()
    request = b'{"uzram":1,"cmd":"version"}\n'
    for byte in request:
        c.send(bytes([byte]))
    assert c.line()["ok"]
    c.send(request * 50)
    assert all(c.line()["ok"] for _ in range(50))
    c.send(request[:-5])
    c.close()

    c = Client()
    try:
        c.send(b"x" * 1000000)
    except OSError:
        pass
    try:
        expect(c.line(), "E2BIG", "a line is longer than 65536 bytes")
    except ConnectionResetError:
        pass
    c.close()

    c = Client()
    c.send(b"x" * 65536 + b"\n")
    expect(c.line(), "EINVAL", "not JSON")
    c.close()


def check_descriptors():
    with open(os.path.join(DIR, "dict"), "wb") as f:
        f.write(b"a dictionary of some words" * 50)
    c = Client()
    for _ in range(20):
        with open(os.path.join(DIR, "dict"), "rb") as f:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f.fileno()] * 3))]
            line = b'{"uzram":1,"cmd":"set","disk":"d0","codec":"zstd","dict":"words","dict_fd":0}\n'
            c.s.sendmsg([line], rights)
        answer = c.line()
        assert answer["ok"], answer
    assert c.command(cmd="stat", disk="d0")["disks"][0]["dict_bytes"] == 1300
    assert c.command(cmd="set", disk="d0", codec="lz4", checksum=False)["ok"]
    c.close()


def check_many():
    many = [Client() for _ in range(32)]
    assert all(c.command(cmd="version")["ok"] for c in many)
    late = Client()
    expect(late.line(), "EBUSY", "32 clients are connected already")
    many[5].send(b'{"uzram":1,')
    for c in many:
        c.close()
    wait_for("a place for a new client", is_served)


def is_served():
    c = Client()
    try:
        return c.command(cmd="version")["ok"]
    except (ConnectionError, TypeError):
        return False
    finally:
        c.close()


def check_random(rng):
    valid = [b'{"uzram":1,"cmd":"stat","disk":"d0","latency":true}',
             b'{"uzram":1,"cmd":"set","disk":"d0","recompress":"off","mem-limit":"1M"}',
             b'{"uzram":1,"cmd":"recompress","disk":"d0","codec":"zstd","idle":5,"min":10}']
    c = Client()
    for _ in range(ROUNDS):
        line = bytearray(rng.choice(valid))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(line))
            line[at:at + rng.randrange(3)] = bytes(rng.randrange(256) for _ in range(rng.randrange(3)))
        line = bytes(line).replace(b"\n", b"")
        if b'"size' in line:
            continue
        answer = c.ask(line)
        assert answer["ok"] in (True, False), answer
        assert answer["ok"] or answer["errno"].startswith("E"), answer
    answer = c.command(cmd="stat")
    assert [d["name"] for d in answer["disks"]] == ["d0"], answer
    c.close()


def client_that_takes_nothing():
    """Many requests, of whose answers it takes one: the server waits in the middle of the others."""
    c = Client()
    c.send(b'{"uzram":1,"cmd":"stat","latency":true}\n' * 2000)
    assert c.line()["ok"]
    return c


def main():
    print(f"SEED={SEED}")
    with Server("--ram", "64M", "--size", "16M") as server:
        fds = server.fds()
        check_wrong()
        check_lines()
        check_descriptors()
        # Without clients: what was sent is closed, and nobody who left still has a place.
        wait_for("descriptors leak", lambda: server.fds() <= fds)
        check_many()
        check_random(random.Random(SEED))
        silent = client_that_takes_nothing()
    silent.close()
    print(f"COUNT refused={len(WRONG)}")


main()
