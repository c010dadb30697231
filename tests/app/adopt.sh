# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 120
# --memory FILE: after SIGKILL another server has all disks back, with all that was acknowledged.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
need nbdcopy

if ! { [ -d /dev/shm ] && [ -w /dev/shm ]; }; then skip "/dev/shm is not there"; fi
store=$(mktemp -u /dev/shm/uz-test-XXXXXX)
trap 'end_servers; rm -f "$store"' EXIT
export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
RANDOM=${SEED:=$$}
echo "SEED=$SEED"
mib=$(scale 8 32 64)

start() {
	start_uzram 100 --memory "$store" "$@"
}

killed() {
	kill -KILL "$(cat pid)"
	wait "$server_pid" || true
}

same() { # DISK FILE
	nbdcopy "nbd+unix:///$1?socket=$dir/n" back
	cmp back "$2" || fail "disk $1 is not $2"
}

column() {
	"$uzram" list -n -b --raw -o "$@"
}

head -c "$((mib - 1))M" "$uzram" >data
head -c 1M /dev/urandom >>data
truncate -s "${mib}M" data
tr 'aeinst' 'eaints' <data >data.b

# A start that fails leaves nothing: no file where none was, an empty one where one was.
refused() {
	expect "$1" "$uzram" serve --config /dev/null --memory "$store" --nbd unix:n "${@:2}"
	[ ! -e "$store" ] || fail "left behind by $*: $(ls -l "$store")"
}
refused 2 --pool none
refused 2 --codec zstd,dict=missing
refused 1 --ram 100K
refused 2 --size 64M --backing /dev/null
refused 1 --pid-file missing/pid
: >"$store"
expect 2 "$uzram" serve --config /dev/null --memory "$store" --nbd unix:n --pool none
[ "$(stat -c %s "$store")" = 0 ] || fail "an empty file did not stay one"
rm "$store"

start --ram 256M --size "${mib}M" --name a --name b --codec zstd --pool zbud
expect 1 "$uzram" serve --config /dev/null --memory "$store" --nbd unix:n2 --control c2
expect_text "another process has this store open"
nbdcopy data 'nbd+unix:///a?socket=n'
nbdcopy data.b 'nbd+unix:///b?socket=n'
expect 0 "$uzram" create later --size 1M
expect 0 "$uzram" resize later 3M
killed

# Nothing but the file is named: everything comes back, and no disk is added.
start --ram 256M
grep -q 'adopted with the disks in it' server.log || fail "$(cat server.log)"
expect 1 "$uzram" serve --config /dev/null --memory "$store" --nbd unix:n2 --control c2
pool=$("$uzram" version | awk '/^pools/ { print $2 }')
[ "$(column name,pool,algorithm,disksize | sort)" = "a $pool lz4 $((mib << 20))
b zbud zstd $((mib << 20))
later $pool lz4 $((3 << 20))" ] || fail "$(column name,pool,algorithm,disksize)"
same a data
same b data.b

# During a live change of pool, and while a client writes.
expect 0 "$uzram" set a pool=zblock codec=zstd
killed
start --ram 256M
same a data
for _ in 1 2 3; do
	nbdcopy data.b 'nbd+unix:///a?socket=n' 2>/dev/null &
	copy=$!
	sleep 0.0$((RANDOM % 9 + 1))
	killed
	wait $copy || true
	start --ram 256M
	nbdcopy "nbd+unix:///a?socket=$dir/n" back
	cmp -s back data || cmp -s back data.b || python3 - <<'PY'
new, old = (open(f, "rb").read() for f in ("data.b", "data"))
back = open("back", "rb").read()
for i in range(0, len(back), 4096):
    assert back[i:i + 4096] in (new[i:i + 4096], old[i:i + 4096]), f"page {i >> 12} is neither old nor new"
PY
	nbdcopy data 'nbd+unix:///a?socket=n'
	same b data.b
done

# The configuration over what is there: it grows a disk, changes its codec, but does not cut it.
killed
start --ram 256M --name a --size "$((mib * 2))M" --codec lz4 --name later --size 1M --name new --size 2M
[ "$(column name,disksize | sort)" = "a $((mib << 21))
b $((mib << 20))
later $((3 << 20))
new $((2 << 20))" ] || fail "$(column name,disksize)"
grep -q "disk later keeps its disk size of 3M; 'uzram resize later 1M' would cut it" server.log ||
	fail "no word about the disk that was not cut"
[ "$(column algorithm a)" = lz4 ] || fail "the codec was not changed"
same b data.b

# A dictionary made on the disk stays where the options name the codec that it is for.
expect 0 "$uzram" train a lz4 4K
dict_bytes() { "$uzram" stat -b a | awk '$1 == "dict_bytes" { print $2 }'; }
had=$(dict_bytes)
[ "$had" -gt 0 ] || fail "no dictionary"
stop_server "$server_pid" || fail "the server did not end well"
start --ram 256M --name a --codec lz4
[ "$(dict_bytes)" = "$had" ] || fail "a dictionary of $had bytes became $(dict_bytes)"
same b data.b
stop_server "$server_pid" || fail "the server did not end well"

# A clean end leaves the store ready too.
start --ram 256M
same b data.b
stop_server "$server_pid" || fail "the server did not end well"

# A budget below what is there is told.
start --ram 1M
wait_for 5 grep -q "the RAM budget of 1M is less than the .* that the disks cost now" server.log
stop_server "$server_pid" || fail "the server did not end well"
if [ "$(stat -f -c %T "$dir")" = ext2/ext3 ]; then
	start_uzram 20 --memory "$dir/on_disk" --size 1M
	wait_for 5 grep -q "on_disk is not on tmpfs" server.log
	stop_server "$server_pid" || fail "the server did not end well"
fi
