# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 240
# The RAM budget is reached while a guest writes: qemu pauses it. Once the budget is raised and the
# guest told to go on, it sees neither an error nor a wrong byte.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
# shellcheck source=tests/guest/lib/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/guest.sh"
need nbdcopy mke2fs e2fsck python3
guest_ready

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"

qmp() {
	python3 "$guest_lib/qmp.py" "$dir/qmp" "$@"
}

# Paused because of an error; a guest that runs is looked at again.
paused() {
	[ "$(qmp query-status | jq -r .status)" = io-error ]
}

start_server "$dir/c" 300 "$uzram" serve --config /dev/null --nbd "unix:$dir/n" --size 96M --ram 32M
wait_for 10 "$uzram" list
mke2fs -q -F -t ext4 image 96M
nbdcopy image "nbd+unix:///d0?socket=$dir/n"

guest_initrd full ext4
start_guest guest full 200 256M -qmp "unix:$dir/qmp,server=on,wait=off" -drive "$(guest_disk d0)"
wait_said guest 60 writing
wait_for 60 paused
! said guest written || fail "the guest wrote more than the budget holds"
refused=$(of d0 enospc)
[ "$refused" -gt 0 ] || fail "paused, but no write was refused"

# Without more memory the same write is refused again.
qmp cont
wait_for 20 paused
[ "$(of d0 enospc)" -gt "$refused" ] || fail "paused again without a refused write"

expect 0 "$uzram" set ram=128M
qmp cont
wait_said guest 60 "noise: OK"
guest_done guest
is d0 bad_pages 0
is d0 failed_reads 0
nbdcopy "nbd+unix:///d0?socket=$dir/n" back
e2fsck -fn back >fsck.log 2>&1 || fail "e2fsck: $(cat fsck.log)"
echo "refused page writes: $refused at the first pause, $(of d0 enospc) in all"
stop_server "$server_pid" || fail "the server ended with $?"
