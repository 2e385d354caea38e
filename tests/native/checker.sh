#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will plant faults on a copy of a loaded disk and see the sector
# checker flag each by its own name, and accept what concurrency allows.
# A checker that accepts everything would make every other test worthless.
. "$(dirname "$0")/common"

tools=${DMM_TOOLS:-$top/build/tests/tools}
img=$tmp/disk j=$tmp/journal

load() { "$tools/dmm-load" "$img" --buffered --journal "$j" "$@" >/dev/null; }

# check NAME EXPECTED-STATUS EXPECTED-TEXT [ARGS]: judge $img
check() {
	local name=$1 want=$2 text=$3 got=0
	shift 3
	"$tools/dmm-check" "$img" --buffered --journal "$j" "$@" >"$tmp/out" 2>&1 || got=$?
	if [ "$got" = "$want" ] && grep -q -- "$text" "$tmp/out"; then
		ok "$name"
	else
		bad "$name: exit $got, wanted $want and '$text':"
		cat "$tmp/out"
	fi
}

sector() { dd if="$1" of="$3" bs=512 skip="$2" seek="$4" count=1 conv=notrunc status=none; }
damage() { printf 'garbage' | dd of="$img" bs=1 seek=$(($1 * 512 + $2)) conv=notrunc status=none; }
# written SECTOR DISK: by which operation
written() { od -An -t u8 -j $((($1) * 512 + 8)) -N 8 "$2" | tr -d ' '; }
# field SEQ FIELD: where 64-bit field FIELD (0 issued, 1 completed) of operation SEQ lies
field() { echo $((64 + ($1 - 1) * 64 + $2 * 8)); }
get() { od -An -t u8 -j "$(field "$1" "$2")" -N 8 "$j" | tr -d ' '; }
put() { put_at "$(field "$1" "$2")" "$3"; }
put_at() {
	local v=$2 s=''
	for _ in 1 2 3 4 5 6 7 8; do
		s=$s$(printf '\\x%02x' $((v & 255)))
		v=$((v >> 8))
	done
	printf '%b' "$s" | dd of="$j" bs=1 seek="$1" conv=notrunc status=none
}

truncate -s 8M "$img"
check "no journal yet" 2 'No such file'
load --fill --journal-ops 20000
check "a filled disk" 0 'OK: 16384 sectors'
cp "$img" "$tmp/filled"
load --writers 8 --ops 4000 --sizes 512..256K --hot 30 --discard 5 --zeroes 5 --fua 2 --flush 2
check "after many overlapping writers" 0 'OK: .*writes [1-9][0-9]* discards [1-9][0-9]* zeroes [1-9]'
cp "$img" "$tmp/loaded"
then=$("$tools/dmm-check" --clock --journal "$j")
load --op write:1M:4096 --op write:2M:4096 --op write:3M:512 --op zeroes:4M:4096 \
	--op discard:5M:4096 --op write:6M:8192 --op write:6M:4096
check "after single operations" 0 'OK'
cp "$img" "$tmp/good"
last=$("$tools/dmm-check" "$img" --buffered --journal "$j" --distinct 4096 | sed -n 's/.*distinct=\([0-9]*\).*/\1/p')
[ "$last" -gt 100 ] || bad "distinct blocks: '$last'"

restore() { cp "$tmp/good" "$img"; }
lba1=2048 lba3=6144 lba4=8192 lba6=12288

cp "$tmp/loaded" "$img"
check "a disk without the last writes" 1 stale
check "the same as of before them" 0 'OK' --at "$then"
restore
check "the last writes, as of before them" 0 'OK' --at "$then"
cp "$tmp/filled" "$img"
check "a disk older than that" 1 stale --at "$then"
# what had begun by then, and not ended
cp "$tmp/good" "$img"
check "the last one pending" 0 'pending 1 ' --at $(($("$tools/dmm-check" --clock --journal "$j") - 1))

