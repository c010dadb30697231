#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: no-asan it compares the library's shape, which is the same there
# uz-test: no-tsan it compares the library's shape, which is the same there
"""What a program was linked with is still there: functions and sizes of public structs against
lib/abi, which has them as of the last release of this soname; before the first one there is none. A
struct with a struct_size may grow. The comparison itself is tried on changes that it must find.

python3 tests/library/abi.py record: writes lib/abi, for a release."""

import copy
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
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, timeout=300, **options).stdout


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
                       input="\n".join(lines) + "\n}\n", text=True, check=True, timeout=300)
        sizes = dict(line.split() for line in output(program).splitlines())
    return {name: (int(sizes[name]), found[name]) for name in found}


def functions():
    return {line.split()[-1] for line in output("nm", "-D", "--defined-only", LIBRARY).splitlines() if " T " in line}


def soname():
    return re.search(r"SONAME.*\[(.*)\]", output("readelf", "-d", LIBRARY))[1]


class Shape:
    """The library's: its soname, its structs with their sizes, its functions."""

    def __init__(self):
        self.soname, self.functions = soname(), functions()
        self.sizes, self.grows = {}, set()
        for name, (size, grows) in structs().items():
            self.sizes[name] = size
            if grows:
                self.grows.add(name)

    def record(self):
        lines = [f"struct {name} {size}" for name, size in sorted(self.sizes.items())]
        lines += [f"function {name}" for name in sorted(self.functions)]
        return "\n".join(["# SPDX-License-Identifier: MIT", self.soname, *lines]) + "\n"

    def missing(self, released):
        """What a program that was linked with that record would miss."""
        _, name, *lines = released.splitlines()
        if name != self.soname:
            return [f"the record is of {name}, the library is {self.soname}"]
        wrong = []
        for kind, name, *size in map(str.split, lines):
            now = self.sizes.get(name)
            if kind == "function" and name not in self.functions:
                wrong.append(f"{name} is gone")
            elif kind == "struct" and now is None:
                wrong.append(f"struct {name} is gone")
            elif kind == "struct" and now != int(size[0]) and not (name in self.grows and now > int(size[0])):
                wrong.append(f"struct {name} has {now} bytes instead of {size[0]}")
        return wrong


def check_itself(shape):
    """Each planted change of the library is found, and no other."""
    released = shape.record()
    assert shape.missing(released) == []
    for change, want in ((lambda s: s.functions.remove("uz_ram_read@@UZRAM_0"), ["uz_ram_read@@UZRAM_0 is gone"]),
                         (lambda s: s.functions.add("uz_new@@UZRAM_0"), []),
                         (lambda s: s.sizes.pop("uz_latency"), ["struct uz_latency is gone"]),
                         (lambda s: s.sizes.update(uz_latency=8), ["struct uz_latency has 8 bytes instead of 40"]),
                         (lambda s: s.sizes.update(uz_client_grant=48), []),
                         (lambda s: s.sizes.update(uz_client_grant=32),
                          ["struct uz_client_grant has 32 bytes instead of 40"]),
                         (lambda s: setattr(s, "soname", "libuzram.so.9"),
                          [f"the record is of {shape.soname}, the library is libuzram.so.9"])):
        other = copy.deepcopy(shape)
        change(other)
        assert other.missing(released) == want, (other.missing(released), want)


def main():
    if platform.machine() != "x86_64":
        print("SKIP: sizes are compared on x86_64")
        sys.exit(77)
    for tool in ("nm", "readelf", "cc"):
        if not shutil.which(tool):
            print(f"SKIP: {tool} is not installed")
            sys.exit(77)
    shape = Shape()
    if sys.argv[1:] == ["record"]:
        with open(RECORD, "w", encoding="utf-8") as f:
            f.write(shape.record())
        return
    check_itself(shape)
    if os.path.exists(RECORD):
        with open(RECORD, encoding="utf-8") as f:
            wrong = shape.missing(f.read())
        assert not wrong, ("; ".join(wrong) + ": raise SOVERSION in Makefile and the version in "
                           "lib/libuzram.map, then python3 tests/library/abi.py record")
    print(f"COUNT structs={len(shape.sizes)}")
    print(f"COUNT functions={len(shape.functions)}")


main()
