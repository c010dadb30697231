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
start_server "$dir/c" 60 "$uzram" serve --config empty --nbd unix:n --ram 64M --size 16M \
	--region cam0:24M
wait_for 10 "$uzram" list
for i in 1 2 3; do
	expect 0 "$client" 16
	expect_text "grant $i: 16777216 bytes are ours"
	wait_for 10 no_grant
done
for i in 4 5; do
	expect 0 "$client" 15 cam0 5000
	expect_text "grant $i: 16777216 bytes are ours"
	wait_for 10 no_grant
done
expect 0 "$client" 0 cam0
expect_text "grant 6: 25165824 bytes are ours"
expect 1 "$client" 25 cam0
expect_text "size: 26214400 is more than region cam0 has: 24M"
expect 1 "$client" 1 cam1
expect_text "no region 'cam1'; there are: cam0"
expect 1 "$client" 1 'cam"0'
expect_text "'cam\"0' is not the name of a region"
expect 1 "$client" 1 cam0 10001
expect_text "deadline_ms: it is a number from 1 to 10000"
"$client" 1 cam0 0 >one || fail "no deadline is the default one"
wait_for 10 no_grant
"$uzram" contig alloc cam0 20M -- sleep 300 &
holder=$!
held() {
	[[ $("$uzram" contig stat --json) == *'"bytes":20971520'*'"waiting":false'* ]]
}
wait_for 10 held
expect 1 "$client" 10 cam0
[ "$output" = "grant_client: cma: cma_alloc: cam0: alloc failed, req-size: 2560 pages, ret: -12
$(sed -n 2p <<<"$output")
region cam0 has no stretch of 2560 pages left: free a grant, 'uzram contig stat' lists them" ] ||
	fail "the report is: $output"
kill -KILL $holder
wait $holder || true
wait_for 10 no_grant
expect 1 "$client" 65
expect_text "65M cannot be granted"
expect_text "of the RAM budget of 64M are in use"
expect 1 "$client" 0
expect_text "size: it is not a size of more than 0"
stop_server "$server_pid" || fail "the server did not end well"
