#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
#
# The guest's first process: devices, modules, then /program with say and hear, then power off.

/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
exec 3<>/dev/ttyS1
stty raw -echo <&3

# shellcheck disable=SC2317 # for the program
say() {
	echo "$*" >&3
}

# hear LINE: waits for a line from outside, which must be this one.
# shellcheck disable=SC2317
hear() {
	read -r heard <&3
	[ "$heard" = "$1" ]
}

while read -r module; do
	insmod "/modules/$module.ko" || say "insmod $module failed"
done </modules/order
say up

(
	set -e
	# shellcheck disable=SC1091
	. /program
) 2>&3
status=$?
if [ $status -eq 0 ]; then say finished; else say "failed $status"; fi
sleep 0.1
poweroff -f
