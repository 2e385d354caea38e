# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a logical volume in use to a fresh thin volume of the same host, which gets space for its data only, and
# restart the host, as far as LVM can tell, in the middle of the copy, between the mark and the record, and after the move:
# LVM opens the old volume as before, or refuses it, and after the move it never opens it by itself; LVM's metadata is what it was
# when a move is cancelled, but for what somebody else has marked.
# check-kernels: 6.12
# kernels: 6.1 6.12
# timeout: 300
. functions.sh
. functions-lvm.sh
requires dmmigrate lvm losetup target:thin-pool
load_module
cleanup_fn "rm -rf /var/lib/dmmigrate"
make_vg vga web01
A=vga-web01
MIB=1048576

meta=$(raw_disk meta 8)
cleanup_fn "drop_raw_disk meta"
data=$(raw_disk pool 32)
cleanup_fn "drop_raw_disk pool"
dd if=/dev/zero of="$meta" bs=4096 count=1 2>/dev/null
# pool [FEATURES]: blocks of 64 KiB; with a fresh volume T
pool() {
	dm_create pool "0 $((32 * 2048)) thin-pool $meta $data 128 0 $*"
	dmsetup message pool 0 "create_thin 0"
	dm_create T "0 $((8 * 2048)) thin /dev/mapper/pool 0"
}
no_pool() {
	dmsetup remove T
	dmsetup message pool 0 "delete 0"
	dmsetup remove pool
}
used() { dmsetup status pool | sed 's/.* \([0-9]*\)\/512 .*/\1/'; }

# mark: "skip tags" of the old volume
mark() { lvm lvs --noheadings --binary -o lv_skip_activation,lv_tags vga/web01 2>/dev/null | xargs echo; }
# The move that has a record, or nothing.
record() {
	set -- /var/lib/dmmigrate/vdi/*.json
	set -- "${1##*/}"
	[ "$1" = '*.json' ] || echo "${1%.json}"
}
active() { dmsetup info $A >/dev/null 2>&1; }
# The host was restarted: its tables are gone, LVM activates what it finds.
restart() {
	dmsetup remove $A
	[ ! -e /dev/mapper/$A-dmm-origin ] || dmsetup remove $A-dmm-origin
	rm -f /run/dmmigrate/*
	vm vgchange -aay vga
}
killed() {
	local status=0
	DMM_TOOL_STOP_AT=$1 dmmigrate vdi $A --to /dev/mapper/T --yes >"$TMP/killed.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "the tool did not stop at $1: exit $status: $(cat "$TMP/killed.out")"
}

# data in the second MiB, and that is all
fill_old() {
	dd if=/dev/zero of=/dev/mapper/$A bs=1M count=8 conv=notrunc,fsync 2>/dev/null
	dd if=/dev/urandom of=/dev/mapper/$A bs=1M seek=1 count=1 conv=notrunc,fsync 2>/dev/null
}
fill_old
table=$(dmsetup table $A)

say "a pool that does not zero what it hands out: nothing is left out"
pool 1 skip_block_zeroing
dmmigrate vdi $A --to /dev/mapper/T --dry-run >"$TMP/dry.out" || fail "dry run: exit $?"
grep -q 'nothing was ever written' "$TMP/dry.out" && fail "a pool that does not zero: $(cat "$TMP/dry.out")"
grep -q 'activation-skip' "$TMP/dry.out" || fail "$(cat "$TMP/dry.out")"
no_pool
pool

say "restarted in the middle of the copy: the old volume is there, and cancel forgets"
killed started
assert "mark" "$(mark)" = 0
restart
active || fail "the old volume is not activated though it is right"
assert "table" "$(dmsetup table $A)" = "$table"
dmmigrate cancel $A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
assert "record" "$(record)" = ""

say "restarted between mark and record: refused, until cancel or vdi says which one is right"
no_pool
pool
killed committed
id=$(record)
assert "mark" "$(mark)" = "1 dmmigrate-$id"
dmsetup load $A --table "0 $((8 * 2048)) error"
dmsetup resume --noflush --nolockfs $A
restart
! active || fail "the old volume is activated with its mark"
refused 3 "restart of this host has ended its copy.*next: dmmigrate cancel $id" dmmigrate vdi $A --to /dev/mapper/T
dmmigrate cancel $A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
assert "mark" "$(mark)" = 0
active || fail "what was kept away stays away"
assert "table" "$(dmsetup table $A)" = "$table"

say "what somebody else has marked stays so"
vm lvchange -k y vga/web01
killed marked
dmmigrate cancel $A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
assert "mark" "$(mark)" = 1
vm lvchange -k n vga/web01

say "it moves, and the new volume has blocks for its data only"
no_pool
pool
dmmigrate vdi $A --to /dev/mapper/T >"$TMP/vdi.out" 2>&1 || fail "vdi: exit $?: $(cat "$TMP/vdi.out")"
id=$(record)
assert "blocks in use of the new volume" "$(used)" -le 16
dd if=/dev/mapper/$A of="$TMP/new" bs=1M iflag=direct 2>/dev/null
printf x | dd of=/dev/mapper/$A bs=1 seek=$((3 * MIB)) conv=notrunc,fsync 2>/dev/null
assert "mark" "$(mark)" = "1 dmmigrate-$id"
grep -q 'not activated by itself' "$TMP/vdi.out" || fail "$(cat "$TMP/vdi.out")"

say "restarted: the old volume is not opened by its name, and has what it had"
restart
! active || fail "the old volume is activated after the move"
refused 3 'has moved to /dev/mapper/T, and is not there' dmmigrate vdi $A
vm lvchange -ay -K vga/web01
cmp "$TMP/new" /dev/mapper/$A || fail "the old volume was written after the move"
refused 3 'it may be the old disk' dmmigrate vdi $A
assert "byte in the new one" "$(dd if=/dev/mapper/T bs=1 skip=$((3 * MIB)) count=1 2>/dev/null)" = x
refused 3 'cannot be taken back' dmmigrate cancel $A
dmmigrate release "$id" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
assert "mark" "$(mark)" = "1 dmmigrate-$id"
assert "record" "$(record)" = ""
