# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 240
# uz-test: no-asan nearly all of its time is qemu's; guest/kill and guest/full run
# uz-test: no-tsan nearly all of its time is qemu's; guest/kill and guest/full run
# ext4, xfs and btrfs under a real kernel, each on a disk of its own: what the host put there is
# read, what the guest writes while pool and codec change stays, discards free memory, fsck is clean.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
# shellcheck source=tests/guest/lib/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/guest.sh"
need nbdcopy mke2fs e2fsck debugfs mkfs.xfs xfs_repair mkfs.btrfs btrfs
guest_ready

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
disks=(ext4 xfs btrfs)
rounds=$(scale 6 30 200)

uri() {
	echo "nbd+unix:///$1?socket=$dir/n"
}

uses() { # DISK POOL CODEC
	is "$1" pool "$2"
	is "$1" codec "$3"
}

# What the host puts on the disks: files of this tree, noise, edges of sizes, and what will be deleted.
mkdir -p tree/{sizes,gone}
cp -r "$UZ_ROOT"/{core,docs,include} tree
cp "$uzram" tree/binary
head -c 3M /dev/urandom >tree/noise
for size in 0 1 511 512 4095 4096 4097 65537; do head -c "$size" tree/noise >"tree/sizes/$size"; done
(cd tree && find . -type f -exec sha256sum {} + | sort -k 2 >../SUMS)
cp SUMS tree
for i in 1 2 3; do head -c 4M /dev/urandom >tree/gone/$i; done

mke2fs -q -F -t ext4 -d tree ext4.img 96M
truncate -s 160M btrfs.img
mkfs.btrfs -q --rootdir tree btrfs.img
proto() { # FOLDER: the lines of mkfs.xfs -p
	local file
	for file in "$1"/*; do
		if [ -d "$file" ]; then
			echo "${file##*/} d--755 0 0"
			proto "$file"
			echo '$'
		else
			echo "${file##*/} ---644 0 0 $dir/$file"
		fi
	done
}
{ printf 'none\n0 0\nd--755 0 0\n'; proto tree; echo '$'; } >xfs.proto
truncate -s 320M xfs.img
mkfs.xfs -q -p xfs.proto xfs.img

start_server "$dir/c" 400 "$uzram" serve --config /dev/null --ram 512M --nbd "unix:$dir/n" \
	--name ext4 --size 96M --pool zbud --codec lz4 \
	--name xfs --size 320M --pool zsmalloc --codec zstd --checksum \
	--name btrfs --size 160M --pool zslot --codec deflate
wait_for 10 "$uzram" list
for disk in "${disks[@]}"; do nbdcopy "$disk.img" "$(uri "$disk")"; done
uses ext4 zbud lz4
uses xfs zsmalloc zstd
uses btrfs zslot deflate

boot() { # NAME
	start_guest "$1" filesystems 200 256M -drive "$(guest_disk ext4)" -drive "$(guest_disk xfs)" \
		-drive "$(guest_disk btrfs)"
	wait_said "$1" 60 up
}

verified() { # GUEST SUMS
	for disk in "${disks[@]}"; do
		said "$1" "$disk: $(wc -l <"$2") files of ${2##*/} verified" ||
			guest_failed "$1" "did not verify ${2##*/} of $disk"
	done
}

guest_initrd filesystems "ext4 xfs btrfs"
boot first
tell first write
wait_said first 60 "round 2"
verified first SUMS

# While the guest writes.
expect 0 "$uzram" set ext4 pool=zsmalloc codec=lz4hc
expect 0 "$uzram" set xfs pool=z3fold
expect 0 "$uzram" set btrfs pool=zblock codec=zstd
for disk in "${disks[@]}"; do wait_for 60 migrated "$disk"; done
! said first written || fail "the guest had written all before the pools had changed"
wait_said first 120 "round $rounds"
tell first stop
wait_said first 60 written
uses ext4 zsmalloc lz4hc
uses xfs z3fold zstd
uses btrfs zblock zstd

# 12 MiB of noise are deleted on each disk; what they cost is free again.
declare -A freed data
for disk in "${disks[@]}"; do
	freed[$disk]=$(of "$disk" notify_free)
	data[$disk]=$(of "$disk" orig_data_size)
done
tell first delete
guest_done first
for disk in "${disks[@]}"; do
	pages=$(($(of "$disk" notify_free) - freed[$disk]))
	bytes=$((data[$disk] - $(of "$disk" orig_data_size)))
	echo "$disk: $pages pages freed by discard, $((bytes >> 20)) MiB of data less"
	[ $pages -ge 3000 ] || fail "$disk: deleting 12 MiB freed only $pages pages"
	[ $bytes -ge $((10 << 20)) ] || fail "$disk: deleting 12 MiB left all but $bytes bytes"
	is "$disk" failed_writes 0
	is "$disk" failed_reads 0
	is "$disk" bad_pages 0
done

# What an fsck and, without the kernel, the file systems' own tools find in copies.
for disk in "${disks[@]}"; do nbdcopy "$(uri "$disk")" "$disk.back"; done
e2fsck -fn ext4.back >fsck.ext4 2>&1 || fail "e2fsck: $(cat fsck.ext4)"
xfs_repair -n xfs.back >fsck.xfs 2>&1 || fail "xfs_repair: $(cat fsck.xfs)"
btrfs check --readonly --check-data-csum btrfs.back >fsck.btrfs 2>&1 || fail "btrfs check: $(cat fsck.btrfs)"
mkdir out.ext4 out.btrfs
debugfs -R 'rdump / out.ext4' ext4.back >debugfs.log 2>&1
btrfs restore btrfs.back out.btrfs >restore.log 2>&1 || fail "btrfs restore: $(cat restore.log)"
for disk in ext4 btrfs; do
	cmp SUMS "out.$disk/SUMS"
	(cd "out.$disk" && sha256sum --quiet -c SUMS NEW.SUMS) || fail "$disk: files differ on the host"
	[ "$(wc -l <out.$disk/NEW.SUMS)" -eq 12 ] || fail "$disk: $(cat out.$disk/NEW.SUMS)"
done
cmp out.ext4/NEW.SUMS out.btrfs/NEW.SUMS

# And another kernel, with nothing in its caches.
boot second
tell second look
guest_done second
verified second SUMS
verified second out.ext4/NEW.SUMS
stop_server "$server_pid" || fail "the server ended with $?"
