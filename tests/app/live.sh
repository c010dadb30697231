# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Disks that come, change and go in a running server, with data on them all the while.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
need nbdcopy nbdinfo

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
: >empty
mib=$(scale 16 64 64)

uri() {
	echo "nbd+unix:///$1?socket=$dir/n"
}

# of DISK KEY: a value of the report.
of() {
	"$uzram" stat "$1" --bytes | awk -v key="$2" '$1 == key { print $2 }'
}

is() { # DISK KEY VALUE
	local got
	got=$(of "$1" "$2")
	[ "$got" = "$3" ] || fail "$2 of $1 is $got, want $3"
}

same() { # DISK FILE
	nbdcopy "$(uri "$1")" back
	cmp back "$2" || fail "disk $1 is not $2 any more"
}

migrated() {
	[ "$(of "$1" migrate_left)" = 0 ]
}

# Text of this tree, again and again with a number in each page, so that pages differ.
python3 - "$mib" "$UZ_ROOT" <<'PY' >data
import glob, sys
text = b"".join(open(f, "rb").read() for f in sorted(glob.glob(sys.argv[2] + "/app/*.c")))
for i in range(int(sys.argv[1]) * 256):
    page = b"%08d" % i + text[i * 997 % (len(text) - 5000):][:4088]
    sys.stdout.buffer.write(page)
PY

start_server "$dir/c" 100 "$uzram" serve --config empty --nbd unix:n --ram 256M --size "${mib}M" \
	--name a --pool zbud --codec lz4 --name b --codec zstd:level=1 --mem-limit 128M --checksum
wait_for 10 "$uzram" list
if ! { [ "$(stat -c %a n)" = 600 ] && [ "$(stat -c %a c)" = 600 ]; }; then fail "sockets are not 0600"; fi
nbdcopy data "$(uri a)"
nbdcopy data "$(uri b)"
same a data
same b data
is a pool zbud
is a codec lz4
is a checksum no
is b codec zstd
is b level 1
is b checksum yes
is b mem_limit $((128 << 20))
[ "$(of a compr_data_size)" -gt "$(of b compr_data_size)" ] || fail "zstd is not smaller than lz4"

# Everything at once, then the pages move while the disk is read.
expect 0 "$uzram" set a pool=zblock codec=zstd:level=3 checksum=yes mem-limit=64M recompress=zstd:level=9,idle=3600
is a pool zblock
is a codec zstd
is a level 3
is a checksum yes
is a mem_limit $((64 << 20))
is a recompress zstd:level=9,idle=3600,min=1,cpu=10
same a data
wait_for 20 migrated a
same a data
expect 0 "$uzram" set a level=5
is a level 5
is a codec zstd
expect 0 "$uzram" set a recompress=off mem_limit=0 checksum=no
is a recompress off
is a mem_limit 0
is a checksum no

# A dictionary of the disk's own pages, made here and given as a file.
expect 0 "$uzram" train a zstd 4K
expect_text " bytes of dictionary"
[ "$(of a dict_bytes)" -gt 0 ] || fail "no dictionary in use"
same a data
wait_for 20 migrated a
same a data

# It stays while the codec does, whatever else is changed.
dict_bytes=$(of a dict_bytes)
small=$(of a compr_data_size)
expect 0 "$uzram" set a level=3
is a level 3
is a dict_bytes "$dict_bytes"
expect 0 "$uzram" set a codec=zstd checksum=yes
is a checksum yes
is a dict_bytes "$dict_bytes"
expect 0 "$uzram" set a codec=zstd level=5 checksum=no
wait_for 20 migrated a
[ "$(of a compr_data_size)" -le $((small * 21 / 20)) ] || fail "the dictionary is not used"
same a data
expect 0 "$uzram" set a dict=none
is a dict_bytes 0
expect 0 "$uzram" train a zstd 4K
expect 0 "$uzram" set a codec=lz4
is a dict_bytes 0
head -c 3000 data >dict
expect 0 "$uzram" set a codec=zstd,dict=dict
is a dict_bytes 3000
expect 0 "$uzram" set a codec=lz4
is a dict_bytes 0
wait_for 20 migrated a
same a data

# Work on demand.
expect 0 "$uzram" idle a
[ "${output%% *}" -gt 0 ] || fail "no idle pages: $output"
expect 0 "$uzram" recompress a codec=zstd level=7 min=100 max-pages=10
[ "$output" = "10 pages recompressed" ] || fail "$output"
expect 0 "$uzram" compact a
expect_text " bytes freed"
same a data

# Sizes: a grown disk keeps what it had and reads as zeros behind it; a cut one loses the rest.
expect 0 "$uzram" resize a "$((mib * 2))M"
is a disksize $((mib << 21))
{ cat data; head -c $((mib << 20)) /dev/zero; } >data2
same a data2
expect 0 "$uzram" resize a 1M
head -c 1M data >data1
same a data1

expect 0 "$uzram" set a read_only=yes
is a read_only yes
if nbdcopy data1 "$(uri a)" 2>/dev/null; then fail "a read-only disk was written"; fi
expect 0 "$uzram" set a read_only=no
nbdcopy data1 "$(uri a)"

# New disks take the server's defaults, their own options win.
expect 0 "$uzram" create new.1
is new.1 disksize $((mib << 20))
expect 0 "$uzram" create e --size 5000 --pool zbud --codec zstd,dict=dict --ram 8M --read-only
is e disksize 8192
is e mem_limit $((8 << 20))
is e dict_bytes 3000
is e read_only yes
expect 0 nbdinfo --list "$(uri '')"
for name in a b new.1 e; do expect_text "export=\"$name\""; done

expect 0 "$uzram" reset b
head -c $((mib << 20)) /dev/zero >zeros
same b zeros
for name in b new.1 e; do expect 0 "$uzram" remove $name; done
expect 0 "$uzram" list -n -o name
[ "$output" = a ] || fail "disks left: $output"
same '' data1

expect 0 "$uzram" set ram=300M
expect 0 "$uzram" list -n -b --raw -o ram-limit
[ "$output" = $((300 << 20)) ] || fail "RAM budget: $output"
stop_server "$server_pid" || fail "the server did not end well"
