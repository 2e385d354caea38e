# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will let a cutover fail when the source has given up: where the writer cannot
# run at the destination the source goes on, its guest has seen a pause and
# no error; where it may, both sides stand still with exit code 9 until somebody has looked.
# XenServer left VMs suspended, or let them run twice (xcp-ng #811, #235).
# check-kernels: long
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 12
make_disk B 12
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
start_load A --writers 2 --rate 50 --sizes 512..32K --errors-ok

ready() {
	start_migration
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
}
goes_on() {
	local before
	before=$(nl A writes_completed)
	await A 10 "writes_completed>=$((before + 10))"
	dmm-load /dev/mapper/A --journal "$TMP/A.journal" --op write:1M:64K --op flush >/dev/null ||
		fail "a write after $1"
	dd if=/dev/mapper/A of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null || fail "a read after $1"
	assert "writes that failed after $1" "$(nl A failed_writes)" = 0
	assert "reads that failed after $1" "$(nl A failed_reads)" = 0
}
not_committed() { ! state_is A committed; }
say_source() { grep -q 'the source owns' "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"; }

# the start hook fails: the source goes on, and its own writer is started again; nothing that is there is sent again
for hook in 'exit 3' 'exit 127' '/nonexistent'; do
	ready
	rm -f "$TMP/aborted"
	before=$(nl A shipped_bytes)
	refused 8 'start hook failed.*was not started' dmmigrate cutover A --timeout 15000 --hook-stop true \
		--hook-start "$hook" --hook-abort "touch $TMP/aborted"
	say_source
	[ -e "$TMP/aborted" ] || fail "the abort hook did not run"
	dmmigrate status A >"$TMP/status.out" 2>&1 || fail "status: exit $?"
	goes_on "hook '$hook'"
	await_state A copying 30
	timeout 30 dmmigrate wait A >/dev/null || fail "wait after the hook '$hook': exit $?"
	after=$(nl A shipped_bytes)	# since START, which counts anew where it begins anew
	[ "$after" -lt "$before" ] || after=$((after - before))
	[ "$after" -lt $((6 << 20)) ] || fail "$after bytes were sent again after the hook '$hook'"
done

# a difference that is found when the source has given up: the gates were still shut
ready
kill -STOP "$LOAD"
await_quiet A
# in a MiB that was rewritten in part, with enough after it: the sample before the source gives up has nothing of it
one A write:8192:4096
await_quiet A
set --
for i in $(seq 80); do
	set -- "$@" "write:$(((2 << 20) + i * 16384)):4096"
done
one A "$@"
await_quiet A
dd if=/dev/urandom of="$(raw_of B)" bs=4096 seek=100 count=1 oflag=direct 2>/dev/null
refused 10 'differ' dmmigrate cutover A --timeout 15000 --verify --hook-start "touch $TMP/started"
kill -CONT "$LOAD"
say_source
[ ! -e "$TMP/started" ] || fail "the start hook ran though the sides differ"
goes_on "a difference"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"

# interrupted before anybody owned it there: the source goes on
ready
signal_all STOP "$RECEIVER"
background cutover dmmigrate cutover A --hook-start "touch $TMP/started"
usleep 1500000
kill -TERM "$PID"
signal_all CONT "$RECEIVER"
status=0
wait "$PID" || status=$?
assert "exit code of a cutover that was interrupted" $status = 8
[ ! -e "$TMP/started" ] || fail "the start hook ran after an interruption"
goes_on "an interruption"

# the start hook is killed: nobody knows
for hook in 'kill -KILL $$' 'exit 137'; do
	ready
	ID=$(migration_id)
	refused 9 'nobody knows.*look whether the writer runs' \
		dmmigrate cutover A --timeout 15000 --hook-start "$hook" --hook-abort "touch $TMP/killed-aborted"
	[ ! -e "$TMP/killed-aborted" ] || fail "the abort hook ran though the writer may run there"
	state_is A committed || fail "$(st A state) after the start hook was killed"
	await A 5 "held>=1"
	refused 9 'nobody knows' dmmigrate cutover A
	refused 9 'nobody knows' dmmigrate cancel A
	refused 9 'nobody knows' dmmigrate clean A
	refused 9 'nobody knows' dmmigrate start A "$ADDR_B:/dev/mapper/B"
	dmmigrate status A >"$TMP/status.out" 2>&1 || fail "status: exit $?"
	grep -q 'has committed and has not ended' "$TMP/status.out" || fail "$(cat "$TMP/status.out")"
	dmmigrate status A --json | grep -q '"owner": *"unknown"' || fail "status --json"
	# somebody has looked: it does not run there
	case $hook in
	exit*)	there return "$ID" >"$TMP/return.out" 2>&1 || fail "return: exit $?: $(cat "$TMP/return.out")"
		must_wait_for 10 not_committed
		goes_on "return"
		dmmigrate cancel A >/dev/null || fail "cancel: exit $?" ;;
	*)	dmmigrate cancel --yes A >"$TMP/cancel.out" 2>&1 || fail "cancel --yes: exit $?: $(cat "$TMP/cancel.out")" ;;
	esac
	clock=$(dmm-check --clock --journal "$TMP/A.journal")
	must_wait_for 5 sh -c "[ \$(dmm-check --clock --journal $TMP/A.journal) -gt $((clock + 6)) ]"
done

# it does run there: the source is given up, and what was held fails
ready
ID=$(migration_id)
refused 9 'nobody knows' dmmigrate cutover A --timeout 15000 --hook-start 'kill -KILL $$'
await A 5 "held>=1"
dmm-load /dev/mapper/A.dmm --journal "$TMP/B.journal" --op write:0:4096 >/dev/null || fail "a write there"
refused 3 'cannot be taken back' dmmigrate cancel --yes A
refused 3 'no way back' there return "$ID"
there run "$ID" >"$TMP/run.out" 2>&1 || fail "run: exit $?: $(cat "$TMP/run.out")"
await_state A released
dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean --yes: exit $?: $(cat "$TMP/clean.out")"
assert "table after clean" "$(dmsetup table A | cut -d ' ' -f 3)" = error
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
grep -q 'error' "$TMP/load-A.log" || say "no write was held"
checker_verdict /dev/mapper/A.dmm A --journal "$TMP/B.journal"
