# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will change a logical volume that is being migrated by LVM itself, under a writer: pvmove and lvextend load a table of
# their own. That ends the migration: the writer sees no error and nothing is lost, status, wait and cutover say what has
# happened, the destination owns nothing, LVM's table stays, and after cancel it can be begun anew. Beneath the gate of the
# destination it is none of our business.
# check-kernels: long
# kernels: 6.1 6.12
# timeout: 300
. functions.sh
. functions-handover.sh
. functions-lvm.sh
requires ip dmmigrate dmmigrated lvm losetup od
load_module
modprobe dm-mirror 2>/dev/null || skip "no dm-mirror"
two_hosts
make_vg vga web01
make_vg vgb copy
truncate -s 64M "$TMP/second"
loop=$(losetup -f --show "$TMP/second")
cleanup_fn "losetup -d $loop"
vm vgextend vga "$loop"
A=vga-web01
first_pv=$(lvm vgs --noheadings -o pv_name vga | head -n 1 | xargs echo)
fill $A
start_receiver
cleanup_fn "dm_drop $A.dmm"

begin() {
	dmmigrate start "$A" "$ADDR_B:/dev/mapper/vgb-copy" --yes >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
	ID=$(migration_id)
	timeout 60 dmmigrate wait $A >/dev/null || fail "wait: exit $?"
}
# ended: by LVM's table, which stays
ended() {
	local table
	table=$(dmsetup table $A)
	! echo "$table" | grep -q migrate || fail "the table is ours still: $table"
	for verb in status "wait" "cutover --timeout 5000"; do
		# shellcheck disable=SC2086
		refused 3 'somebody has changed its table' dmmigrate ${verb%% *} $A ${verb#"${verb%% *}"}
	done
	journal_is source active || fail "source: $(journal_says source)"
	journal_is destination receiving || journal_is destination refused || fail "destination: $(journal_says destination)"
	dmmigrate cancel $A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
	assert "table after cancel" "$(dmsetup table $A)" = "$table"
	! dmsetup info $A-dmm-origin >/dev/null 2>&1 || fail "cancel has left the origin's device"
	! dmsetup info $A.dmm >/dev/null 2>&1 || fail "cancel has left the gate"
	vm lvs vga
	before=$(written)
	usleep 500000
	[ "$(written)" -gt "$before" ] || fail "the writer stands still"
}
written() { awk '{ print $5 }' "/sys/dev/block/$(dmsetup info -c --noheadings -o major,minor $A | tr -d ' ')/stat"; }

say "while a command of LVM's is at work the table is not exchanged: it could find the volume suspended, and load its own again"
at_work() {
	touch "$TMP/at-work"
	background lvm sh -c "exec 9>/run/lock/lvm/V_vga; flock -s 9; touch '$TMP/locked'; while [ -e '$TMP/at-work' ]; do usleep 100000; done"
	must_wait_for 10 test -e "$TMP/locked"
}
at_work
lvm=$PID
dmmigrate start "$A" "$ADDR_B:/dev/mapper/vgb-copy" --yes >"$TMP/start.out" 2>&1 &
start=$!
must_wait_for 60 dmsetup info $A-dmm-origin
usleep 1000000
! dmsetup table $A | grep -q migrate || fail "the table was exchanged under LVM's lock"
rm "$TMP/at-work"
wait $start || fail "start: exit $?: $(cat "$TMP/start.out")"
wait "$lvm"
dmsetup table $A | grep -q migrate || fail "the table: $(dmsetup table $A)"
dmmigrate cancel $A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
say "one that does not end keeps nobody"
at_work
lvm=$PID
begin
dmmigrate cancel $A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
rm "$TMP/at-work"
wait "$lvm"

start_load $A --writers 2 --rate 50 --sizes 4K..32K

say "pvmove, while it copies"
begin
vm pvmove -i 1 "$first_pv"
ended

say "lvextend, while it copies"
begin
vm lvextend -L 12M vga/web01
ended
refused 3 . dmmigrate start "$A" "$ADDR_B:/dev/mapper/vgb-copy" --yes
vm lvextend -L 12M vgb/copy

say "the destination's, beneath its gate: pvmove there is none of our business"
truncate -s 64M "$TMP/third"
loop=$(losetup -f --show "$TMP/third")
cleanup_fn "losetup -d $loop"
vm vgextend vgb "$loop"
begin
vm pvmove -i 1 -n copy "$(lvm vgs --noheadings -o pv_name vgb | head -n 1 | xargs echo)"
timeout 60 dmmigrate wait $A >/dev/null || fail "wait: exit $?"
kill -STOP "$LOAD"
usleep 300000
await $A 30 dirty_blocks=0 inflight_bytes=0
same_disks /dev/mapper/$A /dev/mapper/vgb-copy
kill -CONT "$LOAD"
stop_load
checker_verdict /dev/mapper/$A $A
