# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a logical volume to another one, back and for good, with both hosts rebooted as far as LVM can tell
# (the volumes are inactive, and activated as a boot does it), and see that LVM activates neither the copy that was given up nor
# one that nobody owns yet; that neither a table nor what is held changes by that; and that nothing waits for LVM where it is broken.
# check-kernels: 6.12
# kernels: 6.1 6.12
# timeout: 300
. functions.sh
. functions-handover.sh
. functions-lvm.sh
requires ip dmmigrate dmmigrated lvm losetup od
load_module
. functions-marks.sh
# The mark of VG/LV comes, behind what it goes with.
becomes() { must_wait_for 20 "$2" "$1"; }
as_at_boot() { vm vgchange -aay "$@"; }
start() {
	dmmigrate start "$A" "$ADDR_B:/dev/mapper/vgb-copy" --yes >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
	ID=$(migration_id)
	timeout 60 dmmigrate wait $A >/dev/null || fail "wait: exit $?"
}
hand_over_to() {
	start
	becomes vgb/copy marked
	DMM_TOOL_STOP_AT=$1 dmmigrate cutover $A --timeout 15000 >"$TMP/cutover.out" 2>&1 || true
}

start_receiver

say "given up and given back: the source is marked, its table and what is held stay as they are"
start
becomes vgb/copy marked
plain vga/web01 || fail "the source is marked though it owns the disk: $(mark vga/web01)"
DMM_TOOL_STOP_AT=finished dmmigrate cutover $A --timeout 15000 >"$TMP/cutover.out" 2>&1 || true
source_is relinquished || fail "source: $(journal_says source)"
before=$(dmsetup table $A; dmsetup info -c --noheadings -o suspended,events,tables_loaded $A)
becomes vga/web01 marked
assert "table" "$(dmsetup table $A; dmsetup info -c --noheadings -o suspended,events,tables_loaded $A)" = "$before"
state_is $A committed || fail "$(st $A state)"
there return "$ID" >/dev/null || fail "return: exit $?"
must_wait_for 10 source_is active
becomes vga/web01 plain
both $A || fail "the source is shut though it owns the disk"
marked vgb/copy || fail "what was refused is not marked: $(mark vgb/copy)"
dmmigrate cancel $A >/dev/null 2>&1 || fail "cancel: exit $?"
plain vgb/copy || fail "what was cancelled stays marked: $(mark vgb/copy)"
assert "table" "$(dmsetup table $A)" = "$table"

