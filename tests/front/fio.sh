#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fio writes at random with several block sizes and queue depths, verifying every block by
# its checksum. uz-test: timeout 180
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need fio
fio --enghelp | grep -q '^[[:space:]]*nbd' || skip "this fio has no nbd engine"

socket=$dir/s
mib=$(scale 32 128 1024)
start_server "$socket" 170 "$UZ_BUILD/tests/front/helper/served" "unix:$socket" \
	"size=$((mib << 20))" "ram=$((2 * mib << 20))" wait=1

# fio leaves a file of its state beside each job
common=("--aux-path=$dir" --ioengine=nbd "--uri=nbd+unix:///?socket=$socket" "--size=${mib}M" --thread
	--verify=crc32c --do_verify=1 --verify_fatal=1 --buffer_compress_percentage=60 --output-format=terse)
fio --name=aligned --rw=randwrite --bs=4k --iodepth=32 "${common[@]}" >"$dir/fio.log"
fio --name=mixed --rw=randrw --bsrange=512-128k --blockalign=512 --iodepth=8 "${common[@]}" >>"$dir/fio.log"
fio --name=trim --rw=trimwrite --bs=16k --iodepth=4 "${common[@]}" >>"$dir/fio.log"

stop_server "$server_pid" || fail "the server ended with $?: $(tail -5 "$dir/server.log")"
