#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 90
"""Grants of the control socket: the memory is fresh, sealed, charged and whole; it is freed when its
client frees it, dies or is told so; what is asked for wrongly names the thing; nothing leaks."""

import array
import fcntl
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.environ.get("UZ_ROOT", os.path.join(os.path.dirname(__file__), "..", ".."))
UZRAM = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"), "uzram")
DIR = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
PATH = os.path.join(DIR, "c")
MIB = 1 << 20
F_ADD_SEALS, F_GET_SEALS, SEAL_SEAL, SEAL_SHRINK, SEAL_GROW = 1033, 1034, 1, 2, 4
os.environ["UZRAM_CONTROL"] = PATH


class Client:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(PATH)

    def ask(self, **members):
        self.s.sendall(json.dumps({"uzram": 1, **members}).encode() + b"\n")
        data, rights, _, _ = self.s.recvmsg(65536, 1024)
        while data and not data.endswith(b"\n"):
            data += self.s.recv(65536)
        fds = array.array("i")
        for _, _, payload in rights:
            fds.frombytes(payload)
        return json.loads(data), list(fds)

    def alloc(self, size):
        answer, fds = self.ask(cmd="contig-alloc", size=size, scatter=True)
        assert answer["ok"] and len(fds) == 1, answer
        return answer, fds[0]


def wait_for(what, condition):
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)


def ram_total():
    return Client().ask(cmd="stat")[0]["disks"][0]["ram_total"]


def grants():
    return Client().ask(cmd="contig-stat")[0]["grants"]


def refused(status, text, *args):
    done = subprocess.run([UZRAM, "contig", *args], text=True, timeout=20, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == status and text in done.stdout, (args, done.returncode, done.stdout)


def check_memory():
    before = ram_total()
    c = Client()
    answer, fd = c.alloc("16M")
    assert answer["bytes"] == 16 * MIB == os.fstat(fd).st_size
    assert os.fstat(fd).st_blocks * 512 == 16 * MIB, "it is not committed"
    assert ram_total() - before >= 16 * MIB, "it is not charged"
    seals = SEAL_SHRINK | SEAL_GROW | SEAL_SEAL
    assert fcntl.fcntl(fd, F_GET_SEALS) == seals
    for size in (0, 32 * MIB):
        try:
            os.ftruncate(fd, size)
            raise AssertionError("the size can be changed")
        except PermissionError:
            pass
    assert not os.pread(fd, 16 * MIB, 0).strip(b"\0"), "it is not fresh"
    os.pwrite(fd, b"x" * MIB, 5 * MIB)
    (one,) = grants()
    assert (one["id"], one["bytes"], one["pid"]) == (answer["grant"], 16 * MIB, os.getpid()), one
    assert c.ask(cmd="contig-free", grant=answer["grant"])[0]["ok"]
    assert not grants() and os.fstat(fd).st_blocks == 0, "its pages are still there"
    assert not os.pread(fd, MIB, 5 * MIB).strip(b"\0")
    assert c.ask(cmd="version")[0]["ok"], "the client that freed its own is cut"
    wait_for("the charge is dropped", lambda: ram_total() < before + 8 * MIB)
    os.close(fd)


def check_wrong():
    refused(2, "usage: uzram contig alloc SIZE --scatter", "lend")
    refused(2, "usage: uzram contig", "alloc", "--scatter")
    refused(2, "usage: uzram contig", "stat", "1")
    refused(2, "--scatter is for memory of scattered pages", "alloc", "1M")
    refused(2, "size: it is not a size of more than 0", "alloc", "0", "--scatter")
    refused(2, "size: it is not a size of more than 0", "alloc", "much", "--scatter")
    refused(1, "of the RAM budget of 64M are in use", "alloc", "65M", "--scatter")
    refused(1, "8192P cannot be granted", "alloc", "8388607.9T", "--scatter")
    refused(1, "no grant 77; 'uzram contig stat' lists them", "free", "77")
    refused(1, "no grant 0", "free", "0")
    refused(2, "it is not the number of a grant", "free", "cam0")
    refused(1, "nosuchcommand: No such file", "alloc", "1M", "--scatter", "--", "nosuchcommand")
    answer = Client().ask(cmd="contig-alloc", size="1M")[0]
    assert answer["errno"] == "EINVAL" and "no region" in answer["error"], answer
    wait_for("no grant is left", lambda: not grants())


def check_end(log):
    """A client that dies, one whose grant another one frees, and too many."""
    held = subprocess.Popen([UZRAM, "contig", "alloc", "4M", "--scatter"], stdout=subprocess.PIPE)
    line = held.stdout.readline().decode()
    assert f"4M, /proc/{held.pid}/fd/" in line, line
    os.kill(held.pid, signal.SIGKILL)
    held.wait(10)
    wait_for("the grant of the dead client is freed", lambda: not grants())
    with open(log, encoding="utf-8") as f:
        assert f"grant {line.split()[1][:-1]} of 4M: its client {held.pid} (uzram) is gone: freed" in f.read()

    held = subprocess.Popen([UZRAM, "contig", "alloc", "4M", "--scatter"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    number = held.stdout.readline().decode().split()[1][:-1]
    subprocess.run([UZRAM, "contig", "free", number], check=True, timeout=20)
    assert "the grant is gone" in held.communicate(timeout=10)[1].decode() and held.returncode == 1

    c = Client()
    fds = [c.alloc("1M")[1] for _ in range(16)]
    assert c.ask(cmd="contig-alloc", size="1M", scatter=True)[0]["errno"] == "EBUSY"
    c.s.close()
    wait_for("all grants are freed", lambda: not grants())
    assert all(os.fstat(fd).st_blocks == 0 for fd in fds)
    for fd in fds:
        os.close(fd)


def check_command():
    script = 'head -c 3 /dev/zero | tr "\\0" u | dd of=/proc/self/fd/$UZRAM_GRANT_FD conv=notrunc ' \
             '2>/dev/null; head -c 4 /proc/self/fd/$UZRAM_GRANT_FD | od -An -c; exit 7'
    done = subprocess.run([UZRAM, "contig", "alloc", "1M", "--scatter", "--", "sh", "-c", script],
                          stdout=subprocess.PIPE, timeout=20, check=False)
    assert done.returncode == 7 and done.stdout.split() == [b"u", b"u", b"u", b"\\0"], done
    wait_for("the grant ends with its command", lambda: not grants())


def main():
    log = os.path.join(DIR, "log")
    with open(log, "wb") as out:
        server = subprocess.Popen(["timeout", "80", UZRAM, "serve", "--config", "/dev/null", "--ram", "64M",
                                   "--size", "16M", "--nbd", f"unix:{DIR}/n", "--control", PATH,
                                   "--pid-file", f"{DIR}/pid"], stdout=out, stderr=out)
    try:
        wait_for("the server", lambda: os.path.exists(f"{DIR}/pid"))
        with open(f"{DIR}/pid", encoding="ascii") as f:
            fd_folder = f"/proc/{int(f.read())}/fd"
        check_memory()
        fds = len(os.listdir(fd_folder))
        check_wrong()
        check_end(log)
        check_command()
        wait_for("descriptors leak", lambda: len(os.listdir(fd_folder)) <= fds)
        holder = Client()
        last = holder.alloc("8M")[1]
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0, "the server did not end well"
    assert os.fstat(last).st_blocks == 0, "a grant outlived the server"


main()
