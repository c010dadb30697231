# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every shell test starts from:  . "${UZ_ROOT:-.}/tests/lib/sh.sh"
# It stops at the first command that fails, works in a folder of its own
# ($dir), and ends the servers that it started, by their pid.

set -euo pipefail

UZ_ROOT=${UZ_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
UZ_BUILD=${UZ_BUILD:-build}
case $UZ_BUILD in /*) ;; *) UZ_BUILD=$UZ_ROOT/$UZ_BUILD ;; esac
if [ -n "${UZ_TEST_DIR:-}" ]; then
	dir=$UZ_TEST_DIR
else
	dir=$(mktemp -d)
	echo "DIR=$dir"
fi
# shellcheck disable=SC2034 # for the tests
uzram=$UZ_BUILD/uzram
server_pids=()
# What an idle machine does in a second may take a busy one, or a sanitizer, so many. Limits of what is
# waited for are given in seconds of an idle machine.
patience=6

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

skip() {
	echo "SKIP: $*"
	exit 77
}

# need TOOL...: skips the test when one is missing.
need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
}

# scale QUICK CHECK LONG: the number for UZ_TEST_SIZE.
scale() {
	case ${UZ_TEST_SIZE:-quick} in
	long) echo "$3" ;;
	check) echo "$2" ;;
	*) echo "$1" ;;
	esac
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1 * patience))
	shift
	until "$@" 2>/dev/null; do
		[ $SECONDS -lt $end ] || fail "waited in vain for: $*"
		sleep 0.05
	done
}

# start_server SOCKET SECONDS COMMAND...: runs COMMAND in the background for at most
# SECONDS, returns when SOCKET is there. The pid is in $server_pid, the output in $dir/server.log.
start_server() {
	local socket=$1 limit_s=$2 end
	shift 2
	timeout -k 20 $((limit_s * patience)) "$@" >>"$dir/server.log" 2>&1 &
	server_pid=$!
	server_pids+=("$server_pid")
	end=$((SECONDS + 20 * patience))
	until [ -S "$socket" ]; do
		if ! kill -0 "$server_pid" 2>/dev/null; then
			cat "$dir/server.log" >&2
			fail "the server ended at once: $*"
		fi
		[ $SECONDS -lt $end ] || fail "no socket $socket after $((20 * patience)) s: $*"
		sleep 0.05
	done
}

# start_uzram SECONDS OPTION...: uzram serve at the unix socket n, for at most SECONDS; returns when
# it is ready. Its own pid is in the file pid, what stop_server wants in $server_pid.
start_uzram() {
	local limit_s=$1
	shift
	rm -f pid
	timeout -k 2 $((limit_s * patience)) "$uzram" serve --config /dev/null --nbd unix:n --pid-file pid "$@" >>server.log 2>&1 &
	server_pid=$!
	server_pids+=("$server_pid")
	wait_for 20 test -s pid
}

# stop_server PID: asks it to end and returns its exit status (of timeout(1), which passes
# the signal and the status on).
stop_server() {
	local status=0
	kill -TERM "$1" 2>/dev/null || true
	wait "$1" || status=$?
	return "$status"
}

# install_to PREFIX: what `make install` does, from a copy of the build: the program has its place in it, and
# is linked anew, which other tests must not meet.
install_to() {
	mkdir "$dir/build"
	(cd "$UZ_BUILD" && cp -a flags libdir san obj plugin uzram ./*.a ./*.so* "$dir/build")
	[ ! -e "$UZ_BUILD/nbdkit" ] || cp -a "$UZ_BUILD/nbdkit" "$dir/build"
	make -C "$UZ_ROOT" BUILD="$dir/build" PREFIX="$1" install >"$dir/install.log" 2>&1 ||
		fail "install: $(tail -5 "$dir/install.log")"
	rm -rf "$dir/build"
}

# expect STATUS COMMAND...: the command exits with STATUS; its output is in $output.
expect() {
	local want=$1 status=0
	shift
	output=$("$@" 2>&1) || status=$?
	[ "$status" -eq "$want" ] || fail "exit $status instead of $want: $*
$output"
}

# expect_text TEXT: the output of the last expect has TEXT in it.
expect_text() {
	[[ $output == *"$1"* ]] || fail "'$1' is missing in: $output"
}

end_servers() {
	local pid
	for pid in "${server_pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "${server_pids[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
}

trap end_servers EXIT
trap 'exit 143' TERM INT
