# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will let the destination pull: acquire returns once it owns the disk, twice at once and again too, its
# gate lets reads pass and no write; return is the way back, before and after run; one that gives up
# leaves nothing behind that is handed over later, with a guest that stands still for nobody.
# check-kernels: 6.12
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
two_hosts
make_disk A 8
make_disk B 8
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
start_load A --writers 2 --rate 20 --sizes 512..32K --errors-ok

ready() {
	await_state A copying 30
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
}
goes_on() {
	local before
	must_wait_for 15 journal_is source active
	before=$(nl A writes_completed)
	await A 10 "writes_completed>=$((before + 10))"
	assert "writes that failed after $1" "$(nl A failed_writes)" = 0
}
acquired() {
	there acquire "$ID" >"$TMP/acquire.out" 2>&1 || fail "acquire: exit $?: $(cat "$TMP/acquire.out")"
	grep -q 'this host owns the disks' "$TMP/acquire.out" || fail "$(cat "$TMP/acquire.out")"
	journal_is destination owned || fail "destination: $(journal_says destination)"
	assert "the gate" "$(nl A.dmm gate)" = reads
}

start_migration
ID=$(migration_id)
refused 2 'not the id of a migration' there acquire A
refused 3 'not known' there acquire 00000000000000000000000000000001
ready

# twice at once, and once more; reads pass, no write does
background first there acquire "$ID"
FIRST=$PID
acquired
wait "$FIRST" || fail "the other acquire: exit $?: $(cat "$TMP/first.log")"
acquired
dd if=/dev/mapper/A.dmm of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "no read passes the gate"
! dd if=/dev/zero of=/dev/mapper/A.dmm bs=4096 count=1 oflag=direct 2>/dev/null || fail "a write passes the gate"
state_is A committed || fail "$(st A state)"

# back, and nothing was lost
there return "$ID" >"$TMP/return.out" 2>&1 || fail "return: exit $?: $(cat "$TMP/return.out")"
goes_on "return"
there return "$ID" >"$TMP/return.out" 2>&1 || fail "return again: exit $?: $(cat "$TMP/return.out")"
ready
acquired
there run --unconfirmed "$ID" >"$TMP/run.out" 2>&1 || fail "run --unconfirmed: exit $?: $(cat "$TMP/run.out")"
assert "the gate" "$(nl A.dmm gate)" = open
there return "$ID" >"$TMP/return.out" 2>&1 || fail "return after run: exit $?: $(cat "$TMP/return.out")"
goes_on "return after run"

# the volume hangs: whether something was written nobody knows, and nothing is given back, until it answers
ready
acquired
there run --unconfirmed "$ID" >"$TMP/run.out" 2>&1 || fail "run --unconfirmed: exit $?: $(cat "$TMP/run.out")"
dmsetup suspend --nolockfs --noflush B
reads=$(nl A.dmm reads)
dd if=/dev/mapper/A.dmm of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null &
reader=$!
await A.dmm 10 "reads>=$((reads + 1))"
refused 5 'could not be given back.*move the gates' there return "$ID"
assert "the gate" "$(nl A.dmm gate)" = open
journal_is destination running || fail "destination: $(journal_says destination)"
dmsetup resume B
wait "$reader" || fail "a read of what was not given back has failed"
state_is A committed || fail "$(st A state)"
there return "$ID" >"$TMP/return.out" 2>&1 || fail "return once it answers: exit $?: $(cat "$TMP/return.out")"
goes_on "return of a volume that had hung"

# the destination's disk hangs for longer than it is waited for, and for less than the source's freeze lasts
ready
dmsetup suspend --nolockfs --noflush B-low
background giving-up dmmigrate acquire --control "$TMP/control-b" --timeout 1s "$ID"
GIVING_UP=$PID
usleep 2500000
dmsetup resume B-low
status=0
wait "$GIVING_UP" || status=$?
[ $status = 8 ] || fail "acquire that gives up: exit $status: $(cat "$TMP/giving-up.log")"
grep -q 'not handed over within 1000 ms.*the source owns' "$TMP/giving-up.log" || fail "$(cat "$TMP/giving-up.log")"
usleep 3000000
journal_is destination owned && fail "it was handed over behind the back of one that gave up"
goes_on "one that gave up"

# the source's daemon stands still, and follows only once nobody waits any more
ready
kill -STOP "$DAEMON"
refused 8 'not handed over within 1000 ms' dmmigrate acquire --control "$TMP/control-b" --timeout 1s "$ID"
kill -CONT "$DAEMON"
must_wait_for 10 journal_is destination refused
goes_on "an acquire that came late"

# interrupted
ready
dmsetup suspend --nolockfs --noflush B-low
background interrupted dmmigrate acquire --control "$TMP/control-b" "$ID"
INTERRUPTED=$PID
usleep 700000
kill -TERM "$INTERRUPTED"
usleep 1500000
dmsetup resume B-low
status=0
wait "$INTERRUPTED" || status=$?
assert "exit code of one that was interrupted" $status = 8
usleep 2000000
journal_is destination owned && fail "it was handed over behind the back of one that was interrupted"
goes_on "one that was interrupted"

# for good
ready
acquired
background run there run "$ID"
RUN=$PID
there run "$ID" >"$TMP/run.out" 2>&1 || fail "run: exit $?: $(cat "$TMP/run.out")"
wait "$RUN" || fail "the other run: exit $?: $(cat "$TMP/run.log")"
must_wait_for 10 journal_is source released
must_wait_for 10 journal_is destination settled
there run "$ID" >"$TMP/run.out" 2>&1 || fail "run again: exit $?: $(cat "$TMP/run.out")"
there acquire "$ID" >"$TMP/acquire.out" 2>&1 || fail "acquire of what runs: exit $?: $(cat "$TMP/acquire.out")"
refused 3 'no way back' there return "$ID"
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
checker_verdict /dev/mapper/A.dmm A
dmmigrate release "$ID" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
assert "the source's table" "$(dmsetup table A | cut -d ' ' -f 3)" = error
there release "$ID" >/dev/null || fail "release there: exit $?"
