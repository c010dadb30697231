# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2164
package=sqlite3
part="fuzzcheck on fuzzdata1 and 5; threadtest3 (walthread1, walthread2, stress1); speedtest1 --verify. The Tcl scripts are left out: libtcl is not instrumented"
plant_file=src/printf.c
plant='s/^  p->printfFlags = 0;//'
planted_in=sqlite3_str_vappendf
planted_from=sqlite3

build() {
	CFLAGS=$O ./configure --disable-shared --disable-tcl --disable-readline
	make -s -j2 fuzzcheck threadtest3 speedtest1
}

suite() {
	local i
	for i in 1 5; do
		./fuzzcheck --limit-mem 500M "test/fuzzdata$i.db"
	done
	./threadtest3 walthread1 walthread2 stress1
	./speedtest1 --size 5 --verify
}

planted() {
	make -s speedtest1
	./speedtest1 --size 1
}