say "rebooted when it had given up: LVM leaves it alone, and so must everybody until it is its own again"
hand_over_to finished
becomes vga/web01 marked
kill_all "$DAEMON"
dmsetup remove $A
dmsetup remove $A-dmm-origin
rm -f /run/dmmigrate/*.json
another_boot
as_at_boot vga
! active $A || fail "LVM has activated what was given up"
dmmigrated --restore --foreground >"$TMP/restore.out" 2>&1 || fail "restore: exit $?: $(cat "$TMP/restore.out")"
! reads $A || fail "it can be read"
lvm lvchange -ay -K vga/web01 >/dev/null 2>&1 || true
! both $A || fail "it can be used after lvchange -ay -K"
start_daemon
timeout 60 dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || fail "recover: exit $?: $(cat "$TMP/recover.out")"
grep -q 'the source owns' "$TMP/recover.out" || fail "$(cat "$TMP/recover.out")"
both $A || fail "recover has given back a disk that is not there"
assert "table" "$(dmsetup table $A)" = "$table"
becomes vga/web01 plain
dmmigrate release "$ID" >/dev/null || fail "release: exit $?"
there release "$ID" >/dev/null || fail "release there: exit $?"
plain vgb/copy || fail "what was forgotten stays marked: $(mark vgb/copy)"

say "the destination rebooted while it runs: its volume is there beneath the shut gate only"
hand_over_to running
dest_is running || fail "destination: $(journal_says destination)"
kill -STOP "$DAEMON"
kill_all "$RECEIVER"
dmsetup remove $GATE
vm vgchange -an vgb
another_boot
as_at_boot vgb
! active vgb-copy || fail "LVM has activated what has not settled"
dmmigrated --restore --foreground --state-dir "$TMP/state-b" >"$TMP/restore.out" 2>&1 ||
	fail "restore: exit $?: $(cat "$TMP/restore.out")"
! reads $GATE || fail "the gate lets a read pass before the source has answered"
! mount -t ext4 /dev/mapper/vgb-copy /mnt 2>"$TMP/mount.out" || fail "mounted"
grep -qi 'busy' "$TMP/mount.out" || fail "the volume is not claimed by its gate: $(cat "$TMP/mount.out")"
start_receiver
marked vgb/copy || fail "destination: $(mark vgb/copy)"
kill -CONT "$DAEMON"
there_runs() { there run "$ID" >/dev/null 2>&1; }
must_wait_for 20 there_runs
must_wait_for 20 dest_is settled
becomes vgb/copy plain
both $GATE || fail "the destination is shut though it runs"

say "over: the old copy stays marked, released or not, and is what LVM does not activate at the next boot"
must_wait_for 10 source_is released
becomes vga/web01 marked
dmmigrate clean --yes $A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || dmmigrate release "$ID" >/dev/null || fail "release: exit $?"
dmsetup remove $A 2>/dev/null || true
as_at_boot vga
! active $A || fail "LVM has activated an old copy"
marked vga/web01 || fail "source: $(mark vga/web01)"
there release "$ID" >/dev/null || fail "release there: exit $?"
dmsetup remove $GATE
vm vgchange -an vgb
as_at_boot vgb
both vgb-copy || fail "the disk is not there after a reboot"
# the admin's own
vm lvchange -kn --deltag "dmmigrate-$ID" vga/web01
as_at_boot vga
both $A || fail "the old copy cannot be used any more"

say "LVM is broken: the hand-over goes on, what is owed is said, and made up for"
mv /bin/lvm /bin/lvm.away
cleanup_fn "mv /bin/lvm.away /bin/lvm"
start
dmmigrate cutover $A --timeout 15000 >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
source_is released || fail "source: $(journal_says source)"
both $GATE || fail "the destination is shut though it runs"
dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || fail "recover: exit $?: $(cat "$TMP/recover.out")"
grep -q "disk 0: cannot set LVM's activation-skip: lvm is not installed" "$TMP/recover.out" || fail "$(cat "$TMP/recover.out")"
mv /bin/lvm.away /bin/lvm
must_wait_for 90 marked vga/web01
must_wait_for 90 dest_is settled
must_wait_for 90 plain vgb/copy
dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || fail "recover: exit $?: $(cat "$TMP/recover.out")"
! grep -q activation-skip "$TMP/recover.out" || fail "$(cat "$TMP/recover.out")"

say "it goes on from beneath the gate that it settled at: that volume is marked, too"
must_wait_for 10 source_is released
dmmigrate clean --yes $A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || dmmigrate release "$ID" >/dev/null || fail "release: exit $?"
dmsetup remove $A 2>/dev/null || true
vm lvchange -kn --deltag "dmmigrate-$ID" vga/web01
as_at_boot vga
# not before it was released there, too: a reboot would open the gate again, above what has gone on
table=$(dmsetup table $GATE vgb-copy)
for from in $GATE vgb-copy; do
	status=0
	on_b start "$from" "$ADDR_B:/dev/mapper/$A" --yes >"$TMP/start.out" 2>&1 || status=$?
	assert "exit code of a start from $from, which is not released" $status = 3
	grep -q "came here by the migration $ID, which is not released: dmmigrate release $ID first" "$TMP/start.out" ||
		fail "$(cat "$TMP/start.out")"
	! active "$from.dmm" || fail "what was refused has left its gate"
done
assert "the tables" "$(dmsetup table $GATE vgb-copy)" = "$table"
there release "$ID" >/dev/null || fail "release there: exit $?"
cleanup_fn "dm_drop $GATE.dmm"
dmmigrate start "$GATE" "$ADDR_B:/dev/mapper/$A" --yes >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
ID=$(migration_id)
timeout 60 dmmigrate wait $GATE >/dev/null || fail "wait: exit $?"
becomes vga/web01 marked
plain vgb/copy || fail "the source is marked though it owns the disk: $(mark vgb/copy)"
dmmigrate cutover $GATE --timeout 15000 >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
becomes vgb/copy marked
must_wait_for 20 dest_is settled
becomes vga/web01 plain
