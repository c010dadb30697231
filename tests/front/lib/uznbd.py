# SPDX-License-Identifier: MIT
"""What the tests of the NBD front share: a server of their own, and a client that speaks the
protocol byte by byte, so that it can also say what no library would."""

import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"))
DIR = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
SIZE = {"quick": 0, "check": 1, "long": 2}[os.environ.get("UZ_TEST_SIZE", "quick")]
TIMEOUT_S = 120  # for what comes at once on an idle machine
PAGE = 4096
MIB = 1 << 20

OPT_EXPORT_NAME, OPT_ABORT, OPT_LIST, OPT_STARTTLS, OPT_INFO, OPT_GO = 1, 2, 3, 5, 6, 7
OPT_STRUCTURED, OPT_LIST_META, OPT_SET_META, OPT_EXTENDED = 8, 9, 10, 11
REP_ACK, REP_SERVER, REP_INFO, REP_META = 1, 2, 3, 4
ERR_UNSUP, ERR_POLICY, ERR_INVALID, ERR_UNKNOWN, ERR_SHUTDOWN, ERR_TOO_BIG = (
    0x80000000 + n for n in (1, 2, 3, 6, 7, 9))
READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO = 1, 2, 4, 8, 16
EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN = 1, 5, 12, 22, 28, 75, 95, 108
DATA, HOLE, BLOCK_STATUS = 1, 2, 5
ALLOCATION = b"base:allocation"


def scale(quick, check, longer):
    return (quick, check, longer)[SIZE]


def skip(reason):
    print("SKIP: " + reason)
    sys.exit(77)


def seeded():
    seed = int(os.environ.get("SEED") or time.time_ns() & 0xffffffff)
    print(f"SEED={seed}", flush=True)
    return random.Random(seed)


def expect(got, want, what):
    if got != want:
        sys.exit(f"FAIL: {what}: got {got!r}, want {want!r}")


def expect_bytes(got, want, what):
    if got == want:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    sys.exit(f"FAIL: {what}: {len(got)} bytes for {len(want)}, first difference at {at}: "
             f"{got[at:at + 16].hex()} for {want[at:at + 16].hex()}")


