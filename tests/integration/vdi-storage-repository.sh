# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a disk in use to a volume that is made for it on the same host, in a volume group and in a thin pool: one of
# the right size, whose end has nothing of before and that is activated as any other once the disk has moved; which is removed
# when the move is cancelled, whatever step the tool was killed at; and find unknown places, directories and too little room refused.
# check-kernels: long
# kernels: 6.1 6.12
# timeout: 900
. functions.sh
. functions-lvm.sh
requires dmmigrate dmmigrated lvm losetup target:thin-pool
load_module
requires debug
# the VM has no program that checks pools
sed -i 's/^\([ \t]*\)# *thin_check_executable = .*/\1thin_check_executable = ""/' /etc/lvm/lvm.conf
grep -q '^[^#]*thin_check_executable = ""' /etc/lvm/lvm.conf || fail "LVM cannot be told that there is no thin_check"
make_vg vga web01
make_vg vgb filler
# what was there before is not zero
dd if=/dev/zero bs=1M count=8 2>/dev/null | tr '\0' '\377' | dd of=/dev/vgb/filler bs=1M conv=fsync 2>/dev/null
vm lvremove -f vgb/filler
make_disk A 6
fill A
LV=vga-web01
mkdir "$TMP/files"
cat >"$TMP/a.conf" <<CONF
[dmmigrated]
sr = thick lvm:vgb
sr = thin thin:vgb/pool
sr = files dir:$TMP/files
sr = away lvm:vgc
CONF

volumes() { lvm lvs --noheadings -o lv_name vgb 2>/dev/null | xargs -n 1 echo | grep '^dmm-' || true; }
# of: FIELD VOLUME
of() { lvm lvs --noheadings --binary -o "$1" "vgb/$2" 2>/dev/null | xargs echo; }
free_there() { lvm vgs --noheadings --units b --nosuffix -o vg_free vgb 2>/dev/null | xargs echo; }
# The move that has a record, or nothing.
record() {
	set -- /var/lib/dmmigrate/vdi/*.json
	set -- "${1##*/}"
	[ "$1" = '*.json' ] || echo "${1%.json}"
}
nothing_left() {
	assert "$1: volumes" "$(volumes)" = ""
	assert "$1: free there" "$(free_there)" = "$FREE"
	assert "$1: record" "$(record)" = ""
}
killed() {
	local step=$1 status=0
	shift
	DMM_TOOL_STOP_AT=$step "$@" >"$TMP/killed.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "the tool did not stop at $step: exit $status: $(cat "$TMP/killed.out")"
}
cancel() { dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "$1: cancel: exit $?: $(cat "$TMP/cancel.out")"; }
# moved DEVICE: to a volume NAME, the only one but that of before, PREV
PREV=none
moved() {
	NAME=$(volumes | grep -vx "$PREV")
	[ "$(echo "$NAME" | wc -l)" = 1 ] || fail "volumes: $NAME"
	dmsetup table "$1" | grep -q " linear $(stat -c '%Hr:%Lr' "$(readlink -f "/dev/vgb/$NAME")") 0\$" || fail "$(dmsetup table "$1")"
	assert "activation-skip of the new one" "$(of lv_skip_activation "$NAME")" = 0
	case $(of lv_tags "$NAME") in *dmmigrate-*) fail "it is marked: $(of lv_tags "$NAME")" ;; esac
	dmmigrate release "$(record)" >/dev/null || fail "release: exit $?"
	[ "$PREV" = none ] || vm lvremove -f "vgb/$PREV"
	PREV=$NAME
}

refused 3 'which storage repository is thick.*systemctl start dmmigrated' dmmigrate vdi A --to thick
DAEMON_OPTIONS="--config $TMP/a.conf" start_daemon
FREE=$(free_there)
remember_devices

say "refused before anything is there"
refused 2 "neither a device, .*, nor the name of a storage" dmmigrate vdi A --to 'th ick'
refused 3 "no storage repository nowhere .*add 'sr = nowhere KIND:PLACE'" dmmigrate vdi A --to nowhere
refused 3 'storage repository files is a directory' dmmigrate vdi A --to files
refused 3 'storage repository away: the volume group vgc is not there' dmmigrate vdi A --to away
vm lvcreate -n filler -l 100%FREE -Wn -Zn vgb
refused 3 'storage repository thick (lvm:vgb) has 0 bytes free, and the disk takes 6291456: make room' dmmigrate vdi A --to thick
vm lvremove -f vgb/filler
dmmigrate vdi A --to thick --dry-run >"$TMP/dry.out" 2>&1 || fail "dry run: exit $?: $(cat "$TMP/dry.out")"
grep -q 'a volume /dev/vgb/dmm-A-0-[0-9a-f]* of 6291456 bytes, in the storage repository thick (lvm:vgb)' "$TMP/dry.out" ||
	fail "$(cat "$TMP/dry.out")"
