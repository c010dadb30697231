#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
# uz-test: no-asan it limits the address space
# uz-test: no-tsan it limits the address space
#
# A server and its commands where something is missing: descriptors, memory, a place to write, somebody
# who answers, time. Each time the status and a sentence that names the thing; nothing hangs, nothing is lost.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
need nbdcopy prlimit

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
mib=8
head -c "${mib}M" /dev/urandom >data

same() {
	nbdcopy 'nbd+unix:///?socket=n' back
	cmp data back || fail "the disk has other data $*"
}

copied() { # WHEN
	nbdcopy data 'nbd+unix:///?socket=n' || fail "nothing can be written $*"
	same "$@"
}

no_sockets() {
	if [ -e n5 ] || [ -e c5 ]; then fail "sockets are left: $output"; fi
}

# Standard output is not there: what is printed must go nowhere, and not into the store.
timeout 360 "$uzram" serve --config /dev/null --nbd unix:n --pid-file pid --ram 64M --size "${mib}M" \
	--memory store >&- 2>&- <&- &
server_pids+=($!)
wait_for 20 test -s pid
copied "without standard output"
kill -KILL "$(cat pid)"
wait $! || true
start_uzram 60 --ram 64M --memory store
same "after adoption"
for command in list stat metrics version "help serve" "contig stat" "serve --dump-config"; do
	# shellcheck disable=SC2086
	expect 1 sh -c "\"$uzram\" $command >/dev/full"
	expect_text "uzram: the output cannot be written: No space left on device"
	# shellcheck disable=SC2086
	expect 1 sh -c "\"$uzram\" $command >&-"
	expect_text "uzram: the output cannot be written: Bad file descriptor"
done

# A server that was killed leaves its sockets; the next one takes them over.
kill -KILL "$(cat pid)"
wait "$server_pid" || true
expect 1 "$uzram" list
expect_text "no server answers at $dir/c: start one with 'uzram serve'"
if [ ! -S c ] || [ ! -S n ]; then fail "no stale sockets"; fi

# A server that hangs: what it need not work for is not waited for.
if [ "${UZ_TEST_SIZE:-quick}" != quick ]; then
	start_uzram 100 --ram 64M --size "${mib}M"
	kill -STOP "$(cat pid)"
	expect 1 timeout 60 "$uzram" stat
	expect_text "the server did not answer within 30 s"
	kill -CONT "$(cat pid)"
	stop_server "$server_pid" || fail "it ended with $?"
fi

# Few descriptors: it serves as many clients as it can, says once that there are no more, and goes on.
(ulimit -n 20 && exec timeout 360 "$uzram" serve --config /dev/null --nbd unix:n --pid-file few --ram 64M \
	--size "${mib}M") >few.log 2>&1 &
few=$!
server_pids+=("$few")
wait_for 20 test -s few
clients=()
for _ in $(seq 20); do
	"$uzram" contig alloc 1M --scatter -- sleep 300 >>clients.log 2>&1 &
	clients+=($!)
done
wait_for 10 grep -q "control: no client is accepted: Too many open files" few.log
ticks() { # PID FILE
	awk '{ print $14 + $15 }' "/proc/$(cat "$1")/stat"
}
before=$(ticks few)
sleep 1
[ $(($(ticks few) - before)) -lt 30 ] || fail "it spins: $(($(ticks few) - before)) ticks in a second"
kill "${clients[@]}" 2>/dev/null || true
wait "${clients[@]}" 2>/dev/null || true
wait_for 10 "$uzram" list
copied "after the descriptors came back"
stop_server "$few" || fail "few descriptors: the server ended with $?: $(cat few.log)"
for nr in 4 5 6 7 8; do
	expect 1 prlimit --nofile="$nr" timeout 120 "$uzram" serve --config /dev/null --nbd unix:n5 --control c5 --size 1M
	expect_text "Too many open files"
	no_sockets
done

# No memory for the store, no addresses.
expect 1 prlimit --as=$((300 << 20)) timeout 120 "$uzram" serve --config /dev/null --nbd unix:n5 --control c5 \
	--size 1G --ram 1G
expect_text "Cannot allocate memory"
expect_text "1G"
no_sockets

# Nothing can be written.
if unshare -m true 2>/dev/null; then
	mkdir fixed
	# shellcheck disable=SC2016
	read_only() {
		expect 1 unshare -m sh -c 'mount -t tmpfs -o ro none fixed && exec timeout 120 "$@"' sh \
			"$uzram" serve --config /dev/null --size 1M "$@"
		expect_text "Read-only file system"
	}
	read_only --nbd unix:fixed/n --control c5
	expect_text "fixed/n"
	read_only --nbd unix:n5 --control fixed/c
	expect_text "fixed/c"
	read_only --nbd unix:n5 --control c5 --memory fixed/store
	expect_text "--memory fixed/store"
	read_only --nbd unix:n5 --control c5 --pid-file fixed/pid
	expect_text "--pid-file fixed/pid"
	read_only --nbd unix:n5 --control c5 --backing fixed/b
	expect_text "fixed/b"
	no_sockets

	# A tmpfs smaller than the budget: what a reset left free there is given back for the next disk's table.
	head -c 24M /dev/urandom >noise
	# shellcheck disable=SC2016
	expect 0 unshare -m sh -ec 'mount -t tmpfs -o size=24M none fixed
		timeout 120 "$0" serve --config /dev/null --nbd unix:n6 --control c6 --memory fixed/store --ram 64M --size 64M &
		while ! "$0" list --control c6 2>/dev/null; do sleep 0.05; done
		if nbdcopy noise "nbd+unix:///?socket=n6"; then exit 1; fi
		"$0" reset d0 --control c6
		"$0" create d1 --size 7T --control c6
		kill $! && wait $!' "$uzram"
	expect_text "No space left on device"
fi

# The end does not wait for a command that takes long; what the command did is there.
mib=$(scale 64 128 256)
seq $((mib << 18)) >data
truncate -s "${mib}M" data
start_uzram 100 --ram 200M --size "${mib}M"
nbdcopy data 'nbd+unix:///?socket=n'
before=$(ticks pid)
"$uzram" recompress d0 codec=zstd level=19 >recompressed 2>&1 &
long=$!
begun() { # a look at its statistics may have to wait for it
	[ $(($(ticks pid) - before)) -gt 100 ]
}
wait_for 20 begun
stop_server "$server_pid" || fail "the server ended with $?"
wait "$long" || fail "recompress: $(cat recompressed)"
grep -q '^[1-9][0-9]* pages recompressed$' recompressed || fail "recompress said: $(cat recompressed)"
[ "$(cut -d ' ' -f 1 recompressed)" -lt $((mib << 7)) ] || fail "of $((mib << 8)) $(cat recompressed)"
