# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will reboot either host in every state of a hand-over, as far as disks and daemons can tell (tables, module
# and daemon are gone, the boot id is another one, the volume is there by its own name), and see that nothing reads or writes
# a disk before its journal says so, and that recover goes to the one right state.
# check-kernels: 6.1
# timeout: 300
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
table=$(dmsetup table A)

# reboot_source [gone]: with A there again by its own table, as LVM or a script makes it, or not yet
reboot_source() {
	kill_all "$DAEMON"
	dmsetup remove A
	dmsetup remove A-dmm-origin
	rm -f /run/dmmigrate/*.json
	[ "${1:-}" = gone ] || dmsetup create A --table "$table"
	another_boot
	dmmigrated --restore --foreground >"$TMP/restore.out" 2>&1 || fail "restore: exit $?: $(cat "$TMP/restore.out")"
}
reboot_destination() {
	kill_all "$RECEIVER"
	dmsetup remove A.dmm
	another_boot
	dmmigrated --restore --foreground --state-dir "$TMP/state-b" >"$TMP/restore.out" 2>&1 ||
		fail "restore: exit $?: $(cat "$TMP/restore.out")"
}
dd if=/dev/mapper/A of="$TMP/first" bs=4096 count=1 2>/dev/null

# from nothing to where the source has given up and the destination owns it
hand_over_to() {
	start_migration
	ID=$(migration_id)
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
	DMM_TOOL_STOP_AT=$1 dmmigrate cutover A --timeout 15000 >"$TMP/cutover.out" 2>&1 || true
}
# the other disk is cleared of what was done to it
begin_anew() {
	dmmigrate release "$ID" >/dev/null 2>&1 || dmmigrate cancel A >/dev/null 2>&1 || true
	there release "$ID" >/dev/null 2>&1 || true
	dm_drop A.dmm
	dm_drop A
	dm_drop A-dmm-origin
	rm -rf "/var/lib/dmmigrate/source/$ID" "$TMP/state-b/destination/$ID" /run/dmmigrate/*.json
	dmsetup create A --table "$table"
}

say "the source, relinquished: by its own name it is shut, and comes back by the destination's word"
hand_over_to finished
journal_is source relinquished || fail "source: $(journal_says source)"
journal_is destination owned || fail "destination: $(journal_says destination)"
reboot_source
! reads A || fail "the source can be read after a reboot"
! writes A || fail "the source can be written after a reboot"
# the other host can't be reached: nobody knows
signal_all STOP "$RECEIVER"
start_daemon
refused 9 'start the writer on neither' dmmigrate recover "$ID"
! reads A || fail "the source can be read though nobody knows"
signal_all CONT "$RECEIVER"
# on either host, and twice at once
recovers=
for i in 1 2; do
	timeout 60 dmmigrate recover "$ID" >"$TMP/recover-a$i.out" 2>&1 &
	recovers="$recovers $!"
	# the destination may be asked before it has heard of anything
	{ there recover "$ID" && there recover "$ID"; } >"$TMP/recover-b$i.out" 2>&1 &
	recovers="$recovers $!"
done
for p in $recovers; do wait "$p" || fail "one of four recovers: $(cat "$TMP"/recover-??.out)"; done
for i in 1 2; do
	grep -q 'the source owns' "$TMP/recover-a$i.out" || fail "$(cat "$TMP/recover-a$i.out")"
done
assert "table" "$(dmsetup table A)" = "$table"
both A || fail "the source is shut though it owns the disk"
journal_is source active || fail "source: $(journal_says source)"
journal_is destination refused || fail "destination: $(journal_says destination)"
! reads A.dmm || fail "the destination's gate lets a read pass though it refused"
# device-mapper and /run have forgotten it: cancel goes by the journal
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
grep -q 'Removed what was left' "$TMP/cancel.out" || fail "$(cat "$TMP/cancel.out")"
for left in "/var/lib/dmmigrate/source/$ID" "$TMP/state-b/destination/$ID" /dev/mapper/A.dmm; do
	[ ! -e "$left" ] || fail "$left is still there after cancel"
done
dmmigrate cancel A | grep -q 'nothing to cancel' || fail "a second cancel"
begin_anew

say "the same before anybody has made its device: nobody can, until it is the source's again"
hand_over_to finished
reboot_source gone
! reads A || fail "the placeholder can be read"
! dmsetup create A --table "$table" 2>/dev/null || fail "the source's device was made though it is given up"
start_daemon
timeout 60 dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || fail "recover: exit $?: $(cat "$TMP/recover.out")"
dmsetup create A --table "$table" || fail "the source's device cannot be made though it owns the disk"
begin_anew

say "the destination's path leads to another disk: no gate, and nobody else decides meanwhile"
hand_over_to finished
status=0
dmmigrated --restore --foreground --state-dir "$TMP/state-b" >"$TMP/second.out" 2>&1 || status=$?
assert "exit code of a second daemon" $status = 5
grep -q 'another dmmigrated has' "$TMP/second.out" || fail "$(cat "$TMP/second.out")"
journal_is destination owned || fail "destination: $(journal_says destination)"
kill_all "$RECEIVER"
dmsetup remove A.dmm
volume=$(dmsetup table B)
dmsetup remove B
dmsetup create B --table "0 8192 ${volume#* * }"
another_boot
status=0
dmmigrated --restore --foreground --state-dir "$TMP/state-b" >"$TMP/restore.out" 2>&1 || status=$?
assert "exit code of restore" $status = 5
grep -q 'it is another one' "$TMP/restore.out" || fail "$(cat "$TMP/restore.out")"
! dmsetup info A.dmm >/dev/null 2>&1 || fail "there is a gate above another disk"
dmsetup remove B
dmsetup create B --table "$volume"
start_receiver
timeout 60 dmmigrate recover "$ID" >/dev/null || fail "recover: exit $?"
begin_anew

say "the destination, owned: it refuses by itself, for the guest's memory is left at the source only"
hand_over_to finished
reboot_destination
journal_is destination refused || fail "destination: $(journal_says destination)"
assert "gate" "$(nl A.dmm gate)" = shut
start_receiver
timeout 60 dmmigrate recover "$ID" >/dev/null || fail "recover: exit $?"
must_wait_for 10 source_is active
both A || fail "the source is shut"
begin_anew

say "the destination, running: shut until the source has answered"
hand_over_to running
journal_is destination running || fail "destination: $(journal_says destination)"
writes A.dmm || fail "the gate is not open"
kill -STOP "$DAEMON"
reboot_destination
journal_is destination running || fail "destination: $(journal_says destination)"
! reads A.dmm || fail "the gate lets a read pass before the source has answered"
start_receiver
refused 9 'start the writer on neither' there recover "$ID"
refused 9 'not to be written here' there run "$ID"
kill -CONT "$DAEMON"
there_runs() { there run "$ID" >/dev/null 2>&1; }
must_wait_for 20 there_runs
both A.dmm || fail "the destination is shut though it runs"
must_wait_for 10 source_is released

say "and the source, released: it stays shut for good, the destination goes on"
reboot_source
! reads A || fail "the released source can be read"
start_daemon
dmmigrate recover "$ID" | grep -q 'the destination owns' || fail "recover"
settled() { journal_is destination settled; }
must_wait_for 20 settled
dmmigrate release "$ID" >"$TMP/release.out" || fail "release: exit $?"
! reads A || fail "it can be read after release"
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || fail "the journal is still there"

say "the destination, settled: the plain volume, open at once"
kill -STOP "$DAEMON"
reboot_destination
both A.dmm || fail "what has settled is shut after a reboot"
assert "table" "$(dmsetup table A.dmm | cut -d ' ' -f 3)" = linear
kill -CONT "$DAEMON"
