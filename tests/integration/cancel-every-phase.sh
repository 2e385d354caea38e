# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will cancel in every phase of a migration and see the table exactly as
# it was each time, nothing left over, the load undisturbed; committed too, as long as the
# writer cannot run at the destination.  Only after the release it is refused, and says why.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
fill A
remember_devices
DAEMON_OPTIONS='--reconnect manual'
start_receiver
start_load A --writers 2 --rate 20 --sizes 512..32K --errors-ok

# cancelled PHASE: now, twice
cancelled() {
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel while $1: exit $?: $(cat "$TMP/cancel.out")"
	restored "cancelled while $1"
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "a second cancel: exit $?: $(cat "$TMP/cancel.out")"
	restored "cancelled twice while $1"
	writes_go_on "$1"
}
# the load is above the table that was there before: ask it
writes_go_on() {
	local clock
	clock=$(dmm-check --clock --journal "$TMP/A.journal")
	must_wait_for 5 sh -c "[ \$(dmm-check --clock --journal $TMP/A.journal) -gt $((clock + 6)) ]"
}

cancelled "nothing runs"

start_migration --bandwidth 1M
await A 10 "acked_bytes>=1"
cancelled copying

start_migration --bandwidth 1M
dmmigrate pause A >/dev/null || fail "pause: exit $?"
state_is A paused || fail "$(st A state) after pause"
cancelled paused

start_migration
await A 20 "sweep_blocks>=2048"
cancelled "the sweep is done"

start_migration
await A 20 "sweep_blocks>=2048"
stop_arm before-barrier
background cutover dmmigrate cutover A --timeout 15000
stop_await before-barrier
state_is A freezing || fail "$(st A state), not freezing"
# the tool that cuts over holds the device's lock: a second one is told so
refused 3 '' dmmigrate cancel A
dmm-nl stop /dev/mapper/A >/dev/null
stop_go before-barrier
wait "$PID" && fail "the cutover succeeded though it was stopped"
cancelled freezing

start_migration
await A 20 "sweep_blocks>=2048"
dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=15000
await_state A frozen
cancelled frozen

start_migration --bandwidth 1M
await A 10 "acked_bytes>=1"
kill -9 "$RECEIVER"
await A 5 state=disconnected
ID=$(migration_id)
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel while disconnected: exit $?: $(cat "$TMP/cancel.out")"
grep -q 'gate at .* stay' "$TMP/cancel.out" || fail "nothing said: $(cat "$TMP/cancel.out")"
start_receiver
there release "$ID" >/dev/null || fail "release: exit $?"
cancelled disconnected

start_migration --bandwidth 1M
sectors=$(sectors_of A)
dm_replace A-low "0 $((sectors - 8)) linear $(raw_of A) 0
$((sectors - 8)) 8 error"
dmmigrate throttle A 0 >/dev/null
await A 20 state=failed
dm_replace A-low "$(low_table A)"
dmsetup info -c --noheadings -o name,uuid,suspended,tables_loaded | sort >"$TMP/now"
cancelled failed

# a table that is not ours is not touched
start_migration --bandwidth 1M
dmsetup table A-low >"$TMP/low"
dm_replace A "$(dmsetup table "$(dmsetup info -c --noheadings -o name -S 'uuid=~"LVM-DMM0.*-origin"')")"
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel after a foreign reload: exit $?: $(cat "$TMP/cancel.out")"
restored "cancelled after somebody else had put the table back"

# committed: nobody has started the writer there
start_migration
await A 20 "sweep_blocks>=2048"
status=0
DMM_TOOL_STOP_AT=committed dmmigrate cutover A --timeout 15000 >"$TMP/cutover.out" 2>&1 || status=$?
assert "exit of a cutover that was killed" $status = 137
state_is A committed || fail "$(st A state), not committed"
await A 5 "held>=1"
cancelled committed

# after the release
start_migration
await A 20 "sweep_blocks>=2048"
cutover --timeout 15000
refused 3 'cannot be taken back' dmmigrate cancel A
state_is A released || fail "$(st A state) after a cancel that was refused"
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
