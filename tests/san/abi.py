#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""Every symbol that an installed clang's kernel-memory code asks for is in libkmsan.a."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

# What the instrumentation itself calls besides: the copies of va_list.
PLAIN = {"memcpy", "memset", "memmove"}


def symbols(file, undefined):
    text = subprocess.run(["nm", "-u" if undefined else "--defined-only", file],
                          capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\b[UTW] (\S+)$", text, re.M))


def probe(clang, folder):
    names = set()
    for level in ("-O0", "-O1", "-O2", "-O2 -mavx2"):
        output = os.path.join(folder, "probe.o")
        subprocess.run([cases.KMSAN_CC, "-c", *level.split(), "-Wno-everything",
                        os.path.join(cases.HERE, "probe.c"), "-o", output],
                       check=True, env=cases.environment(CLANG=clang))
        names |= symbols(output, True)
    return names


clangs = cases.compilers()
library = os.path.join(cases.BUILD, "libkmsan/libkmsan.a")
if not clangs or not os.path.exists(library):
    cases.skip("no clang, or libkmsan.a is not built")
have = symbols(library, False)
failed = 0
folder = os.environ.get("TMPDIR") or tempfile.mkdtemp()
for name in clangs:
    wanted = {s for s in probe(name, folder) if s.startswith("__msan") or s in PLAIN}
    missing = wanted - have - PLAIN
    print(f"{name}: {len(wanted)} symbols" + (f", missing: {sorted(missing)}" if missing else ""))
    # A probe that reached only a part of the instrumentation proves nothing.
    failed += bool(missing) or len([w for w in wanted if w.startswith("__msan_metadata")]) != 10
    failed += not {"__msan_warning", "__msan_chain_origin", "__msan_poison_alloca",
                   "__msan_get_context_state", "__msan_instrument_asm_store", "__msan_memcpy",
                   "__msan_memmove", "__msan_memset"} <= wanted
absent = [f"clang-{v}" for v in (14, 15, 16, 19) if not shutil.which(f"clang-{v}")]
print("not installed: " + (" ".join(absent) or "nothing, all four are"))
print(f"COUNT clangs={len(clangs)}")
sys.exit(1 if failed else 0)
