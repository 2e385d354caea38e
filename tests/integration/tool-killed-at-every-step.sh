# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill the tool at every step of start and of cancel, under load:
# afterwards clean lists what is left and removes it, or start goes on, the table is what
# it was, and the guest has noticed nothing.
# check-kernels: 6.12
# timeout: 240
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 4
make_disk B 4
fill A
remember_devices
start_receiver
start_load A --seed "${DMM_SEED:-1}" --writers 2 --rate 20 --sizes 512..32K --errors-ok
[ "$(sh -c 'DMM_TOOL_STOP_AT=prepared dmmigrate start --dry-run A 10.77.0.2:/dev/mapper/B >/dev/null; echo $?')" = 0 ] ||
	fail "dry run"
restored "dry run"

# killed STEP COMMAND...: must die there
killed() {
	local step=$1 status=0
	shift
	DMM_TOOL_STOP_AT=$step "$@" >"$TMP/killed.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "the tool did not stop at $step: exit $status: $(cat "$TMP/killed.out")"
	echo "$step" >>"$TMP/reached"
}

start_steps="prepared origin-created table-loaded swapped attached started"
for step in $start_steps; do
	killed "$step" dmmigrate start --bandwidth 2M A "$ADDR_B:/dev/mapper/B"
	dmmigrate list >"$TMP/list.out" 2>&1 || fail "list after $step: exit $?"
	dmmigrate status >"$TMP/status.out" 2>&1 || true
	dmmigrate clean >"$TMP/leftovers" || fail "clean after $step: exit $?"
	if [ "$step" = started ]; then
		# it runs: that is no leftover
		assert "state" "$(st A state)" = copying
		refused 3 'no leftover' dmmigrate clean A
		dmmigrate cancel A >/dev/null || fail "cancel after $step: exit $?"
	else
		grep -q 'no leftovers' "$TMP/leftovers" && fail "nothing was listed after $step"
		dmmigrate clean A >"$TMP/clean.out" 2>&1 ||
			fail "clean A after $step: exit $?: $(cat "$TMP/clean.out")"
	fi
	restored "killed at $step, then clean"
done

# with its scratch devices there: they are listed, and the next start removes them
killed canary dmmigrate start A "$ADDR_B:/dev/mapper/B"
dmmigrate clean >"$TMP/leftovers" || fail "clean after canary: exit $?"
grep -q 'scratch device dmmigrate-canary ' "$TMP/leftovers" || fail "$(cat "$TMP/leftovers")"
start_migration
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
restored "killed at canary, started again, cancelled"

# the same, and start goes on from there, or says what must be done before; what cancel leaves
# when killed, cancel ends
for step in prepared table-loaded swapped started; do
	killed "$step" dmmigrate start A "$ADDR_B:/dev/mapper/B"
	case $step in
	table-loaded)
		refused 3 'an interrupted start left.*next: dmmigrate cancel A' \
			dmmigrate start A "$ADDR_B:/dev/mapper/B" ;;
	*)
		start_migration
		state_is A copying || fail "$(st A state) after a second start" ;;
	esac
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
	restored "killed at $step, started again, cancelled"
done
for step in stop-sent restored origin-removed; do
	start_migration --bandwidth 2M
	killed $step dmmigrate cancel A
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel after $step: exit $?: $(cat "$TMP/cancel.out")"
	restored "killed at $step of cancel, cancelled again"
done
start_migration --bandwidth 2M
killed stop-sent dmmigrate cancel A
dmmigrate clean A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
restored "killed at stop-sent of cancel, then clean"

# killed in a cutover, behind the commit: it goes on, or back
table=$(dmsetup table A)
cleanup_fn "dm_drop A.dmm"
ready() {
	start_migration "$@"
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
}
# over: B has the data and A none; the guest goes on as if A had, from the beginning
over() {
	checker_verdict /dev/mapper/B A
	[ "$(dmsetup table A | cut -d ' ' -f 3)" = error ] || give_up
	assert "table after $1" "$(dmsetup table A | cut -d ' ' -f 3)" = error
	forget_there
	kill "$LOAD"
	wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
	dm_replace A "$table"
	rm "$TMP/A.journal"
	fill A
	start_load A --seed "${DMM_SEED:-1}" --writers 2 --rate 20 --sizes 512..32K --errors-ok
}
ready --bandwidth 0
for step in committed finished running; do
	killed $step dmmigrate cutover A --timeout 15000
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || {
		# what may run there is only given back by a person's word
		[ $step = running ] || fail "cancel after $step: exit $?: $(cat "$TMP/cancel.out")"
		dmmigrate cancel --yes A >"$TMP/cancel.out" 2>&1 || fail "cancel --yes: exit $?: $(cat "$TMP/cancel.out")"
	}
	restored "killed at $step, cancelled"
	ready
	killed $step dmmigrate cutover A --timeout 15000
	cutover --timeout 15000
	refused 3 'cannot be taken back' dmmigrate cancel A
	over $step
	ready
done
for step in error-loaded error-live; do
	cutover --timeout 15000
	ID=$(migration_id)
	killed $step dmmigrate clean --yes A
	dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean after $step: exit $?: $(cat "$TMP/clean.out")"
	over $step
	ready
done

# killed when the writer was stopped, and nothing was given up: the source goes on
killed stopped dmmigrate cutover A --timeout 15000
await_state A copying 30
ready

# killed when the writer runs there already: the start hook is not run again
killed handed-over dmmigrate cutover A --timeout 15000 --hook-start "echo x >>$TMP/started"
refused 3 'cannot be taken back' dmmigrate cancel A
cutover --hook-start "echo x >>$TMP/started"
assert "runs of the start hook" "$(wc -l <"$TMP/started")" = 1
over handed-over

# killed in a cutover's hooks: in the stop hook the source goes on, in the start hook nobody knows
start_migration
# shellcheck disable=SC2016
background cutover dmmigrate cutover A --hook-stop 'touch '"$TMP"'/in-hook; sleep 60'
must_wait_for 10 test -e "$TMP/in-hook"
kill -9 "$PID"
state_is A copying || fail "$(st A state) after the tool was killed in the stop hook"
rm "$TMP/in-hook"
timeout 60 dmmigrate wait A >/dev/null
background cutover dmmigrate cutover A --timeout 15000 --hook-start 'touch '"$TMP"'/in-hook; sleep 60'
must_wait_for 20 test -e "$TMP/in-hook"
kill -9 "$PID"
state_is A committed || fail "$(st A state) after the tool was killed in the start hook"
for verb in "cutover A" "cancel A" "clean A" "start A $ADDR_B:/dev/mapper/B"; do
	# shellcheck disable=SC2086
	refused 9 'nobody knows' dmmigrate $verb
	state_is A committed || fail "$(st A state) after $verb"
done
dmmigrate cutover A --hook-start 'echo started' >"$TMP/cutover.out" 2>&1 ||
	fail "cutover again: exit $?: $(cat "$TMP/cutover.out")"
grep -q started "$TMP/cutover.out" || fail "the start hook did not run"
checker_verdict /dev/mapper/B A
give_up
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
# by the tool's own table: none is forgotten
for step in $(DMM_TOOL_STOP_AT=list dmmigrate | sed -n 's/^tool //p'); do
	grep -qx "$step" "$TMP/reached" || fail "the tool was never killed at $step"
done
