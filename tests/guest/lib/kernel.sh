#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kernel.sh FOLDER MODULE...: FOLDER gets Debian's kernel for virtual machines: vmlinuz, for each
# MODULE order/MODULE with the names to load, in this order, and those as modules/NAME.ko.
#
# The kernel comes from its package, which is fetched and unpacked, never installed; 27 MB are
# fetched once, and a FOLDER that is complete is used as it is, without a network. Whatever makes
# this impossible is no fault of what is tested: exit 77 and the reason.

set -euo pipefail

folder=$1
shift
modules=("$@")

skip() {
	echo "SKIP: $*"
	exit 77
}

for tool in apt-get apt-cache dpkg-deb depmod flock; do
	command -v "$tool" >/dev/null || skip "no kernel for a guest: $tool is not installed"
done

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock -w 300 9 || skip "no kernel for a guest: another test has been fetching it for 300 s"

complete() {
	local module
	[ -s "$folder/vmlinuz" ] || return
	for module in "${modules[@]}"; do [ -e "$folder/order/$module" ] || return; done
}
! complete || exit 0

# The package behind the name that moves with each security update.
package=
for name in linux-image-cloud-amd64 linux-image-amd64; do
	package=$(apt-cache depends --important "$name" 2>/dev/null |
		awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }')
	[ -z "$package" ] || break
done
[ -n "$package" ] || skip "no kernel for a guest: apt knows no linux-image-cloud-amd64 (apt-get update)"

new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"
(cd "$new" && timeout 200 apt-get -qq -o APT::Sandbox::User=root download "$package" >&2) ||
	skip "no kernel for a guest: apt-get download $package failed"
mkdir "$new/x" "$new/modules" "$new/order"
dpkg-deb -x "$new"/*.deb "$new/x"
[ ! -d "$new/x/usr/lib/modules" ] || ln -s usr/lib "$new/x/lib"
version=$(basename "$new"/x/lib/modules/*)
tree=$new/x/lib/modules/$version
depmod -b "$new/x" "$version"
mv "$new/x/boot/vmlinuz-$version" "$new/vmlinuz"
echo "$package $version" >"$new/version"

stem() {
	local file=${1##*/}
	echo "${file%%.ko*}" | tr - _
}

unpack() { # FILE NAME
	case $1 in
	*.ko) cp "$1" "$new/modules/$2.ko" ;;
	*.ko.xz) xz -dc "$1" >"$new/modules/$2.ko" ;;
	*.ko.zst) zstd -qdc "$1" >"$new/modules/$2.ko" ;;
	*) skip "no kernel for a guest: cannot unpack $(basename "$1")" ;;
	esac
}

# Each line of modules.dep is "FILE: what it needs, the first to load last".
for module in "${modules[@]}"; do
	line=$(grep -E "^[^:]*/${module//_/[-_]}\.ko[.a-z]*:" "$tree/modules.dep" || true)
	if [ -z "$line" ]; then
		grep -qE "/${module//_/[-_]}\.ko" "$tree/modules.builtin" ||
			skip "the kernel of $package has no $module"
		: >"$new/order/$module"
		continue
	fi
	for file in $(tr ' ' '\n' <<<"${line/:/}" | tac); do
		name=$(stem "$file")
		unpack "$tree/$file" "$name"
		echo "$name"
	done >"$new/order/$module"
done

rm -rf "$new/x" "$new"/*.deb "$folder"
mv "$new" "$folder"
