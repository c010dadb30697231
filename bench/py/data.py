# SPDX-License-Identifier: MIT
"""Data sets: files of raw 4 KiB pages, kept in build/bench-data beside a text that says how
each was made.

R1  pages of processes that are started here, do some work and are then read through
    /proc/PID/mem: resident pages of private writable mappings, as they are (pages of one
    repeated word too; their share is in the text).
R2  a tar of files of /usr/lib and /usr/include, taken evenly over both trees; files of more than
    4 MiB are left out, so that a few large ones are not all of it.
R3  fio's buffer_compress_percentage: each page random bytes, then that share of zeros.
"""

import os
import random
import shutil
import subprocess
import sys
import tarfile

PAGE = 4096
R1_BYTES = 256 << 20
R2_BYTES = 256 << 20
R2_FILE_MAX = 4 << 20
R3_BYTES = 64 << 20
R3_PERCENT = (75, 66, 50, 33, 25)

PYTHON_WORK = """
import ast, glob, json, os, sys, tokenize
for name in 'argparse asyncio collections csv ctypes decimal difflib email.message http.client inspect json logging multiprocessing pickle re sqlite3 ssl subprocess tarfile typing unittest urllib.request xml.dom.minidom zipfile'.split():
    try: __import__(name)
    except ImportError: pass
keep, words = [], {}
for path in sorted(glob.glob(os.path.dirname(os.__file__) + '/*.py')):
    text = open(path, errors='replace').read()
    try: tree = ast.parse(text)
    except (SyntaxError, ValueError): continue
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
    for n in names: words[n] = words.get(n, 0) + 1
    keep.append((tree if len(keep) % 4 == 0 else None, text, json.dumps({'path': path, 'names': names})))
rows = [{'id': i, 'name': 'row %d' % i, 'words': list(words)[i % 97::97], 'score': i * 0.37} for i in range(20000)]
"""

NODE_WORK = """
const fs = require('fs'), path = require('path'), zlib = require('zlib');
const keep = [], index = new Map();
function walk(dir, depth) {
  let names; try { names = fs.readdirSync(dir, { withFileTypes: true }); } catch { return; }
  for (const e of names) {
    const p = path.join(dir, e.name);
    if (keep.length > 30000) return;
    if (e.isDirectory() && depth < 4) walk(p, depth + 1);
    else if (e.isFile()) { let st; try { st = fs.statSync(p); } catch { continue; }
      keep.push({ path: p, size: st.size, mtime: st.mtimeMs, parts: p.split('/') });
      for (const w of p.split(/[^a-z]+/i)) index.set(w, (index.get(w) || []).concat([keep.length])); }
  }
}
walk('/usr/share', 0);
const text = JSON.stringify(keep), back = JSON.parse(text);
const buffers = []; for (let i = 0; i < 40; i++) buffers.push(Buffer.from(text.slice(i * 1000, i * 1000 + 200000)));
"""

SQLITE_WORK = """
PRAGMA page_size=4096;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, owner INTEGER, price REAL, note TEXT, made TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
INSERT INTO item SELECT i, 'item-' || (i * 7919 % 100003), abs(random()) % 5000, abs(random()) % 100000 / 100.0,
  substr('ordered by telephone, to be sent with the next delivery, returned and paid for, see letter', 1 + abs(random()) % 40, 30),
  datetime(1500000000 + i * 37, 'unixepoch') FROM n;
CREATE INDEX item_owner ON item(owner, price);
CREATE INDEX item_name ON item(name);
"""

SQLITE_PYTHON = "import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.executescript(%r)\n" % SQLITE_WORK


def workers():
    """(name, command, what goes to its stdin): each prints 'ready' and then waits for its end."""
    done = "print('ready', flush=True)\nsys.stdin.readline()\n"
    yield "python3", [sys.executable, "-c", PYTHON_WORK + done], None
    if shutil.which("node"):
        yield "node", ["node", "-e", NODE_WORK + "console.log('ready'); process.stdin.resume(); "
                       "process.stdin.on('end', () => process.exit(0));"], None
    if shutil.which("sqlite3"):
        yield "sqlite3", ["sqlite3", ":memory:"], SQLITE_WORK + "SELECT 'ready';\n"
    else:
        yield "sqlite3 (python3)", [sys.executable, "-c", "import sys\n" + SQLITE_PYTHON + done], None


