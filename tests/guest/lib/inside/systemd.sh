# SPDX-License-Identifier: MIT
# shellcheck shell=dash
#
# A service of the guest's systemd: uses the units as an administrator would.

exec 3<>/dev/ttyS1
stty raw -echo <&3
export UZRAM_CONTROL=/run/uzram-t/control
uri='nbd+unix:///a?socket=/run/uzram-t.sock'

say() {
	echo "$*" >&3
}

main_pid() {
	systemctl show -P MainPID uzram@t
}

# again PID: another server than that one serves.
again() {
	local i=0 pid
	while [ $i -lt 600 ]; do
		pid=$(main_pid)
		[ "$pid" = "$1" ] || [ "$pid" = 0 ] || ! systemctl -q is-active uzram@t || return 0
		i=$((i + 1))
		sleep 0.1
	done
	return 1
}

same() {
	nbdcopy "$uri" /tmp/back
	cmp /files/data /tmp/back
}

program() {
	systemctl start uzram@t.socket
	[ "$(stat -c %a /run/uzram-t.sock)" = 600 ]
	if systemctl -q is-active uzram@t; then exit 1; fi

	# The first client starts it.
	[ "$(nbdinfo --size "$uri")" = 8388608 ]
	systemctl -q is-active uzram@t
	first=$(main_pid)
	[ "$(stat -c %u "/proc/$first")" -ge 61184 ]
	[ "$(stat -c %a /run/uzram-t/control)" = 600 ]
	nbdcopy /files/data "$uri"
	uzram set a pool=zsmalloc codec=zstd checksum=yes

	# Killed, it starts again and has the store.
	kill -KILL "$first"
	again "$first"
	same

	# A backing in a folder of the service, as the unit says.
	mkdir /etc/systemd/system/uzram@t.service.d
	printf '[Service]\nStateDirectory=uzram-t\n' >/etc/systemd/system/uzram@t.service.d/folder.conf
	systemctl daemon-reload
	systemctl restart uzram@t
	same
	uzram set a backing=/var/lib/uzram-t/a
	[ "$(uzram writeback a all)" = "2048 pages written back" ]
	same
	uzram set a backing=none

	systemctl stop uzram@t.socket uzram@t
	[ "$(systemctl show -P Result uzram@t)" = success ]
	[ ! -e /run/uzram-t ]
}

say up
(
	set -ex
	program
) 2>&3
status=$?
if [ $status -eq 0 ]; then say finished; else say "failed $status"; fi
sleep 0.1
poweroff -f
