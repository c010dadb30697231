# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 240
# uz-test: no-asan nearly all of its time is qemu's; guest/kill and guest/full run
# uz-test: no-tsan nearly all of its time is qemu's; guest/kill and guest/full run
# A guest swaps on our disk: a program with more memory than the guest has finds every word of it
# again, while pool and codec of the disk change. No swap is ever added to the host.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
# shellcheck source=tests/guest/lib/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/guest.sh"
need "${CC:-gcc}"
guest_ready
SEED=${SEED:-$RANDOM}
echo "SEED=$SEED"

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
mib=$(scale 80 160 512)
cp /proc/swaps swaps.before
"${CC:-gcc}" -O2 -Wall -Werror -static -o memory_hog "$UZ_ROOT/tests/guest/lib/memory_hog.c" ||
	skip "no static programs here: libc6-dev is needed"

start_server "$dir/c" 600 "$uzram" serve --config /dev/null --nbd "unix:$dir/n" \
	--name swap --size $((mib + 64))M --ram $((mib + 64))M --codec lz4
wait_for 10 "$uzram" list
pool=$(of swap pool)
guest_initrd swap "" memory_hog
start_guest guest swap 500 96M -drive "$(guest_disk swap)"
wait_said guest 60 up
tell guest "hog $mib $SEED"
wait_said guest 200 filled

stored=$(of swap orig_data_size)
cost=$(of swap compr_data_size)
same=$(of swap same_pages)
[ "$stored" -gt $((mib << 18)) ] || guest_failed guest "swapped out only $stored bytes of $mib MiB"
[ "$same" -gt 0 ] || fail "no page of one repeated word was swapped out"
is swap pool "$pool"
is swap codec lz4
expect 0 "$uzram" set swap pool=zsmalloc codec=zstd
tell guest go
wait_said guest 200 looked
guest_done guest

[ "$(value_said guest verified)" = "$((mib * 256)) pages, 0 bad" ] || guest_failed guest "pages differ"
[ $((mib << 10)) -gt "$(value_said guest ram_kib)" ] || fail "the guest had memory enough"
[ "$(value_said guest pswpin)" -gt $((mib * 128)) ] || fail "swapped in only $(value_said guest pswpin) pages"
is swap pool zsmalloc
is swap codec zstd
for key in failed_reads failed_writes bad_pages enospc; do is swap $key 0; done
left=$(of swap orig_data_size)
[ "$left" -lt $((stored / 2)) ] || fail "swapoff left $left of $stored bytes on the disk"
cmp swaps.before /proc/swaps || fail "the host's swap has changed"
echo "memory $mib MiB in $(value_said guest ram_kib) KiB: out $(value_said guest pswpout), in $(value_said guest pswpin) pages"
echo "once filled: $((stored >> 20)) MiB in $((cost >> 20)) MiB and $same pages of one word," \
	"ratio $((stored / (cost / 100))) %, $(of swap notify_free) pages freed by discard"
stop_server "$server_pid" || fail "the server ended with $?"
