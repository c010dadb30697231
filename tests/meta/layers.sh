#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: no-asan compiles only
# uz-test: no-tsan compiles only
#
# A layer that includes a header of a layer it may not use does not compile.

. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need gcc make

cp -r "$UZ_ROOT/Makefile" "$UZ_ROOT/mk" "$dir"
unset MAKEFLAGS MFLAGS MAKELEVEL
layers="base plat arena codec pool device host front lib"
for l in $layers; do
	mkdir -p "$dir/include/$l/uz"
	echo "int uz_$l(int x);" >"$dir/include/$l/uz/$l.h"
done

compiles() { # FILE HEADER
	local object=$dir/build/obj/${1%.c}.o
	mkdir -p "$(dirname "$dir/$1")"
	printf '#include <uz/%s.h>\nint uz_%s(int x)\n{\n\treturn x;\n}\n' "$2" "$2" >"$dir/$1"
	make -s -C "$dir" BUILD="$dir/build" "$object" >"$dir/log" 2>&1 && return
	grep -q "uz/$2.h: No such file" "$dir/log" || fail "$1 with $2: $(cat "$dir/log")"
	return 1
}

sees() { # FILE LAYER...: exactly these
	local file=$1 l
	shift
	for l in $layers; do
		rm -rf "$dir/build"
		if [[ " $* " == *" $l "* ]]; then
			compiles "$file" "$l" || fail "$file may include uz/$l.h, but: $(cat "$dir/log")"
		elif compiles "$file" "$l"; then
			fail "$file must not find uz/$l.h"
		fi
		rm "$dir/$file"
	done
}

sees core/base/x.c base
sees core/arena/x.c base plat arena
sees core/codec/x.c base codec
sees core/pool/x.c base plat arena pool
sees core/device/x.c base plat arena pool codec device
sees host/x.c base plat arena pool codec device host
sees host/plugin/codec-x.c base plat arena pool codec device host
sees front/nbd/x.c base plat arena pool codec device host front
sees lib/x.c base plat arena pool codec device host front lib
sees app/x.c base plat arena pool codec device host front lib
