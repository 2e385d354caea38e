# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill `dmmigrated --restore` at each of its steps, on either host after a reboot, and run it again; and the source's daemon at each
# mark that it sets.  Gates and fences are up in the end, nobody has two disks, and the marks say whose the volume is.
# check-kernels: long
# kernels: 6.1 6.12
# timeout: 600
. functions.sh
. functions-handover.sh
. functions-lvm.sh
requires ip dmmigrate dmmigrated lvm losetup od
load_module
requires debug
. functions-marks.sh

points() { DMM_DAEMON_STOP_AT=list dmmigrated | sed -n "s/^$1 $2 //p"; }
N=0
start() { dmmigrate start $A "$ADDR_B:/dev/mapper/vgb-copy" --yes >"$TMP/start.out" 2>&1; }
begun_hand_over_to() {
	start_daemon
	start_receiver
	hand_over_to "$1"
}
# restore_killed POINT OPTION...: it dies there, and is run again
restore_killed() {
	local point=$1 status=0
	shift
	DMM_DAEMON_STOP_AT=$point dmmigrated --restore --foreground "$@" >"$TMP/restore.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "--restore did not stop at $point: exit $status: $(cat "$TMP/restore.out")"
	dmmigrated --restore --foreground "$@" >"$TMP/restore.out" 2>&1 || fail "$point: restore: exit $?: $(cat "$TMP/restore.out")"
	say "killed at $point"
	N=$((N + 1))
}

for point in $(points source restore); do
	begun_hand_over_to finished
	kill_all "$DAEMON"
	dmsetup remove $A
	dmsetup remove $A-dmm-origin
	rm -f /run/dmmigrate/*.json
	another_boot
	# somebody has it activated whatever its mark says
	vm lvchange -ay -K vga/web01
	restore_killed "$point"
	! reads $A || fail "$point: the source can be read though it was given up"
	! writes $A || fail "$point: the source can be written though it was given up"
	marked vga/web01 || fail "$point: $(mark vga/web01)"
	start_daemon
	timeout 60 dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || fail "$point: recover: exit $?: $(cat "$TMP/recover.out")"
	grep -q 'the source owns' "$TMP/recover.out" || fail "$point: $(cat "$TMP/recover.out")"
	both $A || fail "$point: the source is shut though it owns the disk"
	assert "$point: table" "$(dmsetup table $A)" = "$table"
	must_wait_for 20 plain vga/web01
	anew
done
for point in $(points destination restore); do
	begun_hand_over_to finished
	kill_all "$RECEIVER"
	dmsetup remove $GATE
	another_boot
	restore_killed "$point" --state-dir "$TMP/state-b"
	dest_is refused || fail "$point: destination: $(journal_says destination)"
	! reads $GATE || fail "$point: the gate lets a read pass"
	start_receiver
	timeout 60 dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || fail "$point: recover: exit $?: $(cat "$TMP/recover.out")"
	must_wait_for 20 source_is active
	both $A || fail "$point: the source is shut though it owns the disk"
	anew
done

# marked SIDE POINT: the daemon of that side dies there; what was begun is begun again, handed over, and marked as it has to be
mark_killed() {
	local i=0 died=0
	[ "$1" = destination ] || export DMM_DAEMON_STOP_AT="$2"
	start_daemon
	unset DMM_DAEMON_STOP_AT
	[ "$1" = source ] || export DMM_DAEMON_STOP_AT="$2"
	start_receiver
	unset DMM_DAEMON_STOP_AT
	until start && ID=$(migration_id) && timeout 60 dmmigrate wait $A >"$TMP/wait.out" 2>&1 &&
		dmmigrate cutover $A --timeout 15000 >"$TMP/cutover.out" 2>&1; do
		if gone "$DAEMON" || gone "$RECEIVER"; then
			died=1
			revive
		fi
		! dest_settled || break
		i=$((i + 1))
		[ $i -lt 20 ] || fail "$2: $(cat "$TMP/start.out" "$TMP/wait.out" "$TMP/cutover.out")"
		usleep 500000
	done
	i=0
	until source_is released && dest_is settled; do
		if gone "$DAEMON" || gone "$RECEIVER"; then
			died=1
			revive
		fi
		i=$((i + 1))
		[ $i -lt 100 ] || fail "$2: source $(journal_says source), destination $(journal_says destination)"
		usleep 200000
	done
	i=0
	until marked vga/web01 && plain vgb/copy; do
		if gone "$DAEMON" || gone "$RECEIVER"; then
			died=1
			revive
		fi
		i=$((i + 1))
		[ $i -lt 100 ] || fail "$2: source $(mark vga/web01), destination $(mark vgb/copy)"
		usleep 200000
	done
	[ $died = 1 ] || fail "the daemon of the $1 has never come to $2"
	! reads $A || fail "$2: the source can be read though the destination has settled"
	both $GATE || fail "$2: the destination is shut though it has settled"
	say "the $1 killed at $2"
	N=$((N + 1))
	anew
}
dest_settled() { [ -n "${ID:-}" ] && dest_is settled; }
for point in $(points source marks); do
	ID=''
	mark_killed source "$point"
done
[ $N -ge 7 ] || fail "a table of $N points"
