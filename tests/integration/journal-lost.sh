# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will lose the journal of the source, of the destination, of both, and all that either host knew of the migration, once the source
# has given a logical volume up, and reboot: recover on either host says what is known, and ends with exit code 9 where nobody can know;
# nobody reads or writes the disk on either host by whichever name, and LVM does not activate it; and what can be known is found out.
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
start_receiver

# both hosts lose their power; what is to be lost is LOSE...
reboot_both() {
	kill_all "$DAEMON"
	kill_all "$RECEIVER"
	for d in $GATE $A $A-dmm-origin; do dmsetup remove "$d"; done
	vm vgchange -an vga vgb
	rm -f /run/dmmigrate/*.json
	rm -rf "$@"
	another_boot
	vm vgchange -aay vga vgb
	! active $A || fail "LVM has activated what the source has given up"
	! active vgb-copy || fail "LVM has activated what nobody owns yet"
	dmmigrated --restore --foreground >"$TMP/restore.out" 2>&1 || fail "restore: exit $?: $(cat "$TMP/restore.out")"
	dmmigrated --restore --foreground --state-dir "$TMP/state-b" >"$TMP/restore.out" 2>&1 ||
		fail "restore there: exit $?: $(cat "$TMP/restore.out")"
	shut_everywhere
}
shut_everywhere() {
	local d
	for d in $A $GATE; do
		[ -b "/dev/mapper/$d" ] || continue
		! reads "$d" || fail "$d can be read"
		! writes "$d" || fail "$d can be written"
	done
	[ ! -b /dev/mapper/vgb-copy ] || ! dmsetup info -c --noheadings -o open vgb-copy | grep -q '^0' || fail "nothing claims the volume"
	marked vga/web01 || fail "the source is not marked any more: $(mark vga/web01)"
	marked vgb/copy || fail "the destination is not marked any more: $(mark vgb/copy)"
}
# nobody_knows SIDE TEXT: and says so, again and again
nobody_knows() {
	case $1 in
	a)	refused 9 "$2" dmmigrate recover "$ID" ;;
	b)	refused 9 "$2" there recover "$ID" ;;
	esac
	grep -q 'next: ' "$TMP/refused.out" || fail "nothing is to be done next: $(cat "$TMP/refused.out")"
	shut_everywhere
}
begin_anew() {
	anew
	start_daemon
	start_receiver
}

say "the source's journal: nobody knows, until the destination says that it has never run there"
hand_over_to finished
reboot_both "$STATE_A/$ID/journal"
start_daemon
nobody_knows a 'has lost its journal: the writer may have run at the destination, or the source never gave up'
start_receiver
recovered() { dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1; }	# 9 until the link is there again
must_wait_for 60 recovered
grep -q 'the source owns' "$TMP/recover.out" || fail "$(cat "$TMP/recover.out")"
both $A || fail "the source is shut though it owns the disk"
! reads $GATE || fail "the gate lets a read pass though the source owns the disk"
begin_anew

say "the same where it ran there: the destination was restarted, too, and the source may have been forced before"
hand_over_to running
dest_is running || fail "destination: $(journal_says destination)"
reboot_both "$STATE_A/$ID/journal"
start_daemon
start_receiver
nobody_knows a 'has lost its journal: the writer may have run at the destination'
nobody_knows b 'the writer ran here, and the source may have been forced back meanwhile'
begin_anew

say "the destination's journal: the source has given up, and nobody knows whether it ran there"
hand_over_to finished
reboot_both "$STATE_B/$ID/journal"
start_receiver
nobody_knows b 'has lost its journal: the writer may have run here, or never'
start_daemon
nobody_knows a 'has given the disks up'
nobody_knows b 'has lost its journal: the writer may have run here, or never'
# a person's word that the destination is off; when it comes back it is told
kill_all "$RECEIVER"
must_wait_for 60 dmmigrate recover "$ID" --force-owner $A
both $A || fail "the source is shut though it was forced"
start_receiver
must_wait_for 60 dest_is refused
! reads $GATE || fail "the gate lets a read pass though the source was forced"
begin_anew

say "both journals"
hand_over_to finished
reboot_both "$STATE_A/$ID/journal" "$STATE_B/$ID/journal"
start_daemon
start_receiver
nobody_knows a 'has lost its journal: the writer may have run at the destination'
nobody_knows b 'has lost its journal: the writer may have run here, or never'
refused 3 'for a source that has given its disks up' dmmigrate recover "$ID" --force-owner $A
begin_anew

say "all that either host knew of it: the marks are left, by which nobody has the disk, and recover knows that there was something"
hand_over_to finished
reboot_both "$STATE_A" "$STATE_B"
start_daemon
start_receiver
! active $A || fail "the source's disk is there"
! active vgb-copy || fail "the destination's disk is there"
nobody_knows a "this host has no journal of the migration any more, but volume vg[ab]/"
nobody_knows b "this host has no journal of the migration any more, but volume vg[ab]/"
dmmigrate clean --all --yes >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
grep -q "^kept: volume vga/web01 (migration $ID)" "$TMP/clean.out" || fail "$(cat "$TMP/clean.out")"
shut_everywhere
# of what was never here nobody says so
status=0
dmmigrate recover 00000000000000000000000000000001 >"$TMP/recover.out" 2>&1 || status=$?
[ $status != 9 ] || fail "$(cat "$TMP/recover.out")"
