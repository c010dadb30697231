#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 240
"""kmsan-cc --lto with each clang that has its lld: the reports are the same, no lookup is a
call any more, and members of an archive made by binutils' ar are found. By itself it is done
where one command compiles and links, and undone where lld does not take the command. Where
objects are kept the lookups are inlined too, with each clang, and the reports are the same."""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

QUICK = os.environ.get("UZ_TEST_SIZE", "quick") == "quick"
FILES = ("kernel",) if QUICK else ("kernel", "boundary", "behaviour", "context")


def has_lld(clang):
    version = cases.version_of(clang)
    for name in (f"ld.lld-{version}", "ld.lld"):
        try:
            text = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
        except FileNotFoundError:
            continue
        if int(re.search(r"LLD (\d+)", text).group(1)) >= version:
            return True
    return False


def lookups(program):
    text = subprocess.run(["objdump", "-d", program], capture_output=True, text=True,
                          check=True).stdout
    return len(re.findall(r"call .*<__msan_(?:metadata_ptr|get_context)", text))


def check_archive(clang, folder):
    def path(name):
        return os.path.join(folder, f"{clang}-{name}")
    env = cases.environment(CLANG=clang)
    with open(path("a.c"), "w", encoding="utf-8") as f:
        f.write("int b(int *p);\nint main(void) { int x; b(&x); return 0; }\n")
    with open(path("b.c"), "w", encoding="utf-8") as f:
        f.write('extern void abort(void);\nint b(int *p);\n'
                'int b(int *p) { if (*p == 7) abort(); return 0; }\n')
    for name in ("a", "b"):
        subprocess.run([cases.KMSAN_CC, "--lto", "-O1", "-c", path(name + ".c"), "-o",
                        path(name + ".o")], check=True, env=env)
    subprocess.run(["ar", "rcs", path("lib.a"), path("b.o")], check=True)
    subprocess.run([cases.KMSAN_CC, "--lto", "-O1", path("a.o"), path("lib.a"), "-o", path("a")],
                   check=True, env=env)
    p = subprocess.run([path("a")], capture_output=True, text=True, env=env)
    if p.returncode == cases.EXIT_CODE and "uninit-value in b" in p.stderr:
        return 0
    print(f"FAIL: archive with {clang}: exit {p.returncode}: {p.stderr}")
    return 1


def check_auto(clang, folder):
    """Whether lookups are calls tells; the report comes with and without."""
    source, failed = os.path.join(folder, f"{clang}-b.c"), 0
    main, obj, other, exe = (os.path.join(folder, f"{clang}-auto{end}") for end in (".c", ".o", ".2.o", ""))
    with open(main, "w", encoding="utf-8") as f:
        f.write("int b(int *p);\nint main(void) { int x; b(&x); return 0; }\n")
    checks = [(True, ["-O2", main, source], {}), (False, [main, source], {}), (True, ["-O2", other, obj], {}),
              (False, ["-O2", other, obj], {"KMSAN_LTO": "off"}), (False, ["-O2", main, source], {"KMSAN_LTO": "off"}), (True, ["-O2", other, obj], {"KMSAN_LTO": "on"}),
              # An option of binutils' ld that lld does not have.
              (False, ["-O2", main, source, "-Wl,--hash-size=1000"], {})]
    if not QUICK:
        checks += [(False, ["-O2", "-O0", main, source], {}), (False, ["-O2", "--no-lto", main, source], {}),
                   (False, ["-O2", main, source, "-fuse-ld=bfd"], {}),
                   (False, ["-O2", "--no-lto", main, source], {"KMSAN_LTO": "on"})]
    for wanted, arguments, more in checks:
        env = cases.environment(CLANG=clang, **{"KMSAN_LTO": "auto", **more})
        if obj in arguments:
            subprocess.run([cases.KMSAN_CC, "-O2", "-c", source, "-o", obj], check=True, env=env)
            subprocess.run([cases.KMSAN_CC, "-O2", "-c", main, "-o", other], check=True, env=env)
        done = subprocess.run([cases.KMSAN_CC, *arguments, "-o", exe], env=env, capture_output=True, text=True)
        run = subprocess.run([exe], env=env, capture_output=True, text=True)
        if done.returncode or done.stderr or "uninit-value in b" not in run.stderr or (lookups(exe) == 0) != wanted:
            print(f"FAIL: {clang} {' '.join(arguments)} {more}: LTO is not {wanted}: {done.stderr}{run.stderr}")
            failed += 1
    return failed


clangs = [c for c in cases.compilers() if has_lld(c)]
if not clangs:
    cases.skip("no clang with an lld of its version is installed")
if not os.path.exists(os.path.join(cases.BUILD, "libkmsan/libkmsan.a")):
    cases.skip("libkmsan.a is not built: make san")
failed = done = 0
folder = os.environ.get("TMPDIR") or tempfile.mkdtemp()
for clang in clangs:
    for name in FILES:
        f, d = cases.check_file(name, folder, clang, ("-O2",), ("--lto",))
        failed, done = failed + f, done + d
        left = lookups(os.path.join(folder, f"{name}-O2--lto{clang}"))
        if left:
            print(f"FAIL: {name} with {clang}: {left} lookups are calls")
            failed += 1
    failed += check_archive(clang, folder)
    if clang == clangs[-1] or not QUICK:
        failed += check_auto(clang, folder)
for clang in cases.compilers():
    for name in FILES:
        f, d = cases.check_file(name, folder, clang, ("-O2",) if QUICK else ("-O1", "-O2"), objects=True)
        failed, done = failed + f, done + d
        left = lookups(os.path.join(folder, f"{name}-O2{clang}"))
        if left:
            print(f"FAIL: {name} from objects with {clang}: {left} lookups are calls")
            failed += 1
print(f"COUNT comparisons={done} clangs={len(clangs)}")
sys.exit(1 if failed or not done else 0)
