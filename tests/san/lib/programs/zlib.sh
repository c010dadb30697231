# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2164
package=zlib
part="make test (example, example64, minigzip), infcover"
plant_file=deflate.c
plant='s/^    s->high_water = 0;.*//'
planted_in=fill_window
planted_from=deflateInit2_

build() {
	CFLAGS=$O ./configure --static
	make -s
}

suite() {
	make -s test
	make -s infcover
	./infcover
}

planted() {
	make -s
	make -s test
}
