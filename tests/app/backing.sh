# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 120
# --backing: a disk larger than its RAM budget over NBD, write-back by command, statistics, every wrong
# backing refused with a message, and SIGKILL with a store in a file.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
need nbdcopy
need qemu-io

store=
if [ -d /dev/shm ] && [ -w /dev/shm ]; then store=$(mktemp -u /dev/shm/uz-test-XXXXXX); fi
trap 'end_servers; rm -f "$store"' EXIT
export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
mib=$(scale 48 64 128)

stop() {
	kill "-$1" "$(cat pid)"
	wait "$server_pid" || true
}

value() { # NAME DISK
	"$uzram" stat -b "$2" | awk -v name="$1" '$1 == name { print $2 }'
}

same() {
	nbdcopy "nbd+unix:///$1?socket=$dir/n" back
	cmp back "$2" || fail "disk $1 is not $2"
}

refused() { # CODE TEXT OPTIONS...
	expect "$1" "$uzram" serve --config /dev/null --nbd unix:n2 --control c2 --size 8M "${@:3}"
	expect_text "$2"
}

head -c "${mib}M" /dev/urandom >data

# A private store: the budget is an eighth of the data, nothing is refused.
start_uzram 100 --ram 12M --size "${mib}M" --name a --backing back.a
nbdcopy data 'nbd+unix:///a?socket=n'
[ "$(value enospc a)" = 0 ] || fail "writes were refused"
[ "$(value bd_count a)" -gt $((mib * 128)) ] || fail "$(value bd_count a) pages on the backing"
[ "$(value ram_total a)" -le $((12 << 20)) ] || fail "the budget was passed"
[ "$(value backing a)" = back.a ] || fail "backing is $(value backing a)"
same a data
[ "$(value bd_reads a)" -gt 0 ] || fail "nothing was read back"
"$uzram" stat --sysfs a | awk 'NR == 3 { ok = NF == 3 && $1 > 0 && $2 > 0 && $3 > 0 } END { exit !ok }' ||
	fail "bd_stat: $("$uzram" stat --sysfs a)"

# What is discarded gives its space on the file back.
space() { stat -c %b back.a; }
full=$(space)
qemu-io -f raw -c "discard 0 $((mib / 2))M" "nbd+unix:///a?socket=$dir/n" >/dev/null
less() { [ "$(space)" -lt $((full * 2 / 3)) ]; }
wait_for 20 less
cp data data.whole
dd if=/dev/zero of=data bs=1M count=$((mib / 2)) conv=notrunc status=none
same a data
nbdcopy data.whole 'nbd+unix:///a?socket=n'
mv data.whole data

# Commands, and what they refuse.
expect 0 "$uzram" writeback a all
echo "$output" | grep -qE '^[0-9]+ pages written back$' || fail "$output"
[ "$(value huge_pages a)" = 0 ] || fail "pages stayed in memory"
same a data
expect 2 "$uzram" writeback a cold
expect_text "'cold' is none of idle, huge, huge_idle, all"
expect 0 "$uzram" set a writeback-limit=40K writeback-idle=5
[ "$(value writeback_limit a)" = 10 ] || fail "limit is $(value writeback_limit a)"
expect 0 "$uzram" create b --size 8M
expect 1 "$uzram" writeback b all
expect_text "disk b has no backing to write to: 'uzram set b backing=FILE'"
expect 1 "$uzram" set b writeback-idle=5
expect_text "disk b has no backing to write to"
expect 1 "$uzram" set b backing=back.a
expect_text "is in use by another disk or process: each disk needs its own"
expect 1 "$uzram" set a backing=other
expect_text "disk a has the backing back.a: 'uzram set a backing=none' takes it away"
expect 0 "$uzram" set b backing=back.b writeback-limit=40K
[ "$(value backing b)" = "$dir/back.b" ] || fail "backing is $(value backing b)"
head -c 8M data >data.b
nbdcopy data.b 'nbd+unix:///b?socket=n'
expect 0 "$uzram" idle b
expect 0 "$uzram" writeback b idle
[ "$output" = "10 pages written back" ] || fail "$output"
expect 1 "$uzram" writeback b all
expect_text "its write-back limit is used up: 'uzram set b writeback-limit=SIZE' allows more"
expect 0 "$uzram" set b writeback-limit=off
expect 0 "$uzram" writeback b huge 20
[ "$output" = "20 pages written back" ] || fail "$output"
same b data.b

