#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Objects that kmsan-cc -c makes, with lookups inlined in two steps: native ones that binutils take,
# and in all else what clang makes and says.

# shellcheck disable=SC2015,SC2016 # conditions of one line; names that make and clang see as they are
# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang nm objcopy readelf ar ld strip script
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

export KMSAN_LIB=$UZ_BUILD/libkmsan CLANG=clang KMSAN_LTO=auto
kmsan_cc=$UZ_ROOT/san/kmsan-cc
cd "$dir"
cat >a.c <<'C'
#include "decide.h"
#include <stdlib.h>
int main(void) { decide(malloc(64)); return 0; }
C
cat >b.c <<'C'
#include "decide.h"
#include <stdlib.h>
int *keep;
void decide(int *p) {
	keep = p;
	if (*p == NUMBER) abort();
}
C
echo 'void decide(int *p);' >decide.h

# lookups OBJECT: how many functions of the runtime's lookups it calls.
lookups() {
	nm "$1" | grep -cE ' U __msan_(metadata_ptr|get_context)' || true
}

inlined() { # OBJECT...
	local o
	for o; do
		[ "$(lookups "$o")" = 0 ] || fail "$o calls the lookups"
		nm "$o" | grep -q kmsan__ || fail "$o has no lookups"
		readelf -h "$o" >readelf.out 2>&1 && grep -q 'REL (Relocatable' readelf.out || fail "$o is not native"
	done
}

called() { # OBJECT...
	local o
	for o; do
		[ "$(lookups "$o")" != 0 ] || fail "$o does not call the lookups"
	done
}

reports() { # PROGRAM
	expect 86 "./$1"
	expect_text "uninit-value in decide"
	expect_text "b.c:6"
	expect_text "a.c:3"
}

# Several sources in one command, no -o; a dependency file each, as without.
"$kmsan_cc" -O2 -DNUMBER=7 -MMD -c a.c b.c
inlined a.o b.o
mkdir plain
cp a.c b.c decide.h plain
(cd plain && "$kmsan_cc" --no-lto -O2 -DNUMBER=7 -MMD -c a.c b.c)
called plain/a.o plain/b.o
for f in a.d b.d; do
	cmp "$f" "plain/$f"
done
"$kmsan_cc" a.o b.o -o program
reports program
mkdir out
"$kmsan_cc" -O1 '-DNUMBER=(strlen("a \"b\" $c")-1)' -include string.h -MD -MP -MF out/deps -MT 'b $x.o' -c b.c -o out/b.o
inlined out/b.o
grep -q '^b $x.o:' out/deps || fail "the target of -MT is not in -MF's file: $(cat out/deps)"
grep -q '^decide.h:' out/deps || fail "-MP made no target"
readelf -sW out/b.o | grep -q 'FILE .* b.c$' || fail "the object's source is not b.c"

# Code for shared objects finds the program's tables; without PIC too; a preprocessed source.
"$kmsan_cc" -O2 -DNUMBER=7 -fPIC -c b.c -o pic.o
inlined pic.o
"$kmsan_cc" -shared pic.o -o libb.so
"$kmsan_cc" a.o -L. -lb -Wl,-rpath="$dir" -o program
reports program
"$kmsan_cc" -O2 -DNUMBER=7 -E b.c -o b.i
"$kmsan_cc" -O2 -fno-pie -c b.i -o fixed.o
"$kmsan_cc" -O2 -fno-pie -c a.c -o fixed-a.o
inlined fixed.o fixed-a.o
"$kmsan_cc" -no-pie fixed-a.o fixed.o -o program
reports program

# What packages do with objects.
objcopy --redefine-sym keep=kept b.o renamed.o
strip -g -o stripped.o a.o
ld -r stripped.o renamed.o -o joined.o
ar rcs libjoined.a joined.o
"$kmsan_cc" -u main libjoined.a -o program
expect 86 ./program
expect_text "uninit-value in decide"

