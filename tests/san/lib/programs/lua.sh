# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2164
package=lua5.4
part="a script of our own through the whole library: the package has no tests"
plant_file=src/lstate.c
plant='s/^  L->hookmask = 0;//'
planted_in=lua
planted_from=lua_newstate

# The package's own makefile wants Debian's libtool and a header that its rules make.
build() {
	echo '#define DEB_HOST_MULTIARCH "none"' >src/lua5.4-deb-multiarch.h
	make -s -C src -f "$recipes/lua.mk" CC="$CC" CFLAGS="$O -DLUA_COMPAT_5_3 -DLUA_USE_LINUX"
}

suite() {
	src/lua "$recipes/lua.lua"
}

planted() {
	build
	suite
}
