# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will suspend the device from outside in every state of a migration:
# a freeze is thawed, tracking never stops, the migration goes on after the
# resume; after a commit the suspend waits until reclaim or release, or requeues, and no
# write gets through.
# check-kernels: 6.1
. functions.sh
requires ip
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
fill A
start_load A --writers 4 --errors-ok --rate 60
attach_raw A
# suspend and resume, in the manner that is asked for, under the watch of a limit
bounce() {
	# shellcheck disable=SC2086
	timeout 10 dmsetup suspend $1 A || fail "suspend $1 hangs while $(st A state)"
	usleep 50000
	timeout 10 dmsetup resume A || fail "resume after suspend $1"
}
manners="x --nolockfs --noflush"

for how in $manners; do bounce "${how#x}"; done
connect_raw A good --write /dev/mapper/B
bounce --noflush
dmm-nl start /dev/mapper/A rate=2097152
for how in $manners; do
	bounce "${how#x}"
	state_is A copying || fail "$(st A state) after a suspend while copying"
done
dmm-nl pause /dev/mapper/A
bounce ""
state_is A paused || fail "$(st A state) after a suspend while paused"
dmm-nl resume /dev/mapper/A
dmm-nl rate /dev/mapper/A rate=0

epoch=0
for how in $manners; do
	# while FREEZING
	epoch=$((epoch + 1))
	stop_arm before-barrier
	dmm-nl freeze /dev/mapper/A epoch=$epoch timeout_ms=10000
	stop_await before-barrier
	# the suspend waits for the stopped thread, perhaps
	( bounce "${how#x}" ) & pid=$!
	usleep 300000
	stop_go before-barrier
	wait $pid || fail "suspend while freezing"
	state_is A copying || fail "$(st A state) after a suspend while freezing"
	assert "freeze result" "$(nl A freeze_result)" = -125

	# while FROZEN
	epoch=$((epoch + 1))
	dmm-nl freeze /dev/mapper/A epoch=$epoch timeout_ms=10000
	await_state A frozen
	bounce "${how#x}"
	state_is A copying || fail "$(st A state) after a suspend while frozen"
	refused 1 E dmm-nl commit /dev/mapper/A epoch=$epoch
done

raw_commit A 100
await A 10 "held>=1"
md5sum <"$(raw_of A)" >"$TMP/origin.md5"
# with noflush the held writes go back to dm and come again
bounce "--noflush --nolockfs"
usleep 200000
state_is A committed || fail "$(st A state) after a noflush suspend while committed"
assert "held" "$(st A held)" -gt 0
# without it the suspend waits: documented; it can be interrupted
timeout 2 dmsetup suspend --nolockfs A && fail "a flushing suspend passed held writes"
dmsetup resume A 2>/dev/null || true
state_is A committed || fail "$(st A state)"
assert "the origin is untouched" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
checker_verdict /dev/mapper/B A --forbid-pending
# a suspend that waits ends with RECLAIM, and the copy goes on after the resume
background suspend dmsetup suspend --nolockfs A
usleep 500000
! gone "$PID" || fail "a suspend passed held writes: $(cat "$TMP/suspend.log")"
dmm-nl reclaim /dev/mapper/A epoch=100
must_wait_for 10 gone "$PID"
wait "$PID" || fail "the suspend that waited: $(cat "$TMP/suspend.log")"
dmsetup resume A
await_state A copying
before=$(nl A writes_completed)
await A 10 "writes_completed>=$((before + 10))"
raw_commit A 101
await A 10 "held>=1"
md5sum <"$(raw_of A)" >"$TMP/origin.md5"
checker_verdict /dev/mapper/B A --forbid-pending
# and with RELEASE
background suspend dmsetup suspend --nolockfs A
usleep 500000
! gone "$PID" || fail "a suspend passed held writes: $(cat "$TMP/suspend.log")"
dmm-nl release /dev/mapper/A epoch=101
must_wait_for 10 gone "$PID"
wait "$PID" || fail "the suspend that waited: $(cat "$TMP/suspend.log")"
dmsetup resume A
state_is A released || fail "$(st A state) after a suspend"
assert "the origin is untouched" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
give_up_raw A
kill "$LOAD"
wait "$LOAD" || true
