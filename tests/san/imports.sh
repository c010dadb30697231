#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What named programs of Debian import from glibc (san/libc/imports.list) is wrapped, or stands in
# harmless.list with a reason, and no name stands in both.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
cd "$UZ_ROOT/san/libc"

python3 generate wrap.list "$dir"
sed 's/^--wrap=//' "$dir/wrap" | sort >"$dir/wrapped"
grep -vE '^(#|$)' harmless.list >"$dir/harmless.lines"
bad=$(grep -vE '^[A-Za-z0-9_ ]+ : .{10,}$' "$dir/harmless.lines") && fail "no reason in harmless.list: $bad"
sed 's/ : .*//' "$dir/harmless.lines" | tr ' ' '\n' | sort >"$dir/harmless"
twice=$(cat "$dir/wrapped" "$dir/harmless" | sort | uniq -d)
[ -z "$twice" ] || fail "listed twice: $twice"

grep -v '^#' imports.list | cut -d' ' -f1 | sort >"$dir/imported"
[ "$(wc -l <"$dir/imported")" -ge 700 ] || fail "imports.list has too few functions"
packages=$(grep -c '^#	' imports.list)
[ "$packages" -ge 10 ] || fail "imports.list names $packages packages"
missing=$(sort -m "$dir/wrapped" "$dir/harmless" | comm -13 - "$dir/imported")
[ -z "$missing" ] || fail "neither wrapped nor harmless: $(paste -sd' ' <<<"$missing")"
wrapped=$(comm -12 "$dir/wrapped" "$dir/imported" | wc -l)
[ "$wrapped" -ge 180 ] || fail "only $wrapped of the imports are wrapped"

# A name taken away is missed.
sed '/^ssize_t read(/d' wrap.list >"$dir/less.list"
python3 generate "$dir/less.list" "$dir"
comm -13 <(sed 's/^--wrap=//' "$dir/wrap" | sort -m - "$dir/harmless" | sort) "$dir/imported" | grep -qx read ||
	fail "a function that is not wrapped is not noticed"
echo "COUNT imports=$(wc -l <"$dir/imported") wrapped=$wrapped"
