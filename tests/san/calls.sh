#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Each wrapped function is called: what libc writes is marked as written and no more, what it
# reads is checked from the first byte to the last. A wrapper without a call fails.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

export KMSAN_LIB=$UZ_BUILD/libkmsan KMSAN_LTO=off CLANG=clang
"$UZ_ROOT/san/kmsan-cc" -std=gnu11 -D_GNU_SOURCE -O0 -fno-builtin -w -pthread -I"$UZ_ROOT/tests/san/lib" \
	"$UZ_ROOT"/tests/san/lib/calls*.c -o "$dir/calls" -lm -lresolv

"$dir/calls" --list | sort >"$dir/called"
sed 's/^--wrap=//' "$KMSAN_LIB/wrap" | sort >"$dir/wrapped"
missing=$(comm -13 "$dir/called" "$dir/wrapped")
[ -z "$missing" ] || fail "wrapped, and no row calls it: $(paste -sd' ' <<<"$missing")"
strange=$(comm -23 "$dir/called" "$dir/wrapped")
[ -z "$strange" ] || fail "a row for what is not wrapped: $(paste -sd' ' <<<"$strange")"

export KMSAN_OPTIONS=dedup=0:max_reports=1000000:symbolize=0 LC_ALL=C.UTF-8 TMPDIR=$dir
"$dir/calls" </dev/null >"$dir/out" || {
	grep ^FAIL "$dir/out" || echo "the program ended early: $(tail -n 1 "$dir/out")"
	fail "calls"
}
echo "COUNT calls=$(wc -l <"$dir/called")"
