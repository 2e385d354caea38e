# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a logical volume in use to a fresh thin volume of the same host, which gets space for its data only, and
# restart the host, as far as LVM can tell, in the middle of the copy, between the mark and the record, and after the move:
# LVM opens the old volume as before, or refuses it, and after the move it never opens it by itself; LVM's metadata is what it was
# when a move is cancelled, but for what somebody else has marked; and guests' configurations name the new volume once it has moved,
# and not before.
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

mkdir -p /etc/xen/auto "$TMP/bin" "$TMP/elsewhere"
cleanup_fn "rm -rf /etc/xen"
# config FILE PATH: that has this disk
config() {
	cat >"$1" <<-EOS
		name = "web"	# /dev/vga/web01
		disk = [ 'phy:/dev/vga/web02,xvdb,w',
			"format=raw, vdev=xvda, access=rw, target=$2" ]
		kernel = "/dev/vga/web01"
	EOS
}
# configs PATH: both have it, by whatever name it was there
configs() {
	config "$TMP/expect" "$1"
	for name in web db; do
		cmp "$TMP/expect" /etc/xen/$name.cfg || fail "$name.cfg: $(cat /etc/xen/$name.cfg)"
	done
}
config /etc/xen/web.cfg /dev/vga/web01
config /etc/xen/db.cfg /dev/vga/web01
ln -s ../web.cfg /etc/xen/auto/web.cfg
echo 'disk = [ "/dev/vga/web' >/etc/xen/broken.cfg

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
configs /dev/vga/web01

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
dmmigrate list | grep -q "^$A was to move to /dev/mapper/T, .*: dmmigrate vdi $A --to /dev/mapper/T, or dmmigrate cancel $id\$" ||
	fail "list: $(dmmigrate list)"
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
# by names that LVM did not give, too; and where the tool may not write, it says what is to be written
config /etc/xen/db.cfg "$(readlink -f /dev/mapper/$A)"
config "$TMP/elsewhere/mail.cfg" /dev/mapper/$A
ln -s "$TMP/elsewhere/mail.cfg" /etc/xen/mail.cfg
config /etc/xen/auto/file /dev/mapper/$A
configs_before=$(md5sum /etc/xen/db.cfg | cut -c 1-32)
killed finished
cmp -s "$TMP/expect" /etc/xen/web.cfg || fail "written before its time"
dmmigrate vdi $A >"$TMP/vdi.out" 2>&1 || fail "vdi: exit $?: $(cat "$TMP/vdi.out")"
id=$(record)
OLD=web01.moved-$(echo "$id" | cut -c 1-8)
configs /dev/mapper/T
assert "what db.cfg was" "$(md5sum <"/etc/xen/db.cfg.before-dmmigrate-$id" | cut -c 1-32)" = "$configs_before"
config "$TMP/expect" /dev/vga/web01
cmp "$TMP/expect" "/etc/xen/web.cfg.before-dmmigrate-$id" || fail "what web.cfg was is not kept"
assert "what begins it" "$(readlink /etc/xen/auto/web.cfg)" = ../web.cfg
grep -q '/etc/xen/web.cfg names /dev/mapper/T now, in place of /dev/vga/web01; what it was is kept as /etc/xen/web.cfg.before-' \
	"$TMP/vdi.out" || fail "$(cat "$TMP/vdi.out")"
config "$TMP/expect" /dev/mapper/$A
for file in auto/file mail.cfg; do
	cmp "$TMP/expect" /etc/xen/$file || fail "$file: $(cat /etc/xen/$file)"
	grep -q "/etc/xen/$file: .* was not changed; write /dev/mapper/T there, in place of /dev/mapper/$A\$" "$TMP/vdi.out" ||
		fail "$file: $(cat "$TMP/vdi.out")"
done
! grep -q 'broken.cfg' "$TMP/vdi.out" || fail "of what does not name it: $(cat "$TMP/vdi.out")"

say "a guest whose configuration is elsewhere"
rm -r /etc/xen
cat >"$TMP/bin/xl" <<-EOS
	#!/bin/sh
	[ "\$*" = "list -l" ] || exit 1
	echo '[ { "domid": 0, "config": { "c_info": { "type": "pv" } } }, { "domid": 3, "config": { "c_info": { "name": "web" },
		"disks": [ { "pdev_path": "/dev/vga/web02", "vdev": "xvdb" }, { "pdev_path": "/dev/mapper/$A", "vdev": "xvda" } ] } } ]'
