# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2164
package=redis
part="runtest of unit/type/{string,list,hash,set}, unit/{scripting,bitops,sort,multi,pubsub,expire,introspection}; unit/dump is left out: the package's own patch breaks it in any build"
plant_file=src/networking.c
plant='s/^    c->reqtype = 0;//'
planted_in=processInputBuffer
planted_from=createClient
# What is reported rightly, with the reason.
real=lzf_compress
real_reason="lzf_compress reads its hash table before it has written it, on purpose, and checks what it finds (redis lists it for valgrind too, src/valgrind.sup)"

build() {
	make -s CC="$CC" MALLOC=libc OPTIMIZATION="$O" USE_SYSTEMD=no
}

singles() {
	local name arguments=()
	for name; do arguments+=(--single "$name"); done
	./runtest --clients 2 "${arguments[@]}"
}

suite() {
	singles unit/type/{string,list,hash,set} unit/{scripting,bitops,sort,multi,pubsub,expire,introspection}
}

planted() {
	build
	singles unit/printver
}
