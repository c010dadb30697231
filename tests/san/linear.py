#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 150
"""The linear layout: the metadata against the model, the same reports as with two levels, and one
sentence where it does not fit."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

SIZE = os.environ.get("UZ_TEST_SIZE") or "quick"
FILES = ("kernel", "boundary") if SIZE == "quick" else ("kernel", "boundary", "behaviour", "value", "context")
LEVELS = ("-O1",) if SIZE != "long" else ("-O0", "-O1", "-O2")


def model(folder):
    def path(*names):
        return os.path.join(cases.ROOT, *names)
    program = os.path.join(folder, "model")
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-g", "-D_GNU_SOURCE", "-DKMSAN_LINEAR", "-DKMSAN_RUNTIME=1",
                    "-pthread", "-I" + path("san/include"), "-I" + path("san/src"), "-I" + path("tests/lib"),
                    path("tests/san/model.c"), path("tests/lib/test.c"), f"{cases.LIBRARY}/libkmsan.a",
                    "-o", program], check=True)
    p = subprocess.run([program], capture_output=True, text=True)
    print(p.stdout, end="")
    if p.returncode:
        print(f"FAIL: model: exit {p.returncode}: {p.stderr}")
    return p.returncode != 0


def refusals(folder):
    """(what, command or wrapped program, the exit code, a part of the sentence)"""
    source, pie, fixed = (os.path.join(folder, n) for n in ("a.c", "pie", "fixed"))
    with open(source, "w", encoding="utf-8") as f:
        f.write("int main(void) { return 0; }\n")
    for flags, program in ((["--linear"], pie), (["--linear", "-fno-pie", "-Wl,-no-pie"], fixed)):
        cases.compile_program([source], program, *flags)
    build = [cases.KMSAN_CC, "--linear", source, "-o", os.path.join(folder, "none")]
    env = cases.environment(CLANG="clang")
    wanted = [
        ([pie], env, 0, ""),
        (["sh", "-c", f"ulimit -v 4000000; {pie}"], env, 2, "64 TiB of addresses cannot be had"),
        ([fixed], env, 2, "the program is not position-independent"),
        ([*build, "-no-pie"], env, 1, "--linear needs a position-independent program"),
        ([*build, "--target=aarch64-linux-gnu"], env, 1, "--linear is for x86_64 only"),
        (build, dict(env, KMSAN_LIB=folder), 1, "'make san-linear' builds it"),
        (["make", "-C", cases.ROOT, "san", "KMSAN_LAYOUT=other"], env, 2, "there are table and linear"),
    ]
    failed = 0
    for command, e, status, sentence in wanted:
        p = subprocess.run(command, capture_output=True, text=True, env=e)
        if p.returncode != status or sentence not in p.stderr or (sentence and p.stderr.count("\n") != 1):
            print(f"FAIL: {command}: exit {p.returncode}, wanted {status} and '{sentence}': {p.stderr}")
            failed += 1
    return failed


def main():
    if not cases.compilers() or os.uname().machine != "x86_64":
        cases.skip("no clang is installed, or this is not x86_64")
    folder = os.environ.get("TMPDIR") or tempfile.mkdtemp()
    subprocess.run(["make", "-C", cases.ROOT, "--no-print-directory", "san-linear", f"BUILD={folder}/build",
                    "CC=gcc"], check=True, stdout=subprocess.DEVNULL)
    cases.LIBRARY = f"{folder}/build/libkmsan-linear"
    failed, done = model(folder), 0
    cases.LIBRARY = f"{folder}/build/libkmsan"
    for name in FILES:
        f, d = cases.check_file(name, folder, "clang", LEVELS, ("--linear",))
        failed, done = failed + f, done + d
    failed += refusals(folder)
    print(f"COUNT comparisons={done}")
    return 1 if failed or not done else 0


sys.exit(main())
