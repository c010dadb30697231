# SPDX-License-Identifier: MIT
"""Builds a file of cases with kmsan-cc, runs each case, compares the reports.

NAME.txt beside NAME.c has for each case "== CASE", then the whole text of its reports
without rulers and empty lines. FILE:@MARK stands for the line that ends with /*@MARK*/
inside the function of the case; frames of libc are left out. "== CASE" with nothing
below it: no report. "== CASE@16" is for clang 16 and newer.
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.path.join(ROOT, os.environ.get("UZ_BUILD") or "build")
KMSAN_CC = os.path.join(ROOT, "san/kmsan-cc")
EXIT_CODE = 86
LIBRARY = os.path.join(BUILD, "libkmsan")
RUNNER = []  # a program that runs another machine's programs, with its arguments


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(77)


def environment(**more):
    env = dict(os.environ, KMSAN_LIB=LIBRARY, **{"KMSAN_LTO": "off", **more})
    env.pop("KMSAN_OPTIONS", None)
    env.update(more)
    return env


def compilers():
    """Every clang that is installed, the plain name last."""
    found, seen = [], set()
    names = [f"clang-{v}" for v in range(14, 20)] + ["clang"]
    for name in names:
        try:
            text = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
        except FileNotFoundError:
            continue
        version = text.splitlines()[0]
        if version not in seen:
            seen.add(version)
            found.append(name)
    return found


def compile_program(sources, output, *flags, clang="clang", objects=False):
    """objects: each is kept, as of a makefile, where KMSAN_LTO=auto inlines in another way."""
    flags = [*flags, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wno-uninitialized", "-pthread", "-I", HERE]
    if objects:
        kept = [f"{output}.{os.path.basename(source)}.o" for source in sources]
        for source, obj in zip(sources, kept):
            subprocess.run([KMSAN_CC, *flags, "-c", source, "-o", obj], check=True,
                           env=environment(CLANG=clang, KMSAN_LTO="auto"))
        sources = kept
    subprocess.run([KMSAN_CC, *flags, *sources, "-o", output], check=True, env=environment(CLANG=clang))


def version_of(clang):
    text = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"version (\d+)", text).group(1))


def expectations(path, version):
    wanted, name = {}, None
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("== "):
                name = line[3:]
                wanted[name] = []
            elif line and name:
                wanted[name].append(line)
    for key in [k for k in wanted if "@" in k]:
        case, least = key.split("@")
        text = wanted.pop(key)
        if version >= int(least):
            wanted[case] = text
    return wanted


def marks(source):
    with open(source, encoding="utf-8") as f:
        return {n: m.group(1) for n, line in enumerate(f, 1)
                if (m := re.search(r"/\*@(\w+)\*/\s*$", line))}


def normal(text, source, line_marks):
    lines, local = [], False
    for line in text.splitlines():
        m = re.match(r" (\S+) (\S+):(\d+)$", line)
        if not line or set(line) == {"="}:
            continue
        if m:
            if os.path.basename(m.group(2)) != os.path.basename(source):
                continue
            # Where a variable begins is another line at each level of optimisation.
            mark = line_marks.get(int(m.group(3))) if not local else None
            line = f" {m.group(1)}" + (f" @{mark}" if mark else "")
            if m.group(1) == "main":
                continue
        elif re.match(r" .*\(.*\+0x", line) or re.match(r" \S+:\d+$", line):
            continue
        if not line.startswith(" "):
            local = line.startswith("Local variable")
        lines.append(re.sub(r"0x[0-9a-f]+$", "ADDRESS", line))
    return lines


def run_one(program, case, source, line_marks):
    p = subprocess.run([*RUNNER, program, case], capture_output=True, text=True, timeout=300,
                       env=environment())
    return p.returncode, normal(p.stderr, source, line_marks)


def compare(name, case, wanted, status, got):
    if got == wanted and status == (EXIT_CODE if wanted else 0):
        return 0
    print(f"FAIL: {name} {case}: exit {status}")
    print("  wanted:\n" + "\n".join("    " + w for w in wanted or ["no report"]))
    print("  got:\n" + "\n".join("    " + g for g in got or ["no report"]))
    return 1


def check_file(name, folder, clang="clang", levels=("-O0", "-O1", "-O2"), extra=(), objects=False):
    """The number of failures, the number of comparisons."""
    source = os.path.join(HERE, f"{name}.c")
    wanted = expectations(os.path.join(HERE, f"{name}.txt"), version_of(clang))
    line_marks, failed, done = marks(source), 0, 0
    for level in levels:
        program = os.path.join(folder, "".join((name, level, *extra, clang)))
        compile_program([source, os.path.join(HERE, "cases.c")], program, level, *extra,
                        clang=clang, objects=objects)
        listed = subprocess.run([*RUNNER, program], capture_output=True, text=True,
                                env=environment()).stdout.split()
        if set(listed) != set(wanted):
            print(f"FAIL: {name}: cases {set(listed) ^ set(wanted)} are in one of {name}.c, {name}.txt")
            failed += 1
        for case in listed:
            status, got = run_one(program, case, source, line_marks)
            failed += compare(" ".join((name, level, *extra, clang)), case, wanted.get(case, []), status, got)
            done += 1
    return failed, done


if __name__ == "__main__":
    # cases.py NAME LEVEL: what a file of cases prints now, to be read before it is believed.
    file = os.path.join(HERE, f"{sys.argv[1]}.c")
    exe = os.path.join(os.environ.get("TMPDIR", "."), sys.argv[1])
    compile_program([file, os.path.join(HERE, "cases.c")], exe, sys.argv[2],
                    clang=os.environ.get("CLANG", "clang"))
    for c in subprocess.run([exe], capture_output=True, text=True, env=environment()).stdout.split():
        code, out = run_one(exe, c, file, marks(file))
        print("\n".join([f"== {c}", *out, ""]))
        if code not in (0, EXIT_CODE):
            sys.exit(f"{c}: exit {code}")
