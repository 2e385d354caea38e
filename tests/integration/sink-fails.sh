# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will let a sink fail writes, then only a flush, and then hang: the migration
# is FAILED, or stops within a second and lingers until the sink has answered; the guest goes on all the time,
# nothing is lost from sight, and the copy that is begun again is whole.
# check-kernels: uml
. functions.sh
requires target:flakey
load_module
make_disk A 16
make_disk B 16 512 cache_size=4	# of which a flush is due
fill A
dev=/dev/mapper/A
failing() { dm_replace B-low "0 $(sectors_of B) flakey $(raw_of B) 0 0 600 1 error_writes"; }
guest_goes_on() {
	local writes
	writes=$(nl A writes_completed)
	await A 10 "writes_completed>=$((writes + 20))"
}

attach_sink A B
start_load A --writers 2 --rate 40 --sizes 512..16K

# ---- writes fail, in the middle ----
connect_sink A
dmm-nl start $dev rate=4194304
await A 10 "acked_bytes>=2097152"
failing
await A 20 state=failed
assert "error" "$(st A error)" = receiver:-5
nl A reason | grep -q 'writing to the sink' || fail "the reason: $(nl A reason)"
guest_goes_on
# what was not written is dirty again: nothing is in flight, and not all is clean
await A 5 inflight_bytes=0 "dirty_blocks>=1"
refused 1 E dmm-nl freeze $dev epoch=1 timeout_ms=1000
stop_raw A
dm_replace B-low "$(low_table B)"

# ---- only the flush of a freeze fails ----
connect_sink A
dmm-nl start $dev barrier_ms=600000
await A 30 "sweep_blocks>=4096"
stop_load
await_quiet A
failing
dmm-nl freeze $dev epoch=1 timeout_ms="$(freeze_ms 5000)"
await A 20 state=failed
assert "error" "$(st A error)" = receiver:-5
nl A reason | grep -q 'flushing the sink' || fail "the reason: $(nl A reason)"
one A write:4096:4096
stop_raw A
dm_replace B-low "$(low_table B)"

# ---- it hangs, with writes and then with a flush ----
start_load A --writers 2 --rate 40 --sizes 512..16K
for point in write flush; do
	connect_sink A
	if [ $point = write ]; then
		dmsetup suspend B-low
		dmm-nl start $dev
		await A 5 "inflight_bytes>=1048576"
	else
		dmm-nl start $dev
		await A 30 "sweep_blocks>=4096"
		dmsetup suspend B-low
		usleep 500000
	fi
	guest_goes_on
	# it thaws in time, by itself: the guest's writes are not kept for a sink that hangs
	dmm-nl freeze $dev epoch="$(next_epoch A)" timeout_ms=1000
	await A 5 state=copying
	assert "freeze result" "$(nl A freeze_result)" = -62	# -ETIME
	guest_goes_on
	stop_raw A
	assert "state of a stop that waits for the sink" "$(st A state)" = stopping
	nl A reason | grep -q 'sink' || fail "the reason does not name the sink: $(nl A reason)"
	refused 1 EBUSY connect_sink A
	refused 1 '' rmmod dm-migrate
	guest_goes_on
	dmsetup resume B-low
	await A 5 state=idle
done

# ---- stopped at any moment ----
for ms in 0 10 30 100 300; do
	connect_sink A
	dmm-nl start $dev
	usleep $((ms * 1000))
	stop_raw A
	await A 5 state=idle
done

# ---- and in the end it is whole ----
connect_sink A
dmm-nl start $dev
await A 30 "sweep_blocks>=4096"
epoch=$(next_epoch A)
dmsetup load A --table "0 $(sectors_of A) linear /dev/mapper/B 0"
raw_commit A "$epoch"
dmsetup resume --noflush --nolockfs A
usleep 300000
stop_load
checker_verdict $dev A
must_wait_for 5 dmsetup remove A-origin
