#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 90
"""Grants of the control socket: the memory is fresh, sealed, charged and whole; it is freed when its
client frees it, dies or is told so; what is asked for wrongly names the thing; nothing leaks."""

import fcntl
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uzgrant import *  # noqa: E402,F403


def check_memory():
    before = ram_total()
    c = Client()
    answer, fd = c.alloc(size="16M", scatter=True)
    assert answer["bytes"] == 16 * MIB == os.fstat(fd).st_size
    assert os.fstat(fd).st_blocks * 512 == 16 * MIB, "it is not committed"
    assert ram_total() - before >= 16 * MIB, "it is not charged"
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == seals
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
    refused(2, "usage: uzram contig alloc NAME [SIZE]", "lend")
    refused(2, "usage: uzram contig", "alloc", "--scatter")
    refused(2, "usage: uzram contig", "stat", "1")
    refused(2, "usage: uzram contig", "alloc", "1M", "2M", "--scatter")
    refused(1, "no region '1M'; give the server one with 'uzram serve --region NAME:SIZE'", "alloc", "1M")
    refused(2, "size: it is not a size of more than 0", "alloc", "0", "--scatter")
    refused(2, "size: it is not a size of more than 0", "alloc", "much", "--scatter")
    refused(1, "of the RAM budget of 64M are in use", "alloc", "65M", "--scatter")
    refused(1, "8192P cannot be granted", "alloc", "8388607.9T", "--scatter")
    refused(1, "no grant 77; 'uzram contig stat' lists them", "free", "77")
    refused(1, "no grant 0", "free", "0")
    refused(2, "'cam0' is not the number of a grant", "free", "cam0")
    refused(1, "nosuchcommand: No such file", "alloc", "1M", "--scatter", "--", "nosuchcommand")
    answer = Client().ask(cmd="contig-alloc", size="1M")[0]
    assert answer["errno"] == "EINVAL" and "name a region, or give scatter" in answer["error"], answer
    wait_for("no grant is left", lambda: not grants())


def check_end(server):
    """A client that dies, one whose grant another one frees, and too many."""
    held = subprocess.Popen([UZRAM, "contig", "alloc", "4M", "--scatter"], stdout=subprocess.PIPE)
    line = held.stdout.readline().decode()
    assert f"4M, /proc/{held.pid}/fd/" in line, line
    os.kill(held.pid, signal.SIGKILL)
    held.wait(PATIENCE_S)
    wait_for("the grant of the dead client is freed", lambda: not grants())
    said = f"grant {line.split()[1][:-1]} of 4M: its client {held.pid} (uzram) is gone: freed"
    assert said in server.log(), server.log()

    held = subprocess.Popen([UZRAM, "contig", "alloc", "4M", "--scatter"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    number = held.stdout.readline().decode().split()[1][:-1]
    subprocess.run([UZRAM, "contig", "free", number], check=True, timeout=PATIENCE_S)
    assert "the grant is gone" in held.communicate(timeout=PATIENCE_S)[1].decode() and held.returncode == 1

    c = Client()
    fds = [c.alloc(size="1M", scatter=True)[1] for _ in range(16)]
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
                          stdout=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    assert done.returncode == 7 and done.stdout.split() == [b"u", b"u", b"u", b"\\0"], done
    wait_for("the grant ends with its command", lambda: not grants())
    with subprocess.Popen([UZRAM, "contig", "alloc", "1M", "--scatter", "--", "/bin/sleep", "1000"]) as held:
        wait_for("the grant is the command's", lambda: [g["client"] for g in grants()] == ["sleep"])
        held.terminate()
    wait_for("the grant ends with its command", lambda: not grants())


def main():
    with Server("--ram", "64M", "--size", "16M") as server:
        check_memory()
        fds = server.fds()
        check_wrong()
        check_end(server)
        check_command()
        wait_for("descriptors leak", lambda: server.fds() <= fds)
        holder = Client()
        last = holder.alloc(size="8M", scatter=True)[1]
    assert os.fstat(last).st_blocks == 0, "a grant outlived the server"


main()
