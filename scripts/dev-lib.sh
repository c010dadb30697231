# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Shared by ./dev and the scripts that it starts: packages, builds, messages.

: "${JOBS:=$(nproc)}"
export JOBS

# What apt installs for each need.
# shellcheck disable=SC2034 # ./dev lists the keys
declare -A PACKAGES=(
	[build]="gcc make libc6-dev liblz4-dev libzstd-dev libdeflate-dev liblzo2-dev pkg-config"
	[clang]="clang libclang-rt-dev lld llvm gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user python3-pyelftools"
	[test]="python3 libnbd-bin python3-libnbd nbdkit qemu-utils jq spin"
	[guest]="qemu-system-x86 busybox-static cpio kmod xz-utils e2fsprogs xfsprogs btrfs-progs libnbd-bin jq python3 systemd"
	[run]="libnbd-bin e2fsprogs python3"
	[bench]="python3 libnbd-bin nbdkit qemu-utils fio"
	[cma]="linux-source-6.1 flex bison bc libelf-dev xz-utils"
	[lint]="shellcheck clang-format universal-ctags cppcheck git"
)

die() {
	echo "dev: $*" >&2
	exit 1
}

usage() {
	echo "dev: $*; './dev help' lists what there is" >&2
	exit 2
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need NAME...: the packages of PACKAGES[NAME] are installed when this returns.
need() {
	local name package missing=()
	for name in "$@"; do
		[ -n "${PACKAGES[$name]:-}" ] || usage "no need '$name' (${!PACKAGES[*]})"
	done
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "dev: no apt here; wanted as on Debian: $(for name in "$@"; do echo "${PACKAGES[$name]}"; done)" >&2
		return 0
	fi
	for name in "$@"; do
		for package in ${PACKAGES[$name]}; do
			is_installed "$package" || missing+=("$package")
		done
	done
	[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

apt_install() {
	echo "dev: installing $*" >&2
	export DEBIAN_FRONTEND=noninteractive
	as_root apt-get -qq update >&2 || echo "dev: apt-get update failed, trying with the lists as they are" >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >&2 ||
		die "apt could not install: $*. Install them by hand and try again"
}

# build DIR [make arguments]
build() {
	local dir=$1
	shift
	make -j"$JOBS" BUILD="$dir" "$@"
}
