#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What cannot work is said in one sentence, before anything is built or run.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang gcc
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

export KMSAN_LIB=$UZ_BUILD/libkmsan CLANG=clang
kmsan_cc=$UZ_ROOT/san/kmsan-cc
echo 'int main(int argc, char **argv) { (void)argv; return argc - 1; }' >"$dir/a.c"

one_sentence() { # TEXT COMMAND...
	local text=$1
	shift
	expect 1 "$@"
	expect_text "$text"
	[ "$(wc -l <<<"$output")" = 1 ] || fail "more than one line: $output"
}

one_sentence "is not clang" env CLANG=gcc "$kmsan_cc" -c "$dir/a.c" -o "$dir/a.o"
one_sentence "does not run" env CLANG=no-such-clang "$kmsan_cc" -c "$dir/a.c" -o "$dir/a.o"
cat >"$dir/clang-13" <<'SH'
#!/bin/sh
echo "Debian clang version 13.0.1-11+b1"
SH
chmod +x "$dir/clang-13"
one_sentence "is clang 13" env CLANG="$dir/clang-13" "$kmsan_cc" -c "$dir/a.c" -o "$dir/a.o"
one_sentence "-fsanitize=address does not go together" "$kmsan_cc" -fsanitize=address "$dir/a.c" -o "$dir/a"
one_sentence "-m32: only 64-bit" "$kmsan_cc" -m32 "$dir/a.c" -o "$dir/a"
one_sentence "target riscv64-linux-gnu is not supported" "$kmsan_cc" --target=riscv64-linux-gnu -c "$dir/a.c"
one_sentence "-static is not supported" "$kmsan_cc" -static "$dir/a.c" -o "$dir/a"
one_sentence "libkmsan.a not found" env KMSAN_LIB="$dir" "$kmsan_cc" "$dir/a.c" -o "$dir/a"
cat >"$dir/clang-99" <<'SH'
#!/bin/sh
case $1 in --version) echo "clang version 99.0.0" ;; *) exec clang "$@" ;; esac
SH
chmod +x "$dir/clang-99"
one_sentence "--lto is for x86_64 only" "$kmsan_cc" --lto --target=aarch64-linux-gnu -c "$dir/a.c" -o "$dir/a.o"
one_sentence "KMSAN_LTO=yes: there are auto, on and off" env KMSAN_LTO=yes "$kmsan_cc" "$dir/a.c" -o "$dir/a"
one_sentence "--lto needs lld 99 or newer" env KMSAN_LTO=on CLANG="$dir/clang-99" "$kmsan_cc" "$dir/a.c" -o "$dir/a"
one_sentence "--lto needs lld 99 or newer" env CLANG="$dir/clang-99" "$kmsan_cc" --lto "$dir/a.c" -o "$dir/a"
[ ! -e "$dir/a" ] || fail "a was built"
[ ! -e "$dir/a.o" ] || fail "a.o was built"

# Objects of other sanitizers.
echo 'int other(int *p); int other(int *p) { return p[7]; }' >"$dir/other.c"
echo 'int other(int *p); int main(void) { int a[8] = { 0 }; return other(a); }' >"$dir/main.c"
for sanitizer in address thread memory undefined; do
	clang -fsanitize=$sanitizer -c "$dir/other.c" -o "$dir/other.o"
	one_sentence "was built with another sanitizer" "$kmsan_cc" "$dir/main.c" "$dir/other.o" -o "$dir/a"
done
expect 1 "$kmsan_cc" "$dir/main.c" -o "$dir/a"
expect_text "undefined reference to \`other'"

"$kmsan_cc" "$dir/a.c" -o "$dir/a"
expect 0 "$dir/a"
expect 1 "$dir/a" one
for options in foo=1 "on_error=maybe" "max_reports=x" "stack_depth=99" log=; do
	expect 2 env KMSAN_OPTIONS="$options" "$dir/a"
	expect_text "kmsan: KMSAN_OPTIONS"
	[ "$(wc -l <<<"$output")" = 1 ] || fail "more than one line: $output"
done
expect 2 env KMSAN_OPTIONS=foo=1 "$dir/a"
expect_text "no option 'foo'; there are: on_error exit_code"
expect 0 env KMSAN_OPTIONS="on_error=exit:max_reports=3 dedup=0" "$dir/a"

# Without lld there is no link-time optimisation, and nothing is said; the driver of a pipe is a compiler too.
CLANG="$dir/clang-99" "$kmsan_cc" -O2 "$dir/a.c" -o "$dir/a" 2>"$dir/said"
[ ! -s "$dir/said" ] || fail "said: $(cat "$dir/said")"
"$kmsan_cc" -O2 -xc - -o "$dir/a" <"$dir/a.c"
expect 1 "$dir/a" one

# The audit knows what a program imports: nothing here, one function there.
KMSAN_AUDIT=1 "$kmsan_cc" "$dir/a.c" -o "$dir/a"
cat >"$dir/b.c" <<'C'
#include <sys/quota.h>
int main(int argc, char **argv) { return quotactl(0, argv[0], argc, argv[0]) == 0; }
C
"$kmsan_cc" "$dir/b.c" -o "$dir/b"
expect 1 "$UZ_ROOT/san/audit" "$dir/b"
expect_text "quotactl"

# Without origins the same use is reported, and nothing is said of where the bytes come from.
cat >"$dir/c.c" <<'C'
#include <stdlib.h>
static __attribute__((noinline)) void decide(volatile int *p) { if (*p == 7) abort(); }
int main(void) { decide(malloc(64)); return 0; }
C
"$kmsan_cc" -O1 --no-origins -c "$dir/c.c" -o "$dir/c.o"
"$kmsan_cc" --no-origins "$dir/c.o" -o "$dir/c"
expect 86 "$dir/c"
expect_text "uninit-value in decide"
[[ $output == *"created at an unknown place"* ]] || fail "an origin without origins: $output"
"$kmsan_cc" -O1 "$dir/c.c" -o "$dir/c"
expect 86 "$dir/c"
expect_text "Uninit was created at"
expect 86 env KMSAN_OPTIONS=origins=0 "$dir/c"
[[ $output == *"created at an unknown place"* ]] || fail "an origin with origins=0: $output"