nothing_left "refused"
restored "refused"

start_load A --writers 2 --rate 40 --sizes 512..32K

say "cancelled it is gone"
background vdi dmmigrate vdi A --to thick --bandwidth 1M
must_wait_for 20 state_is A copying
kill -INT $PID
wait $PID || fail "detached: exit $?: $(cat "$TMP/vdi.log")"
refused 2 'not to thin' dmmigrate vdi A --to thin
[ "$(volumes)" ] || fail "no volume"
assert "activation-skip of it" "$(of lv_skip_activation "$(volumes)")" = 1
cancel "cancelled"
nothing_left "cancelled"
restored "cancelled"

say "killed at any step before it has moved, and as it is removed"
for step in recorded volume-made swapped started committed; do
	killed $step dmmigrate vdi A --to thick
	cancel $step
	nothing_left $step
	restored $step
done
for step in unmarked volume-removed; do
	killed started dmmigrate vdi A --to thick
	killed $step dmmigrate cancel A
	[ "$(record)" ] || fail "$step: no record"
	cancel $step
	nothing_left $step
	restored $step
done

say "killed, and said again: it moves, to one volume"
for step in recorded volume-made started moved new-table-live; do
	killed $step dmmigrate vdi A --to thick
	dmmigrate vdi A --to thick >"$TMP/vdi.out" 2>&1 || fail "$step: vdi: exit $?: $(cat "$TMP/vdi.out")"
	moved A
done
assert "size" "$(blockdev --getsize64 "/dev/vgb/$NAME")" = $((8 << 20))
stop_load
checker_verdict /dev/mapper/A A
checker_verdict "/dev/vgb/$NAME" A
# what it has behind the source's end is nobody's
assert "bytes of the last extent that are not zero" "$(dd if="/dev/vgb/$NAME" bs=1M skip=6 2>/dev/null | tr -d '\0' | wc -c)" = 0

say "restarted right after it has moved: vdi has the new one activated as any other"
killed new-table-live dmmigrate vdi A --to thick
NAME=$(volumes | grep -vx "$PREV")
dmsetup remove A
[ ! -e /dev/mapper/A-dmm-origin ] || dmsetup remove A-dmm-origin
vm vgchange -an vgb
vm vgchange -aay vgb
[ ! -e "/dev/vgb/$NAME" ] || fail "it is activated with its mark"
refused 3 'has moved to .*, and is not there' dmmigrate vdi A
[ -e "/dev/vgb/$NAME" ] || fail "it is not activated"
assert "activation-skip of it" "$(of lv_skip_activation "$NAME")" = 0
dmmigrate release "$(record)" >/dev/null || fail "release: exit $?"
vm lvremove -f "vgb/$NAME"
vm lvremove -f "vgb/$PREV"
PREV=none

say "from thick to thin: only data takes room"
vm lvcreate --type thin-pool -L 20M -c 64k -n pool -Zy vgb
dd if=/dev/zero of=/dev/mapper/$LV bs=1M count=8 conv=notrunc,fsync 2>/dev/null
dd if=/dev/urandom of=/dev/mapper/$LV bs=1M seek=1 count=1 conv=notrunc,fsync 2>/dev/null
for step in volume-made swapped; do
	killed $step dmmigrate vdi $LV --to thin
	dmmigrate vdi $LV --to thin >"$TMP/vdi.out" 2>&1 || fail "$step: vdi: exit $?: $(cat "$TMP/vdi.out")"
	say "Data%: $(of data_percent "$(volumes)")"
	assert "Data% of the new one" "$(of data_percent "$(volumes)")" = 12.50
	dd if=/dev/mapper/$LV of="$TMP/new" bs=1M iflag=direct 2>/dev/null
	moved $LV
	PREV=none
	! [ -e /dev/mapper/$LV ] || fail "$LV is still there, closed and released"
	vm lvrename "$(lvm lvs --noheadings -o vg_name,lv_name vga | awk '{ print $1 "/" $2 }')" vga/web01
	vm lvchange -ay -K vga/web01
	vm lvchange -k n vga/web01
	cmp "$TMP/new" /dev/mapper/$LV || fail "the new one has other data"
	vm lvremove -f "vgb/$NAME"
done