EOS
chmod +x "$TMP/bin/xl"
PATH=$TMP/bin:$PATH dmmigrate vdi $A >"$TMP/vdi.out" 2>&1 || fail "vdi: exit $?: $(cat "$TMP/vdi.out")"
grep -q "the domain web has it as its xvda, .* write /dev/mapper/T in place of /dev/mapper/$A\$" "$TMP/vdi.out" ||
	fail "$(cat "$TMP/vdi.out")"
dmmigrate vdi $A >"$TMP/vdi.out" 2>&1 || fail "vdi: exit $?: $(cat "$TMP/vdi.out")"
grep -q "Have the configuration of its user name /dev/mapper/T, where it names /dev/vga/web01" "$TMP/vdi.out" || fail "$(cat "$TMP/vdi.out")"
mkdir /etc/xen
config /etc/xen/web.cfg /dev/vga/web01
config /etc/xen/db.cfg /dev/mapper/$A
assert "blocks in use of the new volume" "$(used)" -le 16
dd if=/dev/mapper/$A of="$TMP/new" bs=1M iflag=direct 2>/dev/null
printf x | dd of=/dev/mapper/$A bs=1 seek=$((3 * MIB)) conv=notrunc,fsync 2>/dev/null
assert "mark" "$(mark)" = "1 dmmigrate-$id"
grep -q 'not activated by itself' "$TMP/vdi.out" || fail "$(cat "$TMP/vdi.out")"

say "restarted: the old volume is not opened by its name, and has what it had"
restart
! active || fail "the old volume is activated after the move"
dmmigrate list | grep -q "^$A has moved to /dev/mapper/T, which is not what it is since a restart of this host: dmmigrate vdi $A\$" ||
	fail "list: $(dmmigrate list)"
refused 3 "$A has moved to /dev/mapper/T" dmmigrate status $A
vm lvchange -ay -K vga/web01
cmp "$TMP/new" /dev/mapper/$A || fail "the old volume was written after the move"
refused 3 'it may be the old disk' dmmigrate vdi $A
vm lvchange -an vga/web01
refused 3 'has moved to /dev/mapper/T, and is not there' dmmigrate vdi $A
configs /dev/mapper/T
grep -q "old volume is called vga/$OLD now" "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
mark_of_old() { lvm lvs --noheadings --binary -o lv_skip_activation,lv_tags "vga/$OLD" 2>/dev/null | xargs echo; }
assert "names" "$(lvm lvs --noheadings -o lv_name vga 2>/dev/null | xargs echo)" = "$OLD"
assert "byte in the new one" "$(dd if=/dev/mapper/T bs=1 skip=$((3 * MIB)) count=1 2>/dev/null)" = x
refused 3 'cannot be taken back' dmmigrate cancel $A
dmmigrate release "$id" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
assert "mark" "$(mark_of_old)" = "1 dmmigrate-$id"
assert "record" "$(record)" = ""
assert "names" "$(lvm lvs --noheadings -o lv_name vga 2>/dev/null | xargs echo)" = "$OLD"
vm lvrename "vga/$OLD" vga/web01
vm lvchange -k n vga/web01

say "released while it is in use, it keeps its name; else it gets another one"
for use in open closed; do
	no_pool
	pool
	vm lvchange -ay vga/web01
	dmmigrate vdi $A --to /dev/mapper/T >"$TMP/vdi.out" 2>&1 || fail "vdi: exit $?: $(cat "$TMP/vdi.out")"
	id=$(record)
	OLD=web01.moved-$(echo "$id" | cut -c 1-8)
	if [ $use = open ]; then
		dmmigrate release "$id" >"$TMP/release.out" 2>&1 9</dev/mapper/$A || fail "release: exit $?: $(cat "$TMP/release.out")"
		grep -q "$A is in use, .* lvchange -an" "$TMP/release.out" || fail "$(cat "$TMP/release.out")"
		active || fail "what is in use is gone"
		assert "mark" "$(mark)" = "1 dmmigrate-$id"
		vm lvchange -an vga/web01
		vm lvchange -k n vga/web01
	else
		status=0
		DMM_TOOL_STOP_AT=put-aside dmmigrate release "$id" >"$TMP/release.out" 2>&1 || status=$?
		[ $status = 137 ] || fail "release: exit $status: $(cat "$TMP/release.out")"
		dmmigrate release "$id" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
		grep -q "old volume is called vga/$OLD now" "$TMP/release.out" || fail "$(cat "$TMP/release.out")"
		! active || fail "$A is still there"
		assert "mark" "$(mark_of_old)" = "1 dmmigrate-$id"
	fi
done
