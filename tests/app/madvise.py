#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""madvise-bench: what it prints, what it finds when two reports differ, what it says to bad input
and to broken files, and what it leaves behind."""

import copy
import json
import os
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.environ.get("UZ_ROOT", os.path.join(os.path.dirname(__file__), "..", ".."))
UZRAM = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"), "uzram")
DIR = os.environ.get("UZ_TEST_DIR") or tempfile.mkdtemp()
SMALL = ("--footprint", "2M", "--repeats", "3", "--pieces", "64K,2M", "--threads", "1,2,1")


def run(*args, status=0, **options):
    p = subprocess.run([UZRAM, "madvise-bench", *args], timeout=300, text=True, cwd=DIR, check=False,
                       capture_output=True, **options)
    assert p.returncode == status, f"exit {p.returncode}, not {status}: {args}\n{p.stdout}{p.stderr}"
    return p


def write(name, report):
    with open(os.path.join(DIR, name), "w", encoding="utf-8") as f:
        f.write(report if isinstance(report, str) else json.dumps(report))
    return name


def cell(row):
    return tuple(row[k] for k in ("backing", "method", "piece_bytes", "threads", "pressure"))


def row_of(report, *key):
    return next(r for r in report["rows"] if cell(r) == key)


def check_report():
    """Figures are there and in order, and what frees memory is what is known to."""
    p = run("--json", "--backings", "private-4k,memfd,tmpfs,hugetlb", *SMALL)
    report = json.loads(p.stdout)
    assert not p.stderr, p.stderr
    assert report["tool"] == "uzram madvise-bench" and report["repeats"] == 3
    assert report["kernel"] == os.uname().release and report["machine"] == os.uname().machine
    assert report["date"].endswith("Z") and report["footprint_bytes"] == 2 << 20
    assert len({cell(r) for r in report["rows"]}) == len(report["rows"])
    for row in report["rows"]:
        if row["pressure"]:
            assert row["reason"] == "no --cgroup to limit memory in", row
        if "reason" in row:
            assert "touch_ps" not in row and row["reason"], row
            continue
        for phase in ("touch", "advice", "retouch"):
            low, middle, high = (row[f"{phase}_ps{s}"] for s in ("_min", "", "_max"))
            assert 0 <= low <= middle <= high, row
            assert low or phase == "advice" or row["disturbed"], row
    verdict = {key: row_of(report, *key, 64 << 10, 1, False).get("frees", "reason")
               for key in (("private-4k", "dontneed"), ("private-4k", "free"), ("private-4k", "cold"),
                           ("private-4k", "punch_hole"), ("memfd", "dontneed"), ("memfd", "free"),
                           ("memfd", "punch_hole"), ("memfd", "remove"))}
    assert list(verdict.values()) == ["yes", "lazily", "no", "reason", "no", "reason", "yes", "yes"], \
        verdict
    assert row_of(report, "memfd", "dontneed", 64 << 10, 2, False)["unmapped_permille"] > 900
    print(f"COUNT rows={len(report['rows'])}")
    return report


def check_outputs(report):
    """The same report as a table, as JSON again, as a plot."""
    write("a.json", report)
    assert json.loads(run("--from", "a.json", "--json").stdout) == report
    table = run("--from", "a.json", "--plot", "a.svg").stdout
    for text in ("costs without freeing, though RSS falls", "BACKING", "not measured: ",
                 "cells under memory pressure: no --cgroup", "private-4k punch_hole", report["date"]):
        assert text in table, f"'{text}' is missing in\n{table}"
    lines = run("--from", "a.json", "-o", "method,FREES").stdout.splitlines()
    assert "METHOD         FREES" in lines, lines
    svg = ElementTree.parse(os.path.join(DIR, "a.svg")).getroot()
    names = [e.text or "" for e in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert any("punch_hole 64K" in n for n in names) and any("frees: lazily" in n for n in names)
    measured = [r for r in report["rows"] if "reason" not in r]
    marks = [e for e in svg.iter("{http://www.w3.org/2000/svg}circle") if len(e)]
    assert len(marks) == sum(2 if r["method"] == "none" else 3 for r in measured), len(marks)
    tricky = dict(report, cpu="<&>\"'\\ \u00e4")
    run("--from", write("t.json", tricky), "--plot", "t.svg")
    ElementTree.parse(os.path.join(DIR, "t.svg"))
    run("--from", write("none.json", dict(report, rows=[])), "--plot", "none.svg")
    ElementTree.parse(os.path.join(DIR, "none.svg"))


def planted(report, key, **figures):
    changed = copy.deepcopy(report)
    row_of(changed, *key).update(figures)
    return write("b.json", changed)


def check_compare(report):
    """The rule, on both sides of each of its limits."""
    out = run("--from", "a.json", "--compare", "a.json").stdout
    assert "worse:" not in out and "0 rows worse" in out, out
    key = ("private-4k", "free", 64 << 10, 1, False)
    base = copy.deepcopy(report)
    row_of(base, *key).update(advice_ps=1000, advice_ps_min=900, advice_ps_max=1100)
    write("a.json", base)
    for median, low, status in ((1250, 1200, 0), (1260, 1101, 1), (1260, 1100, 0), (9999, 1100, 0),
                                (900, 800, 0)):
        new = planted(base, key, advice_ps=median, advice_ps_min=low, advice_ps_max=9999)
        p = run("--from", new, "--compare", "a.json", status=status)
        line = "worse: private-4k free 64K, 1 thread: advice 1.0 -> 1.3 ns a page (x1.26)"
        assert (line in p.stdout) == (status == 1), p.stdout
        assert (p.stderr == "uzram: 1 rows are worse than in a.json\n") == (status == 1), p.stderr
    new = planted(base, key, advice_ps=9000, advice_ps_min=9000, advice_ps_max=9000)
    p = run("--from", new, "--compare", "a.json", "--json", status=1)
    assert json.loads(p.stdout) and "worse: private-4k free 64K, 1 thread: advice" in p.stderr
    assert "worse" not in run("--from", "a.json", "--compare", "b.json").stdout.replace("0 rows worse", "")
    new = planted(base, key, freed_permille=0, lazy_permille=0)
    assert "private-4k free 64K, 1 thread: it freed lazily, now no" in run(
        "--from", new, "--compare", "a.json", status=1).stdout
    # First touches count in the rows without a method only.
    huge = {f"touch_ps{s}": 10 ** 12 for s in ("", "_min", "_max")}
    run("--from", planted(base, key, **huge), "--compare", "a.json")
    none = ("private-4k", "none", 0, 2, False)
    assert "worse: private-4k none -, 2 threads: touch" in run(
        "--from", planted(base, none, **huge), "--compare", "a.json", status=1).stdout


def check_compare_rows(base):
    """Rows that one report lacks, or has no figures of."""
    key = ("private-4k", "free", 64 << 10, 1, False)
    fewer = copy.deepcopy(base)
    fewer["rows"].remove(row_of(fewer, *key))
    write("b.json", fewer)
    out = run("--from", "b.json", "--compare", "a.json").stdout
    assert "missing: private-4k free 64K, 1 thread: not in the new figures" in out, out
    assert "new: private-4k free 64K, 1 thread" in run("--from", "a.json", "--compare", "b.json").stdout
    failing = copy.deepcopy(base)
    failing["rows"][failing["rows"].index(row_of(failing, *key))] = {
        k: v for k, v in row_of(failing, *key).items() if "_p" not in k} | {
            "pressure": False, "piece_bytes": 64 << 10, "reason": "advice: Invalid argument"}
    write("b.json", failing)
    out = run("--from", "b.json", "--compare", "a.json", status=1).stdout
    assert "1 thread: it was measured, now: advice: Invalid argument" in out, out
    write("b.json", dict(base, rows=[], kernel="5.4.0", footprint_bytes=4 << 20))
    p = run("--from", "b.json", "--compare", "a.json", status=1)
    assert "a.json has no row that was measured now" in p.stderr, p.stderr
    assert "note: footprint of a thread: 2M -> 4M" in p.stdout and "-> 5.4.0" in p.stdout, p.stdout


def check_bad_input(report):
    for args, text in (
            (("--methods", "dontned"), "--methods: there is no 'dontned'; there are: none dontneed"),
            (("--methods", "free,"), "--methods: there is no ''"),
            (("--backings", "disk"), "--backings: there is no 'disk'; there are: private-4k"),
            (("--pieces", "4Q"), "--pieces: '4Q' is not a size: write a number"),
            (("--pieces", "0"), "--pieces: '0' is not a multiple of the page size"),
            (("--pieces", "4097"), "--pieces: '4097' is not a multiple of the page size"),
            (("--pieces", "4M", "--footprint", "2M"), "--pieces: 4M is more than the footprint"),
            (("--pieces", ",".join(f"{4 * i}K" for i in range(1, 18))), "--pieces: more than 16"),
            (("--threads", "0"), "--threads: '0' is not a number of threads from 1 to 256"),
            (("--threads", "1,x"), "--threads: 'x' is not a number of threads"),
            (("--threads", "257"), "--threads: '257' is not"),
            (("--repeats", "0"), "--repeats: '0' is not a number from 1 to 1000"),
            (("--repeats", "1.5"), "--repeats: '1.5' is not a number"),
            (("--footprint", "1M"), "--footprint: '1M' is not a multiple of 2M"),
            (("--footprint", "x"), "--footprint: 'x' is not a size"),
            (("--footprint", "0"), "--footprint: '0' is not a multiple of 2M"),
            (("--footprint", "4096G"), "is more than half of the memory"),
            (("--output", "foo"), "--output: no column 'foo'; there are: BACKING METHOD"),
            (("--cgroup", DIR), "it is not the folder of a cgroup"),
            (("--from", "a.json", "--repeats", "3"), "--repeats and --from exclude each other"),
            (("--control", "c"), "--control does not belong to 'uzram madvise-bench'"),
            (("x",), "'x' is one argument too many")):
        p = run(*args, status=2)
        assert p.stderr.startswith("uzram: ") and text in p.stderr, (args, p.stderr)
        assert not p.stdout, p.stdout
    for args, text in ((("--from", "nofile"), "nofile: No such file"),
                       (("--compare", "nofile"), "nofile: No such file"),
                       (("--from", "."), "it is not a file"),
                       (("--from", "a.json", "--plot", "nofolder/p"), "--plot nofolder/p: No such file"),
                       (("--repeats", "1000", "--plot", "nofolder/p"), "--plot nofolder/p: No such file"),
                       (("--repeats", "1000", "--plot", "."), "--plot .: Is a directory"),
                       (("--cgroup", "nofolder"), "it is not the folder of a cgroup")):
        p = run(*args, status=2 if args[0] == "--cgroup" else 1)
        assert text in p.stderr, (args, p.stderr)
    run("--from", "nofile", "--plot", "new.svg", status=1)
    assert not os.path.exists(os.path.join(DIR, "new.svg"))
    check_broken(report)


def check_broken(report):
    """Each key of the file, gone or of another type, is named; so is a file that is cut short."""
    text = json.dumps(report)
    for broken in (text[:-1], text[:len(text) // 2], "", "[]", "null", "{}", text + "x"):
        p = run("--from", write("broken.json", broken), status=1)
        assert "broken.json: " in p.stderr, p.stderr
    for key in report:
        for value in (None, -1, 1 << 70, {}):
            p = run("--from", write("broken.json", dict(report, **{key: value})), status=1)
            assert f"broken.json: {key} is missing or wrong" in p.stderr, (key, p.stderr)
    first = report["rows"][0]
    for key in first.keys() - {"frees"}:
        rows = [{k: v for k, v in first.items() if k != key}]
        p = run("--from", write("broken.json", dict(report, rows=rows)), status=1)
        assert "row 1: " in p.stderr and "missing or wrong" in p.stderr, (key, p.stderr)
    for change in ({"threads": 0}, {"threads": 300}, {"method": "mlock"}, {"freed_permille": 1001},
                   {"touch_ps_min": first["touch_ps_max"] + 1}, {"pressure": 1}, {"reason": ""}):
        p = run("--from", write("broken.json", dict(report, rows=[dict(first, **change)])), status=1)
        assert "row 1: " in p.stderr, (change, p.stderr)
    p = run("--from", write("broken.json", dict(report, rows=[first, first])), status=1)
    assert "rows 1 and 2 are the same" in p.stderr, p.stderr


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def memory_cgroup():
    """A folder in which this test may make a group with a memory limit, or None."""
    for folder in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup"):
        control = os.path.join(folder, "cgroup.subtree_control")
        if not os.access(os.path.join(folder, "cgroup.procs"), os.W_OK) or os.geteuid():
            continue
        if os.path.exists(os.path.join(folder, "memory.limit_in_bytes")):
            return folder
        if os.path.exists(control):
            with open(control, encoding="ascii") as f:
                if "memory" in f.read().split():
                    return folder
    return None


def groups_in(folder, pid):
    return [g for g in os.listdir(folder) if g == f"uzram-madvise-bench.{pid}"]


def check_pressure():
    folder = memory_cgroup()
    if not folder:
        print("no cgroup folder of the memory controller here: pressure is not tested")
        return
    for _ in range(10):  # where others take the CPU, figures say less
        calm, free = under_pressure(folder)
        # What was freed lazily was taken by the hog: touching it again costs a fault, not a bit.
        if os.environ.get("UZ_SAN") or free["retouch_ps_min"] > calm["retouch_ps_min"] * 1.5:
            return
    raise AssertionError((free, calm))


def under_pressure(folder):
    """The rows of what is freed lazily, without and with pressure."""
    with subprocess.Popen([UZRAM, "madvise-bench", "--json", "--cgroup", folder, "--backings",
                           "private-4k", "--methods", "dontneed,free,cold", "--threads", "1",
                           "--pieces", "2M", "--footprint", "8M", "--repeats", "3"],
                          stdout=subprocess.PIPE, text=True) as p:
        report = json.loads(p.communicate(timeout=300)[0])
    assert p.returncode == 0 and not groups_in(folder, p.pid)
    calm, free = (row_of(report, "private-4k", "free", 2 << 20, 1, pressed) for pressed in (False, True))
    if os.environ.get("UZ_SAN"):
        return calm, free  # its own memory is more than the limit leaves
    assert "frees nothing" in row_of(report, "private-4k", "cold", 2 << 20, 1, True)["reason"]
    dontneed = row_of(report, "private-4k", "dontneed", 2 << 20, 1, True)
    assert 0 < dontneed["hog_ps_min"] <= dontneed["hog_ps"] and free["hog_ps"], report
    return calm, free


def check_interrupted():
    """SIGTERM ends it at once, and what it started, and the group is gone."""
    folder = memory_cgroup()
    args = ("--cgroup", folder) if folder else ()
    with subprocess.Popen([UZRAM, "madvise-bench", "--repeats", "1000", *args],
                          stderr=subprocess.PIPE, text=True) as p:
        end = time.monotonic() + 120
        while not children_of(p.pid):
            assert p.poll() is None and time.monotonic() < end, "it started no sample"
        p.send_signal(signal.SIGTERM)
        assert p.wait(120) == 1 and p.stderr.read() == "uzram: interrupted\n"
    assert not folder or not groups_in(folder, p.pid)


def check_progress():
    """A terminal is told how far it is, and is left without a trace of it."""
    terminal, stderr = os.openpty()
    p = subprocess.run([UZRAM, "madvise-bench", "--backings", "private-4k", "--methods", "none",
                        "--threads", "1", "--footprint", "2M", "--repeats", "2"], timeout=300,
                       stderr=stderr, stdout=subprocess.PIPE, text=True, check=True)
    os.close(stderr)
    shown = ""
    while not shown.endswith("thread\r\033[K"):
        shown += os.read(terminal, 65536).decode()
    assert "2/2 1/1 private-4k none -, 1 thread" in shown, repr(shown)
    assert "\033" not in p.stdout and "1/1" not in p.stdout, p.stdout
    os.close(terminal)


def main():
    check_progress()
    report = check_report()
    check_outputs(report)
    check_compare(report)
    with open(os.path.join(DIR, "a.json"), encoding="utf-8") as f:
        check_compare_rows(json.load(f))
    check_bad_input(report)
    check_pressure()
    check_interrupted()


main()