def resident_pages(pid):
    """Content of the resident pages of private writable mappings without a file."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem, \
            open(f"/proc/{pid}/pagemap", "rb", 0) as pagemap:
        for line in maps:
            span, mode, _, _, inode = line.split()[:5]
            if not mode.startswith("rw") or mode[3] != "p" or inode != "0":
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            entries = os.pread(pagemap.fileno(), (end - start) // PAGE * 8, start // PAGE * 8)
            for i in range(0, len(entries), 8):
                if entries[i + 7] & 0x80:
                    try:
                        page = os.pread(mem.fileno(), PAGE, start + i // 8 * PAGE)
                    except OSError:
                        continue
                    if len(page) == PAGE:
                        yield page


def pages_of(command, feed):
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    try:
        if feed:
            child.stdin.write(feed.encode())
            child.stdin.flush()
        if child.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"{command[0]} ended before its work was done")
        return list(resident_pages(child.pid))
    finally:
        child.stdin.close()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def same_filled(page):
    return page == page[:4] * (PAGE // 4)


def make_r1(out):
    taken = [(name, pages_of(command, feed)) for name, command, feed in workers()]
    share = R1_BYTES // PAGE // len(taken)
    note, total, filled = [], 0, 0
    for name, pages in taken:
        step = max(1, -(-len(pages) // share))
        used = pages[::step]
        out.writelines(used)
        total += len(used)
        filled += sum(map(same_filled, used))
        note.append(f"{name}: {len(used)} of {len(pages)} resident pages")
    return "; ".join(note) + f"; {100 * filled / total:.1f}% of one repeated word"


def make_r2(out):
    files = []
    for top in ("/usr/lib", "/usr/include"):
        for folder, subs, names in os.walk(top):
            subs.sort()
            files += [os.path.join(folder, n) for n in sorted(names)]
    files = [f for f in files if os.path.isfile(f) and not os.path.islink(f) and os.access(f, os.R_OK)
             and os.path.getsize(f) <= R2_FILE_MAX]
    chance = 1.1 * R2_BYTES / sum(map(os.path.getsize, files))
    pick = random.Random(1)
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        n = 0
        for f in files:
            if pick.random() < chance and out.tell() < R2_BYTES:
                tar.add(f)
                n += 1
    out.flush()
    os.truncate(out.fileno(), min(R2_BYTES, out.tell()) // PAGE * PAGE)
    return f"tar of {n} of {len(files)} files of /usr/lib and /usr/include"


def make_r3(out, percent):
    rng = random.Random(100)
    noise = PAGE * (100 - percent) // 100
    for _ in range(R3_BYTES // PAGE):
        out.write(rng.randbytes(noise) + bytes(PAGE - noise))
    return f"{noise} random bytes and {PAGE - noise} zeros a page"


def data_sets(folder, extra):
    """{name: path}; makes what is missing."""
    makers = {"R1": make_r1, "R2": make_r2}
    for p in R3_PERCENT:
        makers[f"R3-{p}"] = lambda out, p=p: make_r3(out, p)
    os.makedirs(folder, exist_ok=True)
    sets = {}
    for name, make in makers.items():
        path = sets[name] = os.path.join(folder, name + ".raw")
        if os.path.exists(path):
            continue
        print(f"making {path}", file=sys.stderr)
        with open(path + ".new", "wb") as out:
            note = make(out)
        with open(os.path.join(folder, name + ".txt"), "w") as out:
            out.write(f"bench/run, data set {name}: {note}\n")
        os.rename(path + ".new", path)
    if extra:
        if os.path.getsize(extra) < PAGE:
            raise SystemExit(f"bench: {extra} is shorter than a page: give a file of raw 4 KiB pages")
        sets["data"] = os.path.abspath(extra)
    return sets


def describe(folder, name):
    try:
        with open(os.path.join(folder, name + ".txt")) as f:
            return f.read().strip().split(": ", 1)[1]
    except OSError:
        return "file given with --data"
