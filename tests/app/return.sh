# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 120
# --return on a live server of each kind of memory: wrong values are refused, what is in force is told, memory
# goes back when a disk is emptied, and what is claimed to be resident is what the system charges.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
need nbdcopy

store=
if [ -d /dev/shm ] && [ -w /dev/shm ]; then store=$(mktemp -u /dev/shm/uz-test-XXXXXX); fi
trap 'end_servers; rm -f "$store"' EXIT
export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
mib=$(scale 32 64 128)

value() { # NAME
	"$uzram" stat -b d0 | awk -v name="$1" '$1 == name { print $2 }'
}

# Within 2%, as long as no background step is between the two figures.
honest() {
	"$uzram" stat -b d0 | awk '{ v[$1] = $2 } END {
		d = v["resident"] - v["resident_claimed"]
		exit !((d < 0 ? -d : d) * 50 <= v["resident"]) }'
}

returned() {
	[ $(($(value returned_eager_bytes) + $(value returned_lazy_bytes))) -ge $((mib << 19)) ]
}

small() {
	[ "$(value resident)" -lt 16000000 ] && [ "$(value resident_claimed)" -lt 16000000 ]
}

# Nothing goes lazily while the system is short of memory, whoever made it so.
goes_by() { # METHOD
	value return_method | grep -qxE "$1"
}

went_lazily() {
	nbdcopy data 'nbd+unix:///?socket=n' || return
	"$uzram" reset d0 >/dev/null || return
	wait_for 10 returned
	[ "$(value returned_lazy_bytes)" -gt 0 ]
}

round() { # POLICY METHOD OPTIONS...
	local want=$1 method=$2
	shift 2
	start_uzram 60 --size "${mib}M" --return "$want" "$@"
	[ "$(value return)" = "$want" ] || fail "return is $(value return)"
	wait_for 5 honest
	nbdcopy data 'nbd+unix:///?socket=n'
	wait_for 5 honest
	"$uzram" reset d0 >/dev/null
	wait_for 10 returned
	wait_for 10 honest
	wait_for 10 small
	wait_for 20 goes_by "$method"
	"$uzram" metrics >prometheus
	grep -qE "^uzram_return_info\{disk=\"d0\",policy=\"$want\",method=\"[a-z_]+\"\} 1$" prometheus ||
		fail "$(grep return prometheus)"
	stop_server "$server_pid" || fail "$want $*: the server ended with $?"
}

# Every policy after every other, on a live server.
live() {
	local policy method
	start_uzram 60 --size "${mib}M" --private
	expect 0 "$uzram" set return=lazy
	wait_for 20 went_lazily
	wait_for 10 small
	for policy in lazy:free eager:'dontneed(_batch)?' auto:'[a-z_]+' eager:'dontneed(_batch)?' lazy:free; do
		method=${policy#*:} policy=${policy%%:*}
		expect 0 "$uzram" set return="$policy"
		[ "$(value return)" = "$policy" ] || fail "return is $(value return), not $policy"
		wait_for 20 goes_by "$method"
	done
	expect 0 "$uzram" set return=eager ram=300M
	[ "$(value return) $(value ram_limit)" = "eager $((300 << 20))" ] || fail "$(value return) $(value ram_limit)"
	stop_server "$server_pid" || fail "live: the server ended with $?"
}

expect 2 "$uzram" serve --config /dev/null --return sometimes
expect_text "'sometimes' is not one of auto, eager, lazy"
expect 2 "$uzram" serve --config /dev/null --return lazy
expect_text "start with --private"
expect 0 "$uzram" serve --config /dev/null --return eager --dump-config
expect_text "return = eager"

head -c "${mib}M" /dev/urandom >data
round auto '[a-z_]+' --private
live
round eager 'dontneed(_batch)?' --private
round lazy free --private
round auto 'punch_hole|remove' --memfd
[ -z "$store" ] || round eager 'punch_hole|remove' --memory "$store"
