#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What list, stat and metrics print: columns, JSON, the kernel's lines, Prometheus text."""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from uzgrant import DIR, MIB, PATIENCE_S, ROOT, UZRAM, Server, wait_for  # noqa: E402

ZRAMCTL = "NAME DISKSIZE DATA COMPR ALGORITHM STREAMS ZERO-PAGES TOTAL MEM-LIMIT MEM-USED MIGRATED"
OURS = "POOL RAM-TOTAL RAM-LIMIT RATIO"


def uzram(*args):
    return subprocess.run([UZRAM, *args], check=True, timeout=PATIENCE_S, text=True,
                          stdout=subprocess.PIPE).stdout


def stat(disk):
    return json.loads(uzram("stat", disk, "--json"))[0]


def between_looks(disk, *args):
    """What the command prints and the statistics before it, which are those after it too."""
    while True:
        before, text = stat(disk), uzram(*args)
        if stat(disk) == before:
            return text, before


def table_of_statistics():
    with open(os.path.join(ROOT, "include/device/uz/stats.h"), encoding="utf-8") as f:
        return re.findall(r"X\((\w+), (BYTES|PAGES|COUNT|NS), (GAUGE|COUNTER), ", f.read())


def write_disk(disk="d0"):
    with open(os.path.join(DIR, "data"), "wb") as f:
        for i in range(512):
            f.write(b"%d;" % i * 500 + bytes(4096))
            f.truncate((i + 1) * 4096)
            f.seek((i + 1) * 4096)
        f.write(b"\x07" * 4096 * 3)
        f.write(os.urandom(4096 * 5))
    subprocess.run(["nbdcopy", os.path.join(DIR, "data"), f"nbd+unix:///{disk}?socket={DIR}/n"],
                   check=True, timeout=PATIENCE_S)
    wait_for("nbdcopy has left", lambda: stat(disk)["connections"] == 0)


def check_list():
    text, d0_stat = between_looks("d0", "list", "--output-all", "--raw", "--bytes")
    rows = [line.split() for line in text.splitlines()]
    assert " ".join(rows[0]) == f"{ZRAMCTL} {OURS}", rows[0]
    d0 = dict(zip(rows[0], rows[1]))
    for column, key in (("NAME", "name"), ("DISKSIZE", "disksize"), ("DATA", "orig_data_size"),
                        ("COMPR", "compr_data_size"), ("ALGORITHM", "codec"), ("POOL", "pool"),
                        ("ZERO-PAGES", "same_pages"), ("TOTAL", "mem_used_total"),
                        ("MEM-LIMIT", "mem_limit"), ("MEM-USED", "mem_used_max"),
                        ("MIGRATED", "pages_compacted"), ("RAM-LIMIT", "ram_limit")):
        assert d0[column] == str(d0_stat[key]), (column, d0[column], d0_stat[key])
    assert d0["RATIO"] == f"{d0_stat['orig_data_size'] / d0_stat['mem_used_total']:.2f}", d0
    assert rows[2][0] == "d1" and rows[2][-1] == "-", rows[2]
    assert uzram("list", "-nb", "-o", "name,mem-limit") == "d0        0\nd1 33554432\n"
    assert uzram("list", "--noheadings", "-oMEM-LIMIT,name", "d1") == "32M d1\n"
    assert uzram("list").splitlines()[0].startswith("NAME POOL"), uzram("list")


def check_json(stats):
    for command in (("stat", "--json"), ("list", "-J")):
        disks = json.loads(uzram(*command))
        assert [d["name"] for d in disks] == ["d0", "d1"]
        for d in disks:
            for name, _, _ in stats:
                assert isinstance(d[name], int), (name, d[name])
    d0 = json.loads(uzram("stat", "d0", "--json", "--latency"))
    assert len(d0) == 1 and d0[0]["write_count"] > 0
    assert d0[0]["write_p50_ns"] <= d0[0]["write_p99_ns"] <= d0[0]["write_max_ns"] > 0
    assert d0[0]["same_pages"] == 3 and d0[0]["huge_pages"] == 5, d0
    assert d0[0]["orig_data_size"] == (512 + 5) * 4096, d0
    assert d0[0]["disksize"] == 64 * MIB and d0[0]["ram_limit"] == 128 * MIB
    assert 0 < d0[0]["resident"] < 128 * MIB
    lines = dict(line.split(maxsplit=1) for line in uzram("stat", "d0").splitlines())
    for name, _, _ in stats:
        assert name in lines, name


