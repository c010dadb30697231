# SPDX-License-Identifier: MIT
"""Every option, its errors, and lengths that do not fit: each gets its reply, and the
connection goes on."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uznbd import *  # noqa: E402,F403


def options_that_are_not_here(client):
    for number in (OPT_STARTTLS, OPT_EXTENDED, 4, 12, 99, 0xffffffff):
        for data in (b"", b"x" * 1000):
            kind, text = client.ask(number, data)[-1]
            expect(kind, ERR_UNSUP, f"option {number}")
            expect(bool(text), True, f"a reason for option {number}")


def lengths_that_do_not_fit(client):
    u16, u32 = struct.Struct(">H").pack, struct.Struct(">I").pack
    for number in (OPT_INFO, OPT_GO):
        for data in (b"", b"\0\0", u32(0), u32(5) + b"abc" + u16(0), u32(0) + u16(3) + u16(1),
                     u32(0xffffffff) + u16(0), u32(0) + u16(0) + b"rest", u32(0) + u16(65535)):
            expect(client.ask(number, data)[-1][0], ERR_INVALID, f"{number} {data[:16]}")
    for number in (OPT_LIST_META, OPT_SET_META):
        for data in (b"", u32(0), u32(0) + u32(1), u32(0) + u32(1) + u32(9) + b"base:",
                     u32(0xfffffffc) + u32(0), u32(0) + u32(0xffffffff),
                     u32(0) + u32(1) + u32(5) + b"base:" + b"rest"):
            expect(client.ask(number, data)[-1][0], ERR_INVALID, f"{number} {data[:16]}")
    for number in (OPT_LIST, OPT_STRUCTURED):
        expect(client.ask(number, b"x")[-1][0], ERR_INVALID, f"{number} takes no data")


def options_that_are_long(client):
    for number in (OPT_GO, OPT_LIST, OPT_SET_META, 99):
        expect(client.ask(number, b"\0" * 65537)[-1][0], ERR_TOO_BIG, f"long option {number}")
    expect(client.ask(OPT_GO, b"\0" * MIB)[-1][0], ERR_TOO_BIG, "an option of 1 MiB")


def names(server):
    client = Client(server)
    client.greet()
    expect(client.ask(OPT_LIST), [(REP_SERVER, b"\0\0\0\2d0"), (REP_SERVER, b"\0\0\0\2d1"),
                                  (REP_ACK, b"")], "LIST")
    for name in (b"", b"x", b"d", b"d00", b"d0\0", b"\xff" * 300, b"d0" * 2000):
        kind, text = client.go(name)[-1]
        expect(kind, ERR_UNKNOWN, f"GO {name[:8]}")
        expect(b"d0, d1" in text, True, f"the names in: {text}")
    expect(client.go(b"d1", number=OPT_INFO)[-1][0], REP_ACK, "INFO d1")
    expect(client.go(b"d1")[-1][0], REP_ACK, "GO d1")
    client.disconnect()


def infos(client):
    replies = client.go(b"d0", (1, 2, 3, 77), OPT_INFO)
    got = {struct.unpack(">H", data[:2])[0]: data[2:] for kind, data in replies if kind == REP_INFO}
    size, flags = struct.unpack(">QH", got[0])
    expect(size, 64 * MIB, "size")
    # HAS_FLAGS FLUSH FUA TRIM WRITE_ZEROES DF MULTI_CONN CACHE FAST_ZERO
    expect(flags, 1 | 4 | 8 | 32 | 64 | 128 | 256 | 1024 | 2048, "transmission flags")
    expect(got[1], b"d0", "name")
    expect(b"d0" in got[2], True, "description")
    expect(struct.unpack(">III", got[3]), (1, 4096, 32 * MIB), "block sizes")
    expect(set(got), {0, 1, 2, 3}, "infos")


def meta_contexts(server):
    client = Client(server)
    client.greet()
    expect(client.set_meta(b"d0")[-1][0], ERR_INVALID, "meta context before structured replies")
    expect(client.ask(OPT_STRUCTURED)[-1][0], REP_ACK, "structured replies")
    all_of_them = [(REP_META, b"\0\0\0\0" + ALLOCATION), (REP_ACK, b"")]
    for queries in ((), (b"base:",), (ALLOCATION,), (b"qemu:x", ALLOCATION)):
        expect(client.set_meta(b"d0", queries, OPT_LIST_META), all_of_them, f"list {queries}")
    for queries in ((b"base",), (b"x:",), (b"base:allocation ",)):
        expect(client.set_meta(b"d0", queries, OPT_LIST_META), [(REP_ACK, b"")], f"list {queries}")
    for queries in ((), (b"base:",), (b"x:y",)):
        expect(client.set_meta(b"d0", queries), [(REP_ACK, b"")], f"set {queries}")
    expect(client.set_meta(b"nope")[-1][0], ERR_UNKNOWN, "meta context of a disk that is not here")
    client.structured = True
    client.set_meta(b"d0")
    client.go(b"d1")
    expect(client.status(0, 4096)[0], EINVAL, "status of another disk than the contexts are of")
    client.close()


def export_name(server):
    for flags, zeroes in ((1, 124), (3, 0), (0, 124)):
        client = Client(server)
        client.greet(flags)
        client.option(OPT_EXPORT_NAME, b"d1")
        size, transmission = struct.unpack(">QH", client.receive(10))
        expect(size, 64 * MIB, "size after EXPORT_NAME")
        expect(transmission & 128, 0, "DF without structured replies")
        expect(client.receive(zeroes), b"\0" * zeroes, "zeroes")
        expect(client.read(0, 5), (0, b"\0" * 5), "a read after EXPORT_NAME")
        client.disconnect()
    for name in (b"", b"x", b"y" * 70000):
        client = Client(server)
        client.greet()
        client.option(OPT_EXPORT_NAME, name)
        expect(client.is_gone(), True, f"closed after EXPORT_NAME {name[:8]}")


def faults(server):
    client = Client(server)
    client.greet(4)
    expect(client.is_gone(), True, "closed for unknown client flags")
    client = Client(server)
    client.greet()
    client.send(b"HAVEIOPT" + b"\0" * 8)
    expect(client.is_gone(), True, "closed for a wrong option magic")
    expect("option magic" in server.log(), True, "a line in the log")
    client = Client(server)
    client.greet()
    expect(client.ask(OPT_ABORT), [(REP_ACK, b"")], "ABORT")
    expect(client.is_gone(), True, "closed after ABORT")


def main():
    with Server(disks=2) as server:
        before = server.count()
        client = Client(server)
        client.greet()
        options_that_are_not_here(client)
        client.ask(OPT_STRUCTURED)
        lengths_that_do_not_fit(client)
        options_that_are_long(client)
        infos(client)
        client.close()
        names(server)
        meta_contexts(server)
        export_name(server)
        faults(server)
        server.wait_count(before)


main()
