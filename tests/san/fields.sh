#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Bytes that leak are named by struct member, or as padding after one, from debug information.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"
/usr/bin/python3 -c 'import elftools' 2>/dev/null || skip "python3-pyelftools is not installed"

export KMSAN_LIB=$UZ_BUILD/libkmsan KMSAN_LTO=off
unset KMSAN_OPTIONS
cat >"$dir/a.c" <<'C'
#include <fcntl.h>
#include <kmsan.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
struct inner { char tag; short code; };
struct reply { char type; int error; struct inner in[2]; unsigned flags : 3, : 13, more : 4; char name[6]; long end; };
typedef struct { long id; char kind; } item;
static struct kmsan_boundary wire = { .name = "wire" };
static __attribute__((noinline)) void fill(struct reply *r)
{
	r->type = 1, r->error = 2, r->flags = 3, r->more = 1, r->end = 5;
	r->in[0].tag = r->in[1].tag = 1, r->in[0].code = r->in[1].code = 2;
	memcpy(r->name, "abc", 3);
}
static __attribute__((noinline)) void send_reply(void)
{
	struct reply r;
	fill(&r);
	kmsan_out(&wire, &r, sizeof(r));
}
static __attribute__((noinline)) void send_item(item *i)
{
	i->id = 1, i->kind = 2;
	kmsan_out(&wire, i, sizeof(*i));
}
static __attribute__((noinline)) void send_bytes(void)
{
	char text[12];
	memset(text, 1, 7);
	kmsan_out(&wire, text, sizeof(text));
}
int main(void)
{
	send_reply();
	send_item(malloc(sizeof(item)));
	send_bytes();
	return 0;
}
C
cat >"$dir/wanted" <<'TEXT'
infoleak in send_reply: bytes 1-3: padding after member 'type' of struct reply
infoleak in send_reply: byte 9: padding after member 'in[0].tag' of struct reply
infoleak in send_reply: byte 13: padding after member 'in[1].tag' of struct reply
infoleak in send_reply: bytes 16-17: padding after member 'flags' of struct reply
infoleak in send_reply: byte 18: padding after member 'more' of struct reply
infoleak in send_reply: bytes 22-24: member 'name' of struct reply
infoleak in send_reply: bytes 25-31: padding after member 'name' of struct reply
infoleak in send_item: bytes 9-15: padding after member 'kind' of item
TEXT
# DWARF 4 and 5 say differently where a bit-field is.
for clang in clang-14 clang-19 clang; do
	command -v "$clang" >/dev/null || continue
	[ "$clang" = clang ] && dwarf=-gdwarf-4 || dwarf=-gdwarf-5
	CLANG=$clang "$UZ_ROOT/san/kmsan-cc" "$dwarf" -O1 "$dir/a.c" -o "$dir/a" -w
	expect 86 "$UZ_ROOT/san/kmsan-run" -q -j "$dir/json" "$dir/a"
	"$UZ_ROOT/san/kmsan-symbolize" "$dir/json" >"$dir/got"
	diff "$dir/wanted" "$dir/got" || fail "$clang"
	grep -q "padding after member 'type' of struct reply" <<<"$output" || fail "kmsan-run does not name it: $output"
done
expect 2 "$UZ_ROOT/san/kmsan-symbolize" "$dir/none"
expect_text "kmsan-symbolize: $dir/none: No such file"
C=$("$UZ_ROOT/san/kmsan-symbolize" </dev/null)
[ -z "$C" ] || fail "something about nothing: $C"
