#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: no-asan compiles only
# uz-test: no-tsan compiles only
#
# The gate passes a clean core and fails on each kind of offence in a core file.
# shellcheck disable=SC2016 # the tested texts hold dollar signs

. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need gcc make ld nm size

cp -r "$UZ_ROOT/Makefile" "$UZ_ROOT/mk" "$dir"
mkdir -p "$dir/core/pool"
unset MAKEFLAGS MFLAGS MAKELEVEL

core_file() {
	{ echo 'int uz_f(int x);'; cat; } >"$dir/core/pool/$1.c"
}
gate() { make -s -C "$dir" BUILD="$dir/build" CC=gcc gate; }

expect 2 gate
expect_text "no core file"

core_file clean <<<'int uz_f(int x) { static const char *const names[] = { "a", "b" }; return names[x & 1][0]; }'
expect 0 gate
expect_text "gate: 1 core files"
expect_text "planted printf refused"
expect_text "planted double refused"
expect_text "planted static-variable refused"

refused() {
	core_file bad
	expect 2 gate
	rm "$dir/core/pool/bad.c"
}
refused <<<'int puts(const char *s); int uz_g(int x); int uz_g(int x) { return puts("x") + x; }'
expect_text "undefined: puts"
refused <<<'int uz_g(int x); int uz_g(int x) { return (int)((double)x * 1.5); }'
refused <<<'int uz_g(int x); int uz_g(int x) { static int n; return n += x; }'
expect_text "state in core"
refused <<<'int uz_state = 4;'
expect_text "state in core"
refused <<<'int uz_g(int x); int uz_g(int x) { static _Thread_local int n; return n += x; }'
refused <<<'#include <stdio.h>'
expect_text "stdio.h"
expect 0 gate

# arm64: atomics are instructions, not calls of libgcc.
if command -v aarch64-linux-gnu-gcc aarch64-linux-gnu-{ld,nm,size} >/dev/null; then
	mkdir "$dir/arm64"
	for t in ld nm size; do ln -s "$(command -v aarch64-linux-gnu-$t)" "$dir/arm64/$t"; done
	core_file atomic <<<'int uz_h(int *p); int uz_h(int *p) { return __atomic_fetch_add(p, 1, 0); }'
	expect 0 env PATH="$dir/arm64:$PATH" make -s -C "$dir" BUILD="$dir/build" CC=aarch64-linux-gnu-gcc gate
	rm "$dir/core/pool/atomic.c"
fi

# A gate that accepts what was planted must say so: here its judge is blinded.
sed -i 's/ \[bBdDCgGsS\] / [@] /; s/&& \$2 > 0/\&\& 0/' "$dir/mk/gate.sh"
expect 2 gate
expect_text "a planted static-variable was not noticed"
