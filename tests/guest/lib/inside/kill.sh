# SPDX-License-Identifier: MIT
# shellcheck shell=dash
#
# vda is an ext4 file system. Files are written, each to the disk before the next, until told to
# stop; then all are read again from the disk.

mkdir /mnt/d /tree
mount -t ext4 /dev/vda /mnt/d
(cd /mnt/d && sha256sum -c SUMS) >/bad 2>&1
(hear stop; : >/stop) &
round=0
until [ -e /stop ]; do
	slot=$((round % 16))
	dd if=/dev/urandom of=/tree/random.$slot bs=1k count=$((100 + slot)) 2>/bad
	seq $((round * 1000)) $((round * 1000 + 40000)) >/tree/text.$slot
	for file in random text; do
		dd if=/tree/$file.$slot of=/mnt/d/$file.$slot bs=64k conv=fsync 2>/bad
	done
	round=$((round + 1))
	say "round $round"
done
(cd /tree && sha256sum ./*) >/mnt/d/NEW.SUMS
sync
echo 3 >/proc/sys/vm/drop_caches
cd /mnt/d || exit
for sums in SUMS NEW.SUMS; do
	sha256sum -c $sums >/bad 2>&1 || { say "$(grep -v 'OK$' /bad)"; exit 1; }
	say "$(wc -l <$sums) files of $sums verified"
done
cd /
umount /mnt/d
