# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have one of four connections stand still, its peer neither
# reading nor answering: the others ship all that is theirs, no freeze ends
# meanwhile, STOP ends within a second; and left alone that one
# connection times out (30 s, here 8), which disconnects the disk.
# check-kernels: uml
. functions.sh
requires ip
load_module
requires debug
short_ack_timeout 8000
two_hosts
make_disk A 32
make_disk B 32
fill A
dev=/dev/mapper/A
CONNS=4
attach_raw A

for mode in noread silent; do
	PORT=$((PORT + 1))
	connect_raw A --write /dev/mapper/B good $mode good
	# the set: an index twice, another number, another epoch
	for wrong in "conn_index=1 conns=4 conn_epoch=1" "conn_index=1 conns=5 conn_epoch=1" \
		"conn_index=1 conns=4 conn_epoch=2"; do
		# shellcheck disable=SC2086
		refused 1 EBUSY dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 $wrong
	done
	dmm-nl start $dev
	await A 20 "acked_bytes>=$((24 * 1048576))"
	assert "bytes acknowledged" "$(nl A acked_bytes)" = $((24 * 1048576))
	dmm-nl freeze $dev epoch=$PORT timeout_ms=500	# a new one each time
	await A 5 state=copying
	assert "result of the freeze" "$(nl A freeze_result)" = -62
	one A write:5M:4096 write:9M:8192
	[ $mode = silent ] && break
	stop_raw A
	await_state A idle
done
await A 45 state=disconnected
nl A reason | grep -q 'no acknowledgement for 30 s' || fail "reason: $(nl A reason)"
assert "bytes in flight" "$(nl A inflight_bytes)" = 0
stop_raw A

# the same with all of them well: to the end, over a set that is not complete at first
PORT=$((PORT + 1))
phony --raw --write /dev/mapper/B good
dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch=3 conn_index=1 conns=2
refused 1 ENOTCONN dmm-nl start $dev
refused 1 ERANGE dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch=3 conn_index=2 conns=2
dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch=3 conn_index=0 conns=2
dmm-nl start $dev
start_load A --writers 3 --rate 60 --sizes 512..64K
await A 20 "sweep_blocks>=8192"
stop_load
raw_commit A $PORT
checker_verdict /dev/mapper/B A --forbid-pending
same_disks /dev/mapper/A-origin /dev/mapper/B
give_up_raw A
