#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# TCP on a loopback address, IPv4 and IPv6. The system looks after a minute whether a silent client is there.
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need nbdinfo nbdcopy

served=$UZ_BUILD/tests/front/helper/served

# serve ADDRESS: starts it; the address with its real port is in $address.
serve() {
	rm -f "$dir/out" # of the server before
	timeout -k 2 $((60 * patience)) "$served" "$1" size=16777216 wait=1 >"$dir/out" 2>"$dir/server.log" &
	server_pid=$!
	server_pids+=("$server_pid")
	wait_for 20 grep -q ready "$dir/out"
	address=$(awk '{print $2}' "$dir/out")
}

# A connection at that port whose next look (02) is at most a minute (6000 ticks) away.
looked_after() {
	local left
	left=$(awk -v port="$(printf ':%04X' "${address##*:}")" \
		'substr($2, length($2) - 4) == port && $4 == "01" && $6 ~ /^02:/ { print substr($6, 4) }' \
		/proc/net/tcp /proc/net/tcp6)
	[ -n "$left" ] && [ $((16#$left)) -le 6000 ]
}

head -c 16777216 /dev/urandom >"$dir/image"
for host in 127.0.0.1 '[::1]'; do
	if [ "$host" = '[::1]' ] && ! grep -q 00000001 /proc/net/if_inet6 2>/dev/null; then
		echo "no IPv6 loopback here: left out"
		continue
	fi
	serve "tcp:$host:0"
	uri=nbd://${address#tcp:}
	[ "$(nbdinfo --size "$uri")" = 16777216 ] || fail "size over $uri"
	nbdcopy "$dir/image" "$uri"
	nbdcopy "$uri" "$dir/back"
	cmp "$dir/image" "$dir/back"
	exec {silent}<>"/dev/tcp/$(tr -d '[]' <<<"$host")/${address##*:}"
	wait_for 10 looked_after
	exec {silent}>&-
	stop_server "$server_pid" || fail "the server ended with $?: $(tail -5 "$dir/server.log")"
done
