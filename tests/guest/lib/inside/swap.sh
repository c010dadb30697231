# SPDX-License-Identifier: MIT
# shellcheck shell=dash
#
# vda is swap. "hog MIB SEED" from outside; files/memory_hog talks to the outside itself.
# Linux discards single clusters of swap only where the disk does not rotate, and takes a virtio
# disk for one that does. Reading ahead costs more than it saves where no head moves.

read -r command mib seed <&3
[ "$command" = hog ]
echo 0 >/sys/block/vda/queue/rotational
echo 0 >/proc/sys/vm/page-cluster
mkswap /dev/vda >/dev/null
swapon -d /dev/vda
say "ram_kib $(awk '/^MemTotal/ { print $2 }' /proc/meminfo)"
/files/memory_hog "$mib" "$seed" <&3 >&3
say "pswpout $(awk '/^pswpout/ { print $2 }' /proc/vmstat)"
say "pswpin $(awk '/^pswpin/ { print $2 }' /proc/vmstat)"
swapoff /dev/vda
