# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will discard and zero large and small ranges before the sweep, behind
# it and while extents are on their way, on disks that discard and on
# some that do not, and find the destination equal to the source, holes and all.
# dattobd cdcbef2 and c5577b4: WRITE_ZEROES was missed, discard taken for a write.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
requires debug
two_hosts
start_receiver
for discard in 1 0; do
	make_disk A 8 512 discard=$discard
	make_disk B 8
	fill A
	dmmigrate start --bandwidth 1M A "$ADDR_B:/dev/mapper/B" >/dev/null || fail "start: exit $?"
	await A 10 "sweep_blocks>=512"
	# before the cursor and behind it
	one A discard:7M:512K zeroes:6M:256K discard:0:512K zeroes:1M:256K discard:$((1835008 + 512)):1024 \
		zeroes:$((6815744 - 512)):1024
	dmmigrate throttle A 0 >/dev/null
	await_quiet A
	# while an extent is on its way
	for op in discard:2M:1M zeroes:2M:1M discard:2098176:512 zeroes:$((3145728 - 1024)):2048; do
		stop_arm after-read
		one A write:2M:1M
		stop_await after-read
		one A $op
		stop_go after-read
		await_quiet A
	done
	start_load A --writers 3 --discard 40 --zeroes 40 --errors-ok
	usleep 1000000
	dmmigrate cutover A --timeout 15000 >"$TMP/cutover.out" 2>&1 || fail "cutover: $(cat "$TMP/cutover.out")"
	usleep 200000
	checker_verdict /dev/mapper/B A --forbid-pending
	dmmigrate verify A >/dev/null || fail "verify: exit $?"
	give_up
	forget_there
	kill "$LOAD"
	wait "$LOAD" || fail "the load"
	for d in A A-low B B-low; do dmsetup remove $d; done
	for d in A B; do drop_raw_disk $d-raw; done
	rm "$TMP/A.journal"
done
