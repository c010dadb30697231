#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 200
"""The runtime without an OS, on x86_64 and aarch64: it leaves only the port's six functions
undefined, and the demo boots in qemu and prints exactly these reports, none for the good code."""

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
in an interrupt:
BUG: KMSAN: uninit-value in status_check
 status_check: if (status)
 demo_tick: status_check(false);
Local variable status created at:
 status_check
 demo_tick: status_check(false);
no memory for origins:
BUG: KMSAN: uninit-value in request_check
 request_check: if (r->sector)
 demo: request_check();
Uninit was created at:
 request_take: kmsan_on_alloc(&blocks[i], sizeof(blocks[i]), false);
no memory for metadata:
marked
counts as written
BUG: KMSAN: uninit-value in request_check
 request_check: if (r->sector)
 demo: request_check();
Uninit was created at:
 request_take: kmsan_on_alloc(&blocks[i], sizeof(blocks[i]), false);
done
"""


# A machine: what builds for it and reads its addresses, qemu with its options, the exit status of a success.
MACHINES = {
    "x86_64": ("", ["qemu-system-x86_64", "-device", "isa-debug-exit,iobase=0xf4"], 1),
    "aarch64": ("aarch64-linux-gnu-", ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-semihosting"], 0),
}


def plain(text):
    with open(SOURCE, encoding="utf-8") as f:
        source = f.read().splitlines()
    out = []
    for line in text.splitlines():
        if not line or line.startswith("==="):
            continue
        frame = re.fullmatch(r" (\S+) (\S+):(\d+|\?)", line)
        if frame and (frame[2] != "demo.c" or out[-1].startswith(" demo_tick")):
            continue  # what an interrupt came upon is another place each time
        if frame and (frame[1] == "status_check" and out[-1].startswith("Local") or frame[3] == "?"):
            line = f" {frame[1]}"
        elif frame:
            line = f" {frame[1]}: {source[int(frame[3]) - 1].strip()}"
        out.append(re.sub("0x[0-9a-f]+", "ADDRESS", line))
    return "\n".join(out) + "\n"


def check_archive(prefix, archive, folder):
    subprocess.run([f"{prefix}ld", "-r", "-o", f"{folder}/all.o", "--whole-archive", archive], check=True)
    wanted = {f"kmsan_port_{f}" for f in ("context", "write", "irq_save", "irq_restore", "stack", "stop")}
    missing = set(subprocess.run([f"{prefix}nm", "-u", "-P", f"{folder}/all.o"], capture_output=True, text=True,
                                 check=True).stdout.split()) - {"U"}
    sections = subprocess.run([f"{prefix}objdump", "-h", f"{folder}/all.o"], capture_output=True, text=True,
                              check=True).stdout
    if missing == wanted and not re.search(r"\.(init_array|ctors|tdata|tbss)", sections):
        return 0
    print(f"FAIL: undefined: {sorted(missing)}, or constructors or thread-local memory")
    return 1


def check_machine(name, folder):
    prefix, qemu, success = MACHINES[name]
    subprocess.run(["make", "-C", cases.ROOT, "--no-print-directory", "san-demo", f"BUILD={folder}/build",
                    "CC=gcc", f"KMSAN_BARE_ARCH={name}"], check=True, stdout=subprocess.DEVNULL)
    out = f"{folder}/build/libkmsan/bare/{name}"
    failed = check_archive(prefix, f"{out}/libkmsan-bare.a", folder)
    p = subprocess.run([*qemu, "-accel", "tcg", "-kernel", f"{out}/demo/image", "-serial", "stdio", "-display",
                        "none", "-monitor", "none", "-no-reboot"], stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=600)
    text = subprocess.run([os.path.join(cases.ROOT, "san/bare/resolve"), f"{out}/demo/image.elf"],
                          input=p.stdout.decode(), capture_output=True, text=True, check=True,
                          env=dict(os.environ, ADDR2LINE=f"{prefix}addr2line")).stdout
    if p.returncode == success and plain(text) == REPORTS:
        return failed
    print(f"FAIL: {name}: qemu ended with {p.returncode} (success is {success}): {p.stderr.decode()}\n{plain(text)}")
    return failed + 1


def main():
    if os.uname().machine != "x86_64":
        cases.skip("the demo's images are built on x86_64")
    if not shutil.which("clang"):
        cases.skip("clang is not installed")
    there = [n for n, (prefix, qemu, _) in MACHINES.items()
             if shutil.which(qemu[0]) and shutil.which(f"{prefix}gcc") and shutil.which(f"{prefix}addr2line")]
    if not there:
        cases.skip("no qemu-system-x86_64, and no qemu-system-aarch64 with aarch64-linux-gnu-gcc")
    folder = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
    failed = sum(check_machine(name, folder) for name in there)
    print(f"COUNT machines={len(there)}")
    return 1 if failed else 0


sys.exit(main())
