#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 300
"""Each file of cases, the whole text of every report, at -O0, -O1, -O2 with each clang;
below long size with the oldest that is installed, and at -O2 with the newest (quick) or
with each (check)."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

clangs = cases.compilers()
if not clangs:
    cases.skip("no clang is installed")
if not os.path.exists(os.path.join(cases.BUILD, "libkmsan/libkmsan.a")):
    cases.skip("libkmsan.a is not built: make san")
SIZE = os.environ.get("UZ_TEST_SIZE") or "quick"
ALL = ("-O0", "-O1", "-O2")
newest = clangs[-2 if len(clangs) > 1 and clangs[-1] == "clang" else -1]
levels = {c: ALL for c in clangs}
if SIZE != "long":
    levels = {c: ("-O2",) for c in (clangs if SIZE == "check" else [newest])}
    levels[clangs[0]] = ALL
failed = done = 0
folder = os.environ.get("TMPDIR") or tempfile.mkdtemp()
for clang in levels:
    for name in ("kernel", "boundary", "behaviour", "value", "context"):
        f, d = cases.check_file(name, folder, clang, levels[clang])
        failed, done = failed + f, done + d
print(f"COUNT comparisons={done} clangs={len(levels)}")
sys.exit(1 if failed or not done else 0)
