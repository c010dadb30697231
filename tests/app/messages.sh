# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# uz-test: timeout 120
# Everything a user can type wrong: exit status and message. First without a server, then with one.
# shellcheck source=tests/lib/sh.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/sh.sh"

export XDG_RUNTIME_DIR=$dir UZRAM_CONTROL=$dir/c
cd "$dir"
printf 'x' >dict
: >empty
head -c 70000 /dev/zero >large
head -c 100000 /dev/urandom >garbage
mkdir folder
nr=0
export solo=$UZ_BUILD/tests/app/plugin/pool-solo.so

# Lines of STATUS|TEXT IN THE MESSAGE|ARGUMENTS. A message starts with "uzram: ".
check_table() {
	local status text arguments
	while IFS='|' read -r status text arguments; do
		[ -n "$status" ] || continue
		eval "expect $status timeout 120 $uzram $arguments"
		expect_text "uzram: "
		expect_text "$text"
		nr=$((nr + 1))
	done
}

check_table <<'END'
2|no command; 'uzram help' lists|
2|no command 'serv'; did you mean serve? 'uzram help' lists|serv
2|no command 'crate'; did you mean create?|help crate
2|no command 'x'; 'uzram help' lists|x
2|no command 'x'|help x
2|'x' is one argument too many|version x
2|no option '--sise'; did you mean --size? See 'uzram help serve'|serve --sise 4G
2|no option '--chekcsum=yes'; did you mean --checksum?|serve --chekcsum=yes
2|no option '--colour'; see 'uzram help list'|list --colour
2|no option '-z'|list -z
2|the command comes before '--control'|--control c list
2|no option '--algorithm'; did you mean --codec?|create d1 --algorithm zstd
2|no option '--disksize=1G'; did you mean --size?|serve --disksize=1G
2|'size=10M' is no argument of 'uzram create': write it as --size=10M|create d1 size=10M
2|'uzram set' has no --pool: write it as pool=zbud|set d0 --pool zbud
2|'uzram recompress' has no --codec: write it as codec=zstd|recompress d0 --codec zstd
2|'d0' is one argument too many: uzram version|version d0
2|no key 'comp_algorithm'; did you mean codec?|set d0 comp_algorithm=zstd
2|no key 'backing_dev'; did you mean backing?|set d0 backing_dev=/dev/sdb
2|no key 'algo'; did you mean codec?|recompress d0 algo=zstd
2|--nbd: 'unix:n' is given twice|serve --nbd unix:n --nbd unix:m --nbd unix:n
2|--control n is also a socket of --nbd|serve --config empty --nbd unix:m --nbd unix:n --control n
1|RAM budget of 4 cannot be created: No space left on device: choose a larger --ram|serve --config empty --ram 4
1|backing /dev/nosuch: No such file or directory|serve --config empty --backing /dev/nosuch
2|no option '--siz'; did you mean --size?|serve --siz 4G
2|--size needs a value: --size SIZE|serve --size
2|--size: '4Q' is not a size: write a number with K, M, G or T (4G), a share of RAM (50%), or ram / 2|serve --size 4Q
2|--size: '' is not a size|serve --size ''
2|--size: '-1' is not a size|serve --size -1
2|disk size: '1.5' is not a size|resize d0 1.5
2|--size: the disk size must be more than 0|serve --size 0
2|--size: the disk size is more than the largest|serve --size 8T
2|--ram: the RAM budget must be more than 0|serve --ram 0
2|--ram: '1 apple' is not a size|serve --ram '1 apple'
2|--name: 'a/b' is not a disk name: use 1 to 31 of the letters|serve --name a/b
2|--name: '' is not a disk name|serve --name ''
2|--name: '-a' is not a disk name|serve --name=-a
2|is not a disk name|serve --name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
2|--name: 'uzram' is what configuration files call the server: choose another|serve --name uzram
2|--name d0: the name is given twice|serve --name d0 --name d0
2|--nbd belongs to the server, not to disk d0: write it before the first --name|serve --name d0 --nbd unix:n
2|--nbd: 'n.sock' is neither unix:PATH nor tcp:HOST:PORT|serve --nbd n.sock
2|--nbd: 'unix:' is neither|serve --nbd unix:
2|--nbd: 'tcp:10809' is neither|serve --nbd tcp:10809
2|--nbd: 'tcp:h:99999' is neither|serve --nbd tcp:h:99999
2|--nbd: 'tcp:::1:99' is neither|serve --nbd tcp:::1:99
2|is longer than the 107 bytes|serve --nbd unix:/$(printf '%0120d' 0)
2|tcp:0.0.0.0:0 is not a loopback address|serve --nbd tcp:0.0.0.0:0
2|allow it with --listen-insecure|serve --nbd tcp:0.0.0.0:0
2|--region: 'cam0' is not NAME:SIZE, such as cam0:256M|serve --region cam0
2|--region: '' is not the name of a region: use 1 to 31 of the letters|serve --region :4M
2|--region: 'a/b' is not the name of a region|serve --region a/b:4M
2|--region: '4X' is not a size|serve --region cam0:4X
2|--region: region cam0 must have more than 0 bytes|serve --region cam0:0
2|--region: 'speed' is none of policy=guaranteed, policy=gcma, policy=cma, evac=SIZE, spread|serve --region cam0:4M,speed
2|--region: '' is none of policy=guaranteed|serve --region cam0:4M,
2|--region: 'best' is none of guaranteed, gcma, cma|serve --region cam0:4M,policy=best
2|--region: '' is not a size|serve --region cam0:,spread
2|--region: 'x' is not a size|serve --region cam0:4M,evac=x
2|--region: fd=x is not the number of a descriptor|serve --private --region cam0:4M,fd=x
2|--region: fd=-1 is not the number of a descriptor|serve --private --region cam0:4M,fd=-1
2|--region: path= is not a file: use 1 to 255 bytes|serve --private --region cam0:4M,path=
2|0 is not a file: use 1 to 255 bytes|serve --private --region cam0:4M,path=$(printf '%0256d' 0)
2|--region: fd= and path= exclude each other: give region cam0 one|serve --private --region cam0:4M,fd=3,path=f
2|--region: offset= is for memory given with fd= or path=|serve --private --region cam0:4M,offset=2M
2|--region: 'x' is not a size|serve --private --region cam0:4M,fd=3,offset=x
2|--region: '8E' is not a size|serve --private --region cam0:4M,fd=3,offset=8E
2|--region: '8388608T' is not a size|serve --private --region cam0:4M,fd=3,offset=8388608T
2|--region: region cam0: policy=gcma is there to compare with, not for fd= or path=|serve --region cam0:4M,policy=gcma,fd=3
2|--region: region cam0 is on memory of its own (path=), |serve --config empty --region cam0:4M,path=f
1|region cam0: nofile: No such file or directory|serve --config empty --private --region cam0:4M,path=nofile
2|--region: region cam0 is given twice|serve --region cam0:4M --region b:2M --region cam0:8M
2|--region: a server has at most 8 regions|serve $(printf -- '--region r%s:2M ' 1 2 3 4 5 6 7 8 9)
2|--region belongs to the server, not to disk d0|serve --name d0 --region cam0:4M
1|region cam0 of 62M has no room: the RAM budget is 64M, |serve --config empty --ram 64M --region cam0:62M
1|region cam0 of 8192T has no room: the RAM budget is 64M, |serve --config empty --ram 64M --region cam0:8P
1|as no --ram was given|serve --config empty --region cam0:100T
1|disk d0: pool solo cannot move what it holds, and this server's regions need that|serve --config empty --region cam0:4M --pool $solo
2|--socket-mode: '0' is not an octal mode such as 0660|serve --socket-mode 0
2|--memory /dev/null: it is not a regular file|serve --config empty --memory /dev/null
2|--socket-mode: '9' is not an octal mode such as 0660|serve --socket-mode 9
2|--memory, --memfd and --private exclude each other|serve --memory f --private
2|--memory, --memfd and --private exclude each other|serve --memfd --private
2|--memory: it is empty|serve --memory ''
2|--checksum: 'maybe' is neither yes nor no|serve --checksum=maybe
2|--codec: the codec's name is empty|serve --codec :level=1
2|--codec: level=x is not a whole number|serve --codec zstd:level=x
2|--codec: 'level' is not KEY=VALUE, such as level=3|serve --codec zstd:level
2|--codec: no parameter 'leve'; there are level, dict|serve --codec zstd:leve=1
2|--level: '1.5' is not a whole number|serve --level 1.5
2|--recompress: no parameter 'age'; there are level, dict, idle, min, cpu|serve --recompress zstd,age=1
2|--recompress: cpu=101: it is a number from 1 to 100|serve --recompress zstd,cpu=101
2|--recompress: min=5K: it is a number of bytes from 0 to 4096|serve --recompress zstd,min=5K
2|--recompress: idle=-1: it is a number from 0|serve --recompress zstd,idle=-1
1|configuration file nofile: No such file|serve --config nofile
2|zsmallo|serve --config empty --pool zsmallo
2|zsmalloc|serve --config empty --pool zsmallo
2|lz5|serve --config empty --codec lz5
2|lz4|serve --config empty --codec lz5
2|codec lz4 takes levels from|serve --config empty --codec lz4:level=1000000
2|codec zstd takes levels from|serve --config empty --codec zstd --level 99
2|dictionary nodict: No such file|serve --config empty --codec zstd,dict=nodict
2|dictionary empty: it is empty|serve --config empty --codec zstd,dict=empty
2|dictionary large: it is too large|serve --config empty --codec zstd,dict=large
2|codec deflate takes no dictionary: leave dict= out|serve --config empty --codec deflate,dict=dict
1|--memory garbage is damaged or not a store|serve --config empty --memory garbage
1|--memory folder:|serve --config empty --memory folder
1|--memory nofolder/f: No such file|serve --config empty --memory nofolder/f
1|nofolder/s: No such file|serve --config empty --nbd unix:nofolder/s
1|dict exists and is not a socket|serve --config empty --nbd unix:dict
1|dict exists and is not a socket|serve --config empty --control dict
1|--pid-file nofolder/p: No such file|serve --config empty --size 1M --pid-file nofolder/p
2|'d0' is one argument too many|serve d0
2|--json does not belong to 'uzram serve'|serve --json
2|--size does not belong to 'uzram list'|list --size 1
2|an argument is missing: uzram create NAME|create
2|an argument is missing: uzram resize NAME SIZE|resize d0
2|an argument is missing|remove
2|disk size: 'big' is not a size|resize d0 big
2|--scatter does not belong to 'uzram contig free', but to 'uzram contig alloc'; see 'uzram help contig'|contig free 1 --scatter
2|--deadline does not belong to 'uzram contig free'|contig free 1 --deadline 5ms
2|--json does not belong to 'uzram contig free'|contig free 1 --json
2|--deadline does not belong to 'uzram contig stat'|contig stat --deadline 5ms
2|--scatter does not belong to 'uzram contig stat'|contig stat --scatter
2|--sysfs does not belong to 'uzram contig alloc'|contig alloc cam0 --sysfs
2|--json and --sysfs exclude each other: give one|contig stat --json --sysfs
2|--json and --sysfs exclude each other|stat --json --sysfs
2|--sysfs and --latency exclude each other|stat --sysfs --latency
2|--output and --output-all exclude each other|list -o name --output-all
2|--json and --output exclude each other|list -J -o name
2|--json and --raw exclude each other|list -J --raw
2|--json and --noheadings exclude each other|list -Jn
2|--json and --output exclude each other|madvise-bench --json -o method
2|--json and --output exclude each other|measure --json -o pool garbage
2|measure what? Give files, devices or '-', or a process with --pid|measure
2|or a process with --pid, not both|measure --pid 1 garbage
2|--pid: 'x' is not a process id|measure --pid x
1|--pid: there is no process 999999999|measure --pid 999999999
2|nosuch: No such file|measure nosuch
2|folder is a folder: measure files, an image, or what comes from 'tar -c folder |measure folder
2|is a pipe, of which nobody knows the share: measure it alone|measure garbage - <<<x
2|empty: there is nothing in it to measure|measure empty
2|--sample: '1K' is not a size from 1M to a quarter of the RAM|measure --sample 1K garbage
2|is not a size from 1M to a quarter of the RAM|measure --sample 100% garbage
2|--sample: 'x' is not a size|measure --sample x garbage
2|--repeats: '0' is not a number from 1 to|measure --repeats 0 garbage
2|--pools: |measure --pools nopool garbage
2|--pools: the list is empty|measure --pools ' ' garbage
2|--codecs: the list is empty|measure --codecs ' ' garbage
2|codec zstd takes levels from|measure --codecs zstd:level=99 garbage
2|codec deflate takes no dictionary|measure --codecs deflate:dict=dict garbage
2|codec deflate makes no dictionaries: use zstd or lz4|measure --codecs deflate:dict=train garbage
2|dictionary nodict: No such file|measure --codecs zstd:dict=nodict garbage
2|--output: no column 'x'|measure -o x garbage
2|--deadline is for emptying a region|contig alloc 1M --scatter --deadline 5ms
2|nothing to set|set d0
2|'pool' is not KEY=VALUE|set d0 pool
2|no key 'pol'; did you mean pool? See 'uzram help set'|set d0 pol=zbud
2|no key 'colour'; see 'uzram help set'|set d0 colour=1
2|no key 'retrun'; did you mean return? See 'uzram help set'|set retrun=lazy
2|no key 'max-pags'; did you mean max-pages? See 'uzram help recompress'|recompress d0 max-pags=1
2|no key 'codek'; did you mean codec?|recompress d0 codek=zstd
2|size: 'x' is not a size|set d0 size=x
2|read_only: 'x' is neither yes nor no|set d0 read_only=x
2|no key 'age'; see 'uzram help recompress'|recompress d0 age=5
2|create: 'a b' is not a disk name|create 'a b'
2|--ram and --mem-limit are the same for create|create d5 --ram 1M --mem-limit 1M
2|dictionary nodict: No such file|create d5 --dict nodict
1|no server answers at |list
1|start one with 'uzram serve', or name its socket with --control PATH|stat
1|no server answers at nosuch|list --control nosuch
1|no server answers at|metrics
1|no server answers at|top
END
expect 0 cmp garbage <(head -c 100000 garbage)
cp garbage garbage.copy
expect 1 "$uzram" serve --config empty --memory garbage
expect 0 cmp garbage garbage.copy

