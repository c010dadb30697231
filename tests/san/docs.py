#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Man pages and README of san/ say what the code has: options with their defaults, variables,
arguments, words of wrap.list; both ways."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAN = os.path.join(ROOT, "san")
failed = 0


def read(name):
    with open(os.path.join(SAN, name), encoding="utf-8") as f:
        return f.read()


def same(what, code, text):
    global failed
    if set(code) == set(text) and code:
        return
    failed = 1
    print(f"FAIL: {what}: only in the code: {sorted(set(code) - set(text))}, "
          f"only in the text: {sorted(set(text) - set(code))}")


def code_options():
    """name -> default, as options.c has it."""
    c = read("src/options.c")
    table = c[c.index("options[] = {"):c.index("NR_OPTIONS")]
    names = re.findall(r'(?:NUMBER_OPTION|PATH_OPTION)\((\w+)|\{ "(\w+)", WORD', table)
    defaults = dict(re.findall(r"\.(\w+) = (\w+),", c[:c.index("enum type")]))
    words = {"KMSAN__CONTINUE": "continue"}
    return {(a or b): words.get(defaults.get(a or b), defaults.get(a or b, "none")) for a, b in names}


def readme_options():
    found, text = {}, read("README.md")
    table = text[text.index("`KMSAN_OPTIONS`, separated"):text.index("## In a program")]
    for names, default in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]+) \|", table, re.M):
        names = re.findall(r"\w+", names)
        values = [v.strip(" `") for v in default.split(",")]
        values = values if len(values) == len(names) else values * len(names)
        found.update(zip(names, ["none" if v == "stderr" else v for v in values]))
    return found


options = code_options()
man = dict(re.findall(r'^\.BR (\w+) " \((\w+)\)"$', read("man/libkmsan.7"), re.M))
same("options of libkmsan.7", options.items(), man.items())
same("options of README.md", options.items(), readme_options().items())

flags = re.findall(r"^\t(--[a-z-]+)\) \w+=1", read("kmsan-cc"), re.M)
same("options of kmsan-cc.1", flags,
     [f.replace("\\", "") for f in re.findall(r"^\.B (\\-\\-\S+)$", read("man/kmsan-cc.1"), re.M)])
variables = re.findall(r"\$\{(CLANG|KMSAN_\w+):-", read("kmsan-cc"))
same("variables of kmsan-cc.1", variables, re.findall(r"^\.B ([A-Z_]+)$", read("man/kmsan-cc.1"), re.M))

usage = subprocess.run([os.path.join(SAN, "kmsan-run"), "--help"], capture_output=True, text=True,
                       check=True).stdout
letters = re.findall(r"^  -(\w)", usage, re.M)
same("options of kmsan-run.1", letters,
     re.findall(r"^\.TP\n\.(?:BI|B|BR) \\-(\w)", read("man/kmsan-run.1"), re.M))
parsed = re.search(r'getopt\(arguments, "\+([a-z:]+)"', read("kmsan-run")).group(1).replace(":", "")
same("options of kmsan-run", parsed, letters)

verbs = re.findall(r'"(\w+)": "K_', read("libc/generate"))
head = read("libc/wrap.list").split("\n\n")[0]
same("words of wrap.list", set(verbs) - {"inevents", "outrevents"}, set(re.findall(r"\b(" + "|".join(verbs) + r") [A-Z]", head)))

for page in sorted(os.listdir(os.path.join(SAN, "man"))):
    for name, section in re.findall(r"^\.BR ([\w-]+) \((\d)\)", read(f"man/{page}"), re.M):
        if not os.path.exists(os.path.join(SAN, "man", f"{name}.{section}")):
            print(f"FAIL: {page} names {name}({section}), which is not there")
            failed = 1

for name in re.findall(r"`(?:src|libc|tests/san|man)/[\w./-]+`", read("README.md")):
    path = name.strip("`")
    if not os.path.exists(os.path.join(ROOT if path.startswith("tests") else SAN, path)):
        print(f"FAIL: README.md names {path}, which is not there")
        failed = 1
table = read("README.md").split("| test | what |")[1]
named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", table, re.M)))
there = [os.path.splitext(f)[0] for f in os.listdir(os.path.join(ROOT, "tests/san")) if f.endswith((".c", ".sh", ".py"))]
for name in set(named) - set(there):
    print(f"FAIL: README.md names the test san/{name}, which is not there")
    failed = 1
print(f"COUNT options={len(options)}")
sys.exit(failed)