class Server:
    """tests/front/helper/served, ended by closing its stdin."""

    def __init__(self, address=None, **options):
        self.socket = os.path.join(DIR, f"s{os.getpid()}-{time.monotonic_ns()}")
        program = os.path.join(BUILD, "tests/front/helper/served")
        argv = [program, address or f"unix:{self.socket}"]
        argv += [f"{k}={v}" for k, v in options.items()]
        self.log_path = self.socket + ".log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=log)
        ready = self.process.stdout.readline().decode().split()
        if ready[:1] != ["ready"]:
            sys.exit("FAIL: the server did not start: " + self.log())
        self.address = ready[1]

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is not None:
            print(self.log(), file=sys.stderr)
            self.process.kill()
        self.end()

    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().strip()

    def count(self):
        words = self.tell("count").split()
        return {words[i]: int(words[i + 1]) for i in range(0, len(words), 2)}

    def wait_count(self, want):
        """Until threads and fds are as they were and no connection's memory is charged; the disk
        keeps a few pages of counters for the most connections that it ever had."""
        end = time.monotonic() + TIMEOUT_S
        got = self.count()
        while time.monotonic() < end and not is_as_before(got, want):
            time.sleep(0.02)
            got = self.count()
        expect(is_as_before(got, want), True, f"{want} before, {got} after the clients left")

    def end(self):
        """The helper counts its store again at the end, and fails when that does not fit."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                sys.exit("FAIL: the server does not end: " + self.log())
        if sys.exc_info()[0] is None and self.process.returncode:
            sys.exit(f"FAIL: the server ended with {self.process.returncode}: {self.log()}")

    def uri(self, export=""):
        return f"nbd+unix:///{export}?socket={self.socket}"

    def connect(self, **options):
        client = Client(self)
        client.open(**options)
        return client


def is_as_before(got, want):
    grown = got["meta"] - want["meta"]
    return (got["threads"], got["fds"]) == (want["threads"], want["fds"]) and grown < 256 << 10


class Gone(Exception):
    """The server closed the connection."""


class Client:
    def __init__(self, server):
        if server.address.startswith("tcp:"):
            host, _, port = server.address[4:].rpartition(":")
            self.sock = socket.create_connection((host.strip("[]"), int(port)))
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(server.socket)
        self.sock.settimeout(TIMEOUT_S)
        self.cookie = 0
        self.structured = self.meta = False
        self.size = self.flags = 0
        self.options_sent = []

    def close(self):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Gone() from e

    def receive(self, nr):
        out = bytearray()
        while len(out) < nr:
            try:
                part = self.sock.recv(nr - len(out))
            except ConnectionResetError as e:
                raise Gone() from e
            if not part:
                raise Gone()
            out += part
        return bytes(out)

    def is_gone(self):
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    # handshake

    def greet(self, flags=3):
        expect(self.receive(18), b"NBDMAGICIHAVEOPT\0\3", "greeting")
        self.send(struct.pack(">I", flags))

    def option(self, number, data=b""):
        self.send(b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data)

    def option_reply(self, number):
        magic, option, kind, nr = struct.unpack(">QIII", self.receive(20))
        expect((magic, option), (0x3e889045565a9, number), "option reply")
        return kind, self.receive(nr)

    def ask(self, number, data=b""):
        """All replies to an option up to ACK or an error: [(type, data)]."""
        self.option(number, data)
        replies = [self.option_reply(number)]
        while replies[-1][0] != REP_ACK and replies[-1][0] < 0x80000000:
            replies.append(self.option_reply(number))
        return replies

    def set_meta(self, name=b"", queries=(ALLOCATION,), number=OPT_SET_META):
        data = struct.pack(">I", len(name)) + name + struct.pack(">I", len(queries))
        return self.ask(number, data + b"".join(struct.pack(">I", len(q)) + q for q in queries))

    def go(self, name=b"", infos=(), number=OPT_GO):
        replies = self.ask(number, struct.pack(">I", len(name)) + name +
                           struct.pack(f">H{len(infos)}H", len(infos), *infos))
        for kind, data in replies:
            if kind == REP_INFO and data[:2] == b"\0\0":
                self.size, self.flags = struct.unpack(">QH", data[2:])
        return replies

    def open(self, name=b"", structured=True, meta=True):
        self.greet()
        if structured:
            expect(self.ask(OPT_STRUCTURED), [(REP_ACK, b"")], "STRUCTURED_REPLY")
            self.structured = True
        if structured and meta:
            expect(self.set_meta(name), [(REP_META, b"\0\0\0\1" + ALLOCATION), (REP_ACK, b"")],
                   "SET_META_CONTEXT")
        expect(self.go(name)[-1], (REP_ACK, b""), "GO")

    # transmission

    def request(self, kind, offset=0, length=0, flags=0, payload=b""):
        """The bytes of a request, and its cookie."""
        self.cookie += 1
        return struct.pack(">IHHQQI", 0x25609513, flags, kind, self.cookie, offset,
                           length) + payload, self.cookie

    def chunk(self):
        flags, kind, cookie, nr = struct.unpack(">HHQI", self.receive(16))
        return flags, kind, cookie, self.receive(nr)

    def reply(self, cookie, length=0):
        """(error, payload of a simple reply, chunks of a structured one)."""
        chunks = []
        while True:
            magic = struct.unpack(">I", self.receive(4))[0]
            if magic == 0x67446698:
                error, got = struct.unpack(">IQ", self.receive(12))
                expect(got, cookie, "cookie of a simple reply")
                return error, self.receive(0 if error else length), chunks
            expect(magic, 0x668e33ef, "reply magic")
            expect(self.structured, True, "structured reply")
            flags, kind, got, data = self.chunk()
            expect(got, cookie, "cookie of a chunk")
            chunks.append((kind, data))
            if flags & 1:
                return error_of(chunks), b"", chunks

    def command(self, kind, offset=0, length=0, flags=0, payload=b""):
        data, cookie = self.request(kind, offset, length, flags, payload)
        self.send(data)
        return self.reply(cookie, length if kind == READ and not self.structured else 0)

    def error(self, kind, offset=0, length=0, flags=0, payload=b""):
        return self.command(kind, offset, length, flags, payload)[0]

    def write(self, offset, data, flags=0):
        return self.error(WRITE, offset, len(data), flags, data)

    def read(self, offset, length, flags=0):
        """(error, bytes)."""
        error, data, chunks = self.command(READ, offset, length, flags)
        return error, assemble(offset, length, chunks) if self.structured and not error else data

    def status(self, offset, length, flags=0):
        """(error, [(bytes, flags)])."""
        error, _, chunks = self.command(STATUS, offset, length, flags)
        if error:
            return error, []
        expect([k for k, _ in chunks], [BLOCK_STATUS], "chunks of BLOCK_STATUS")
        data = chunks[0][1]
        expect(data[:4], b"\0\0\0\1", "meta context")
        return 0, [struct.unpack(">II", data[i:i + 8]) for i in range(4, len(data), 8)]

    def disconnect(self):
        self.send(self.request(DISC)[0])
        expect(self.is_gone(), True, "closed after DISC")
        self.close()


def error_of(chunks):
    for kind, data in chunks:
        if kind & 0x8000:
            return struct.unpack(">I", data[:4])[0]
    return 0


def assemble(offset, length, chunks):
    """The bytes that the chunks of a read describe; each byte exactly once."""
    out, seen = bytearray(length), 0
    for kind, data in chunks:
        if kind == DATA:
            at = struct.unpack(">Q", data[:8])[0] - offset
            out[at:at + len(data) - 8] = data[8:]
            seen += len(data) - 8
        elif kind == HOLE:
            seen += struct.unpack(">QI", data)[1]
        elif kind or data:
            sys.exit(f"FAIL: unexpected chunk {kind:#x}")
    expect((seen, len(out)), (length, length), "bytes in the chunks of a read")
    return bytes(out)


def page_of(rng, percent=50):
    """A page of which about that much compresses away."""
    nr = PAGE * percent // 100
    return rng.randbytes(PAGE - nr) + bytes([rng.randrange(1, 256)]) * nr
