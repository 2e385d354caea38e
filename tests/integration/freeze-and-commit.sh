# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will freeze with and without a commit: the timeout thaws by itself
# and the guest goes on; a commit after it is refused with ETIME, one in time
# disarms the timer for good; and of a commit and a timer that race exactly one wins.
# check-kernels: uml
. functions.sh
requires ip
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
fill A
raw_migration A B good
await_quiet A
dev=/dev/mapper/A

# bad arguments change nothing
refused 1 'ERANGE\|EINVAL' dmm-nl freeze $dev epoch=1 timeout_ms=0
refused 1 'ERANGE\|EINVAL' dmm-nl freeze $dev epoch=1 timeout_ms=15001
refused 1 EINVAL dmm-nl freeze $dev epoch=1
refused 1 E dmm-nl freeze $dev timeout_ms=1000
refused 1 E dmm-nl thaw $dev epoch=1
refused 1 E dmm-nl commit $dev epoch=1
assert "state" "$(st A state)" = copying

start_load A --writers 4 --rate 40 --sizes 512..32K
# a freeze that nobody commits: writes held, reads pass, then it thaws
dmm-nl freeze $dev epoch=1 timeout_ms=2500
await_state A frozen 3
await A 2 "held>=1"
dd if=$dev of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null || fail "a read while frozen"
done_before=$(st A completed)
assert "no write completes while frozen" "$(st A completed)" = "$done_before"
await A 5 state=copying
assert "freeze result" "$(nl A freeze_result)" = -62	# -ETIME
await A 5 "writes_completed>=$((done_before + 1))"
refused 1 ETIME dmm-nl commit $dev epoch=1
refused 1 ESTALE dmm-nl freeze $dev epoch=1 timeout_ms=1000
refused 1 ESTALE dmm-nl commit $dev epoch=7

# asked to thaw
dmm-nl freeze $dev epoch=2 timeout_ms=10000
await_state A frozen 5
refused 1 ESTALE dmm-nl thaw $dev epoch=1
dmm-nl thaw $dev epoch=2
state_is A copying || fail "not thawed"
assert "freeze result" "$(nl A freeze_result)" = -125	# -ECANCELED

# a freeze that can't converge in time: thaws from FREEZING
stop_arm before-barrier
dmm-nl freeze $dev epoch=3 timeout_ms=2000
stop_await before-barrier
refused 1 EAGAIN dmm-nl commit $dev epoch=3
await A 5 state=copying
stop_go before-barrier
assert "freeze result" "$(nl A freeze_result)" = -62
# the stopped thread finds the freeze gone: it must not declare FROZEN afterwards
usleep 200000
state_is A copying || fail "$(st A state) after the freeze had timed out"
stop_arm before-frozen
dmm-nl freeze $dev epoch=4 timeout_ms=2000
stop_await before-frozen
await A 5 state=copying
stop_go before-frozen
usleep 200000
state_is A copying || fail "$(st A state) after the freeze had timed out"

not_freezing() { ! state_is A freezing; }

# commit against timer: exactly one wins, and what is said is what is so
epoch=10 won=0 lost=0
while [ $epoch -lt 20 ]; do
	dmm-nl freeze $dev epoch=$epoch timeout_ms=400 || fail "freeze"
	# on a busy machine it may have thawed before anybody looks
	must_wait_for 5 not_freezing
	# from well before the timeout to well after it
	begun=$(nl A hold_ns)
	usleep $(((epoch - 10) * 50000))
	if dmm-nl commit $dev epoch=$epoch 2>"$TMP/commit.out"; then
		won=$((won + 1))
		usleep 600000
		state_is A committed || fail "$(st A state) long after a commit that succeeded"
		break
	fi
	grep -q ETIME "$TMP/commit.out" || fail "$(cat "$TMP/commit.out")"
	lost=$((lost + 1))
	await A 2 state=copying
	epoch=$((epoch + 1))
done
if state_is A copying; then
	epoch=50
	dmm-nl freeze $dev epoch=50 timeout_ms=5000
	await_state A frozen 5
	dmm-nl commit $dev epoch=50
fi
assert "the begin of the hold is known" "$begun" -gt 0

# committed: nothing writes any more, nothing but RECLAIM and RELEASE undoes it
usleep 300000
md5sum <"$(raw_of A)" >"$TMP/origin.md5"
refused 1 EBUSY dmm-nl thaw $dev epoch=$epoch
refused 1 ESTALE dmm-nl commit $dev epoch=49
dmm-nl commit $dev epoch=$epoch || fail "a second commit of the same epoch"
refused 1 E dmm-nl stop $dev
refused 1 E dmm-nl start $dev
refused 1 E dmm-nl pause $dev
refused 1 E dmm-nl freeze $dev epoch=60 timeout_ms=1000
usleep 1000000
state_is A committed || fail "$(st A state)"
assert "held" "$(st A held)" -gt 0
assert "the origin is untouched" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
checker_verdict /dev/mapper/B A --forbid-pending
checker_verdict "$(raw_of A)" A --forbid-pending
dmm-nl stop $dev force
assert "held after a forced stop" "$(st A held)" -gt 0
assert "the origin is untouched" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
give_up_raw A
assert "the origin is untouched" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
