# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # for the tests
# A logical volume that moves to another: sourced after functions.sh, -handover.sh and -lvm.sh.

two_hosts
make_vg vga web01
make_vg vgb copy
A=vga-web01
GATE=$A.dmm
dd if=/dev/urandom of=/dev/mapper/$A bs=1M count=8 2>/dev/null
dd if=/dev/mapper/$A of="$TMP/first" bs=4096 count=1 2>/dev/null
table=$(dmsetup table $A)
STATE_A=/var/lib/dmmigrate/source
STATE_B=$TMP/state-b/destination
cleanup_fn "dm_drop $GATE"
cleanup_fn "dm_drop $A"

# mark VG/LV: "skip tags"
mark() { lvm lvs --noheadings --binary -o lv_skip_activation,lv_tags "$1" 2>/dev/null | xargs echo; }
marked() { [ "$(mark "$1")" = "1 dmmigrate-$ID" ]; }
plain() { [ "$(mark "$1")" = 0 ]; }
active() { dmsetup info "$1" >/dev/null 2>&1; }

# hand_over_to STEP: the tool dies there in the cutover, the source has given its disk up and is marked
hand_over_to() {
	dmmigrate start $A "$ADDR_B:/dev/mapper/vgb-copy" --yes >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
	ID=$(migration_id)
	timeout 60 dmmigrate wait $A >/dev/null || fail "wait: exit $?"
	must_wait_for 20 marked vgb/copy
	DMM_TOOL_STOP_AT=$1 dmmigrate cutover $A --timeout 15000 >"$TMP/cutover.out" 2>&1 || true
	source_is relinquished || fail "source: $(journal_says source)"
	must_wait_for 20 marked vga/web01
}

# anew: the volumes as they were before it all, no daemon, and nothing that anybody knows
anew() {
	local d
	kill_all "$DAEMON"
	kill_all "$RECEIVER"
	for d in $GATE $A $A-dmm-origin "dmm-$ID-fence0"; do dmsetup remove "$d" 2>/dev/null || true; done
	rm -rf "${STATE_A:?}/$ID" "${STATE_B:?}/$ID" /run/dmmigrate/*.json
	vm vgchange -an vga vgb
	for d in vga/web01 vgb/copy; do
		lvm lvchange -kn --deltag "dmmigrate-$ID" $d >/dev/null 2>&1 || true
	done
	vm vgchange -aay vga vgb
	assert "table" "$(dmsetup table $A)" = "$table"
}