# Left to clang as it is: no optimisation, other kinds of output, steps of its own, another language.
"$kmsan_cc" -DNUMBER=7 -c b.c -o c.o
called c.o
"$kmsan_cc" -O2 -O0 -DNUMBER=7 -c b.c -o c.o
called c.o
"$kmsan_cc" -O2 -DNUMBER=7 -S b.c -o c.s
grep -q __msan_metadata_ptr c.s || fail "-S is not clang's"
"$kmsan_cc" -O2 -c c.s -o c.o
called c.o
"$kmsan_cc" -O2 -c -xc - -DNUMBER=7 -o c.o <b.c
called c.o
mkdir temps
(cd temps && "$kmsan_cc" -O2 -DNUMBER=7 -I.. -save-temps -c ../b.c)
[ -s temps/b.i ] && [ -s temps/b.s ] || fail "-save-temps kept nothing"
"$kmsan_cc" -O2 -DNUMBER=7 --coverage -c b.c -o c.o
called c.o
[ -s c.gcno ] || fail "--coverage left no notes"
"$kmsan_cc" -O2 '-DNUMBER=sizeof("`touch evaluated`")' -c b.c -o c.o
called c.o
[ ! -e evaluated ] || fail "an argument was evaluated"
KMSAN_LTO=off "$kmsan_cc" -O2 -DNUMBER=7 -c b.c -o c.o
called c.o

# The same words: errors with clang's exit code, warnings once, colours on a terminal only.
echo 'int f(void) { int unused; return missing; }' >bad.c
same_words() { # FLAG...
	local ours=0 theirs=0
	"$kmsan_cc" "$@" 2>ours || ours=$?
	"$kmsan_cc" --no-lto "$@" 2>theirs || theirs=$?
	[ "$ours" = "$theirs" ] || fail "$*: exit $ours, clang's $theirs"
	cmp ours theirs || fail "$*: $(diff ours theirs)"
}
rm -f bad.o
same_words -O2 -Wall -c bad.c
[ ! -e bad.o ] || fail "an object of what does not compile"
same_words -O2 -c missing.c
same_words -O2 -DNUMBER=7 -fno-such-flag -c b.c
echo 'int f(void) { int unused; return 1; }' >warned.c
same_words -O2 -Wall -pedantic -Wextra -c warned.c
same_words -O2 -Wall -Werror -c warned.c
echo 'void f(void) { __asm__("no such instruction"); }' >asm.c
expect 1 "$kmsan_cc" -O2 -c asm.c
expect_text "asm.c:1:"
TERM=xterm script -qec "$kmsan_cc -O2 -Wall -c warned.c" /dev/null >colored
grep -q $'\e\[' colored || fail "no colours on a terminal"

# An object of one layout does not link with the other's runtime.
expect 0 make -C "$UZ_ROOT" --no-print-directory san-linear BUILD="$dir/linear" CC=gcc
expect 1 env KMSAN_LIB="$dir/linear/libkmsan" "$kmsan_cc" --linear a.o b.o -o program
expect_text "--linear"
[ "$(wc -l <<<"$output")" = 1 ] || fail "more than one line: $output"

# What it costs.
median() { # COMMAND...
	local _ start
	for _ in 1 2 3; do
		start=${EPOCHREALTIME/[.,]/}
		"$@"
		echo $((${EPOCHREALTIME/[.,]/} - start))
	done | sort -n | sed -n 2p
}
long=$UZ_ROOT/san/src/table.c
flags=(-O2 -std=gnu11 -D_GNU_SOURCE -DKMSAN_RUNTIME=1 -I"$UZ_ROOT/san/include" -c "$long" -o long.o)
calls_us=$(median "$kmsan_cc" --no-lto "${flags[@]}")
inlined_us=$(median "$kmsan_cc" "${flags[@]}")
echo "COUNT compile_time_ratio_percent=$((100 * inlined_us / calls_us))"
