# SPDX-License-Identifier: MIT
# shellcheck shell=dash
#
# "kernel ZRAM_MIB ARGUMENT..." from outside: the kernel's own CMA, with zram for swap and vda, which has
# ext4. "ours ARGUMENT...": what=trace of contig. Either program's lines go outside.

program() {
	name=$1
	shift
	/files/ld-linux-x86-64.so.2 --library-path /files "/files/$name" "$@" >&3
}

kernel() {
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t ext4 /dev/vda /mnt
	echo "$1M" >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null
	swapon /dev/zram0
	echo 100 >/proc/sys/vm/swappiness
	echo 0 >/proc/sys/vm/page-cluster
	shift
	program kernel_cma file=/mnt/file "$@"
	say "zram_stat $(cat /sys/block/zram0/mm_stat)"
	say "iommu_groups $(find /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)"
}

read -r what arguments <&3
say "memory_kib $(awk '/^MemTotal/ { print $2 }' /proc/meminfo)"
# shellcheck disable=SC2086 # words of one line
case $what in
kernel) kernel $arguments ;;
ours) program contig what=trace $arguments ;;
*) say "no $what"; exit 1 ;;
esac
