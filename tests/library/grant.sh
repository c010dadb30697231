#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A program that takes a grant with the library's call: it gets it, is told why not, and leaves none.
. "${UZ_ROOT:-.}/tests/lib/sh.sh"

export UZRAM_CONTROL=$dir/c
client=$UZ_BUILD/examples/grant_client
cd "$dir"
: >empty

no_grant() {
	[[ $("$uzram" contig stat --json) == *'"grants":[]}' ]]
}

expect 1 "$client"
expect_text "no server answers at $dir/c: No such file"
start_server "$dir/c" 60 "$uzram" serve --config empty --nbd unix:n --ram 64M --size 16M
wait_for 10 "$uzram" list
for i in 1 2 3; do
	expect 0 "$client" 16
	expect_text "grant $i: 16777216 bytes are ours"
	wait_for 10 no_grant
done
expect 1 "$client" 65
expect_text "65M cannot be granted"
expect_text "of the RAM budget of 64M are in use"
expect 1 "$client" 0
expect_text "size: it is not a size of more than 0"
stop_server "$server_pid" || fail "the server did not end well"
