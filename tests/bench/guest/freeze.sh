# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: uml-bench
# measures: freeze-0 freeze-1m freeze-16m
# How long writes are held by a freeze when nothing, 1 MiB and 16 MiB are dirty: from the hold to
# the acknowledged barrier, as the module itself counts it. Receiver, disks and the one processor
# are in the same machine.
# shellcheck source=bench.sh
. /t/bench.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 64
make_disk B 64
start_receiver
dmmigrate start --yes A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 || fail "$(cat "$TMP/start.out")"
await_quiet A
epoch=0
# A limit, which a freeze lifts, keeps what is written below from being shipped before; a first
# unit, which goes at once, makes the debt.
dmm-nl rate /dev/mapper/A rate=1024
dd if=/dev/urandom of=/dev/mapper/A bs=1M count=1 seek=63 oflag=direct 2>/dev/null
await_quiet A

# freeze MIB: microseconds from the hold to the end of the barrier in $TOOK
freeze() {
	epoch=$((epoch + 1))
	[ "$1" = 0 ] || dd if=/dev/urandom of=/dev/mapper/A bs=1M count="$1" oflag=direct 2>/dev/null
	[ "$(nl A dirty_blocks)" = $(($1 * 256)) ] || fail "$(nl A dirty_blocks) blocks are dirty, not $1 MiB"
	dmm-nl freeze /dev/mapper/A epoch=$epoch timeout_ms=15000
	await_state A frozen
	TOOK=$((($(nl A drain_ns) + $(nl A ship_ns) + $(nl A barrier_ns)) / 1000))
	dmm-nl thaw /dev/mapper/A epoch=$epoch
}

# measure NAME MIB
measure() {
	local round=0 best=999999999
	wanted "$1" || return 0
	while [ $round -lt "$(quick_or 1 10)" ]; do
		freeze "$2"
		best=$(min "$TOOK" "$best")
		round=$((round + 1))
	done
	result "$1" "$((best / 1000)).$(printf %03d $((best % 1000)))" - ms
}
measure freeze-0 0
measure freeze-1m 1
measure freeze-16m 16
same_disks "$(raw_of A)" "$(raw_of B)"
