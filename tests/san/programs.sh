#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# uz-test: timeout 90
#
# Real programs, from Debian's source packages: built with kmsan-cc, their own tests pass and
# nothing is reported; then with one statement taken out that initialises something, which is
# reported with where it was used and where it came from. A recipe a program: lib/programs.
# UZ_TEST_SIZE=long does all of them, smaller sizes none; PROGRAMS="lua zlib" names some.
# UZ_BUILD/programs/summary.md is the table of docs/evidence/kmsan-programs.md: the last run of each.

# shellcheck source=tests/lib/sh.sh
. "${UZ_ROOT:-.}/tests/lib/sh.sh"
need clang make patch apt-get dpkg-source
[ -e "$UZ_BUILD/libkmsan/libkmsan.a" ] || skip "libkmsan.a is not built: make san"

programs=${PROGRAMS:-$(scale "" "" "lua zlib lz4 zstd sqlite redis")}
[ -n "$programs" ] || skip "fetches and builds source packages: UZ_TEST_SIZE=long, or PROGRAMS=NAMES"

recipes=$UZ_ROOT/tests/san/lib/programs
sources=$UZ_BUILD/debian
work=$UZ_BUILD/programs
mkdir -p "$work"
export KMSAN_LIB=$UZ_BUILD/libkmsan CLANG=${CLANG:-clang} CC=$UZ_ROOT/san/kmsan-cc O=${O:--O2}
export KMSAN_OPTIONS UZ_ROOT recipes
unset MAKEFLAGS CFLAGS LDFLAGS

# run PROGRAM STEP FUNCTION: a function of the recipe, in the program's tree; its output is kept.
# shellcheck disable=SC2016 # for the inner shell
run() {
	local log=$work/$1.$2.log
	KMSAN_OPTIONS="log=$work/$1.reports:exit_code=0" timeout -k 20 "$limit_s" nice -n 10 bash -euc \
		'. "$recipes/$1.sh"; cd "$2"; $3' - "$1" "$work/$1" "$3" >"$log" 2>&1 </dev/null
}

# The first line of each report.
heads() {
	[ ! -e "$work/$1.reports" ] || grep -h '^BUG: KMSAN' "$work/$1.reports" || true
}

first_report() {
	awk '/^BUG:/ { n++ } n == 1' "$1" >&2
}

# What a report begins and ends with; mawk has no repetition by number.
line=$(printf '=%.0s' {1..53})$'\n'

# Prints how many reports are wrong and how many the recipe knows to be right, by a function in them.
judge() {
	[ -e "$work/$1.reports" ] || { echo 0 0; return; }
	awk -v RS="$line" -v real="\n ($real) " '!/^BUG/ { next } $0 ~ real { known++; next } { wrong++ }
		END { print wrong + 0, known + 0 }' "$work/$1.reports"
}

clean_run() { # PROGRAM; sets seconds, nr_known
	local start wrong
	rm -f "$work/$1.row"
	run "$1" build build || { tail -n 20 "$work/$1.build.log" >&2; fail "$1 does not build"; }
	rm -f "$work/$1.reports"
	start=$SECONDS
	run "$1" suite suite || {
		tail -n 20 "$work/$1.suite.log" >&2
		fail "$1: its tests fail, see $work/$1.suite.log"
	}
	seconds=$((SECONDS - start))
	read -r wrong nr_known < <(judge "$1")
	[ "$wrong" = 0 ] || fail "$1: $wrong false reports, see $work/$1.reports"
}

planted_run() { # PROGRAM
	local file=$work/$1/$plant_file
	cp "$file" "$dir/original"
	sed -i "$plant" "$file"
	! cmp -s "$file" "$dir/original" || fail "nothing was planted in $1's $plant_file"
	rm -f "$work/$1.reports"
	run "$1" planted planted || true
	heads "$1" | grep -q " in $planted_in" || {
		tail -n 20 "$work/$1.planted.log" >&2
		fail "$1: the planted bug was not reported in $planted_in"
	}
	awk -v RS="$line" -v a=" in $planted_in" -v b="$planted_from" 'index($0, a) && index($0, b) { found = 1 }
		END { exit !found }' "$work/$1.reports" || {
		first_report "$work/$1.reports"
		fail "$1: no report in $planted_in leads to $planted_from"
	}
	found=$(heads "$1" | grep -m 1 " in $planted_in" | sed 's/^BUG: KMSAN: //')
}

row() { # PROGRAM
	echo "| $package $(cat "$sources/$package.version") | $part | $seconds s | 0 | $nr_known | \`$plant_file\`: $found | $(date -u +%F) |"
	if [ "$nr_known" != 0 ]; then
		echo "- $1: $real_reason."
	fi
}

one() {
	package='' part='' plant_file='' plant='' planted_in='' planted_from='' real=none real_reason=''
	limit_s=$(scale 1500 150 5000)
	# shellcheck source=/dev/null
	. "$recipes/$1.sh"
	"$UZ_ROOT/scripts/debian-source" "$sources" "$package" >"$dir/fetch" 2>&1 || {
		cat "$dir/fetch"
		skip "the source of $package cannot be fetched here"
	}
	rm -rf "${work:?}/$1"
	cp -r "$sources/$package" "$work/$1"
	clean_run "$1"
	echo "$1: its tests pass, 0 false reports, $nr_known right ones, $seconds s"
	planted_run "$1"
	echo "$1: planted: $found"
	row "$1" >"$work/$1.row"
}

nr=0
for program in $programs; do
	one "$program"
	nr=$((nr + 1))
done
{
	echo "| program | its own tests | time | false reports | right ones | planted, found | date |"
	echo "|---|---|---|---|---|---|---|"
	grep -h '^|' "$work"/*.row
	echo
	grep -h '^-' "$work"/*.row || true
	echo "- kmsan-cc $O; $("$CLANG" --version | head -n 1); $(uname -m)"
} >"$work/summary.md"
echo "COUNT programs=$nr"
