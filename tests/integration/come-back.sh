# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will lose connections during a copy and hand in new ones: what is dirty goes on, and
# not a byte more; what was acknowledged but not flushed goes with it when the receiver is
# another one, was rebooted, or is not known. No wrong set is taken, and STOP ends any of it.
# check-kernels: 6.1
. functions.sh
requires ip
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
dev=/dev/mapper/A
attach_raw A
HOUR=3600000
MIB=1048576

# again EPOCH [ATTRIBUTE...]: one connection of a new set
again() {
	local epoch=$1
	shift
	nl_attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch="$epoch" conn_index=0 "$@"
}

# lost_after FRAMES [START-ATTRIBUTE...]: a copy to i1 on b1 that loses its connection, with $DIRTY
# bytes left; then the receiver is well
lost_after() {
	PORT=$((PORT + 1))
	phony --raw --write /dev/mapper/B "close+$1" good
	shift
	again 1 instance=i1 boot=b1
	dmm-nl start $dev rate=0 barrier_ms=$HOUR barrier_bytes=$((1 << 40)) "$@"
	await_state A disconnected
	await A 5 inflight_bytes=0
	DIRTY=$(($(nl A dirty_blocks) * 4096))
	assert "bytes dirty or acknowledged" $((DIRTY + $(nl A acked_bytes))) = $((16 * MIB))
	assert "bytes acknowledged" "$(nl A acked_bytes)" -gt 0
}

# comes_back WHAT BYTES ATTRIBUTE...: by epoch 2; so many are acknowledged then
comes_back() {
	local what=$1 bytes=$2 acked
	shift 2
	acked=$(nl A acked_bytes)
	again 2 "$@"
	dmm-nl start $dev rate=0
	state_is A copying || fail "$what: $(st A state)"
	assert "$what: error" "$(st A error)" = -
	await_quiet A
	assert "$what: bytes sent" $(($(nl A acked_bytes) - acked)) = "$bytes"
	assert "$what: blocks swept" "$(nl A sweep_blocks)" = 4096
	checker_verdict /dev/mapper/B A
}

# the same receiver: only what is dirty
lost_after 6
assert "bytes on the list" "$(nl A unflushed_bytes)" = $((16 * MIB - DIRTY))
comes_back "the same" $DIRTY instance=i1 boot=b1
assert "bytes on the list" "$(nl A unflushed_bytes)" = $((16 * MIB))
stop_raw A

# all that was not flushed, when it may be lost
for peer in "instance=i2 boot=b1" "instance=i1 boot=b2" "" "instance=i1" "boot=b1"; do
	lost_after 6
	# shellcheck disable=SC2086
	comes_back "'$peer'" $((16 * MIB)) $peer
	stop_raw A
done

# nobody knows either of them
PORT=$((PORT + 1))
phony --raw --write /dev/mapper/B close+6 good
again 1
dmm-nl start $dev
await_state A disconnected
comes_back "unknown twice" $((16 * MIB))
stop_raw A

# what a barrier covers stays, whoever comes
lost_after 9 rate=$((8 * MIB)) barrier_bytes=$((3 * MIB))
barrier=$(nl A barrier)
assert "barriers" "$barrier" -ge 1
unflushed=$(nl A unflushed_bytes)
assert "bytes on the list" "$unflushed" -lt "$(nl A acked_bytes)"
comes_back "flushed in part" $((DIRTY + unflushed)) instance=i2 boot=b2
await A 5 "barrier>=$((barrier + 1))"
stop_raw A

# what was written meanwhile goes, too, and its blocks count once
lost_after 6
one A write:15M:4096 write:0:4096
comes_back "written meanwhile" $((DIRTY + 4096)) instance=i1 boot=b1
stop_raw A

# no wrong set, no START without a whole one
lost_after 6
refused 1 ENOTCONN dmm-nl start $dev
refused 1 ESTALE again 1 instance=i1 boot=b1
refused 1 EBUSY dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" migration=other disk=0 conn_epoch=2 conn_index=0
refused 1 EBUSY dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=1 conn_epoch=2 conn_index=0
again 2 conns=2 instance=i1 boot=b1
refused 1 ENOTCONN dmm-nl start $dev
refused 1 EBUSY again 2 conns=2 instance=i2 boot=b1 conn_index=1
# a set that never becomes complete makes way for the next one
again 3 instance=i1 boot=b1
refused 1 ESTALE again 2 instance=i1 boot=b1
state_is A disconnected || fail "$(st A state)"
dmm-nl start $dev
await_quiet A
assert "bytes acknowledged in all" "$(nl A acked_bytes)" = $((16 * MIB))
assert "blocks sent again" "$(st A resent)" -le $((($(st A shipped) - 16 * MIB) / 4096))
stop_raw A
checker_verdict /dev/mapper/B A

# STOP: with a set that is not complete, and with none, since the one socket was no good
lost_after 6
again 2 conns=2
stop_raw A
state_is A idle || fail "$(st A state) after STOP"
lost_after 6
refused 1 EBADF dmm-nl attach $dev fd=9999 "migration=$TEST" disk=0 conn_epoch=2 conn_index=0
state_is A disconnected || fail "$(st A state)"
stop_raw A
state_is A idle || fail "$(st A state) after STOP"

# lost again and again, under load, to the end
PORT=$((PORT + 1))
phony --raw --write /dev/mapper/B close+5 close+0 reset+3 close+20 good
start_load A --writers 3 --rate 60 --sizes 512..64K
for n in 1 2 3 4; do
	again $n instance=i1 boot=b1
	dmm-nl start $dev rate=$((4 * MIB))
	await_state A disconnected
done
again 5 instance=i1 boot=b1
dmm-nl start $dev rate=0
await A 20 "sweep_blocks>=4096"
stop_load
raw_commit A 1
assert "bytes that are not covered" "$(nl A unflushed_bytes)" = 0
checker_verdict /dev/mapper/B A --forbid-pending
same_disks /dev/mapper/A-origin /dev/mapper/B
give_up_raw A
