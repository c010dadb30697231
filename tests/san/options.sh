#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Each of KMSAN_OPTIONS does what the README says of it.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang python3
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

export KMSAN_LIB=$UZ_BUILD/libkmsan KMSAN_LTO=off CLANG=clang
"$UZ_ROOT/san/kmsan-cc" -std=gnu11 -D_GNU_SOURCE -O1 -I"$UZ_ROOT/tests/san/lib" \
	"$UZ_ROOT/tests/san/lib/options.c" "$UZ_ROOT/tests/san/lib/cases.c" -o "$dir/options"

# run STATUS REPORTS OPTIONS WHAT
run() {
	local nr
	expect "$1" env KMSAN_OPTIONS="$3" "$dir/options" "$4"
	nr=$(grep -c '^BUG: KMSAN' <<<"$output" || true)
	[ "$nr" = "$2" ] || fail "$nr reports instead of $2 with '$3', $4: $output"
}

# frames TITLE: how many frames stand below the last line that begins so.
frames() {
	awk -v title="$1" 'index($0, title) == 1 { in_it = 1; n = 0; next } !/^ / { in_it = 0 }
		in_it { n++ } END { print n + 0 }' <<<"$output"
}

run 86 1 "" once
expect_text "the end"
[ "$(frames "Uninit was created at")" -ge 5 ] || fail "frames: $output"
run 0 1 exit_code=0 once
run 7 1 exit_code=7 once
expect_text "the end"
# A large environment, as that of a job of a build farm.
BIG=$(printf '%060000d' 0) run 7 1 exit_code=7 once
run 7 1 on_error=exit:exit_code=7 five_times
[[ $output != *"the end"* ]] || fail "on_error=exit went on: $output"
run 134 1 on_error=abort five_times
[[ $output != *"the end"* ]] || fail "on_error=abort went on: $output"

run 86 1 "" five_times
run 86 5 dedup=0 five_times
run 86 3 dedup=0:max_reports=3 five_times
run 86 0 max_reports=0 five_times

run 86 1 symbolize=0 once
expect_text "/options+0x"
[[ $output != *options.c* ]] || fail "symbolize=0: $output"

run 86 1 stack_depth=1 once
[ "$(frames "Uninit was created at")" = 1 ] || fail "stack_depth=1: $output"
run 86 1 stack_depth=3 once
[ "$(frames "Uninit was created at")" = 3 ] || fail "stack_depth=3: $output"

run 86 1 "" stored
[ "$(grep -c "^Uninit was stored" <<<"$output")" = 3 ] || fail "stores: $output"
run 86 1 chain_depth=1 stored
[ "$(grep -c "^Uninit was stored" <<<"$output")" = 1 ] || fail "chain_depth=1: $output"
run 86 1 chain_depth=0 stored
[[ $output != *"was stored"* ]] || fail "chain_depth=0: $output"
run 86 1 origins=0 stored
expect_text "created at an unknown place"

run 0 0 poison_heap=0 once
run 86 1 "" freed
expect_text "BUG: KMSAN: use-after-free in decide"
run 0 0 poison_free=0 freed

# A full depot: the report is there, and says less of where the bytes come from.
run 86 1 stack_depth=16:depot_mib=64 full_depot
[ "$(frames "Uninit was created at")" -ge 5 ] || fail "depot_mib=64: $output"
run 86 1 stack_depth=16:depot_mib=1 full_depot
[ "$(frames "Uninit was created at")" = 1 ] || fail "depot_mib=1: $output"

run 86 0 "log=$dir/log:json=$dir/json:dedup=0" five_times
[ "$(grep -c '^BUG: KMSAN' "$dir/log")" = 5 ] || fail "log=: $(cat "$dir/log")"
python3 -c '
import json, sys
reports = [json.loads(line) for line in open(sys.argv[1])]
assert len(reports) == 5 and all(r["kind"] == "uninit-value" for r in reports), reports
' "$dir/json"

# Every option of the README but the two that say what metadata of large blocks costs (san/returned, san/model).
tested=$(grep -oE '\b(on_error|exit_code|max_reports|dedup|log|json|symbolize|[a-z]+_depth|depot_mib|poison_[a-z]+|origins)=' "$0" |
	sort -u | wc -l)
echo "COUNT options=$tested"
