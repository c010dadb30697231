#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 400
"""The corpus of defects: each bad variant is reported, no good one is, at -O0, -O1, -O2.

A flow is a program with all shapes. All flows run at long size, some, by SEED, at the others.
With UZ_TEST_SIZE=check or long, MSan and memcheck run the same programs, for comparison only:
what they miss is printed and fails nothing."""

import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

GENERATOR = os.path.join(cases.HERE, "corpus.py")
COMMON = ["-w", "-D_GNU_SOURCE", "-g"]


def verdicts(command, env):
    p = subprocess.run(command, capture_output=True, text=True, env=env, timeout=1200)
    return [line.split() for line in p.stdout.splitlines() if len(line.split()) == 4]


def run_kmsan(source, level, program):
    env = cases.environment(CLANG=cases.compilers()[0],
                            KMSAN_OPTIONS="on_error=exit:symbolize=0:log=/dev/null")
    subprocess.run([cases.KMSAN_CC, level, *COMMON, source, "-o", program], check=True, env=env)
    return verdicts([program], env)


def run_msan(source, level, program):
    env = dict(os.environ, MSAN_OPTIONS="symbolize=0")
    subprocess.run(["clang", level, *COMMON, "-fsanitize=memory", source, "-o", program],
                   check=True, env=env)
    return verdicts([program], env)


def run_memcheck(source, level, program):
    subprocess.run(["clang", level, *COMMON, "-gdwarf-4", source, "-o", program], check=True)
    return verdicts(["valgrind", "-q", "--error-exitcode=86", program], dict(os.environ))


# How many flows are run: (by kmsan, by the others).
SAMPLE = {"quick": (3, 0), "check": (4, 1), "long": (1000, 1000)}


def tally(rows):
    missed = [r for r in rows if r[2] == "bad" and r[3] == "0"]
    flagged = [r for r in rows if r[2] == "good" and r[3] != "0"]
    return missed, flagged


def main():
    if not cases.compilers() or not os.path.exists(os.path.join(cases.BUILD, "libkmsan/libkmsan.a")):
        cases.skip("no clang, or libkmsan.a is not built")
    folder = os.environ.get("TMPDIR") or tempfile.mkdtemp()
    said = subprocess.run([sys.executable, GENERATOR, folder], capture_output=True, text=True,
                          check=True).stdout.split()
    shapes, flows = int(said[0]), int(said[2])
    files = sorted(f for f in os.listdir(folder) if f.endswith(".c"))
    seed = int(os.environ.get("SEED") or random.randrange(1 << 31))
    print(f"SEED={seed}")
    failed = shapes < 28 or flows < 20 or len(files) != flows
    random.Random(seed).shuffle(files)
    size = SAMPLE[os.environ.get("UZ_TEST_SIZE") or "quick"]
    ours, theirs = files[:size[0]], files[:size[1]]
    tools = [("kmsan", run_kmsan, ours), ("msan", run_msan, theirs)]
    if shutil.which("valgrind"):
        tools.append(("memcheck", run_memcheck, theirs))
    for tool, run, files in [t for t in tools if t[2]]:
        pairs = shapes * len(files)
        for level in ("-O0", "-O1", "-O2"):
            rows = []
            for f in files:
                rows += run(os.path.join(folder, f), level, os.path.join(folder, "program"))
            missed, flagged = tally(rows)
            print(f"{tool} {level}: {pairs - len(missed)} of {pairs} bad found, "
                  f"{len(flagged)} good flagged")
            if tool != "kmsan":
                continue
            for r in missed + flagged:
                print("FAIL:", level, *r)
            failed |= bool(missed or flagged) or len(rows) != 2 * pairs
    print(f"COUNT pairs={shapes * len(ours)}")
    sys.exit(1 if failed else 0)


main()