restore; damage $lba1 200
check "a torn sector" 1 "lba $lba1: torn"
restore; damage $lba1 0
check "something that is no sector of ours" 1 "lba $lba1: alien"
restore; sector "$tmp/good" $lba3 "$img" $lba1
check "another sector's data" 1 "lba $lba1: misplaced"
restore; sector "$tmp/loaded" $lba1 "$img" $lba1
check "older data" 1 "lba $lba1: \(stale\|lost\)"
restore; sector "$tmp/filled" $lba1 "$img" $lba1
check "the initial data after a write" 1 "lba $lba1: stale"
restore; sector /dev/zero 0 "$img" $lba1
check "a lost write" 1 "lba $lba1: lost"
restore; sector "$tmp/filled" $lba4 "$img" $lba4
check "data that was zeroed" 1 "lba $lba4: stale"
restore; sector "$tmp/good" $lba3 "$img" $lba1; damage $lba6 300
check "two faults, both counted" 1 'FAULTY: 16384 sectors, torn 1, misplaced 1;'
restore; dd if="$tmp/filled" of="$img" bs=4096 seek=256 skip=256 count=1 conv=notrunc status=none
check "a whole block of old data" 1 'stale 8;'
restore; truncate -s 7M "$img"
check "a disk too small for its journal" 2 'but the disk of the journal has'
restore; truncate -s 9M "$img"
check "a larger copy is judged over the size of its source" 0 'OK: 16384 sectors'

# The two last writes of 6M: the older is stale, unless the journal says that they ran concurrently.
restore
seq=$(written lba6 "$img")
older=$(written lba6+8 "$img")
[ "$older" = $((seq - 1)) ]
cp "$tmp/loaded" "$tmp/only"
"$tools/dmm-load" "$tmp/only" --buffered --journal "$j" --op write:6M:8192 >/dev/null
third=$(written lba6 "$tmp/only")
sector "$tmp/only" $lba6 "$img" $lba6
check "the write issued last" 1 'stale'	# 6M+512.. still holds the one before it
dd if="$tmp/only" of="$img" bs=8192 skip=768 seek=768 count=1 conv=notrunc status=none
check "all of the write issued last" 0 'OK'
restore
check "what it replaced" 1 "lba $lba6: stale"
put "$seq" 1 "$(($(get "$third" 0) + 1))"
put "$older" 1 "$(($(get "$third" 0) + 1))"
check "what it replaced, had they been concurrent" 0 'OK'
put "$seq" 1 0
check "what it replaced, never completed" 0 'pending 1'
check "the same when forbidden" 1 'pending' --forbid-pending
put "$third" 1 0
cp "$tmp/only" "$img.third"
dd if="$img.third" of="$img" bs=8192 skip=768 seek=768 count=1 conv=notrunc status=none
check "a write that never completed may have happened" 0 'pending 2'

# A load that goes on while its disk is judged: zeroes of an operation issued meanwhile. Here: since the counter
# stood where the operation began, though a write has completed after it.
restore
"$tools/dmm-load" "$img" --buffered --journal "$j" --op zeroes:7M:4096 --op write:7M:4096 >/dev/null
dd if=/dev/zero of="$img" bs=4096 seek=1792 count=1 conv=notrunc status=none
check "zeroes from before the last write" 1 'lost 8;'
now=$("$tools/dmm-check" --clock --journal "$j")
zeroing=$(($(od -An -t u8 -j 32 -N 8 "$j" | tr -d ' ') - 1))
clock_is() { put_at 24 "$1"; }
clock_is "$(get "$zeroing" 0)"
check "zeroes issued while the disk was read" 0 'OK'
clock_is $(($(get "$zeroing" 0) + 1))
check "zeroes issued just before" 1 'lost 8;'
clock_is "$now"

# Without a fill a disk begins as zeroes, or as anything.
j=$tmp/journal2
head -c 1M /dev/urandom >"$img"
load --op write:0:4096
check "unknown initial data" 1 'lba 8: alien'
check "unknown initial data, allowed" 0 'OK' --initial any

# A killed writer leaves a usable journal, and what follows is judged by both in turn.
j=$tmp/journal3
truncate -s 0 "$img"; truncate -s 4M "$img"
"$tools/dmm-load" "$img" --buffered --journal "$j" --fill --seconds 60 --discard 5 >/dev/null &
pid=$!
sleep 1
kill -9 $pid
wait $pid 2>/dev/null || true
check "a killed writer" 0 'OK'
cp "$img" "$tmp/killed"
"$tools/dmm-load" "$img" --buffered --journal "$tmp/journal4" --fill --ops 50 >/dev/null
check "a second journal" 0 'OK' --journal "$tmp/journal4"
check "the first journal alone" 1 'alien'
cp "$tmp/killed" "$img"
check "data of the first after the second" 1 'stale' --journal "$tmp/journal4"

