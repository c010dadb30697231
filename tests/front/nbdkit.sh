#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The nbdkit plugin: data, holes and trim, with several connections, through a filter; its
# parameters, and its messages when they are wrong.
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
plugin=$UZ_BUILD/nbdkit/uzram-nbdkit.so
[ -e "$plugin" ] || skip "built without nbdkit-plugin-dev (or with a sanitizer)"
need nbdkit nbdinfo nbdcopy cmp

tar cf "$dir/image" -C / usr/include 2>/dev/null || true
truncate -s 20M "$dir/image" # cut; then a hole
truncate -s 32M "$dir/image"

start_server "$dir/s" 60 nbdkit -f -U "$dir/s" --filter=stats "$plugin" size=32M ram=32M \
	pool=zsmalloc codec=zstd "statsfile=$dir/stats"
uri="nbd+unix:///?socket=$dir/s"
[ "$(nbdinfo --size "$uri")" = 33554432 ] || fail "size"
nbdcopy --connections=4 "$dir/image" "$uri"
nbdcopy --connections=4 "$uri" "$dir/back"
cmp "$dir/image" "$dir/back"
nbdinfo --map "$uri" | grep -q hole || fail "no hole in the map of a sparse image"
/usr/bin/python3 - "$uri" <<'PY' || fail "trim"
import sys
try:
    import nbd
except ImportError:
    sys.exit(0)
h = nbd.NBD()
h.connect_uri(sys.argv[1])
h.trim(32 << 20, 0)
assert h.pread(1 << 20, 0) == bytearray(1 << 20)
h.zero(5000, 100, nbd.CMD_FLAG_FAST_ZERO)
h.shutdown()
PY
stop_server "$server_pid" || fail "nbdkit ended with $?: $(tail -5 "$dir/server.log")"

refused() { # TEXT PARAMETER...
	local text=$1
	shift
	expect 1 timeout 120 nbdkit -f -U "$dir/t" "$plugin" "$@"
	expect_text "$text"
}
refused "size= (of the disk) and ram=" size=1M
refused "multiple of 4096" size=1000 ram=8M
refused "unknown parameter 'colour'" size=1M ram=8M colour=blue
refused nosuchpool size=1M ram=16M pool=nosuchpool
refused nosuchcodec size=1M ram=16M codec=nosuchcodec
