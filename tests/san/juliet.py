#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 240
"""NIST's Juliet suite for C (1.3): each bad variant of CWE457 and CWE665 is reported, no good one.

KMSAN_JULIET=FOLDER names a copy (it has testcases/ and testcasesupport/); KMSAN_JULIET_SAMPLE=N
takes N of its cases, by SEED. Without it the same runner meets a suite of the same
layout that is made here, with a case that it must find missing and one that it must find
flagged. Flow 12 asks rand() which way to go: such cases are left out."""

import concurrent.futures
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

LEVELS = ("-O0", "-O1", "-O2")
JOBS = int(os.environ.get("JOBS", 2))
NAME = re.compile(r"((?:CWE457|CWE665)_.*_)(\d\d)([a-z]?)\.c$")


def find_cases(suite):
    """(name, sources) of each; a case of several files has a, b, c behind its number."""
    found = {}
    for folder, folders, files in os.walk(os.path.join(suite, "testcases")):
        folders.sort()
        for file in files:
            m = NAME.match(file)
            if m and m.group(2) != "12" and "w32" not in file:
                found.setdefault(m.group(1) + m.group(2), []).append(os.path.join(folder, file))
    return sorted((name, sorted(sources)) for name, sources in found.items())


def status_of(suite, name, sources, level, variant, folder):
    program = os.path.join(folder, f"{name}{level}{variant}")
    support = os.path.join(suite, "testcasesupport")
    omit = "OMITGOOD" if variant == "bad" else "OMITBAD"
    env = cases.environment(CLANG=cases.compilers()[0],
                            KMSAN_OPTIONS="on_error=exit:symbolize=0:log=/dev/null")
    io = [os.path.join(support, f) for f in ("io.c",) if os.path.exists(os.path.join(support, f))]
    subprocess.run([cases.KMSAN_CC, level, "-w", "-pthread", "-DINCLUDEMAIN", f"-D{omit}", "-I", support,
                    *sources, *io, "-o", program, "-lm"], check=True, env=env)
    done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=env, timeout=300)
    os.unlink(program)
    return done.returncode == cases.EXIT_CODE


def run_suite(suite, chosen, folder):
    """Names with the level: bad ones that were missed, good ones that were flagged."""
    jobs = [(name, sources, level, variant) for name, sources in chosen for level in LEVELS
            for variant in ("bad", "good")]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as workers:
        reported = list(workers.map(lambda j: status_of(suite, *j, folder), jobs))
    missed = [f"{j[0]} {j[2]}" for j, r in zip(jobs, reported) if j[3] == "bad" and not r]
    flagged = [f"{j[0]} {j[2]}" for j, r in zip(jobs, reported) if j[3] == "good" and r]
    return missed, flagged


CASE = """#include "std_testcase.h"
#ifndef OMITBAD
void NAME_bad(void)
{
	int data; data = BAD;
	printIntLine(data);
}
#endif
#ifndef OMITGOOD
void NAME_good(void)
{
	int data; data = GOOD;
	printIntLine(data);
}
#endif
#ifdef INCLUDEMAIN
int main(void)
{
#ifndef OMITGOOD
	NAME_good();
#endif
#ifndef OMITBAD
	NAME_bad();
#endif
	return 0;
}
#endif
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def make_suite(folder):
    """Four cases: one file, two files, one whose bad is good, one whose good is bad."""
    write(f"{folder}/testcasesupport/std_testcase.h",
          "void printIntLine(int n);\nint *fresh(void);\n")
    write(f"{folder}/testcasesupport/io.c", "#include <stdio.h>\n#include <stdlib.h>\n"
          "void printIntLine(int n) { printf(\"%d\\n\", n); }\nint *fresh(void) { return malloc(4); }\n")
    one = f"{folder}/testcases/CWE457_Use_of_Uninitialized_Variable/s01/CWE457_U__int_"
    two = f"{folder}/testcases/CWE665_Improper_Initialization/CWE665_I__int_"
    for path, bad, good in ((one + "01.c", "*fresh()", "1"), (one + "02.c", "1", "1"),
                            (one + "03.c", "*fresh()", "*fresh()"), (one + "12.c", "1", "*fresh()"),
                            (two + "51a.c", "other()", "1")):
        name = os.path.basename(path)[:-2]
        write(path, "int other(void);\n" + CASE.replace("NAME", name).replace("BAD;", bad + ";")
              .replace("GOOD;", good + ";"))
    write(two + "51b.c", '#include "std_testcase.h"\nint other(void) { return *fresh(); }\n')


def self_test(folder):
    suite = os.path.join(folder, "suite")
    make_suite(suite)
    chosen = find_cases(suite)
    missed, flagged = run_suite(suite, chosen, folder)
    names = [name for name, _ in chosen]
    wanted_missed = [f"CWE457_U__int_02 {level}" for level in LEVELS]
    wanted_flagged = [f"CWE457_U__int_03 {level}" for level in LEVELS]
    if len(names) != 4 or (missed, flagged) != (wanted_missed, wanted_flagged):
        print("FAIL: the runner found", names, "missed", missed, "flagged", flagged)
        return 1
    print("COUNT own_cases=4")
    return 0


def main():
    if not cases.compilers() or not os.path.exists(os.path.join(cases.BUILD, "libkmsan/libkmsan.a")):
        cases.skip("no clang, or libkmsan.a is not built")
    folder = os.environ.get("TMPDIR") or tempfile.mkdtemp()
    suite = os.environ.get("KMSAN_JULIET")
    if not suite:
        return self_test(folder)
    chosen = find_cases(suite)
    if not chosen:
        print(f"FAIL: KMSAN_JULIET={suite} has no testcases/CWE457* or testcases/CWE665*")
        return 1
    seed = int(os.environ.get("SEED") or random.randrange(1 << 31))
    print(f"SEED={seed}")
    sample = int(os.environ.get("KMSAN_JULIET_SAMPLE") or len(chosen))
    chosen = random.Random(seed).sample(chosen, min(sample, len(chosen)))
    missed, flagged = run_suite(suite, chosen, folder)
    for line in [f"missed: {m}" for m in missed] + [f"flagged: {f}" for f in flagged]:
        print("FAIL:", line)
    for cwe in ("CWE457", "CWE665"):
        print(f"COUNT {cwe}={sum(name.startswith(cwe) for name, _ in chosen)}")
    return 1 if missed or flagged else 0


sys.exit(main())
