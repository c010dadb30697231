#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Stock clients: nbdinfo, nbdcopy, nbdsh, qemu-img, qemu-io. What they write is what
# they and the others read. uz-test: timeout 180
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need nbdinfo nbdcopy qemu-img qemu-io cmp

socket=$dir/s
mib=$(scale 48 256 1024)
image=$dir/image
tar cf "$image" -C / usr/lib/python3 usr/include 2>/dev/null || true
truncate -s "${mib}M" "$image"

start_server "$socket" 170 "$UZ_BUILD/tests/front/helper/served" "unix:$socket" \
	"size=$((mib << 20))" "ram=$((mib << 20))" wait=1
uri="nbd+unix:///?socket=$socket"

info=$(nbdinfo --json "$uri")
[ "$(jq -r '.exports[0]["export-size"]' <<<"$info")" -eq $((mib << 20)) ] || fail "size in: $info"
[ "$(nbdinfo --map --totals "$uri" | awk '{print $3}')" = 3 ] || fail "a new disk is not one hole"
expect 0 nbdinfo --can multi-conn "$uri"
expect 0 nbdinfo --can fast-zero "$uri"
expect 1 nbdinfo "nbd+unix:///nope?socket=$socket"
expect 0 nbdinfo --list "$uri"
expect_text 'export="d0"'

for how in "--connections=4 --requests=16" "--connections=1 --request-size=4096 --requests=64" \
	"--synchronous --connections=1"; do
	# shellcheck disable=SC2086 # options
	nbdcopy $how "$image" "$uri"
	# shellcheck disable=SC2086
	nbdcopy $how "$uri" "$dir/back"
	cmp "$image" "$dir/back"
done

qemu-img compare -f raw -F raw "$image" "$uri"
qemu-img convert -n -f raw -O raw "$image" "$uri"
qemu-img compare -f raw -F raw "$image" "$uri"
qemu-img convert -f raw -O raw "$uri" "$dir/back"
cmp "$image" "$dir/back"
qemu-img map --output=json -f raw "$uri" | jq -e 'map(.length) | add == '$((mib << 20)) >/dev/null

qemu-io -f raw -c 'write -P 0x55 3 70001' -c 'read -P 0x55 3 70001' -c 'write -z 4096 8192' \
	-c 'read -P 0 4096 8192' -c 'discard 65536 65536' -c 'read -P 0 65536 4468' \
	-c 'write -f -P 7 1M 64k' -c flush -c 'read -P 7 1M 64k' "$uri" >"$dir/qemu-io"
if grep -qi 'pattern verification failed\|error' "$dir/qemu-io"; then
	cat "$dir/qemu-io" >&2
	fail "qemu-io"
fi

if /usr/bin/python3 -c 'import nbd' 2>/dev/null; then
	/usr/bin/python3 - "$uri" <<-'PY'
	import sys, nbd
	h = nbd.NBD()
	h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
	h.connect_uri(sys.argv[1])
	assert h.get_structured_replies_negotiated() and h.can_df() and h.can_cache() and h.can_fua()
	h.pwrite(b"hello" * 1000, 12345, nbd.CMD_FLAG_FUA)
	assert h.pread(5000, 12345) == b"hello" * 1000
	chunks = []
	h.zero(1 << 20, 0, nbd.CMD_FLAG_FAST_ZERO)
	data = h.pread_structured(65536, 0, lambda buf, off, status, err: chunks.append(status))
	assert data == bytearray(65536) and chunks == [nbd.READ_HOLE], chunks
	for call in (lambda: h.pread(1, h.get_size()), lambda: h.pwrite(b"x", h.get_size())):
	    h.set_strict_mode(0)
	    try:
	        call()
	        sys.exit("past the end succeeded")
	    except nbd.Error as e:
	        assert e.errno in ("EINVAL", "ENOSPC"), e.errno
	h.cache(65536, 0), h.flush(), h.trim(65536, 0), h.shutdown()
	PY
else
	echo "python3-libnbd is not installed: its part was left out"
fi

stop_server "$server_pid" || fail "the server ended with $?: $(tail -5 "$dir/server.log")"
