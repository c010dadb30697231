#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
#
# Signals at any instant in 8 threads: no report, no context lost.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

export KMSAN_LIB=$UZ_BUILD/libkmsan KMSAN_LTO=off
CLANG=clang "$UZ_ROOT/san/kmsan-cc" -std=gnu11 -D_GNU_SOURCE -O1 -I"$UZ_ROOT/tests/san/lib" \
	"$UZ_ROOT/tests/san/lib/stress.c" "$UZ_ROOT/tests/san/lib/cases.c" -o "$dir/stress"
expect 0 "$dir/stress" 8 "$(scale 50000 1000000 10000000)"
expect_text "reports=0 lost=0"
echo "COUNT ${output%% *}"
