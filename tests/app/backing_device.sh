# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 60
# A block device as backing: a loop device, if this machine lets us have one. Opened exclusively,
# holds what the budget does not, gives space back, is taken away from a live disk and given again.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
need nbdcopy
need qemu-io
need losetup

[ "$(id -u)" = 0 ] || skip "a loop device needs root"
export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
mib=$(scale 24 48 96)
truncate -s "$((mib + 1))M" image
loop=$(losetup -f --show image 2>/dev/null) || skip "no loop device can be made here"
trap 'end_servers; losetup -d "$loop"' EXIT

value() {
	"$uzram" stat -b a | awk -v name="$1" '$1 == name { print $2 }'
}

same() {
	nbdcopy 'nbd+unix:///a?socket=n' back
	cmp back "$1" || fail "the disk is not $1"
}

refused() {
	expect 1 "$uzram" serve --config /dev/null --nbd unix:n2 --control c2 --ram 12M "${@:2}"
	expect_text "$1"
}

head -c "${mib}M" /dev/urandom >data
refused "it is too small: it has to hold the disk size and 4096 bytes" --size "$((mib + 2))M" --backing "$loop"
start_uzram 50 --ram 12M --size "${mib}M" --name a --backing "$loop"
refused "is in use (mounted, or another program has it)" --size 1M --backing "$loop"
nbdcopy data 'nbd+unix:///a?socket=n'
[ "$(value enospc)" = 0 ] || fail "writes were refused"
[ "$(value bd_count)" -gt $((mib * 100)) ] || fail "$(value bd_count) pages on the device"
same data
expect 0 "$uzram" writeback a all
same data

# What is left has room in the budget.
space() { stat -c %b image; }
full=$(space)
qemu-io -f raw -c "discard 0 $((mib - 6))M" 'nbd+unix:///a?socket=n' >/dev/null
less() { [ "$(space)" -lt $((full / 2)) ]; }
wait_for 20 less
dd if=/dev/zero of=data bs=1M count=$((mib - 6)) conv=notrunc status=none
same data

expect 0 "$uzram" set a backing=none
[ "$(value bd_count)" = 0 ] || fail "pages on a device that is gone"
same data
mkfs.ext4 -q -F "$loop" 8M 2>/dev/null || dd if=/dev/urandom of="$loop" bs=1M count=1 status=none
expect 1 "$uzram" set a "backing=$loop"
expect_text "it is not empty and not a backing of uzram"
expect 0 "$uzram" set a "backing=$loop" backing-format=yes
expect 0 "$uzram" writeback a all
same data
