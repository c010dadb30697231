# SPDX-License-Identifier: MIT
"""lua, zlib and lz4 from Debian's sources under libkmsan, MSan, memcheck and nothing: time and memory.

Each variant is the program and its driver compiled in one go, and nothing is inlined but where LTO is asked for. Runs of the variants take turns, a
ratio is the median over the rounds, and time is the CPU time that a run itself spent outside the
system, so that a machine which does other work too gives the same ratios.
"""

import glob
import os
import shutil
import subprocess

import tools
from result import median, paired

ROUNDS = 5
HERE = os.path.join(tools.ROOT, "bench", "kmsan")
SOURCES = os.path.join(tools.BUILD, "debian")
PACKAGES = {"lua": "lua5.4", "zlib": "zlib", "lz4": "lz4"}
MSAN = ["-fsanitize=memory", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-g",
        "-Xclang", "-fsanitize-memory-param-retval", "-mllvm", "-msan-check-constant-shadow=1"]
# name: compiler and flags. With -flto the peer has it too.
KMSAN_CC = [os.path.join(tools.ROOT, "san", "kmsan-cc")]
NO_ORIGINS = ["--no-origins"]
LTO = ["-flto", "-fuse-ld=lld"]
OUR_LTO = ["--lto"]
LINEAR = ["--linear"]


def variants(clang, lto):
    found = {
        "plain": [clang],
        "msan": [clang, *MSAN],
        "msan origins": [clang, *MSAN, "-fsanitize-memory-track-origins=2"],
        "ours": [*KMSAN_CC, *NO_ORIGINS],
        "ours origins": KMSAN_CC,
        "linear origins": [*KMSAN_CC, *LINEAR],
    }
    if lto:
        found.update({
            "plain lto": [clang, *LTO],
            "msan lto": [clang, *MSAN, *LTO],
            "msan origins lto": [clang, *MSAN, "-fsanitize-memory-track-origins=2", *LTO],
            "ours lto": [*KMSAN_CC, *NO_ORIGINS, *OUR_LTO],
            "ours origins lto": [*KMSAN_CC, *OUR_LTO],
            "linear origins lto": [*KMSAN_CC, *LINEAR, *OUR_LTO],
        })
    return found


def sources(program):
    """The C files and the flags of a program."""
    top = os.path.join(SOURCES, PACKAGES[program])
    if program == "lua":
        files = [f for f in sorted(glob.glob(os.path.join(top, "src", "*.c")))
                 if os.path.basename(f) != "luac.c"]
        return files, ["-DLUA_USE_LINUX", "-DLUA_COMPAT_5_3", "-DDEB_HOST_MULTIARCH=\"none\"", "-ldl"]
    if program == "zlib":
        files = sorted(glob.glob(os.path.join(top, "*.c"))) + [os.path.join(HERE, "deflate.c")]
        return files, ["-I" + top, "-DHAVE_UNISTD_H", "-D_LARGEFILE64_SOURCE=1"]
    files = [os.path.join(top, "lib", f) for f in ("lz4.c", "lz4hc.c")] + [os.path.join(HERE, "lz4.c")]
    return files, ["-I" + os.path.join(top, "lib")]


def build(program, name, command, folder, env):
    files, flags = sources(program)
    output = os.path.join(folder, f"{program}-{name.replace(' ', '-')}")
    # Debian's rules make this header of lua's.
    with open(os.path.join(folder, "lua5.4-deb-multiarch.h"), "w", encoding="utf-8"):
        pass
    done = subprocess.run([*command, "-O2", "-w", "-I" + folder, *files, *flags, "-lm", "-o", output],
                          env=env, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}, {name}: {done.stderr[-800:]}")
    return output


