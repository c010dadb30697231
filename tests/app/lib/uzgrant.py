# SPDX-License-Identifier: MIT
"""What the tests of grants share: a server, and a client of its control socket."""

import array
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"))
UZRAM = os.path.join(BUILD, "uzram")
DIR = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
PATH = os.path.join(DIR, "c")
MIB = 1 << 20
PATIENCE_S = 120  # for what comes at once on an idle machine
os.environ["UZRAM_CONTROL"] = PATH


class Client:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(PATIENCE_S)
        self.s.connect(PATH)

    def send(self, **members):
        self.s.sendall(json.dumps({"uzram": 1, **members}).encode() + b"\n")

    def ask(self, **members):
        self.send(**members)
        return self.receive()

    def receive(self):
        data, rights, _, _ = self.s.recvmsg(65536, 1024)
        while data and not data.endswith(b"\n"):
            data += self.s.recv(65536)
        fds = array.array("i")
        for _, _, payload in rights:
            fds.frombytes(payload)
        return json.loads(data), list(fds)

    def alloc(self, **what):
        answer, fds = self.ask(cmd="contig-alloc", **what)
        assert answer["ok"] and len(fds) == 1, answer
        return answer, fds[0]


class Server:
    """uzram serve with a log; killed with SIGKILL or ended, which must go well."""

    def __init__(self, *args, pass_fds=()):
        self.log_path = os.path.join(DIR, f"log{time.monotonic_ns()}")
        pid_path = os.path.join(DIR, "pid")
        if os.path.exists(pid_path):
            os.unlink(pid_path)
        self.socket = os.path.join(DIR, "n")
        self.address = "unix:" + self.socket
        with open(self.log_path, "wb") as out:
            self.process = subprocess.Popen(
                ["timeout", str(10 * PATIENCE_S), UZRAM, "serve", "--config", "/dev/null", "--nbd", self.address,
                 "--control", PATH, "--pid-file", pid_path, *args],
                stdout=out, stderr=out, pass_fds=pass_fds)
        wait_for("the server", lambda: self.process.poll() is not None or
                 os.path.exists(pid_path) and os.path.getsize(pid_path))
        assert self.process.poll() is None, self.log()
        with open(pid_path, encoding="ascii") as f:
            self.pid = int(f.read())

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is not None:
            print(self.log())
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(PATIENCE_S)
            assert kind is not None or status == 0, "the server did not end well: " + self.log()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)


def ram_total():
    return Client().ask(cmd="stat")[0]["disks"][0]["ram_total"]


def grants():
    return Client().ask(cmd="contig-stat")[0]["grants"]


def refused(status, text, *args):
    done = subprocess.run([UZRAM, "contig", *args], text=True, timeout=PATIENCE_S, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == status and text in done.stdout, (args, done.returncode, done.stdout)
    return done.stdout
