# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Start and end of a server: signals, sockets left and passed, READY=1, the pid file, the parent.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
need nbdcopy nbdinfo

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
serve=(serve --config /dev/null --size 16M --ram 64M)

# Also one that nobody has waited for yet.
gone() {
	! readlink "/proc/$1/exe" >/dev/null
}

# A clean end by each signal: exit 0, no socket and no pid file left.
for signal in TERM INT HUP; do
	start_server "$dir/c" 30 "$uzram" "${serve[@]}" --nbd unix:n --socket-mode 0666 --pid-file pid
	wait_for 10 test -s pid
	if ! { [ "$(stat -c %a n)" = 666 ] && [ "$(stat -c %a c)" = 600 ]; }; then fail "modes of the sockets"; fi
	kill -$signal "$(cat pid)"
	wait "$server_pid" || fail "exit $? after SIG$signal"
	if ! { [ ! -e n ] && [ ! -e c ] && [ ! -e pid ]; }; then fail "SIG$signal left: $(ls)"; fi
done

# The pid file of a server that runs is left alone; one that was left is written anew. Other things are no file.
start_server "$dir/c" 30 "$uzram" "${serve[@]}" --nbd unix:n --pid-file pid
wait_for 10 test -s pid
running=$(cat pid)
expect 1 timeout 20 "$uzram" "${serve[@]}" --nbd unix:n2 --control c2 --pid-file pid
expect_text "--pid-file pid is that of a server that runs"
[ "$(cat pid)" = "$running" ] || fail "the pid file of another server has changed"
expect 2 timeout 20 "$uzram" "${serve[@]}" --nbd unix:n2 --control c2 --pid-file /dev/null
expect_text "--pid-file /dev/null: it is not a regular file"
[ -c /dev/null ] || fail "/dev/null is gone"
kill -KILL "$running"
wait "$server_pid" || true
[ "$(cat pid)" = "$running" ] || fail "SIGKILL removed the pid file"
start_server "$dir/c" 30 "$uzram" "${serve[@]}" --nbd unix:n --pid-file pid
wait_for 10 grep -qvx "$running" pid
stop_server "$server_pid" || fail "exit $?"

# A RAM budget that the machine does not have is said; one that it has is not.
start_server "$dir/c" 30 "$uzram" "${serve[@]}" --nbd unix:n \
	--ram "$(awk '/^MemTotal/ { print 2 * $2 "K" }' /proc/meminfo)"
wait_for 10 grep -q '^uzram: the RAM budget of [0-9.]*[MGT] is more than the [0-9.]*[MGT] that this process may have' server.log
stop_server "$server_pid" || fail "exit $?"
[ "$(grep -c 'is more than' server.log)" = 1 ] || fail "a warning without a reason: $(cat server.log)"

# A socket's name with letters that mean something in a URI: the one that is printed works.
start_server "$dir/c" 30 "$uzram" "${serve[@]}" --nbd 'unix:a b&c%20?#+é'
wait_for 10 grep -q '^  nbd+unix:///d0?socket=a%20b' server.log
[ "$(nbdinfo --size "$(sed -n 's/^  \(nbd+unix:.*=a%20b.*\)/\1/p' server.log)")" = $((16 << 20)) ] ||
	fail "the URI does not work: $(cat server.log)"
stop_server "$server_pid" || fail "exit $?"

# A client in the middle of a copy neither holds the server nor makes it fail.
start_server "$dir/c" 30 "$uzram" "${serve[@]}" --nbd unix:n
head -c 16M /dev/urandom >data
mkfifo slowly
nbdcopy slowly 'nbd+unix:///?socket=n' 2>/dev/null &
copy=$!
exec {feed}>slowly
head -c 1M data >&$feed
written() {
	"$uzram" stat d0 --bytes | grep -qE '^writes +[1-9]'
}
wait_for 10 written
stop_server "$server_pid" || fail "exit $? with a client connected"
exec {feed}>&-
wait $copy || true

