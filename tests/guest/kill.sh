# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 240
# The server is killed again and again while a guest writes: qemu connects to the next one, which
# adopts the store, and the guest notices nothing but a delay. Every file is what was written.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
# shellcheck source=tests/guest/lib/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/guest.sh"
need nbdcopy mke2fs e2fsck debugfs
guest_ready
[ -w /dev/shm ] || skip "/dev/shm is not there"
store=$(mktemp -u /dev/shm/uz-test-XXXXXX)
trap 'end_servers; rm -f "$store"' EXIT
RANDOM=${SEED:=$$}
echo "SEED=$SEED"

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
kills=$(scale 5 20 300)

serve() {
	start_uzram 3000 --memory "$store" --ram 256M "$@"
}

last_round() {
	value_said guest round
}

# wait_round NUMBER: until the guest has got there.
wait_round() {
	local end=$((SECONDS + 60 * patience))
	until [ "$(last_round)" ] && [ "$(last_round)" -ge "$1" ]; do
		kill -0 "${guest_pid[guest]}" 2>/dev/null || guest_failed guest "ended in round $(last_round)"
		[ $SECONDS -lt $end ] || guest_failed guest "stands still since round $(last_round)"
		sleep 0.1
	done
}

mkdir tree
cp "$uzram" tree/binary
head -c 3M /dev/urandom >tree/noise
(cd tree && sha256sum binary noise >../SUMS)
cp SUMS tree
mke2fs -q -F -t ext4 -d tree image 64M
serve --name d0 --size 64M
nbdcopy image "nbd+unix:///d0?socket=$dir/n"

guest_initrd kill ext4
start_guest guest kill 3000 192M -drive "$(guest_disk d0 file.reconnect-delay=180)"
wait_said guest 60 up
wait_round 2
for ((i = 1; i <= kills; i++)); do
	sleep 0.$((RANDOM % 10))$((RANDOM % 10))
	kill -KILL "$(cat pid)"
	wait "$server_pid" || true
	sleep 0.$((RANDOM % 4))
	before=$(last_round)
	serve
	[ "$(of d0 orig_data_size)" -gt $((1 << 20)) ] || fail "the new server did not adopt the store"
	wait_round $((before + 2))
done
[ "$(grep -c 'adopted with the disks in it' server.log)" -eq "$kills" ] || fail "$(cat server.log)"
tell guest stop
guest_done guest
said guest "2 files of SUMS verified" || guest_failed guest "did not verify SUMS"
echo "$kills times killed, $(last_round) rounds written"

nbdcopy "nbd+unix:///d0?socket=$dir/n" back
e2fsck -fn back >fsck.log 2>&1 || fail "e2fsck: $(cat fsck.log)"
mkdir out
debugfs -R 'rdump / out' back >debugfs.log 2>&1
(cd out && sha256sum --quiet -c SUMS NEW.SUMS) || fail "files differ on the host"
for key in failed_reads failed_writes bad_pages; do is d0 $key 0; done
stop_server "$server_pid" || fail "the server ended with $?"
