# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will begin a migration by a comparison instead of a copy: only what is marked or was written meanwhile is
# shipped; before COMPARED nothing is, and no freeze, resume or commit gets by; a comparison that lost its connections
# counts for nothing, and what it found equal is as good as unflushed.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
dev=/dev/mapper/A
attach_raw A
MIB=1048576
HOUR=3600000

# connected EPOCH [ATTRIBUTE...]: to a receiver of its own
connected() {
	local epoch=$1
	shift
	PORT=$((PORT + 1))
	phony --raw --write /dev/mapper/B good
	nl_attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch="$epoch" conn_index=0 "$@"
}
same_again() { dd if=$dev of=/dev/mapper/B bs=1M oflag=direct iflag=direct 2>/dev/null; }
lose() {
	kill -9 "$PHONY"
	await_state A disconnected
}

say "nothing is dirty, nothing is shipped, though an earlier migration left all dirty"
same_again
PORT=$((PORT + 1))
phony --raw --write /dev/mapper/B good
nl_attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch=1 conn_index=0
refused 1 EINVAL dmm-nl mark $dev range=0+4096
refused 1 EINVAL dmm-nl compared $dev conn_epoch=1
dmm-nl start $dev rate=1
refused 1 EBUSY dmm-nl compare $dev
refused 1 EINVAL dmm-nl mark $dev range=0+4096
refused 1 EALREADY dmm-nl compared $dev conn_epoch=1
assert "blocks dirty" "$(nl A dirty_blocks)" -gt 3000
stop_raw A
refused 1 ENOTCONN dmm-nl compare $dev
connected 1
dmm-nl compare $dev rate=0 barrier_ms=$HOUR barrier_bytes=$((1 << 40))
state_is A comparing || fail "$(st A state)"
assert "blocks dirty" "$(nl A dirty_blocks)" = 0

say "before its end nothing gets by it"
refused 1 'being compared' dmm-nl freeze $dev epoch=1 timeout_ms=1000
refused 1 'being compared' dmm-nl resume $dev
refused 1 'being compared' dmm-nl pause $dev
refused 1 EBUSY dmm-nl start $dev
refused 1 ETIME dmm-nl commit $dev epoch=0
refused 1 EALREADY dmm-nl thaw $dev epoch=0
refused 1 EBUSY dmm-nl compare $dev
refused 1 EBUSY dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch=2 conn_index=0
state_is A comparing || fail "$(st A state)"

say "marks are rounded out, and lie within the disk"
for range in 0+0 $((16 * MIB))+1 $((16 * MIB - 1))+2 18446744073709551615+1 4096+18446744073709551615; do
	refused 1 ERANGE dmm-nl mark $dev range=$range
done
refused 1 EINVAL dmm-nl mark $dev
refused 1 EINVAL dmm-nl compared $dev
assert "blocks dirty" "$(nl A dirty_blocks)" = 0
dmm-nl mark $dev range=$((16 * MIB - 1))+1
assert "blocks dirty" "$(nl A dirty_blocks)" = 1
dmm-nl mark $dev range=4095+2
assert "blocks dirty" "$(nl A dirty_blocks)" = 3
dmm-nl mark $dev range=$MIB+65536
assert "blocks dirty" "$(nl A dirty_blocks)" = 19

say "what is written counts, too, and waits"
one A write:8M:65536 discard:9M:8192
assert "blocks dirty" "$(nl A dirty_blocks)" = 37
usleep 300000
assert "bytes shipped" "$(nl A acked_bytes)" = 0
assert "bytes on the list" "$(nl A unflushed_bytes)" = 0
refused 1 ESTALE dmm-nl compared $dev conn_epoch=2
state_is A comparing || fail "$(st A state)"

say "afterwards it is a migration like any other"
# what differs by the marks; what was written differs by itself
for mib in 1 15; do
	dd if=/dev/zero of=/dev/mapper/B bs=64K count=1 seek=$((mib * 16 + mib)) oflag=direct 2>/dev/null
	dmm-nl mark $dev range=$((mib * 17 * 65536))+65536
done
dmm-nl compared $dev conn_epoch=1
refused 1 EALREADY dmm-nl compared $dev conn_epoch=1
await_quiet A
assert "bytes sent" "$(nl A acked_bytes)" = $((68 * 4096))	# the last one was marked before
assert "blocks swept" "$(nl A sweep_blocks)" = 4096
same_disks $dev /dev/mapper/B
assert "bytes on the list" "$(nl A unflushed_bytes)" = $((16 * MIB))
raw_commit A 1
assert "bytes on the list" "$(nl A unflushed_bytes)" = 0
dmm-nl reclaim $dev epoch=1
stop_raw A

