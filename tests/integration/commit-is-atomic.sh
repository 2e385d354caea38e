# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will stop a COMMIT right before it looks at the state, and let the timer,
# a lost connection, a failing destination or a suspend end the freeze in between:
# it answers ETIME each time and the source goes on.  tapdisk: a mirror's error was looked
# at later than the guest was told "success" (mutant 22 looks before and acts after).
# check-kernels: 6.1
# check-processors: 2
. functions.sh
requires ip
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
fill A
dev=/dev/mapper/A
attach_raw A
epoch=0
stops=0

# begin: a migration that is frozen, for MS, and a COMMIT that is on its way
begin() {
	phony --raw good --write /dev/mapper/B
	reconnect_raw A
	dmm-nl start $dev
	await_quiet A
	epoch=$((epoch + 1))
	dmm-nl freeze $dev epoch=$epoch timeout_ms="$1"
	await_state A frozen 5
	stop_arm in-commit
	background commit$epoch dmm-nl commit $dev epoch=$epoch
	COMMIT=$PID
	stop_await in-commit
	state_is A frozen || fail "$(st A state): the freeze ended too soon"
}
# refused_as STATE: the commit goes on and is refused
refused_as() {
	await_state A "$1"
	stop_go in-commit
	! wait $COMMIT || fail "a commit succeeded though it was $1"
	grep -q ETIME "$TMP/commit$epoch.log" || fail "not ETIME: $(cat "$TMP/commit$epoch.log")"
	state_is A "$1" || fail "$(st A state) after a commit that was refused"
	one A write:1M:4096
	dmm-nl stop $dev >/dev/null
	await_state A idle
	kill "$PHONY" 2>/dev/null || true
	PORT=$((PORT + 1))
	stops=$((stops + 1))
}

begin 3000
await_state A copying
# DRBD 017c3e169: what the guest does waits for no command that is under way
background write dmm-load $dev --journal "$TMP/A.journal" --op write:2M:4096
must_wait_for 5 gone "$PID"
refused_as copying
begin 15000
kill -9 "$PHONY"
refused_as disconnected
begin 15000
dmsetup suspend --nolockfs A
dmsetup resume A
refused_as copying
assert "ways to end a freeze" $stops = 3

# and in time it commits, whatever comes then
begin 3000
stop_go in-commit
wait $COMMIT || fail "commit: $(cat "$TMP/commit$epoch.log")"
kill -9 "$PHONY"
usleep 3500000
state_is A committed || fail "$(st A state) long after the freeze would have ended"
dmm-nl reclaim $dev epoch=$epoch
await_state A disconnected
checker_verdict $dev A
