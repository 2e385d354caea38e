# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will stop a migration whose origin owes a read: STOP returns within
# a second all the same, the object lingers as STOPPING and says what for, nothing
# is freed under the read, and it is over as soon as the origin answers.
# DRBD's disk-timeout tests: kernel crash on late completion.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8
fill A
attach_raw A
dev=/dev/mapper/A
# where there is no memory for another worker, only a device's own rescuer goes on (md e804ac780)
cat /proc/[0-9]*/comm | grep -qE '^(kworker/R-)?dmm/' || fail "the device's work has no rescuer"

for _ in 1 2; do
	dmsetup suspend A-low
	connect_raw A good
	dmm-nl start $dev
	await A 5 "inflight_bytes>=1"
	stop_raw A
	state_is A stopping || fail "$(st A state) while the origin owes a read"
	nl A reason | grep -q 'origin' || fail "the reason does not name the origin: $(nl A reason)"
	refused 1 E dmm-nl start $dev
	refused 1 E dmm-nl attach $dev migration=x disk=0 conn_epoch=1 conn_index=0 fd=unconnected
	dmm-nl stop $dev || fail "a second stop"
	refused 1 '' rmmod dm-migrate
	usleep 300000
	state_is A stopping || fail "$(st A state) while the origin owes a read"
	dmsetup resume A-low
	await A 5 state=idle
	kill "$PHONY"
	PORT=$((PORT + 1))
done

# the table is taken away while the origin owes a read: that waits, and nothing crashes
dmsetup suspend A-low
connect_raw A good
dmm-nl start $dev
await A 5 "inflight_bytes>=1"
dmm-nl stop $dev
dmsetup load A --table "$(dmsetup table A-origin)"
dmsetup resume --nolockfs A &
pid=$!
usleep 500000
dmsetup resume A-low
wait $pid || fail "the swap"
must_wait_for 5 dmsetup remove A-origin
one A write:0:4096
checker_verdict $dev A
