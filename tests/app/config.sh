# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The configuration: defaults and overrides, the file's keys and errors, and that --dump-config
# prints what reads back to the same.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"

export XDG_RUNTIME_DIR=$dir
cd "$dir"

# value SECTION KEY: of the configuration in $output.
value() {
	awk -v section="[$1]" -v key="$2" '$0 == section { on = 1; next } /^\[/ { on = 0 }
		on && $1 == key { print $3 }' <<<"$output"
}

# is SECTION KEY VALUE
is() {
	local got
	got=$(value "$1" "$2")
	[ "$got" = "$3" ] || fail "[$1] $2 is '$got', want '$3' in: $output"
}

dump() {
	expect 0 "$uzram" serve --dump-config "$@"
}

: >empty
dump --config empty --size 1G --codec zstd:level=3 --mem-limit 1M --ram 256M --nbd unix:a --nbd unix:b \
	--name d0 --codec lz4 --ram 32M --name d1 --size 2G --level 5 --read-only --name d2 --mem-limit 0
is uzram ram 256M
is uzram nbd "unix:a
unix:b"
is d0 size 1G
is d0 codec lz4
is d0 level ""
is d0 mem-limit 32M
is d0 read-only no
is d1 size 2G
is d1 codec zstd
is d1 level 5
is d1 mem-limit 1M
is d1 read-only yes
is d2 level 3
is d2 mem-limit 0
is d2 recompress off

# What is printed reads back to the same, also when nothing is given.
round() {
	dump "$@"
	echo "$output" >first.conf
	dump --config first.conf
	[ "$output" = "$(cat first.conf)" ] || fail "does not read back: $(diff first.conf <(echo "$output"))"
}
round --config empty
is d0 codec lz4
[ "$(value d0 size)" ] || fail "no default size"
[ "$(value uzram ram)" ] || fail "no default budget"
round --config empty --size 3G --private --socket-mode 0660 --checksum --pid-file p --listen-insecure \
	--nbd tcp:localhost:1 --nbd 'unix:with blank' --control ctl --exit-with-parent \
	--recompress zstd:level=9,idle=30,min=2K --name a --dict f --name b --checksum=no --pool zbud
is a recompress zstd:level=9,idle=30,min=2048,cpu=10
is a checksum yes
is b checksum no
is uzram control ctl

# Regions: whole arena blocks, repeated, on the command line instead of those of the file.
round --config empty --ram 256M --region cam0:5M --region "x.y_z-1:min(4M, 8M),spread,policy=cma,evac=5M" \
	--region g:2M,policy=guaranteed
is uzram region "cam0:6M
x.y_z-1:4M,policy=cma,evac=6M,spread
g:2M"
round --config empty --private --region "cam0:4M,fd=7,spread,offset=min(1M, 4K)" --region "p:2M,path=/dev/some(memory)"
is uzram region "cam0:4M,spread,fd=7,offset=4K
p:2M,path=/dev/some(memory)"
printf '[uzram]\nregion = a:2M\nregion=b:2M\n' >regions.conf
dump --config regions.conf
is uzram region "a:2M
b:2M"
dump --config regions.conf --region b:4M
is uzram region b:4M

# The budget: what the disks need, at most half of the RAM.
dump --config empty --size 64M
is uzram ram 81M
dump --config empty --size 64M --region cam0:8M
is uzram ram 89M
dump --config empty --size 1T
half=$(value uzram ram)
dump --config empty --size 7T
is uzram ram "$half"

cat >full.conf <<'END'
# a comment
; another
[uzram]
  nbd=unix:a
nbd = unix:b
pool = zblock
[zram0]
zram-size = 512
compression-algorithm = zstd
zram-resident-limit=max(64, 32)
[zram1]
disksize = 1.5G
mem_limit = 5M
comp_algorithm = lz4hc
[uzram]
ram = 1G
[zram0]
read_only = on
END
dump --config full.conf --name zram1 --codec lz4 --name extra --size 1M
is uzram nbd "unix:a
unix:b"
is uzram ram 1G
is zram0 size 512M
is zram0 codec zstd
is zram0 mem-limit 64M
is zram0 read-only yes
is zram0 pool zblock
is zram1 size 1536M
is zram1 mem-limit 5M
is zram1 codec lz4
is extra size 1M
is d0 size ""