def run(command, env):
    """User CPU seconds and peak MiB; the program must report nothing."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    text = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {text[-500:]!r}")
    return usage.ru_utime, usage.ru_maxrss / 1024


def arguments(program, size):
    """What a program is run with: time, or memory (plain needs 100 MiB and more)."""
    if program == "lua":
        return [os.path.join(HERE, "work.lua"), size]
    return [size]


def measure(programs, program, size, env, rounds):
    found = {}
    for _ in range(rounds):
        for name, path in programs.items():
            found.setdefault(name, []).append(run([path, *arguments(program, size)], env))
    return found


def memcheck(path, program, env):
    if not shutil.which("valgrind"):
        return {}
    rows = {"memcheck": [], "memcheck origins": []}
    for name, option in (("memcheck", "no"), ("memcheck origins", "yes")):
        rows[name].append(run(["valgrind", "-q", f"--track-origins={option}", path,
                               *arguments(program, "time")], env))
    return rows


# case, whose time, over whose, the most that it may be of it
BARS = (("no origins", "ours", "msan", 1.1), ("origins", "ours origins", "msan origins", 1.6),
        ("no origins, LTO", "ours lto", "msan lto", 1.1),
        ("origins, LTO", "ours origins lto", "msan origins lto", 1.1))


def time_rows(c, program, found):
    seconds = {name: [t for t, _ in runs] for name, runs in found.items()}
    for case, ours, peer, most in BARS:
        if ours not in seconds:
            c.results.add("kmsan", f"{program}, {case}: time", None, None, None, peer, reach=1 / most,
                          reason="no LTO: kmsan-cc or lld cannot")
            continue
        plain = "plain lto" if ours.endswith("lto") else "plain"
        c.results.add("kmsan", f"{program}, {case}: time", None, median(seconds[ours]),
                      median(seconds[peer]), peer, paired(seconds[peer], seconds[ours]), 1 / most, "s",
                      of_plain=paired(seconds[ours], seconds[plain]),
                      peer_of_plain=paired(seconds[peer], seconds[plain]))
    for end in ("", " lto"):
        if f"linear origins{end}" in seconds:
            ours, peer = seconds[f"linear origins{end}"], seconds[f"ours origins{end}"]
            c.results.add("kmsan", f"{program}, linear layout{end.upper()}: time", None, median(ours),
                          median(peer), "two levels", paired(peer, ours), unit="s")
    for name in ("memcheck", "memcheck origins"):
        if name in seconds:
            ours = median(seconds["ours origins" if "origins" in name else "ours"])
            c.results.add("kmsan", f"{program}: time", None, ours, seconds[name][0], name,
                          seconds[name][0] / ours, unit="s")


def memory_rows(c, program, found):
    plain = median(m for _, m in found["plain"])
    for name in ("ours", "ours origins", "msan origins"):
        mib = median(m for _, m in found[name])
        bar = None if name.startswith("msan") else 3.2 * plain
        if bar and plain >= 100:
            c.results.limit("kmsan", f"{program}, {name}: peak RSS - 8", None, mib - 8, bar, "MiB",
                            plain_mib=plain)
        else:
            c.results.add("kmsan", f"{program}, {name}: peak RSS", None, mib, plain, "plain", unit="MiB")


def has_lto(env):
    if not shutil.which("ld.lld"):
        return False
    with tools.folder() as where:
        source = os.path.join(where, "a.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write("int main(void) { return 0; }\n")
        program = os.path.join(where, "a")
        done = subprocess.run([*KMSAN_CC, *OUR_LTO, source, "-o", program], env=env, check=False,
                              stderr=subprocess.DEVNULL)
        return done.returncode == 0 and subprocess.run([program], check=False).returncode == 0


def kmsan(c):
    clang = os.environ.get("CLANG", "clang")
    env = dict(os.environ, CLANG=clang, KMSAN_LIB=os.path.join(tools.BUILD, "libkmsan"),
               KMSAN_LTO="off",
               KMSAN_OPTIONS="on_error=exit", MSAN_OPTIONS="halt_on_error=1")
    fetch = subprocess.run([os.path.join(tools.ROOT, "scripts", "debian-source"), SOURCES,
                            *PACKAGES.values()], check=False)
    if fetch.returncode or not shutil.which(clang):
        why = "sources not fetched" if fetch.returncode else "clang is not installed"
        c.results.add("kmsan", "all", None, None, reach=1.0, reason=why)
        return
    subprocess.run(["make", "-C", tools.ROOT, "--no-print-directory", "-s", "CC=gcc", f"BUILD={tools.BUILD}",
                    "san", "san-linear"],
                   check=True, stdout=subprocess.DEVNULL)
    lto = has_lto(env)
    with tools.folder() as folder:
        for program in PACKAGES:
            programs = {name: build(program, name, command, folder, env)
                        for name, command in variants(clang, lto).items()}
            found = measure(programs, program, "time", env, ROUNDS)
            plain = build(program, "memcheck", [clang, "-gdwarf-4"], folder, env)
            found.update(memcheck(plain, program, env))
            time_rows(c, program, found)
            memory_rows(c, program, measure({n: programs[n] for n in (
                "plain", "ours", "ours origins", "msan origins")}, program, "memory", env, 1))
