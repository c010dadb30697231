# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 240
# uz-test: no-asan nearly all of its time is qemu's; guest/kill and guest/full run
# uz-test: no-tsan nearly all of its time is qemu's; guest/kill and guest/full run
# The units that are shipped, under a real systemd in a guest: the socket starts the server, in the
# sandbox of the unit and as a user of its own; a server that is killed is started again and has its disks back.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
# shellcheck source=tests/guest/lib/guest.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/guest.sh"
need nbdcopy nbdinfo systemctl
[ -x /lib/systemd/systemd ] || skip "systemd is not installed"
guest_ready

cd "$dir"
root=$dir/root
mkdir -p "$root"/{dev,proc,sys,run,tmp,files,newroot,root,var/{tmp,lib},etc/{uzram,systemd/system},usr/{bin,lib/systemd/system,lib64}}
ln -s usr/bin "$root/bin"
ln -s usr/bin "$root/sbin"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"

# install_program FILE NAME: with the libraries that it needs.
install_program() {
	local library
	cp -L "$1" "$root/$2"
	ldd "$1" | grep -oE '/[^ ]+' | while read -r library; do
		cp -L --parents "$library" "$root"
	done
}

install_program /lib/systemd/systemd usr/lib/systemd/systemd
install_program "$(command -v systemctl)" bin/systemctl
install_program "$(command -v nbdcopy)" bin/nbdcopy
install_program "$(command -v nbdinfo)" bin/nbdinfo
install_program "$uzram" bin/uzram
cp "$(command -v busybox)" "$root/bin/busybox"
cp /lib/systemd/system/*.target "$root/usr/lib/systemd/system"
# A call that the filter refuses ends the server here, so that it is seen.
for unit in "$UZ_ROOT"/systemd/uzram@.*; do
	sed -e 's|/usr/local/bin/|/usr/bin/|' -e 's/^\(SystemCallErrorNumber\)=.*/\1=kill/' "$unit" >"$root/usr/lib/systemd/system/${unit##*/}"
done
cp "$guest_lib/inside/systemd.sh" "$root/program"
head -c 8M /dev/urandom >"$root/files/data"
echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
echo root:x:0: >"$root/etc/group"
printf '[Manager]\nLogTarget=console\nDefaultStandardOutput=kmsg\n' >"$root/etc/systemd/system.conf"
printf '[uzram]\nram = 64M\nmemory = /run/uzram-t/store\n[a]\nsize = 8M\n' >"$root/etc/uzram/t.conf"
cat >"$root/etc/systemd/system/default.target" <<'END'
[Unit]
Requires=program.service
END
cat >"$root/etc/systemd/system/program.service" <<'END'
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh /program
END
# A mount of its own for systemd: what it does to / cannot be done to an initramfs.
cat >"$root/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t tmpfs -o mode=755 none /newroot
cp -a /bin /dev /etc /files /lib /lib64 /proc /program /root /run /sbin /sys /tmp /usr /var /newroot
exec switch_root /newroot /usr/lib/systemd/systemd
END
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >systemd.initrd
rm -rf "$root"

start_guest guest systemd 200 512M
wait_said guest 100 up
guest_done guest
! grep -a "status=31/SYS" guest.console || fail "the sandbox has ended the server"
