# SPDX-License-Identifier: MIT
# shellcheck shell=dash
#
# vda ext4, vdb xfs, vdc btrfs. Asked to look, it verifies what is there; asked to write, it also
# writes files until it is told to stop, and then deletes those in gone and lets the disks know.

for fs in ext4 xfs btrfs; do
	mkdir -p /mnt/$fs
done

mount_all() { # OPTIONS OF ext4, xfs, btrfs
	mount -t ext4 -o "$1" /dev/vda /mnt/ext4
	mount -t xfs -o "$2" /dev/vdb /mnt/xfs
	mount -t btrfs -o "$3" /dev/vdc /mnt/btrfs
}

each() {
	for fs in ext4 xfs btrfs; do
		cd /mnt/$fs || exit
		"$@"
		cd /
	done
}

verify() { # SUMS
	[ -s "$1" ] || return
	sha256sum -c "$1" >/bad 2>&1 || { say "$fs: $(grep -v 'OK$' /bad)"; return 1; }
	say "$fs: $(wc -l <"$1") files of $1 verified"
}

# Two files a round, summed before any disk sees them; the names come again after six rounds.
make_files() {
	mkdir -p /tree/new
	slot=$((round % 6))
	dd if=/dev/urandom of=/tree/new/random.$slot bs=1k count=$((300 + slot)) 2>/bad
	seq $((round * 1000)) $((round * 1000 + 80000)) >/tree/new/text.$slot
}

copy_files() {
	mkdir -p new
	cp /tree/new/*."$slot" new
	[ "$slot" -ne 3 ] || sync
}

keep_sums() {
	cp /sums NEW.SUMS
}

write_all() {
	(hear stop; : >/stop) &
	round=0
	until [ -e /stop ]; do
		make_files
		each copy_files
		round=$((round + 1))
		say "round $round"
	done
	(cd /tree && sha256sum new/*) >/sums
	each keep_sums
	sync
	say written
}

delete_all() {
	hear delete
	each rm -r gone
	sync
	fstrim /mnt/ext4
	sync
	say deleted
}

read -r what <&3
if [ "$what" = look ]; then
	mount_all ro ro ro
	each verify SUMS
	each verify NEW.SUMS
else
	mount_all nodiscard discard discard=sync
	each verify SUMS
	write_all
	delete_all
	echo 3 >/proc/sys/vm/drop_caches
	each verify NEW.SUMS
fi
umount /mnt/ext4 /mnt/xfs /mnt/btrfs
