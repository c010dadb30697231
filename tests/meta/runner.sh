#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: no-asan runs no compiled code of ours
# uz-test: no-tsan runs no compiled code of ours
#
# tests/run says pass, fail and skip as they are, ends what hangs, and leaves a repro.sh.
# shellcheck disable=SC2016 # the tested texts hold dollar signs

. "${UZ_ROOT:-.}/tests/lib/sh.sh"

unset SEED UZ_TEST_DIR UZ_TEST_SIZE
export UZ_BUILD=build TMPDIR=$dir/tmp
tree=$dir/tree
mkdir -p "$tree/tests/a" "$tree/tests/empty" "$TMPDIR"
cp "$UZ_ROOT/tests/run" "$tree/tests/run"

a_test() { cat >"$tree/tests/a/$1.sh"; }

a_test good <<<'echo SEED=${SEED:-5}; echo COUNT steps=3; touch "$TMPDIR/x"'
expect 0 "$tree/tests/run"
expect_text "1 passed, 0 failed, 0 skipped"
expect_text "steps=3"
[ -z "$(ls -A "$TMPDIR")" ] || fail "the folder of a passed test stayed: $(ls "$TMPDIR")"

a_test bad <<<'echo SEED=${SEED:-41}; echo reason of bad; exit 1'
a_test skipped <<<'echo "SKIP: no moon"; exit 77'
a_test silent-skip <<<'exit 77'
a_test crash <<<'kill -SEGV $$'
a_test leaver <<<'sleep 311 & exit 0'
printf '# uz-test: timeout 0.5\nsleep 312 & sleep 312\n' | a_test slow
printf '# uz-test: timeout 0.5\ntrap "" TERM\nsleep 313 & wait; sleep 313\n' | a_test stubborn
expect 1 "$tree/tests/run" -j 4
expect_text "ok   a/good"
expect_text "FAIL a/bad"
expect_text "reason of bad"
expect_text "FAIL a/crash"
expect_text "left processes running"
expect_text "not done after 1.5 s"
expect_text "FAIL a/stubborn"
expect_text "skipped without a reason"
expect_text "no moon"
expect_text "1 passed, 6 failed, 1 skipped"
for n in 311 312 313; do
	for f in /proc/[0-9]*/cmdline; do
		if [ "$(tr '\0' ' ' <"$f" 2>/dev/null)" = "sleep $n " ]; then fail "sleep $n still runs"; fi
	done
done

# A name runs that test only; the failed one's repro.sh fails alike, with its seed.
expect 1 "$tree/tests/run" a/bad
expect_text "0 passed, 1 failed, 0 skipped"
repro=$(sed -n 's/^ *kept: \(.*\) (.*/\1/p' <<<"$output")/repro.sh
expect 1 "$repro"
expect_text "SEED=41"
expect 0 env SEED=99 "$tree/tests/run" --long a/good
grep -q $'a/good.*pass.*\t99\tsteps=3$' "$tree/build/long/results.tsv" || fail "no row of a/good"

# A long run goes on where it was; --again and a changed test run anew.
expect 0 "$tree/tests/run" --long a/good
expect_text "passed before"
expect 0 "$tree/tests/run" --long --again a/good
[ "$(grep -c a/good "$tree/build/long/results.tsv")" = 2 ] || fail "--again did not run a/good"
a_test good <<<'exit 1'
expect 1 "$tree/tests/run" --long a/good

expect 2 "$tree/tests/run" a/nothing
expect_text "no test 'a/nothing'"
expect 2 "$tree/tests/run" a/goo
echo 'int main(void) { return 0; }' >"$tree/tests/a/unbuilt.c"
expect 1 "$tree/tests/run" a/unbuilt
expect_text "was not built"
rm -r "$tree/tests/a"
expect 1 "$tree/tests/run"
expect_text "found no test"
expect_text "0 passed, 1 failed, 0 skipped"

# Each word of ./dev says what it does before it does anything.
for word in build run cma check fuzz san lint cov install-deps clean; do
	expect 0 timeout 20 "$UZ_ROOT/dev" "$word" --help
	expect_text "  $word"
done
expect 2 "$UZ_ROOT/dev" buidl
expect_text "no word 'buidl'"
