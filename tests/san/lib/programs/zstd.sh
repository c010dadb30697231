# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2164
package=libzstd
part="fuzzer and zstreamtest without big inputs, 20 s each, decodecorpus for 10 s, invalidDictionaries, poolTests, legacy"
plant_file=lib/decompress/zstd_decompress.c
plant='s/^    dctx->staticSize  = 0;//'
planted_in=ZSTD_
planted_from=ZSTD_createDCtx
# What is reported rightly, with the reason.
real=ZSTD_initStaticCDict
real_reason="ZSTD_initStaticCDict never sets the compression level that ZSTD_compress_usingCDict reads, a bug of 1.5.4"

# Its assembly writes without telling.
make_tests() {
	make -s CC="$CC" CFLAGS="$O" ZSTD_NO_ASM=1 -C tests "$@"
}

build() {
	make_tests -j2 fuzzer zstreamtest invalidDictionaries poolTests decodecorpus legacy
}

suite() {
	cd tests
	./fuzzer --no-big-tests -T20s
	./zstreamtest --no-big-tests -T20s
	./decodecorpus -t -T10
	./invalidDictionaries
	./poolTests
	./legacy
}

planted() {
	make_tests legacy
	tests/legacy
}