# Taken away from a live disk: not while there is no room for its pages, then with all of them.
expect 0 "$uzram" set a writeback-limit=off
expect 1 "$uzram" set a backing=none
expect_text "disk a: backing back.a stays: the RAM budget has no room for all pages that are on it"
same a data
expect 0 "$uzram" set b backing=none
[ "$(value backing b)" = none ] || fail "backing is $(value backing b)"
[ "$(value bd_count b)" = 0 ] || fail "$(value bd_count b) pages on a backing that is gone"
[ "$(stat -c %s back.b)" = 4096 ] || fail "the file is $(stat -c %s back.b) bytes"
same b data.b
expect 0 "$uzram" set b backing=none
expect 0 "$uzram" set b backing=back.b
expect 0 "$uzram" writeback b all
expect 0 "$uzram" remove b
[ "$(stat -c %s back.b)" = 4096 ] || fail "the removed disk's backing is $(stat -c %s back.b) bytes"
refused 1 "is in use by another disk or process" --backing back.a
stop TERM

# The store is gone, so its backing is free for any other.
start_uzram 100 --ram 32M --size 8M --name other --backing back.a
stop KILL
start_uzram 100 --ram 32M --size 8M --name third --backing back.a
stop TERM

# Wrong backings.
echo hello >foreign
refused 1 "foreign: it is not empty and not a backing of uzram; pass --backing-format" --backing foreign
[ "$(cat foreign)" = hello ] || fail "the foreign file was overwritten"
refused 1 "backing nofolder/b: No such file or directory" --backing nofolder/b
refused 1 "is a folder: name a file in it" --backing "$dir"
refused 2 "is neither a regular file nor a block device" --backing /dev/zero
refused 2 "'-1' is not a number of seconds" --backing x --writeback-idle=-1
refused 2 "is not a size" --backing x --writeback-limit many
refused 1 "has no backing to write to: give it one with --backing" --writeback-idle 5
if [ "$(id -u)" != 0 ]; then
	: >fixed && chmod 400 fixed
	refused 1 "cannot be written to" --backing fixed
fi
start_uzram 100 --ram 32M --size 8M --name a --backing foreign --backing-format
stop TERM

[ -n "$store" ] || exit 0
# A store in a file, killed while it writes back: everything that was acknowledged is there.
start_uzram 100 --memory "$store" --ram 12M --size "${mib}M" --name a --backing kept --writeback-idle 1
nbdcopy data 'nbd+unix:///a?socket=n'
before=$(value bd_writes a)
"$uzram" writeback a all >/dev/null &
writes() { [ "$(value bd_writes a)" != "$before" ]; }
wait_for 20 writes
stop KILL
wait || true
expect 1 "$uzram" serve --config /dev/null --memory "$store" --ram 12M --nbd unix:n2 --control c2
expect_text "pages on its backing kept (id "
expect_text "start with --name a --backing FILE"
refused 1 "it is the backing of another disk or store" --backing kept
expect 1 "$uzram" serve --config /dev/null --memory "$store" --ram 12M --nbd unix:n2 --control c2 \
	--name a --backing empty --backing-format
expect_text "this one's header is damaged or gone"
start_uzram 100 --memory "$store" --ram 12M --name a --backing kept
same a data
stop TERM
start_uzram 100 --memory "$store" --ram 12M --name a --backing kept
same a data
# A page that is damaged on the backing is an error, and no other is.
expect 0 "$uzram" writeback a all
stop TERM
dd if=/dev/zero of=kept bs=4096 seek=101 count=1 conv=notrunc status=none
start_uzram 100 --memory "$store" --ram 12M --name a --backing kept
[ "$(value disksize a)" = $((mib << 20)) ] || fail "disk size"
if nbdcopy 'nbd+unix:///a?socket=n' back 2>/dev/null; then fail "a damaged page was read"; fi
[ "$(value bd_failed_reads a)" -gt 0 ] || fail "no failed read was counted"
stop TERM
