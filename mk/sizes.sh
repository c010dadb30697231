#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Reads names of C files, prints how long their functions and files are, and fails on a
# function over 70 lines, a .c file over 600, or a header over 200.

set -euo pipefail

list=$(mktemp)
trap 'rm -f "$list"' EXIT
cat >"$list"
[ -s "$list" ] || { echo "no C file"; exit 0; }

{
	ctags -L "$list" --languages=C,C++ --langmap=C:.c.h --kinds-C=f --fields=+ne -x \
		--_xformat='function %F %N %n %{end}'
	while read -r f; do
		echo "file $f $(wc -l <"$f") $(grep -cE '^[[:space:]]*#[[:space:]]*if' "$f" || true)"
	done <"$list"
} | sort | awk '
function area(path,   p, n) {
	n = split(path, p, "/")
	return n == 1 ? "." : (p[1] == "core" || p[1] == "front" || p[1] == "include") && n > 2 ? p[1] "/" p[2] : p[1]
}
function note(where, length_) {
	count[where]++
	len[where, count[where]] = length_
}
function quantile(where, q,   i, j, t, n) {
	n = count[where]
	if (!sorted[where]++)
		for (i = 2; i <= n; i++) {
			t = len[where, i]
			for (j = i - 1; j > 0 && len[where, j] > t; j--)
				len[where, j + 1] = len[where, j]
			len[where, j + 1] = t
		}
	i = int(q * n + 0.999999)
	return len[where, i < 1 ? 1 : i]
}
function offend(text) {
	print "too long: " text
	bad = 1
}
$1 == "function" && $5 > 0 {
	lines = $5 - $4 + 1
	note(area($2), lines)
	note("all", lines)
	if (lines > 70)
		offend($2 ": " $3 "() has " lines " lines, at most 70")
}
$1 == "file" {
	limit = $2 ~ /\.h$/ ? 200 : 600
	loc[area($2)] += $3
	ifs[area($2)] += $4
	loc["all"] += $3
	ifs["all"] += $4
	if ($3 > limit)
		offend($2 " has " $3 " lines, at most " limit)
}
END {
	printf "%-16s %7s %9s %6s %4s %4s %12s\n", "", "lines", "functions", "median", "p90", "max", "#if/1000"
	for (a in loc)
		if (a != "all")
			row(a)
	close("sort")
	row("all")
	exit bad
}
function row(a) {
	text = sprintf("%-16s %7d %9d %6d %4d %4d %12.1f", a, loc[a], count[a],
		count[a] ? quantile(a, 0.5) : 0, count[a] ? quantile(a, 0.9) : 0,
		count[a] ? quantile(a, 1) : 0, 1000 * ifs[a] / (loc[a] ? loc[a] : 1))
	if (a == "all")
		print text
	else
		print text | "sort"
}'
