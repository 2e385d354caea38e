# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill acquire, run, return, recover and release at each of their steps, on the host where they are asked for: the same again ends
# what was begun, and the disk has one owner all the time, whose every sector is the last one written.
# check-kernels: 6.12
# timeout: 300
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
requires debug
two_hosts
make_disk A 4
make_disk B 4
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
dd if=/dev/mapper/A of="$TMP/first" bs=4096 count=1 2>/dev/null

# killed STEP COMMAND...: must die there
killed() {
	local step=$1 status=0
	shift
	DMM_TOOL_STOP_AT=$step "$@" >"$TMP/killed.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "it did not stop at $step: exit $status: $(cat "$TMP/killed.out")"
	echo "$step" >>"$TMP/reached"
	say "killed at $step"
}
does() { "$@" >"$TMP/does.out" 2>&1 || fail "$*: exit $?: $(cat "$TMP/does.out")"; }
# given_up: the source holds what comes, which a read would wait for
given_up() {
	source_is relinquished || fail "source: $(journal_says source)"
	state_is A committed || fail "A: $(st A state)"
}
ready() {
	start_migration
	ID=$(migration_id)
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
}
again_there() {
	await_state A copying 30
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
}

ready
# the writer was stopped: acquired, and given back by its own recover, at each step
for step in acquire-asked acquire-owned; do
	killed $step there acquire "$ID"
	# it was asked for, and comes though nobody waits for it any more
	must_wait_for 20 dest_is owned
	does there recover "$ID"
	does dmmigrate recover "$ID"
	must_wait_for 20 source_is active
	both A || fail "the source is shut though it owns the disk"
	again_there
	killed $step there acquire "$ID"
	does there acquire "$ID"
	dest_is owned || fail "destination: $(journal_says destination)"
	given_up
	killed return-asked there return "$ID"
	does there return "$ID"
	must_wait_for 20 source_is active
	both A || fail "the source is shut though it owns the disk"
	again_there
done

# recover, on either host, of what was acquired and left alone
for step in recover-asked recover-ended; do
	does there acquire "$ID"
	must_wait_for 20 source_is relinquished
	killed $step dmmigrate recover "$ID"
	! writes A.dmm || fail "the gate lets a write pass"
	does dmmigrate recover "$ID"
	grep -q 'the source owns' "$TMP/does.out" || fail "$(cat "$TMP/does.out")"
	both A || fail "the source is shut though it owns the disk"
	again_there
done
does there acquire "$ID"
killed recover-asked there recover "$ID"
dest_is owned || fail "destination: $(journal_says destination)"
given_up
! writes A.dmm || fail "the gate lets a write pass"

# run: opened, and confirmed
killed run-opened there run "$ID"
dest_is running || fail "destination: $(journal_says destination)"
given_up
killed run-confirmed there run "$ID"
does there run "$ID"
must_wait_for 20 source_is released
must_wait_for 20 dest_is settled
! reads A || fail "the source can be read though it was released"
checker_verdict /dev/mapper/A.dmm A
both A.dmm || fail "the destination is shut though it runs"

# release, on either host
killed release-asked dmmigrate release "$ID"
source_is released || fail "source: $(journal_says source)"
does dmmigrate release "$ID"
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || fail "the source's journal is still there"
! reads A || fail "the source can be read though it was given up"
dest_is settled || fail "destination: $(journal_says destination)"
killed release-dropped there release "$ID"
[ ! -e "$TMP/state-b/destination/$ID" ] || fail "the destination's journal is still there"
status=0
there release "$ID" >"$TMP/does.out" 2>&1 || status=$?
{ [ $status != 0 ] && grep -q 'not known here' "$TMP/does.out"; } || fail "release again: exit $status: $(cat "$TMP/does.out")"
both A.dmm || fail "the disk went with its journal"

for step in $(DMM_TOOL_STOP_AT=list dmmigrate | sed -n 's/^owners //p'); do
	grep -qx "$step" "$TMP/reached" || fail "it was never killed at $step"
done
