# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill vdi at every step, under load: before the record says that the disk has moved cancel leads
# back and another vdi goes on; from then on only forward.  The record and the tables never name
# two disks, no write is lost, and list says each time what goes on.
# check-kernels: 6.12
# timeout: 300
. functions.sh
requires dmmigrate
load_module
make_disk A 4
make_disk B 4
fill A
cleanup_fn "rm -rf /var/lib/dmmigrate"
remember_devices
start_load A --seed "${DMM_SEED:-1}" --writers 2 --rate 20 --sizes 512..32K

killed() {
	local step=$1 status=0
	shift
	DMM_TOOL_STOP_AT=$step "$@" >"$TMP/killed.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "the tool did not stop at $step: exit $status: $(cat "$TMP/killed.out")"
}
# told STEP: list says what goes on, after a tool that was killed there
told() {
	local text
	case $1 in
	recorded|origin-created)
		text="^A was to move to /dev/mapper/$THERE, .*: dmmigrate vdi A --to /dev/mapper/$THERE, or dmmigrate cancel $(record)\$" ;;
	table-loaded)
		text="^A was to move to /dev/mapper/$THERE, \|^A  *idle .* /dev/mapper/$THERE\$" ;;
	committed|moved)
		text='^A is between its disk and .* its I/O is held: unless that runs, dmmigrate vdi A$' ;;
	new-table-live|finished)
		text="^A has moved to /dev/mapper/$THERE, .*, dmmigrate release $(record)\$" ;;
	*)
		text="^A  *[a-z]* .* /dev/mapper/$THERE\$" ;;
	esac
	dmmigrate list >"$TMP/list.out" 2>&1 || fail "list after $1: exit $?: $(cat "$TMP/list.out")"
	grep -q "$text" "$TMP/list.out" || fail "list after $1: $(cat "$TMP/list.out")"
	dmmigrate status >"$TMP/status.out" 2>&1 || fail "status after $1: exit $?: $(cat "$TMP/status.out")"
	grep -q 'dmmigrate vdi A\|dmmigrate release' "$TMP/status.out" || fail "status after $1: $(cat "$TMP/status.out")"
}
# The move that has a record, or nothing.
record() {
	set -- /var/lib/dmmigrate/vdi/*.json
	set -- "${1##*/}"
	[ "$1" = '*.json' ] || echo "${1%.json}"
}
moved() { grep -q '"moved": *1' /var/lib/dmmigrate/vdi/*.json; }
cancelled() {
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel after $1: exit $?: $(cat "$TMP/cancel.out")"
	restored "killed at $1, cancelled"
	[ -z "$(record)" ] || fail "killed at $1, cancelled: a record stays"
}
# the disk that A is on now, and the other
HERE=A-low THERE=B
vdi() { dmmigrate vdi A --to "/dev/mapper/$THERE" --yes; }
is_on() { dmsetup table A | grep -q " linear $(stat -c '%Hr:%Lr' "$(readlink -f "/dev/mapper/$1")") 0\$"; }
written() { awk '{ print $5 }' "/sys/block/dm-$(dmsetup info -c --noheadings -o minor A)/stat"; }
goes_on() { [ "$(written)" -gt "$writes" ]; }
forward() {
	dmmigrate vdi A --to "/dev/mapper/$THERE" --yes >"$TMP/vdi.out" 2>&1 || fail "vdi after $1: exit $?: $(cat "$TMP/vdi.out")"
	is_on "$THERE" || fail "after $1: $(dmsetup table A)"
	moved || fail "after $1: the record says that it has not moved"
	[ ! -e /dev/mapper/A-dmm-origin ] || fail "after $1: the origin device stays"
	dmmigrate release "$(record)" >/dev/null || fail "release after $1: exit $?"
	set -- "$HERE" "$THERE"
	HERE=$2 THERE=$1
	remember_devices
	writes=$(written)
	must_wait_for 10 goes_on
}

back_steps="recorded origin-created table-loaded swapped attached started marked new-table-loaded freeze-sent committed"
for step in $back_steps; do
	killed "$step" vdi
	moved && fail "killed at $step: the record says that it has moved"
	[ "$step" != freeze-sent ] || await A 20 state=copying
	told "$step"
	cancelled "$step"
done
for step in recorded swapped attached started marked new-table-loaded freeze-sent committed moved new-table-live finished; do
	killed "$step" vdi
	[ "$step" != freeze-sent ] || await A 20 state=copying
	told "$step"
	case $step in
	moved|new-table-live|finished)
		moved || fail "killed at $step: the record does not say that it has moved"
		refused 3 'cannot be taken back' dmmigrate cancel A
		refused 3 '.' dmmigrate start A "127.0.0.1:/dev/mapper/$THERE" ;;
	esac
	forward "$step"
done
stop_load
checker_verdict /dev/mapper/A A
