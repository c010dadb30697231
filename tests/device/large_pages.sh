#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Where the system's page is 64 KiB: the models of every layer on a platform that takes nothing but
# multiples of that, and charges as much.

. "${UZ_ROOT:-.}/tests/lib/sh.sh"

for t in arena/model arena/decay arena/promise pool/model device/model device/backing_model device/grow; do
	UZ_TEST_PAGE=65536 "$UZ_BUILD/tests/$t" >"$dir/log" 2>&1 || fail "$t: $(tail -n 5 "$dir/log")"
done

# An arena's piece is 64 KiB: a larger page would be given back with what still holds data.
UZ_TEST_PAGE=131072 "$UZ_BUILD/tests/arena/promise" >"$dir/log" 2>&1 && fail "pages of 128 KiB are taken"
grep -q -- "-95" "$dir/log" || fail "pages of 128 KiB: $(cat "$dir/log")"
