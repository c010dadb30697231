# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 120
# uz-test: serial
# uz-test: no-asan nearly all of its time is qemu's, and the programs in the guest are measured
# uz-test: no-tsan nearly all of its time is qemu's, and the programs in the guest are measured
# The comparison with the kernel's own CMA, short: both borrowers have the region in each guest, the
# kernel fails when pages are held, and the policy guaranteed does not.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"
[ "${UZ_TEST_SIZE:-quick}" = long ] || skip "builds a kernel and runs for an hour: UZ_TEST_SIZE=long, or ./dev cma"
need qemu-system-x86_64 busybox cpio jq flex bison bc xz mkfs.ext4
[ -e /usr/src/linux-source-6.1.tar.xz ] || skip "no source of a kernel: ./dev install-deps cma"

rows=$dir/rows
nice -n 10 "$UZ_ROOT/scripts/cma/run" tries=20 json="$rows" >"$dir/table" || fail "scripts/cma/run: exit $?"
cat "$dir/table"

# holds WHAT JQ: of the rows as a list.
holds() {
	jq -e -s "$2" "$rows" >/dev/null || fail "$1: $(cat "$rows")"
}

holds "8 rows of 20 tries" 'length == 8 and all(.grants == 20)'
holds "a region that was not lent" 'all(.move_percent + .discard_percent > 85)'
holds "only one kind of borrower" 'all(.move_percent > 10 and .discard_percent > 1)'
holds "no zram in the kernel's region" 'map(select(.policy == "kernel")) | all(.zram_percent > 1 and .zram_bytes > 0)'
holds "the kernel did not fail with held pages" 'map(select(.name == "kernel"))[0].ebusy > 0'
holds "guaranteed failed" 'map(select(.policy == "guaranteed")) | length == 2 and all(.enomem + .ebusy == 0)'
holds "VT-d was not in use" 'map(select(.name == "kernel-vtd"))[0].iommu_groups > 0'
