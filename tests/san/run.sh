#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kmsan-run: reports of a command and its children are collected, summed up, and make the exit code.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang python3
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

export KMSAN_LIB=$UZ_BUILD/libkmsan KMSAN_LTO=off CLANG=clang
unset KMSAN_OPTIONS
run=$UZ_ROOT/san/kmsan-run
cat >"$dir/a.c" <<'C'
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
static __attribute__((noinline)) int decide(volatile int *p) { return *p ? 1 : 2; }
int main(int argc, char **argv)
{
	int *p = malloc(64), i;
	if (argc > 1 && !strcmp(argv[1], "clean"))
		return 5;
	if (argc > 1 && !strcmp(argv[1], "killed"))
		abort();
	for (i = 0; argc > 1 && i < atoi(argv[1]); i++)
		if (!fork()) {
			if (decide(p) == 3)
				return 9;
			exit(0);
		}
	while (wait(NULL) > 0)
		;
	if (write(open("/dev/null", O_WRONLY), p, 8) != 8 || decide(p) == 1)
		return 3;
	return 0;
}
C
"$UZ_ROOT/san/kmsan-cc" -O0 "$dir/a.c" -o "$dir/a"

expect 5 "$run" "$dir/a" clean
expect_text "kmsan-run: nothing was reported"
expect 134 "$run" "$dir/a" killed
expect 127 "$run" "$dir/none"
expect_text "no such program"
expect 2 "$run"
expect 2 "$run" -x "$dir/a"
expect 2 "$run" -j "$dir/a:b" "$dir/a"
expect 2 "$run" -j "$dir/no/such" "$dir/a"
expect 2 "$run" -o nonsense=1 "$dir/a"
expect_text "no option 'nonsense'"

# Sixteen children at once, started by a shell, each with a report; and the parent with two.
expect 86 "$run" -q -j "$dir/json" sh -c "$dir/a 16"
expect_text "kmsan-run: 18 reports, 3 places"
expect_text "infoleak in main $dir/a.c"
expect_text "through 'write'"
[ "$(wc -l <"$dir/json")" = 18 ] || fail "$(wc -l <"$dir/json") lines of JSON"
python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$dir/json"
[[ $output != *"BUG: KMSAN"* ]] || fail "-q printed texts"

expect 86 "$run" -l "$dir/log" "$dir/a"
grep -q "BUG: KMSAN: infoleak in main" "$dir/log" || fail "no text in -l FILE"
expect 0 "$run" -q -o exit_code=0 "$dir/a"
expect 9 "$run" -q -o exit_code=9:on_error=exit "$dir/a"
expect_text "kmsan-run: 1 report, 1 place"