# The journal of a machine that is gone, by its copy on a disk; another life goes on with it.
j=$tmp/journal5
truncate -s 0 "$img"; truncate -s 4M "$img"
life=("$tools/dmm-load" "$img" --buffered --journal-ops 20000 --sizes 512..64K --zeroes 5 --rate 400)
for seed in 1 2; do
	rm -f "$j"
	: >"$tmp/lines"	# here: what the first one has said is not the second's
	"${life[@]}" --journal "$j" --mirror "$tmp/mirror" --seed $seed --seconds 60 --lines >"$tmp/lines" 2>&1 &
	pid=$!
	n=0
	until [ "$(grep -c '^load: [1-9][0-9]* operations, longest gap' "$tmp/lines")" -ge 2 ] || [ $((n += 1)) -gt 300 ]; do
		sleep 0.1
	done
	kill -9 $pid
	wait $pid 2>/dev/null || true
	here=$j
	check "life $seed by its own journal" 0 'OK: 8192 sectors; writes [1-9]'
	j=$tmp/mirror
	check "life $seed by the copy" 0 'OK: 8192 sectors; writes [1-9]'
	# but for what was going on
	n=$({ cmp -l -i 64 -n $((20000 * 64)) "$here" "$j" || true; } | wc -l)
	[ "$n" -le 512 ] || bad "the copy differs from the journal in $n bytes"
	[ $seed = 2 ] || { cp "$img" "$tmp/life1"; cp "$j" "$tmp/mirror1"; }
	j=$here
done
j=$tmp/mirror
cp "$img" "$tmp/life2"
cp "$tmp/life1" "$img"
check "the first life's disk after the second" 1 'stale'
cp "$tmp/life2" "$img"
j=$tmp/mirror1
check "the second life by the first one's copy" 1 'alien'
j=$tmp/mirror
check "the second life by both" 0 'OK'
# an operation that the copy has not is one that the disk must not have
seq=$(written 0 "$img")
put "$seq" 0 0
check "an operation that was not noted" 1 'lba 0: alien'
rm -f "$tmp/journal6"
j=$tmp/journal6
got=0
"${life[@]}" --journal "$j" --mirror /dev/full --ops 10 >"$tmp/out" 2>&1 || got=$?
{ [ $got = 2 ] && grep -q 'mirror /dev/full: cannot' "$tmp/out"; } || bad "a copy that cannot be written: exit $got: $(cat "$tmp/out")"

# Bad input: one line, exit code 2.
printf 'no journal' >"$j"
check "a file that is no journal" 2 'not a journal'
got=0
"$tools/dmm-load" "$img" --buffered --journal "$tmp/j5" --sizes 512..3 >"$tmp/out" 2>&1 || got=$?
{ [ $got = 2 ] && grep -q 'sizes must be' "$tmp/out"; } || bad "bad sizes"
got=0
"$tools/dmm-load" "$img" --buffered --journal "$tmp/j5" --op write:4M:512 >"$tmp/out" 2>&1 || got=$?
{ [ $got = 2 ] && grep -q 'does not fit' "$tmp/out"; } || bad "beyond the end"

# a disk that was loaded is the destination of another migration: nothing written there may pass for a file system
truncate -s 8M "$tmp/second"
img=$tmp/second j=$tmp/second.journal
: >"$tmp/signatures"
load --fill --region 0:512 --journal-ops 10000
at=1
for seq in 4991 5007 9320 9336; do
	load --writers 1 --ops $((seq - 1 - at)) --region 1024:512 --sizes 512..512
	load --op write:1024:512
	at=$seq
	check "operation $seq at sector 2" 0 'OK: .*writes '$seq
	blkid -p "$img" >>"$tmp/signatures" || true	# 2: none
done
what='no operation makes a signature'
if [ -s "$tmp/signatures" ]; then bad "$what"; cat "$tmp/signatures"; else ok "$what"; fi
finish
