#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: no-asan it compares the library's shape, which is the same there
# uz-test: no-tsan it compares the library's shape, which is the same there
"""What a program was linked with is still there: functions and sizes of public structs against
lib/abi, which has them as of the last release of this soname. A struct with a struct_size may grow.

python3 tests/library/abi.py record: writes lib/abi anew, for a release or with a new SOVERSION."""

import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.environ.get("UZ_ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"))
RECORD = os.path.join(ROOT, "lib", "abi")
LIBRARY = os.path.join(BUILD, "libuzram.so")


def headers():
    return sorted(glob.glob(os.path.join(ROOT, "include/*/uz/*.h")) + glob.glob(os.path.join(ROOT, "include/lib/*.h")))


def output(*argv, **options):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, timeout=60, **options).stdout


def structs():
    """Name: (size, has a struct_size), of what the headers define."""
    found = {}
    for path in headers():
        with open(path, encoding="utf-8") as f:
            for name, body in re.findall(r"^struct (uz_\w+) \{\n(.*?)^\}", f.read(), re.M | re.S):
                found[name] = "struct_size" in body
    lines = [f'#include "{path}"' for path in headers()]
    lines.append("#include <stdio.h>\nint main(void)\n{")
    lines += [f'printf("{name} %zu\\n", sizeof(struct {name}));' for name in sorted(found)]
    folders = glob.glob(os.path.join(ROOT, "include/*")) + [os.path.join(ROOT, "port/user")]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "sizes")
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", *["-I" + d for d in folders], "-xc", "-", "-o", program],
                       input="\n".join(lines) + "\n}\n", text=True, check=True, timeout=60)
        sizes = dict(line.split() for line in output(program).splitlines())
    return {name: (int(sizes[name]), found[name]) for name in found}


def functions():
    return {line.split()[-1] for line in output("nm", "-D", "--defined-only", LIBRARY).splitlines() if " T " in line}


def soname():
    return re.search(r"SONAME.*\[(.*)\]", output("readelf", "-d", LIBRARY))[1]


def record():
    with open(RECORD, "w", encoding="utf-8") as f:
        print("# SPDX-License-Identifier: MIT", file=f)
        print(soname(), file=f)
        for name, (size, _) in sorted(structs().items()):
            print("struct", name, size, file=f)
        for name in sorted(functions()):
            print("function", name, file=f)


def main():
    if platform.machine() != "x86_64":
        print("SKIP: lib/abi has the sizes of x86_64")
        sys.exit(77)
    for tool in ("nm", "readelf", "cc"):
        if not shutil.which(tool):
            print(f"SKIP: {tool} is not installed")
            sys.exit(77)
    if sys.argv[1:] == ["record"]:
        record()
        return
    with open(RECORD, encoding="utf-8") as f:
        _, name, *lines = f.read().splitlines()
    assert name == soname(), f"lib/abi is of {name}, the library is {soname()}: record it anew"
    sizes, there, wrong = structs(), functions(), []
    for kind, name, *size in map(str.split, lines):
        if kind == "function" and name.split("@")[0] not in {f.split("@")[0] for f in there}:
            wrong.append(f"{name} is gone")
        if kind == "struct" and name not in sizes:
            wrong.append(f"struct {name} is gone")
        elif kind == "struct":
            now, grows = sizes[name]
            if now != int(size[0]) and not (grows and now > int(size[0])):
                wrong.append(f"struct {name} has {now} bytes instead of {size[0]}")
    assert not wrong, ("; ".join(wrong) + ": after a release raise SOVERSION in Makefile and the version in "
                       "lib/libuzram.map; then tests/library/abi.py record")
    print(f"COUNT compared={len(lines)}")


main()