# began WHAT...: a comparison with this receiver, and one block of it is known to differ
began() {
	same_again
	connected 1 "$@"
	dmm-nl compare $dev rate=0 barrier_ms=$HOUR barrier_bytes=$((1 << 40))
	dmm-nl mark $dev range=0+1
	assert "blocks dirty" "$(nl A dirty_blocks)" = 1
}

say "cut off it counts for nothing"
began instance=i1 boot=b1
lose
assert "blocks dirty" "$(nl A dirty_blocks)" = 4096
refused 1 EINVAL dmm-nl mark $dev range=0+4096
refused 1 EINVAL dmm-nl compared $dev conn_epoch=1
dd if=/dev/zero of=/dev/mapper/B bs=1M count=16 oflag=direct 2>/dev/null
connected 2 instance=i1 boot=b1
dmm-nl start $dev
await_quiet A
same_disks $dev /dev/mapper/B
stop_raw A

say "or goes on, by new connections: what was marked, or is written meanwhile, is dirty"
began instance=i1 boot=b1
lose
one A write:2M:8192
connected 2 instance=i1 boot=b1
state_is A disconnected || fail "$(st A state)"
dmm-nl compare $dev
state_is A comparing || fail "$(st A state)"
one A write:4M:4096
assert "blocks dirty" "$(nl A dirty_blocks)" = 4
refused 1 ESTALE dmm-nl compared $dev conn_epoch=1
refused 1 'being compared' dmm-nl freeze $dev epoch=10 timeout_ms=1000
lose
assert "blocks dirty" "$(nl A dirty_blocks)" = 4096
connected 3 instance=i1 boot=b1
dmm-nl compare $dev
dmm-nl compared $dev conn_epoch=3
await_quiet A
assert "bytes sent" "$(nl A acked_bytes)" = 16384
same_disks $dev /dev/mapper/B
lose
connected 4 instance=i1 boot=b1
# this bitmap is not lost
refused 1 EBUSY dmm-nl compare $dev
state_is A disconnected || fail "$(st A state)"
one A write:6M:4096
dmm-nl start $dev
await_quiet A
assert "bytes sent" "$(nl A acked_bytes)" = 20480
same_disks $dev /dev/mapper/B
stop_raw A

say "and so does what was stopped"
began instance=i1 boot=b1
stop_raw A
assert "blocks dirty" "$(nl A dirty_blocks)" = 0
connected 2
dmm-nl start $dev rate=0
await_quiet A
assert "bytes sent" "$(nl A acked_bytes)" = $((16 * MIB))
stop_raw A

say "what is equal is not known to be flushed"
began instance=i1 boot=b1
dmm-nl compared $dev conn_epoch=1
await_quiet A
assert "bytes sent" "$(nl A acked_bytes)" = 4096
lose
connected 2 instance=i1 boot=b2
dmm-nl start $dev
await_quiet A
assert "bytes sent" "$(nl A acked_bytes)" = $((16 * MIB + 4096))
stop_raw A

say "unless it is the same receiver, or a barrier has covered it"
began instance=i1 boot=b1
dmm-nl compared $dev conn_epoch=1
await_quiet A
lose
connected 2 instance=i1 boot=b1
dmm-nl start $dev barrier_ms=100
await A 10 unflushed_bytes=0
assert "bytes sent" "$(nl A acked_bytes)" = 4096
lose
connected 3 instance=i2 boot=b2
dmm-nl start $dev
await_quiet A
assert "bytes sent" "$(nl A acked_bytes)" = 4096
stop_raw A

say "under load: what is equal at some moment, or was marked, or was written"
same_again
start_load A --writers 3 --rate 40
connected 1
dmm-nl compare $dev barrier_ms=200
n=0
while [ $n -lt 16 ]; do
	dd if=/dev/mapper/A-origin of="$TMP/a" bs=1M count=1 skip=$n iflag=direct 2>/dev/null
	dd if=/dev/mapper/B of="$TMP/b" bs=1M count=1 skip=$n iflag=direct 2>/dev/null
	cmp -s "$TMP/a" "$TMP/b" || dmm-nl mark $dev range=$((n * MIB))+$MIB
	n=$((n + 1))
done
dmm-nl compared $dev conn_epoch=1
await A 20 "sweep_blocks>=4096"
stop_load
raw_commit A "$(next_epoch A)"
checker_verdict /dev/mapper/B A --forbid-pending
same_disks /dev/mapper/A-origin /dev/mapper/B
give_up_raw A
