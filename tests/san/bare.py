#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""The runtime without an OS: it leaves only the port's six functions undefined, and the demo
boots in qemu and prints exactly these reports, none for the good code."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

SOURCE = os.path.join(cases.ROOT, "san/demo/demo.c")
# Function and text of its line for each frame of demo.c; the rest whole.
REPORTS = """\
good code:
no report
mistakes:
BUG: KMSAN: uninit-value in status_check
 status_check: if (status)
 demo: status_check(false);
Local variable status created at:
 status_check
 demo: status_check(false);
BUG: KMSAN: use-after-free in request_finish
 request_finish: if (r->type)
 demo: request_finish(true);
Uninit was created at:
 request_release: kmsan_on_free(r, sizeof(*r));
 request_finish: request_release(r);
 demo: request_finish(true);
BUG: KMSAN: infoleak in request_send
 request_send: kmsan_out(&device, r, sizeof(*r));
 demo: request_send(12, false);
Uninit was created at:
 request_take: kmsan_on_alloc(&blocks[i], sizeof(blocks[i]), false);
 request_send: struct request *r = request_take();
 demo: request_send(12, false);
Bytes 1-3 of 24 are uninitialized
Memory access of size 24 starts at ADDRESS
Data left through boundary 'device'
BUG: KMSAN: infoleak in request_send
 request_send: kmsan_out(&device, r, sizeof(*r));
 demo: request_send(12, false);
Uninit was created at:
 request_take: kmsan_on_alloc(&blocks[i], sizeof(blocks[i]), false);
 request_send: struct request *r = request_take();
 demo: request_send(12, false);
Bytes 20-23 of 24 are uninitialized
Memory access of size 24 starts at ADDRESS
Data left through boundary 'device'
BUG: KMSAN: uninit-value in upper_check
 upper_check: if (*p)
 demo: upper_check(false);
Uninit was created at:
 upper_check: kmsan_on_alloc((const void *)(uintptr_t)p, sizeof(*p), written);
 demo: upper_check(false);
1 leak counted
done
"""


def plain(text):
    with open(SOURCE, encoding="utf-8") as f:
        source = f.read().splitlines()
    out = []
    for line in text.splitlines():
        if not line or line.startswith("===") or line.startswith((" kernel_main ", " long_mode ")):
            continue
        m = re.fullmatch(r" (\w+) demo\.c:(\d+|\?)", line)
        if m and (m[1] == "status_check" and out[-1].startswith("Local") or m[2] == "?"):
            line = f" {m[1]}"
        elif m:
            line = f" {m[1]}: {source[int(m[2]) - 1].strip()}"
        out.append(re.sub("0x[0-9a-f]+", "ADDRESS", line))
    return "\n".join(out) + "\n"


def main():
    for tool in ("qemu-system-x86_64", "clang", "addr2line"):
        if not shutil.which(tool):
            cases.skip(f"{tool} is not installed")
    if os.uname().machine != "x86_64":
        cases.skip("the demo's image is for x86_64, and no cross compiler is asked for")
    folder = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
    subprocess.run(["make", "-C", cases.ROOT, "--no-print-directory", "san-demo", f"BUILD={folder}/build",
                    "CC=gcc"], check=True, stdout=subprocess.DEVNULL)
    lib = f"{folder}/build/libkmsan"
    subprocess.run(["ld", "-r", "-o", f"{folder}/all.o", "--whole-archive", f"{lib}/bare/libkmsan-bare.a"],
                   check=True)
    wanted = {f"kmsan_port_{f}" for f in ("context", "write", "irq_save", "irq_restore", "stack", "stop")}
    missing = set(subprocess.run(["nm", "-u", "-P", f"{folder}/all.o"], capture_output=True, text=True,
                                 check=True).stdout.split()) - {"U"}
    sections = subprocess.run(["objdump", "-h", f"{folder}/all.o"], capture_output=True, text=True,
                              check=True).stdout
    if missing != wanted or re.search(r"\.(init_array|ctors|tdata|tbss)", sections):
        print(f"FAIL: undefined: {sorted(missing)}, or constructors or thread-local memory")
        return 1
    p = subprocess.run(["qemu-system-x86_64", "-accel", "tcg", "-kernel", f"{lib}/demo/image", "-serial", "stdio",
                        "-display", "none", "-monitor", "none", "-no-reboot", "-device",
                        "isa-debug-exit,iobase=0xf4"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    text = subprocess.run([os.path.join(cases.ROOT, "san/bare/resolve"), f"{lib}/demo/image.elf"],
                          input=p.stdout.decode(), capture_output=True, text=True, check=True).stdout
    if p.returncode == 1 and plain(text) == REPORTS:
        return 0
    print(f"FAIL: qemu ended with {p.returncode} (1 is the demo's success): {p.stderr.decode()}\n{plain(text)}")
    return 1


sys.exit(main())
