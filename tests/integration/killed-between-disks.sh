# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill the tool between the disks of a migration, at each step of
# start and of cancel that is done for one after the other: cancel by the name of
# either puts both back, and start goes on with both where it can.
# check-kernels: long
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
for d in A B C D; do make_disk $d 4; done
for d in A C; do fill $d; done
start_receiver
remember_devices
for d in A C; do
	start_load $d --writers 1 --rate 50 --sizes 512..32K --errors-ok
	eval "LOAD_$d=\$LOAD"
done

start_both() { dmmigrate start "$@" A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D"; }
# killed STEP COMMAND...: must die there
killed() {
	local step=$1 status=0
	shift
	DMM_TOOL_STOP_AT=$step
	export DMM_TOOL_STOP_AT
	"$@" >"$TMP/killed.out" 2>&1 || status=$?
	unset DMM_TOOL_STOP_AT
	[ $status = 137 ] || fail "the tool did not stop at $step: exit $status: $(cat "$TMP/killed.out")"
}
nothing_left() {
	restored "$1"
	[ -z "$(ls /run/dmmigrate/*.json 2>/dev/null)" ] || fail "$1: a record is left"
	[ -z "$(ls /var/lib/dmmigrate/source)" ] || fail "$1: a journal is left"
	[ -z "$(ls "$TMP/state-b/destination")" ] || fail "$1: a journal of the destination is left"
}

name=A
for step in origin-created:2 swapped:1 swapped:2 started:1 attached:2; do
	killed $step start_both --bandwidth 2M
	dmmigrate list >"$TMP/list.out" 2>&1 || fail "list after $step: exit $?"
	dmmigrate clean >"$TMP/leftovers" || fail "clean after $step: exit $?"
	dmmigrate cancel $name >"$TMP/cancel.out" 2>&1 || fail "cancel $name after $step: exit $?: $(cat "$TMP/cancel.out")"
	nothing_left "killed at $step, cancelled by $name"
	[ $name = A ] && name=C || name=A
done

for step in prepared swapped:1 started:1; do
	killed $step start_both
	start_both >"$TMP/start.out" 2>&1 || fail "start after $step: exit $?: $(cat "$TMP/start.out")"
	for d in A C; do state_is $d copying || fail "$d is $(st $d state) after a start that was killed at $step, and another"; done
	dmmigrate cancel C >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
	nothing_left "killed at $step, started again, cancelled"
done

for step in restored:1 stop-sent:2 origin-removed:2; do
	start_both --bandwidth 2M >/dev/null || fail "start: exit $?"
	killed $step dmmigrate cancel C
	refused 3 '' dmmigrate cutover A
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel after $step: exit $?: $(cat "$TMP/cancel.out")"
	nothing_left "killed at $step of cancel, cancelled again"
done

# one was detached, and the other goes on: it is not handed over alone
start_both >/dev/null || fail "start: exit $?"
killed origin-removed:1 dmmigrate cancel A
dmmigrate clean A >"$TMP/clean.out" 2>&1 || true
dmmigrate cancel C >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
nothing_left "cancelled half way, cleaned, cancelled"

for d in "$LOAD_A" "$LOAD_C"; do
	kill "$d"
	wait "$d" || fail "a load: $(cat "$TMP"/load-*.log)"
done
for d in A C; do checker_verdict /dev/mapper/$d $d; done
