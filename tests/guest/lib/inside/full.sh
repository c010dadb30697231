# SPDX-License-Identifier: MIT
# shellcheck shell=dash
#
# vda is an ext4 file system. Noise that no codec makes smaller is written to it and read again.

mkdir /mnt/d /tree
mount -t ext4 /dev/vda /mnt/d
dd if=/dev/urandom of=/tree/noise bs=1M count=48 2>/bad
(cd /tree && sha256sum noise) >/sums
say writing
dd if=/tree/noise of=/mnt/d/noise bs=1M conv=fsync 2>/bad
say written
echo 3 >/proc/sys/vm/drop_caches
(cd /mnt/d && sha256sum -c /sums) >&3
umount /mnt/d
