#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
#
# The runtime may be entered from any signal handler: it calls nothing of libc, takes no memory from
# malloc, and a handler that interrupts malloc, printf, the loader or a report is reported as well.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang nm
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

# What the objects of san/src ask for that none of them has: the one call for file and line, and a
# mark of the link.
objects=("$UZ_BUILD"/libkmsan/obj/src/*.o)
nm --defined-only "${objects[@]}" | awk 'NF == 3 { print $3 }' | sort -u >"$dir/defined"
[ "$(wc -l <"$dir/defined")" -gt 100 ] || fail "the objects of san/src were not found"
outside=$(nm -u "${objects[@]}" | awk 'NF == 2 { print $2 }' | sort -u | comm -23 - "$dir/defined" |
	grep -vxE '_GLOBAL_OFFSET_TABLE_|kmsan__no_origins|backtrace_(create_state|pcinfo|syminfo)' || true)
[ -z "$outside" ] || fail "the runtime calls $(paste -sd' ' <<<"$outside")"

# And what libbacktrace asks for: the system, strings, the list of what is loaded.
backtrace=("$UZ_BUILD"/libkmsan/backtrace/*.o)
if [ -e "${backtrace[0]}" ]; then
	nm --defined-only "${backtrace[@]}" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u >"$dir/defined"
	needs=$(nm -u "${backtrace[@]}" 2>/dev/null | awk 'NF == 2 { print $2 }' | sort -u | comm -23 - "$dir/defined")
	heap=$(grep -xE '(m|c|re)alloc|free|fopen|f?open64|pthread_.*' <<<"$needs" || true)
	[ -z "$heap" ] || fail "libbacktrace calls $(paste -sd' ' <<<"$heap")"
fi

export KMSAN_LIB=$UZ_BUILD/libkmsan KMSAN_LTO=off CLANG=clang
"$UZ_ROOT/san/kmsan-cc" -std=gnu11 -D_GNU_SOURCE -O1 -pthread -I"$UZ_ROOT/tests/san/lib" \
	"$UZ_ROOT/tests/san/lib/handlers.c" "$UZ_ROOT/tests/san/lib/cases.c" -o "$dir/handlers" -ldl
expect 0 env KMSAN_OPTIONS="dedup=0:max_reports=1000000:exit_code=0:log=$dir/log" \
	timeout 600 "$dir/handlers" "$(scale 500 3000 100000)"
counts=$output
[[ $output =~ uses=([0-9]+)\ reports=([0-9]+)$ ]] || fail "$output"
[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ] || fail "$output"
[ "$(grep -c '^BUG: KMSAN: uninit-value in use' "$dir/log")" = "${BASH_REMATCH[1]}" ] ||
	fail "$(grep -c ^BUG "$dir/log") texts, $output"
grep -q '^ handler .*handlers.c:' "$dir/log" || fail "no report names the handler"

# A library's fork handlers, registered before main and before the program's constructors, find no lock taken.
cat >"$dir/library.c" <<'C'
#include <pthread.h>
#include <stdlib.h>
static void use(void) { volatile int *p = malloc(64); if (*p == 7) abort(); }
__attribute__((constructor)) static void start(void) { pthread_atfork(use, use, use); }
C
echo 'int fork(void); int main(void) { fork(); return 0; }' >"$dir/forks.c"
"$UZ_ROOT/san/kmsan-cc" -O1 -fPIC -shared "$dir/library.c" -o "$dir/library.so"
"$UZ_ROOT/san/kmsan-cc" -O1 "$dir/forks.c" -Wl,--no-as-needed "$dir/library.so" -o "$dir/forks"
expect 86 env KMSAN_OPTIONS=dedup=0 timeout -s KILL 60 "$dir/forks"
[ "$(grep -c '^BUG: KMSAN: uninit-value in use' <<<"$output")" = 3 ] || fail "not three reports: $output"
echo "COUNT ${counts%% *} ${counts##* }"