# zram-generator's list of algorithms, and its backing.
cat >list.conf <<'END'
[zram0]
compression-algorithm = zstd(level=3) lzo-rle(type=idle)
[zram1]
compression-algorithm = lzo-rle zstd(level=9,dict=d) (type=huge_idle)
writeback-device = /dev/sdx9
[zram2]
codec = lz4hc(level=4)
recompress = zstd(level=12,idle=5,threshold=3000)
END
dump --config list.conf
is zram0 codec zstd
is zram0 level 3
is zram0 recompress lzo,idle=60,min=1,cpu=10
is zram1 codec lzo
is zram1 level ""
is zram1 recompress zstd:level=9,dict=d,idle=60,min=4096,cpu=10
is zram1 backing /dev/sdx9
is zram2 codec lz4hc
is zram2 level 4
is zram2 recompress zstd:level=12,idle=5,min=3000,cpu=10

# Lines of LINE NUMBER|TEXT IN THE MESSAGE|FILE (with \n)
while IFS='|' read -r line text content; do
	printf '%b' "$content" >bad.conf
	expect 2 "$uzram" serve --dump-config --config bad.conf
	expect_text "uzram: bad.conf:$line"
	expect_text "$text"
done <<'END'
2|sise: no such key: did you mean size; keys are the long options of 'uzram help serve'|[d0]\nsise=1\n
2|retrun: no such key: did you mean return;|[uzram]\nretrun=lazy
2|zram-sise: no such key: did you mean zram-size;|[zram0]\nzram-sise=1
2|colour: no such key; keys are|[d0]\ncolour=1
3|size: '1X' is not a size|\n[d0]\nsize=1X
2|zram-size: 'x' is not a size in MiB|[d0]\nzram-size=x
1|it stands before the first [SECTION]|size=1
1|'[d0' is not [SECTION]|[d0
1|'[d0]x' is not [SECTION]|[d0]x
1|'a b' is not a disk name|[a b]
2|'size' is neither [SECTION] nor KEY = VALUE|[d0]\nsize
2|nbd: belongs to the server, not to disk d0: move it to [uzram]|[d0]\nnbd=unix:a
2|nbd: 'a' is neither unix:PATH nor|[uzram]\nnbd=a
2|swap-priority: not for uzram|[zram0]\nswap-priority=100
2|config: no such key|[uzram]\nconfig=x
2|json: no such key|[uzram]\njson=yes
2|region: belongs to the server, not to disk d0: move it to [uzram]|[d0]\nregion=a:2M
3|region: region a is given twice|[uzram]\nregion=a:2M\nregion=a:2M
2|name: no such key|[d0]\nname=x
2|checksum: 'x' is neither yes nor no|[d0]\nchecksum=x
2|'zstd(level=3' is not NAME(KEY=VALUE,...)|[d0]\ncodec=zstd(level=3
2|'zstd(level=3)x' is not NAME(KEY=VALUE,...)|[d0]\ncodec=zstd(level=3)x
2|no parameter 'type'|[d0]\ncodec=zstd(type=idle)
2|type=cold: it is idle, huge or huge_idle|[d0]\ncodec=lz4 zstd(type=cold)
2|'lz4hc': it is one codec, a second one for recompression|[d0]\ncodec=lz4 zstd lz4hc
2|'(type=idle)': it is one codec|[d0]\ncodec=lz4 (type=idle)
2|a zero byte|[d0]\nsize=1\0G
END
expect 2 "$uzram" serve --dump-config --config <(printf '[uzram]\nprivate=yes\nmemory=f\n')
expect_text "exclude each other"
