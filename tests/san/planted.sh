#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: timeout 200
#
# Three leaks planted in copies of uzram's sources, each compiled in place of the original:
# each is reported, with the words that lead to it. The unplanted build reports nothing,
# which san/run shows.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang python3
under=$UZ_ROOT/build/kmsan
[ -e "$under/libuzram.a" ] || skip "uzram is not built under kmsan: ./dev san kmsan"
newer=$(find "$UZ_ROOT"/{core,host,front,app,include,port,tests/lib} -name '*.[ch]' -newer "$under/libuzram.a" -print -quit)
[ -z "$newer" ] || skip "${newer#"$UZ_ROOT/"} is newer than what is built under kmsan: ./dev san kmsan"
[ -e "$under/obj/tests/device/model.o" ] || skip "no tests under kmsan: ./dev san kmsan"

cd "$UZ_ROOT"
export KMSAN_LIB=$UZ_ROOT/build/libkmsan CLANG=clang
includes=(-Iport/user)
for d in include/*/; do includes+=("-I$d"); done

# plant FILE SED...: compiles a changed copy; $object is the result.
plant() {
	local file=$1 script
	shift
	cp "$file" "$dir/planted.c"
	for script in "$@"; do
		cp "$dir/planted.c" "$dir/before.c"
		sed -i "$script" "$dir/planted.c"
		! cmp -s "$dir/before.c" "$dir/planted.c" || fail "nothing was planted in $file by $script"
	done
	object=$dir/$(basename "$file" .c).o
	san/kmsan-cc -std=gnu11 -O1 -w -D_GNU_SOURCE -DUZ_KMSAN=1 "${includes[@]}" \
		-iquote "$(dirname "$file")" -c "$dir/planted.c" -o "$object"
}

# relink PROGRAM MAIN-OBJECT: a program with $object in place of what it replaces.
relink() {
	mkdir -p "$(dirname "$1")"
	# The planted object comes first: the archive's member of that name is not taken then.
	san/kmsan-cc -pthread -o "$1" "$2" "$object" -Wl,--start-group "$under"/libuz{test,app,front,ram}.a \
		-Wl,--end-group "$(clang -print-file-name=liblz4.a)" -lzstd -ldeflate -ldl
}

reported() { # TEXT...
	local text
	for text in "$@"; do
		grep -qF -- "$text" "$dir/log" || {
			cat "$dir/log" >&2
			fail "no '$text' in the reports"
		}
	done
	rm "$dir/log"
}
export KMSAN_OPTIONS="log=$dir/log:on_error=exit"

# The tail of a page that decompresses short is what was in the buffer before.
plant host/codec_lz4.c 's/n = LZ4_decompress_safe(src, dst, (int)len, UZ_PAGE_SIZE);/n = LZ4_decompress_safe_partial(src, dst, (int)len, UZ_PAGE_SIZE - 100, UZ_PAGE_SIZE);/' \
	's/return n == UZ_PAGE_SIZE ? 0 : -EBADMSG;/return n > 0 ? 0 : -EBADMSG;/'
relink "$dir/short" "$under/obj/tests/device/model.o"
expect 86 "$dir/short"
reported "BUG: KMSAN: uninit-value in" "Uninit was created at:" "uz__object_decode"

# A field of the reply header that nobody fills in.
plant front/nbd/reply.c 's/p = nbd_put32(p, uz__nbd_wire_error(error));/p += 4;/'
relink "$dir/tests/front/helper/served" "$under/obj/tests/front/helper/served.o"
UZ_BUILD=$dir python3 tests/front/requests.py >"$dir/out" 2>&1 && fail "the leak was not noticed"
reported "BUG: KMSAN: infoleak in uz__nbd_flush" "uz__nbd_room" "Data left through boundary 'nbd reply'" \
	"are uninitialized"

# An object is read after it was given back.
plant core/device/object.c 's/^	if (uz__slot_is_object(word)) {/&\n\t\tuint32_t n;\n\t\tconst volatile char *stale = uz__object_bytes(d, word, \&n);\n/' \
	's/^\(.*uz_pool_free(.*, object_bytes(d, word));\)/\1\n\t\tif (stale[n - 1] == 77)\n\t\t\tuz_fetch_add(\&d->nr_raw, 1), uz_fetch_sub(\&d->nr_raw, 1);/'
relink "$dir/freed" "$under/obj/tests/device/model.o"
expect 86 "$dir/freed"
reported "BUG: KMSAN: use-after-free in uz__object_drop" "poison_freed"
echo "COUNT leaks=3"
