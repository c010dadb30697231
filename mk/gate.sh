#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The freestanding gate: the core files that libuzram ships, compiled as a kernel
# would and joined with ld -r, need nothing but four mem* functions and have no
# state of their own. `make gate-list` names the files and flags, from the same
# variable that fills libuzram. Then the gate judges itself: each planted offence
# must be refused.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dir=$1
: "${CC:=gcc}" "${MAKE:=make}"

rm -rf "$dir"
mkdir -p "$dir"
"$MAKE" -s --no-print-directory CC="$CC" gate-list >"$dir/list"
[ -s "$dir/list" ] || { echo "gate: no core file found" >&2; exit 1; }

compile() { # FOLDER: each line of stdin is a source and its flags
	local source flags object
	while read -r source flags; do
		object=$1/${source//\//-}.o
		# shellcheck disable=SC2086 # the flags are words
		"$CC" $flags -c -o "$object" "$source" || return 1
		echo "$object" >>"$1/objects"
	done
}

judge() { # FOLDER: says what is wrong with the objects named in FOLDER/objects
	local joined=$1/core.o bad
	xargs ld -r -o "$joined" <"$1/objects" || return 1
	bad=$(nm -u "$joined" | awk '{ print $NF }' | grep -vxE 'mem(cpy|move|set|cmp)' || true)
	[ -z "$bad" ] || { echo "gate: undefined: ${bad//$'\n'/, }"; return 1; }
	bad=$(nm "$joined" | grep -E ' [bBdDCgGsS] ' || true)
	[ -z "$bad" ] || { echo "gate: state in core: ${bad//$'\n'/, }"; return 1; }
	bad=$(size -A -d "$joined" |
		awk '$1 ~ /^\.(data|bss|tdata|tbss|init_array|fini_array|ctors|dtors)(\.|$)/ && $2 > 0')
	[ -z "$bad" ] || { echo "gate: sections in core: ${bad//$'\n'/, }"; return 1; }
}

mkdir "$dir/core"
compile "$dir/core" <"$dir/list"
judge "$dir/core"
echo "gate: $(wc -l <"$dir/list") core files, $(size -d "$dir/core/core.o" | awk 'NR == 2 { print $1 }') bytes of text, clean"

# Compiled like the first core file and joined to the real ones.
flags=$(head -n 1 "$dir/list" | cut -d' ' -f2-)

plant() { # NAME: the offence is on stdin; succeeds when the gate refuses it
	local at=$dir/planted-$1
	mkdir "$at"
	cat >"$at/planted.c"
	cp "$dir/core/objects" "$at/objects"
	if echo "$at/planted.c $flags" | compile "$at" >"$at/log" 2>&1 && judge "$at" >>"$at/log" 2>&1; then
		echo "gate: a planted $1 was not noticed" >&2
		return 1
	fi
	echo "gate: planted $1 refused: $(grep -m1 -E 'error|gate:' "$at/log")"
}

plant clean <<-'C' >/dev/null 2>&1 && { echo "gate: refuses a clean file, so it proves nothing" >&2; exit 1; }
	long uz_planted(long x);
	long uz_planted(long x)
	{
		return x * 3;
	}
C
plant printf <<-'C'
	int printf(const char *format, ...);
	int uz_planted(int x);
	int uz_planted(int x)
	{
		return printf("%d", x);
	}
C
plant double <<-'C'
	double uz_planted(double x);
	double uz_planted(double x)
	{
		return x * 1.5;
	}
C
plant inner-double <<-'C'
	long uz_planted(long x);
	long uz_planted(long x)
	{
		double y = (double)x;

		return (long)(y * 1.5);
	}
C
plant static-variable <<-'C'
	int uz_planted(void);
	int uz_planted(void)
	{
		static int calls;

		return ++calls;
	}
C
plant static-data <<-'C'
	int *uz_planted(void);
	int *uz_planted(void)
	{
		static int limit = 3;

		return &limit;
	}
C
plant libc-header <<-'C'
	#include <string.h>
	int uz_planted(void);
	int uz_planted(void)
	{
		return 0;
	}
C
