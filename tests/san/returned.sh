#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The metadata of memory that a program lets go (munmap, mremap, madvise, free and realloc of large
# blocks) is given back: 16 rounds need no more memory than two.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

export KMSAN_LIB=$UZ_BUILD/libkmsan KMSAN_LTO=off CLANG=clang
"$UZ_ROOT/san/kmsan-cc" -std=gnu11 -D_GNU_SOURCE -O1 -I"$UZ_ROOT/tests/san/lib" \
	"$UZ_ROOT/tests/san/lib/returned.c" "$UZ_ROOT/tests/san/lib/cases.c" -o "$dir/returned"
nr=0
for how in $("$dir/returned"); do
	expect 0 "$dir/returned" "$how"
	[[ $output =~ grown\ (-?[0-9]+)\ KiB,\ metadata\ of\ a\ round\ ([0-9]+) ]] || fail "$how: $output"
	# What is measured is there: a byte of shadow and one of origin for each byte.
	[ "${BASH_REMATCH[2]}" -ge 7500 ] || fail "$how: a round takes ${BASH_REMATCH[2]} KiB of metadata"
	[ "${BASH_REMATCH[1]}" -lt 2048 ] || fail "$how: $output"
	nr=$((nr + 1))
done
echo "COUNT ways=$nr"
