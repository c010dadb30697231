# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2164
package=lz4
part="test-lz4-essentials, listTest, test-decompress-partial; fuzzer and frametest for 20 s each"
plant_file=lib/lz4.c
plant='s/^    MEM_INIT(buffer, 0, sizeof(LZ4_stream_t_internal));//'
planted_in=LZ4_
planted_from=lz4.c

build() {
	make -s CC="$CC" CFLAGS="$O" -C programs lz4
	make -s CC="$CC" CFLAGS="$O" -C tests all
}

suite() {
	make -s CC="$CC" CFLAGS="$O" -C tests test-lz4-essentials listTest test-decompress-partial
	make -s CC="$CC" CFLAGS="$O" -C tests test-fuzzer test-frametest FUZZER_TIME=-T20s
}

planted() {
	build
	make -s CC="$CC" CFLAGS="$O" -C tests test-fuzzer FUZZER_TIME=-T1s
}
