#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: no-asan reads sources only
# uz-test: no-tsan reads sources only
#
# Each check of ./dev lint passes a clean tree and fails on what it forbids.

. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need git shellcheck clang-format ctags cppcheck

tree=$dir/tree
mkdir -p "$tree/host" "$tree/port/user" "$tree/tests/lib" "$tree/tests/guest"
cp -r "$UZ_ROOT/scripts" "$UZ_ROOT/mk" "$UZ_ROOT/.clang-format" "$tree"
cp "$UZ_ROOT"/tests/lib/*.sh "$tree/tests/lib" # scripts read from these
cp -r "$UZ_ROOT/tests/guest/lib" "$tree/tests/guest"
git -C "$tree" init -q
spdx='/* SPDX-License-Identifier: MIT */'
printf '%s\nint uz_f(int x);\nint uz_f(int x)\n{\n\treturn x;\n}\n' "$spdx" >"$tree/host/good.c"
expect 0 "$tree/scripts/lint"
expect_text "6 passed, 0 failed, 0 skipped"

refused() { # CHECK FILE TEXT: the file's content is on stdin
	cat >"$tree/$2"
	expect 1 "$tree/scripts/lint" "$1"
	expect_text "FAIL $1"
	expect_text "$3"
	rm "$tree/$2"
}

long_function() { # LINES
	printf '%s\nint uz_g(int x)\n{\n' "$spdx"
	for ((i = 4; i < $1; i++)); do printf '\tx++;\n'; done
	printf '\treturn x;\n}\n'
}

refused shell host/a.sh SC2086 <<<$'#!/bin/sh\nrm $1'
refused format host/a.c '1 host/a.c' <<<"$spdx"$'\nint  x;'
refused spdx host/a.c host/a.c <<<'int x;'
refused spdx host/tool host/tool <<<'#!/bin/sh'
refused words host/a.c host/a.c:1 <<<'const char *uz_x = "/''root/x";'
refused words host/a.c host/a.c:1 <<<'const char *uz_x = "/''tmp/x";'
refused words host/a.c host/a.c:1 <<<'typedef struct uz_a uz_a_t;'
refused sizes host/a.c 'uz_g() has 71 lines' < <(long_function 71)
long_function 70 >"$tree/host/a.c"
expect 0 "$tree/scripts/lint" sizes
refused sizes host/a.c '601 lines' < <(printf '%.0s\n' {1..601})
refused sizes host/a.h '201 lines' < <(printf '%.0s\n' {1..201})
refused cppcheck host/a.c host/a.c <<<'int uz_g(void) { int a[2]; a[2] = 1; return a[0]; }'

expect 2 "$tree/scripts/lint" nothing
