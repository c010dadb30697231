#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: timeout 240
# uz-test: no-asan a model, not a program of ours
# uz-test: no-tsan a model, not a program of ours
#
# spin runs the model of moving blocks through all interleavings; with any one check taken out of
# it, spin finds what goes wrong. Functions that the model says it mirrors are where it says.

. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need spin gcc

model=$UZ_ROOT/tests/model/evacuate.pml

explore() { # SPIN-OPTION...: the result is in $dir/out
	(
		cd "$dir"
		spin -a "$@" "$model" >spin.log || fail "spin: $(tail -3 spin.log)"
		gcc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c
		./pan -m100000 >out
	)
	! grep -q 'Search not completed\|max search depth too small\|out of memory' "$dir/out" ||
		grep -q 'errors: 1' "$dir/out" || fail "not all of it was searched: $(cat "$dir/out")"
}

names() { # "FILE NAME" a line
	sed -n '/^ \*   Reader/,/^ \*$/p' "$model" | tr -d '*' | tr -s ' \n' ' ' |
		sed 's/ *\(Reader\|Writer\|Mover\)//g; s/ core/\ncore/g' | tr -d ',;' |
		while read -r file list; do
			for name in $list; do echo "${file%:} $name"; done
		done
}

nr=0
while read -r file name; do
	grep -q "^[a-z].*\b$name(" "$UZ_ROOT/$file" || fail "$file has no $name any more: look at the model"
	nr=$((nr + 1))
done < <(names)
[ $nr -ge 20 ] || fail "only $nr functions are mirrored"

explore -DWRITES="$(scale 1 1 2)"
grep -q 'errors: 0' "$dir/out" || fail "$(cat "$dir/out")"
echo "COUNT states=$(awk '/states, stored/ { print $1 }' "$dir/out")"
echo "COUNT functions=$nr"

for broken in COUNT HANDLE LOCK ORDER STILL; do
	explore -DBREAK_$broken
	grep -q 'errors: 1' "$dir/out" || fail "BREAK_$broken is not found: $(cat "$dir/out")"
	grep -q 'assertion violated' "$dir/out" || fail "BREAK_$broken: $(cat "$dir/out")"
done