start_server "$dir/c" 100 "$uzram" serve --config empty --nbd unix:n --ram 64M --region cam0:4M --name d0 --size 16M \
	--name d1 --size 16M --read-only --codec deflate
wait_for 10 "$uzram" list
check_table <<'END'
1|no disk 'd9'; there are: d0 d1|set d9 pool=zbud
1|no disk 'd9'; there are: d0 d1|list d9
1|no disk 'd9'; there are: d0 d1|stat d0 d9
1|no disk 'd9'; there are: d0 d1|remove d9
1|no disk 'd9'; there are: d0 d1|train d9
2|grant: 'x' is not the number of a grant; 'uzram contig stat' lists them|contig free x
1|disk d0 exists: choose another name|create d0 --size 1M
2|zsmallo|set d0 pool=zsmallo
1|disk d0: pool solo cannot move what it holds|set d0 pool=$solo
1|disk d2: pool solo cannot move what it holds|create d2 --size 1M --pool $solo
2|RAM budget 4M: the regions of this server take 4M of it|set ram=4M
2|lz5|set d0 codec=lz5
2|backing-format is for a backing that comes with it: add backing=FILE|set d0 backing-format=yes
2|lz5|set d0 recompress=lz5
2|lz5|recompress d0 codec=lz5
2|codec zstd takes levels from|set d0 codec=zstd level=99
2|codec zstd takes levels from|create d2 --size 1M --codec zstd:level=99
2|idle: 'x' is not a number from 0|recompress d0 idle=x
2|min: '5000' is not a number from 0 to 4096|recompress d0 min=5000
2|max_pages: '-1' is not a number|recompress d0 max_pages=-1
2|recompress has no 'pool'|recompress d0 pool=zbud
2|seconds: 'x' is not a number|idle d0 x
2|bytes: '1' is not a number from 256 to 65536|train d0 zstd 1
2|codec deflate makes no dictionaries: use zstd or lz4|train d1
2|lz5|train d0 lz5
1|no dictionary can be made of its 0 sampled pages|train d0 zstd
2|RAM budget 1T: this server was started for at most|set ram=1T
2|ram: the RAM budget must be more than 0|set ram=0
2|pool belongs to a disk: uzram set NAME pool=zbud; without NAME there are ram and return|set pool=zbud
2|return belongs to the server, not to disk d0: uzram set return=eager|set d0 return=eager
2|nbd cannot be changed while the server runs: start it again with --nbd|set nbd=unix:n3
2|return: 'never' is not one of auto, eager, lazy|set return=never
2|return lazy: only private memory can go back lazily|set ram=32M return=lazy
2|--output: no column 'foo'; there are: NAME DISKSIZE|list -o name,foo
2|--output: no column ''|list -o name,
1|--metrics-file nofolder/m: No such file|metrics --metrics-file nofolder/m
1|c is in use by a running server: stop it or choose another path|serve --config empty --control c --nbd unix:n2
1|n is in use by a running server: stop it or choose another path|serve --config empty --control c2 --nbd unix:n
END
# Sockets that nobody named, where they cannot be.
expect 2 env XDG_RUNTIME_DIR="$dir/$(printf '%0120d' 0)" "$uzram" serve --config empty
expect_text "a path has 1 to 107 bytes: this is where it goes by default: choose another place with --nbd unix:PATH"
expect 1 env XDG_RUNTIME_DIR=missing "$uzram" serve --config empty --control c2
expect_text "missing/uzram-nbd.sock: No such file or directory: this is where it goes by default"
expect_text "choose another place with --nbd unix:PATH"
expect 1 env -u UZRAM_CONTROL XDG_RUNTIME_DIR=missing "$uzram" serve --config empty --nbd unix:n2
# shellcheck disable=SC2016 # the message names the variable
expect_text 'choose another place with --control PATH (or $UZRAM_CONTROL)'

expect 0 "$uzram" set ram=8M
expect 1 "$uzram" create d2 --size 7T
expect_text "disk d2: there is no room for the table of a disk size of 7T in the RAM budget of 8M"
expect_text "raise it with 'uzram set ram=SIZE'"
expect 0 "$uzram" set ram=64M
expect 0 "$uzram" idle d0 all
expect 2 "$uzram" idle d0 any

# What failed has changed nothing.
expect 0 "$uzram" list -n --raw -o name,algorithm,disksize,ram-limit
[ "$output" = "d0 lz4 16M 64M
d1 deflate 16M 64M" ] || fail "changed: $output"
if ! { [ ! -e n2 ] && [ ! -e c2 ]; }; then fail "a server that did not start left its sockets"; fi
stop_server "$server_pid" || fail "the server did not end well"
echo "COUNT messages=$nr"
[ "$nr" -gt 100 ] || fail "only $nr messages were checked"