def check_sysfs():
    text, s = between_looks("d0", "stat", "--sysfs", "d0")
    mm = [s[k] for k in ("orig_data_size", "compr_data_size", "mem_used_total", "mem_limit",
                         "mem_used_max", "same_pages", "pages_compacted", "huge_pages",
                         "huge_pages_since")]
    io = [s[k] for k in ("failed_reads", "failed_writes", "invalid_io", "notify_free")]
    bd = [s[k] for k in ("bd_count", "bd_reads", "bd_writes")]
    want = "".join(" ".join("%8d" % n for n in row) + "\n" for row in (mm, io, bd))
    assert text == want, (text, want)


def parse_metrics(text):
    """Values by name and labels; each name must have had its HELP and TYPE before."""
    helped, types, values = set(), {}, {}
    for line in text.splitlines():
        if m := re.fullmatch(r"# HELP (\w+) \S.*", line):
            helped.add(m[1])
        elif m := re.fullmatch(r"# TYPE (\w+) (gauge|counter|summary)", line):
            assert m[1] in helped and m[1] not in types, line
            types[m[1]] = m[2]
        else:
            m = re.fullmatch(r'([a-z_][a-z0-9_]*)\{((?:\w+="[^"]*",?)+)\} ([0-9.]+)', line)
            assert m, line
            base = m[1][:-6] if m[1].endswith("_seconds_count") else m[1]
            assert base in types, line
            assert types[base] != "counter" or m[1].endswith("_total"), line
            assert (m[1], m[2]) not in values, line
            values[m[1], m[2]] = m[3]
    return values


def check_metrics(stats):
    before = stat("d0")
    values = parse_metrics(uzram("metrics"))
    for name, _, kind in stats:
        got = values[f"uzram_{name}{'_total' if kind == 'COUNTER' else ''}", 'disk="d0"']
        if name in ("disksize", "orig_data_size", "same_pages", "writes", "write_bytes"):
            assert got == str(before[name]), (name, got)
    pool, codec = before["pool"], before["codec"]
    assert values["uzram_info", f'disk="d0",pool="{pool}",codec="{codec}"'] == "1"
    assert values["uzram_connections", 'disk="d0"'] == "0"
    assert 0 < int(values["uzram_resident", 'disk="d0"']) < 128 * MIB
    assert float(values["uzram_latency_seconds", 'disk="d0",op="write",quantile="0.99"']) > 0
    path = os.path.join(DIR, "m.prom")
    assert uzram("metrics", "--metrics-file", path) == ""
    with open(path, encoding="utf-8") as f:
        assert parse_metrics(f.read()).keys() == values.keys()
    assert not [f for f in os.listdir(DIR) if f.startswith("m.prom.")]


def check_top():
    """A disk that goes takes its counters along: what others do meanwhile is still told."""
    write_disk("d1")
    write_disk("d1")
    with subprocess.Popen(["timeout", str(PATIENCE_S), UZRAM, "top"], stdout=subprocess.PIPE, text=True) as top:
        lines = [top.stdout.readline() for _ in range(3)]
        assert "RATIO" in lines[0] and lines[1].startswith("d0 ") and lines[2].startswith("d1 "), lines
        uzram("remove", "d1")
        write_disk()
        seen = []
        while not re.search(r"write [1-9]\S*[BKMG]/s \([1-9]\d* requests/s\)", "".join(seen)):
            seen.append(top.stdout.readline())
            assert seen[-1], f"nothing was seen to be written: {seen}"
        top.terminate()
    assert "d1" not in uzram("list")
    uzram("create", "d1", "--size", "1M")


def check_narrow():
    """On a terminal of 5 columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 2, 5, 0, 0))
    top = subprocess.Popen(["timeout", str(PATIENCE_S), UZRAM, "top"], stdout=its)
    os.close(its)
    text = b""
    while text.count(b"\033[H") < 2 or b"requests/s" not in text:
        text += os.read(ours, 65536)  # fails at the end of top
    top.terminate()
    top.wait(PATIENCE_S)
    os.close(ours)
    assert text.startswith(b"\033[H"), text


def main():
    if not shutil.which("nbdcopy"):
        print("SKIP: nbdcopy is not installed")
        sys.exit(77)
    stats = table_of_statistics()
    assert len(stats) > 20
    with Server("--ram", "128M", "--size", "64M", "--name", "d0", "--name", "d1", "--ram", "32M"):
        write_disk()
        check_list()
        check_json(stats)
        check_sysfs()
        check_metrics(stats)
        check_top()
        check_narrow()


main()
