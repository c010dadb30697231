#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages and the shell completion against the program's tables, both ways."""

import os
import re
import subprocess

ROOT = os.environ.get("UZ_ROOT", os.path.join(os.path.dirname(__file__), "..", ".."))
UZRAM = os.path.join(ROOT, os.environ.get("UZ_BUILD", "build"), "uzram")


def uzram(*args):
    return subprocess.run([UZRAM, *args], check=True, timeout=120, text=True,
                          stdout=subprocess.PIPE).stdout


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def page(name):
    return re.sub(r'\\f[BIPR]|\\ ', "", read(f"docs/man/{name}")).replace("\\-", "-")


def same(what, a, a_name, b, b_name):
    assert a and b, f"no {what} found"
    assert a <= b, f"{what} in {a_name}, not in {b_name}: {sorted(a - b)}"
    assert b <= a, f"{what} in {b_name}, not in {a_name}: {sorted(b - a)}"
    print(f"COUNT {what}={len(a)}")


def section(text, name):
    return re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH |\Z)", text, re.M | re.S)[1]


def main():
    commands = set(re.findall(r"^  ([a-z-]+)(?: |$)", uzram("help").split("\n'uzram help")[0], re.M))
    options, with_letter, table = set(), set(), {}
    for command in commands:
        text = uzram("help", command)
        rows = re.findall(r"^  (?:-(\w), )?--([a-z-]+)(.*)\n((?: {8}.*\n)+)", text, re.M)
        table[command] = {name for _, name, _, _ in rows}
        for letter, name, _, _ in rows:
            options.add(name)
            if letter:
                with_letter.add((letter, name))
    man = page("uzram.1")
    tagged = set()
    for line in re.findall(r"^\.TP\n(.*)$", section(man, "OPTIONS"), re.M):
        letter = re.search(r"(?<![\w-])-(\w)(?![\w-])", line)
        tagged.add((letter[1] if letter else "", re.search(r"--([a-z-]+)", line)[1]))
    same("options", options, "--help", {name for _, name in tagged}, "uzram.1")
    same("letters", with_letter, "--help", {t for t in tagged if t[0]}, "uzram.1")
    mentioned = set(re.findall(r"--([a-z][a-z-]*)", man))
    assert mentioned <= options, f"uzram.1 mentions {sorted(mentioned - options)}"

    described = re.findall(r"^\.TP\n\.(?:B|BI|BR|RB) \"?([a-z-]+)", section(man, "COMMANDS"), re.M)
    same("commands", commands, "help", set(described), "uzram.1")

    stats = set(re.findall(r"X\((\w+), (?:BYTES|PAGES|COUNT|NS), ", read("include/device/uz/stats.h")))
    listed = set(re.findall(r"^\.TP\n\.B (\w+)$", section(man, "STATISTICS"), re.M))
    same("statistics", stats, "stats.h", listed, "uzram.1")

    stats = set(re.findall(r"(?:X|STAGE)\((\w+), (?:\S+, )?(?:PAGES|COUNT|NS), ", read("app/region_report.h")))
    listed = set(re.findall(r"^\.TP\n\.B (\w+)$", section(man, "REGION STATISTICS"), re.M))
    same("region statistics", stats, "region_report.h", listed, "uzram.1")

    columns = re.findall(r"^  ([A-Z-]+) ", uzram("help", "list").split("Columns:")[1], re.M)
    assert " ".join(columns) in re.sub(r",? and\n|\s+", " ", man), "columns differ in uzram.1"

    # Keys of the file: what --help serve has, without what is of the command line only.
    keys = set(re.findall(r"[a-z]+(?:-[a-z]+)*", re.sub(r"(?s)\(.*?\)|;.*", "", " ".join(
        re.findall(r"^\.TP\n(?:In|For) .*\n((?:[^.].*\n)+)", page("uzram.conf.5"), re.M)))))
    not_keys = {"name", "config", "dump-config", "help"}
    same("keys", table["serve"] - not_keys, "--help", keys, "uzram.conf.5")

    completion = read("completions/uzram")
    for command in commands:
        m = re.search(rf"^\s*{command}\) echo '(.*)' ;;$", completion, re.M)
        assert m, f"completions/uzram does not know {command}"
        offered = {w[2:] for w in m[1].split() if w.startswith("--")}
        assert offered == table[command], f"completion of {command}: {offered ^ table[command]}"


main()
