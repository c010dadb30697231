#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A program outside the tree builds with pkg-config against what `make install` installs,
# shared and static, and runs; the shared library exports no private name.
# uz-test: no-asan it links the library without a sanitizer
# uz-test: no-tsan it links the library without a sanitizer
# uz-test: serial
. "${UZ_ROOT:-.}/tests/lib/sh.sh"

need make cc pkg-config nm

make -C "$UZ_ROOT" BUILD="$UZ_BUILD" PREFIX="$dir/usr" install >"$dir/install.log" 2>&1 ||
	fail "install: $(tail -5 "$dir/install.log")"
export PKG_CONFIG_PATH=$dir/usr/lib/pkgconfig
cd "$dir"

# shellcheck disable=SC2046 # flags are words
cc "$UZ_ROOT/examples/cold_pages.c" $(pkg-config --cflags --libs uzram) -o shared
LD_LIBRARY_PATH=$dir/usr/lib expect 0 ./shared
expect_text "uzram $(pkg-config --modversion uzram)"

# shellcheck disable=SC2046
cc "$UZ_ROOT/examples/cold_pages.c" $(pkg-config --cflags uzram) usr/lib/libuzram.a \
	-llz4 -lzstd -ldeflate -ldl -pthread -o static 2>static.log || {
	# A distribution's shared liblz4 lacks the static API that libuzram.a needs.
	# shellcheck disable=SC2046
	cc "$UZ_ROOT/examples/cold_pages.c" $(pkg-config --cflags uzram) usr/lib/libuzram.a \
		-l:liblz4.a -lzstd -ldeflate -ldl -pthread -o static
}
expect 0 ./static
expect_text "20000 records"

nm -D --defined-only usr/lib/libuzram.so | grep -v ' A ' >names
if grep -vE ' uz_[a-z]' names; then
	fail "names that are not public are exported"
fi
grep -q ' uz_ram_open@@UZRAM_0' names || fail "uz_ram_open has no version"

# Every installed header compiles by itself.
for h in usr/include/uzram*.h usr/include/uz/*.h; do
	echo "#include <${h#usr/include/}>" | cc -std=gnu11 -Wall -Wextra -Werror -Iusr/include \
		-fsyntax-only -xc - || fail "$h does not stand alone"
done
