#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 90
# uz-test: no-asan a preloaded library would come before the sanitizer's
# uz-test: no-tsan a preloaded library would come before the sanitizer's
"""A kernel on which MADV_FREE got slower is found: measured before and after, compared, and the rows
of that method are named."""

import os
import re
import subprocess
import tempfile

ROOT = os.environ.get("UZ_ROOT", os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"))
DIR = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
MADV_DONTNEED, MADV_FREE = 4, 8
OLD = os.path.join(DIR, "old.json")


def bench(*args, slow=None):
    env = dict(os.environ)
    if slow is not None:
        env.update(LD_PRELOAD=os.path.join(BUILD, "tests/app/plugin/slow_madvise.so"),
                   UZ_SLOW_ADVICE=str(slow), UZ_SLOW_US="500")
    return subprocess.run([os.path.join(BUILD, "uzram"), "madvise-bench", "--backings", "private-4k",
                           "--methods", "dontneed,free", "--pieces", "64K", "--threads", "1,2",
                           "--footprint", "2M", "--repeats", "5", *args], env=env, text=True,
                          timeout=300, check=False, capture_output=True)


def main():
    p = bench("--json")
    assert p.returncode == 0, p.stderr
    with open(OLD, "w", encoding="utf-8") as f:
        f.write(p.stdout)
    for advice, name, other in ((MADV_FREE, "free", "dontneed"), (MADV_DONTNEED, "dontneed", "free")):
        p = bench("--compare", OLD, slow=advice)
        worse = re.findall(r"^worse: private-4k (\S+) 64K, (\d) threads?: advice .*\(x([\d.]+)\)",
                           p.stdout, re.M)
        assert p.returncode == 1 and "rows are worse than in" in p.stderr, p.stdout + p.stderr
        found = {(m, n): float(x) for m, n, x in worse}
        # 0.5 ms a call of 16 pages, and with two threads as much again of waiting.
        for threads in "12":
            assert found.get((name, threads), 0) > 4 * found.get((other, threads), 1), p.stdout
        print("\n".join(line for line in p.stdout.splitlines() if line.startswith("worse")))


main()