# The default NBD socket, and sockets that a killed server left.
start_server "$dir/c" 30 "$uzram" "${serve[@]}" --pid-file pid
wait_for 10 test -s pid
nbdcopy data "nbd+unix:///d0?socket=$dir/uzram-nbd.sock"
kill -KILL "$(cat pid)"
wait "$server_pid" || true
if ! { [ -S uzram-nbd.sock ] && [ -S c ]; }; then fail "SIGKILL removed sockets"; fi
rm -f pid
timeout 300 "$uzram" "${serve[@]}" --pid-file pid >again.log 2>&1 &
server_pids+=($!)
server_pid=$!
wait_for 10 test -s pid
wait_for 10 nbdinfo "nbd+unix:///d0?socket=$dir/uzram-nbd.sock"
stop_server "$server_pid" || fail "exit $?"

# TCP on loopback; port 0 is told.
start_server "$dir/c" 30 "$uzram" "${serve[@]}" --nbd tcp:127.0.0.1:0 --nbd 'tcp:[::1]:0'
wait_for 10 grep -q 'nbd://127.0.0.1:[1-9]' server.log
nbdcopy data "$(grep -o 'nbd://127.0.0.1:[0-9]*/d0' server.log)"
stop_server "$server_pid" || fail "exit $?"

# What systemd does: sockets passed, READY=1, STOPPING=1.
timeout 300 python3 - "$uzram" "$dir" <<'PY' || fail "sockets passed and notify"
import json, os, signal, socket, subprocess, sys
uzram, folder = sys.argv[1:]
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(folder + "/notify")
notify.settimeout(60)
def listening(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    return s
nbd, control = listening(folder + "/pn"), listening(folder + "/pc")
def pass_sockets():
    # High numbers first: 3 and 4 may be what is to be passed.
    a, b = os.dup2(nbd.fileno(), 103), os.dup2(control.fileno(), 104)
    os.dup2(a, 3)
    os.dup2(b, 4)
    os.environ["LISTEN_PID"] = str(os.getpid())
two = subprocess.run(["sh", "-c", 'exec env LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=control:control "$0" '
                      'serve --config /dev/null --size 1M', uzram],
                     preexec_fn=pass_sockets, close_fds=False, stderr=subprocess.PIPE, text=True, timeout=60)
assert two.returncode == 2 and 'are named "control"' in two.stderr, two
env = f"LISTEN_FDS=2 LISTEN_FDNAMES=nbd:control NOTIFY_SOCKET={folder}/notify"
p = subprocess.Popen(["sh", "-c", f'exec env LISTEN_PID=$$ {env} "$0" serve --config /dev/null --size 1M', uzram],
                     preexec_fn=pass_sockets, close_fds=False, stdout=subprocess.DEVNULL)
try:
    assert notify.recv(100) == b"READY=1"
    assert subprocess.run(["nbdinfo", "--size", f"nbd+unix:///d0?socket={folder}/pn"], timeout=60,
                          check=True, stdout=subprocess.PIPE).stdout == b"1048576\n"
    subprocess.run([uzram, "list", "--control", folder + "/pc"], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    assert not os.path.exists(folder + "/uzram-nbd.sock"), "the default socket beside a passed one"
    p.send_signal(signal.SIGTERM)
    assert notify.recv(100) == b"STOPPING=1"
    assert p.wait(60) == 0
    assert os.path.exists(folder + "/pn"), "removed a socket that is not its own"
finally:
    p.kill()
PY

# --exit-with-parent
rm -f pid
bash -c "timeout --foreground 300 '$uzram' ${serve[*]} --nbd unix:n --exit-with-parent --pid-file pid >/dev/null & echo \$! >timeout; sleep 300" &
parent=$!
wait_for 10 test -s pid
child=$(cat pid)
kill -KILL "$(cat timeout)"
wait_for 10 gone "$child"
[ ! -e n ] || fail "--exit-with-parent: not a clean end"
kill "$parent" 2>/dev/null || true
