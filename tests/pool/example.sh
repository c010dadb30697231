#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The example pool builds from what `make install` installs, and passes its own test.
# uz-test: timeout 240
# uz-test: no-asan it loads an uninstrumented library
# uz-test: no-tsan it loads an uninstrumented library
. "${UZ_ROOT:-.}/tests/lib/sh.sh"

need make cc pkg-config

install_to "$dir/usr"
export PKG_CONFIG_PATH=$dir/usr/lib/pkgconfig
expect 0 make -C "$UZ_ROOT/examples/pool-example" OUT="$dir" check
expect_text "499 pages kept and found again"

# A path that is not there is named.
expect 1 "$dir/test" "$dir/absent.so"
expect_text "absent.so"

# The tests of the built-in pools hold for it too.
for t in model threads fault; do
	UZ_POOL=$dir/pool-solo.so expect 0 "$UZ_BUILD/tests/pool/$t"
	expect_text "pool solo"
done
