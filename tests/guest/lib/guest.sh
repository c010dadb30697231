# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# What the tests with a guest start from, after sh.sh (dir, uzram). A guest is a real Linux kernel
# in qemu that runs one script of lib/inside from an initramfs: nothing is installed, and no
# distribution boots, so it is up after some 3 s without KVM. Its disks are ours, through qemu's own
# NBD client.
#
# Two serial ports: what the kernel says goes to $dir/NAME.console, what the script says, a line
# each, to $dir/NAME.report. Lines from tell are what the script reads.

guest_lib=$UZ_ROOT/tests/guest/lib
guest_kernel=$UZ_ROOT/build/guest/kernel
guest_modules=(virtio_pci virtio_blk ext4 xfs btrfs)
declare -A guest_pid guest_in

# guest_ready: skips the test where guests cannot run.
guest_ready() {
	local status=0
	[ "$(uname -m)" = x86_64 ] || skip "the guest's kernel is for x86_64"
	need qemu-system-x86_64 busybox cpio jq
	qemu-system-x86_64 -accel help | grep -q tcg || skip "qemu without tcg"
	! ldd "$(command -v busybox)" >/dev/null 2>&1 || skip "busybox is not static: install busybox-static"
	bash "$guest_lib/kernel.sh" "$guest_kernel" "${guest_modules[@]}" >"$dir/kernel.log" 2>&1 || status=$?
	case $status in
	0) ;;
	77) skip "$(sed -n 's/^SKIP: //p' "$dir/kernel.log" | tail -n 1)" ;;
	*) fail "$(cat "$dir/kernel.log")" ;;
	esac
	echo "guest: $(cat "$guest_kernel/version"), $(qemu-system-x86_64 --version | head -n 1)"
}

# guest_initrd PROGRAM "MODULE..." [FILE...]: $dir/PROGRAM.initrd, in which lib/inside/PROGRAM.sh
# runs once the modules are loaded; each FILE is in its /files.
guest_initrd() {
	local program=$1 modules=$2 root=$dir/$1.root module
	shift 2
	mkdir -p "$root"/{bin,dev,proc,sys,mnt,modules,files}
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp "$guest_lib/inside/init.sh" "$root/init"
	cp "$guest_lib/inside/$program.sh" "$root/program"
	chmod +x "$root/init"
	[ $# -eq 0 ] || cp "$@" "$root/files"
	for module in virtio_pci virtio_blk $modules; do
		cat "$guest_kernel/order/$module"
	done | awk '!seen[$0]++' >"$root/modules/order"
	while read -r module; do
		cp "$guest_kernel/modules/$module.ko" "$root/modules"
	done <"$root/modules/order"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$dir/$program.initrd"
	rm -rf "$root"
}

# start_guest NAME INITRD SECONDS MEMORY [qemu's options...]: boots in the background, for at most
# SECONDS. -no-reboot and panic=-1: a kernel that panics ends qemu.
start_guest() {
	local name=$1 initrd=$2 limit_s=$3 memory=$4 fifo=$dir/$1.fifo in
	shift 4
	mkfifo "$fifo"
	: >"$dir/$name.report"
	exec {in}<>"$fifo"
	timeout -k 2 $((limit_s * patience)) qemu-system-x86_64 -accel tcg -smp 1 -m "$memory" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$guest_kernel/vmlinuz" -initrd "$dir/$initrd.initrd" -append "console=ttyS0 loglevel=5 panic=-1" \
		-serial "file:$dir/$name.console" -chardev stdio,id=report,signal=off -serial chardev:report \
		"$@" <"$fifo" >>"$dir/$name.report" 2>"$dir/$name.qemu" &
	guest_pid[$name]=$!
	guest_in[$name]=$in
	server_pids+=($!)
}

guest_failed() { # NAME WHY
	tail -n 30 "$dir/$1.qemu" "$dir/$1.console" "$dir/$1.report" >&2
	fail "guest $1: $2"
}

# tell NAME LINE: to the script in the guest.
tell() {
	echo "$2" >&"${guest_in[$1]}"
}

# said NAME LINE: the script has said so. Nothing is started for it: polling would cost more than
# the guest.
said() {
	local lines line
	mapfile -t lines <"$dir/$1.report"
	for line in "${lines[@]}"; do
		[ "$line" != "$2" ] || return 0
	done
	return 1
}

# wait_said NAME SECONDS LINE: until the script has said so.
wait_said() {
	local end=$((SECONDS + $2 * patience))
	until said "$1" "$3"; do
		kill -0 "${guest_pid[$1]}" 2>/dev/null || guest_failed "$1" "ended before it said '$3'"
		[ $SECONDS -lt $end ] || guest_failed "$1" "did not say '$3' in $(($2 * patience)) s"
		sleep 0.1
	done
}

# value_said NAME KEY: the rest of the last line "KEY ...".
value_said() {
	awk -v key="$2" '$1 == key { $1 = ""; v = substr($0, 2) } END { print v }' "$dir/$1.report"
}

# guest_done NAME: waits for its power-off. The script came to its end without an error, and the
# kernel had no word against the disks.
guest_done() {
	local status=0
	wait "${guest_pid[$1]}" || status=$?
	[ $status -eq 0 ] || guest_failed "$1" "qemu ended with $status"
	said "$1" finished || guest_failed "$1" "its script failed"
	if grep -iE 'I/O error|corrupt|(ext4|xfs|btrfs).*(error|warning)|call trace|panic' "$dir/$1.console"; then
		guest_failed "$1" "its kernel complains"
	fi
}

# guest_disk DISK [qemu's options]: our disk as the guest's next virtio disk.
guest_disk() {
	echo "if=virtio,format=raw,discard=unmap,detect-zeroes=off,file=nbd+unix:///$1?socket=$dir/n${2:+,$2}"
}

# of DISK KEY: a value of the report.
of() {
	"$uzram" stat "$1" --json | jq -r ".[0].$2"
}

# is DISK KEY VALUE
is() {
	local got
	got=$(of "$1" "$2")
	[ "$got" = "$3" ] || fail "$2 of $1 is $got, want $3"
}

migrated() {
	[ "$(of "$1" migrate_left)" = 0 ]
}
