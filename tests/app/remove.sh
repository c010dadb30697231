# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Removing a disk, and making one read-only, ends the connections of that disk and of no other.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
python=
for p in python3 /usr/bin/python3; do
	if "$p" -c 'import nbd' 2>/dev/null; then python=$p; fi
done
[ "$python" ] || skip "python3-libnbd is not installed"

start_server "$dir/c" 60 "$uzram" serve --config /dev/null --nbd unix:n --size 1M --ram 32M \
	--name a --name gone
wait_for 10 "$uzram" list
"$python" - "$uzram" "$dir/n" <<'PY' || fail "remove and a connected client"
import json, subprocess, sys
import nbd

def connect(name):
    h = nbd.NBD()
    h.connect_uri(f"nbd+unix:///{name}?socket={sys.argv[2]}")
    return h

def uzram(*args):
    return subprocess.run([sys.argv[1], *args], check=True, timeout=120, stdout=subprocess.PIPE).stdout

def is_cut(h):
    try:
        h.pread(4096, 0)
        return False
    except nbd.Error:
        return True

def streams():
    return {d["name"]: d["connections"] for d in json.loads(uzram("list", "--json"))}

gone, stays = connect("gone"), connect("a")
gone.pwrite(b"x" * 4096, 0)
stays.pwrite(b"y" * 4096, 0)
assert streams() == {"a": 1, "gone": 1}, streams()
uzram("remove", "gone")
assert is_cut(gone)
assert stays.pread(4096, 0) == b"y" * 4096
assert streams() == {"a": 1}, streams()
uzram("create", "gone", "--size", "1M")
again = connect("gone")
assert again.pread(4096, 0) == bytes(4096)
uzram("set", "a", "read-only=yes")
assert is_cut(stays)
stays = connect("a")
assert stays.is_read_only() and stays.pread(4096, 0) == b"y" * 4096
assert again.pread(4096, 0) == bytes(4096)
PY
stop_server "$server_pid" || fail "the server did not end well"
