# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a disk to a volume that is made for it in a volume group, in a thin pool and in a directory: one of the right size and
# recognisable, known to be the migration's from its first moment; which goes when the migration is cancelled, or has never begun
# though daemons die at each step of its making and removal, and stays, with every sector, when it was handed over; and find too little room,
# unknown repositories and volumes of somebody else refused before anything is there.
# check-kernels: long
# kernels: 6.1 6.12
# timeout: 600
. functions.sh
. functions-handover.sh
. functions-lvm.sh
requires ip dmmigrate dmmigrated lvm losetup od target:thin-pool
load_module
requires debug
# the VM has no program that checks pools
sed -i 's/^\([ \t]*\)# *thin_check_executable = .*/\1thin_check_executable = ""/' /etc/lvm/lvm.conf
grep -q '^[^#]*thin_check_executable = ""' /etc/lvm/lvm.conf || fail "LVM cannot be told that there is no thin_check"
two_hosts
make_disk A 6
fill A
cleanup_fn "dm_drop A.dmm"
cleanup_fn "dm_drop A"
make_vg vgb other
vm lvcreate --type thin-pool -L 20M -n pool -Zn vgb
mkdir "$TMP/files"
cat >"$TMP/b.conf" <<EOF
[dmmigrated]
sr = thick lvm:vgb
sr = thin thin:vgb/pool
sr = files dir:$TMP/files
sr = away lvm:vgc
sr = others lvm:vgb host-c
EOF
# shellcheck disable=SC2034 # functions.sh has them
RECEIVER_OPTIONS="--config $TMP/b.conf"

volumes() { lvm lvs --noheadings -o lv_name vgb 2>/dev/null | xargs -n 1 echo | grep '^dmm-' || true; }
files() { ls "$TMP/files"; }
free_there() { lvm vgs --noheadings --units b --nosuffix -o vg_free vgb 2>/dev/null | xargs echo; }
nothing_left() {
	assert "$1: volumes" "$(volumes)" = ""
	assert "$1: files" "$(files)" = ""
	assert "$1: free there" "$(free_there)" = "$FREE"
	assert "$1: manifests" "$(ls "$TMP/state-b/destination" 2>/dev/null)" = ""
	assert "$1: gate" "$(dmsetup info A.dmm >/dev/null 2>&1 && echo there)" = ""
}
start_to() { dmmigrate start A "$ADDR_B:$1" >"$TMP/start.out" 2>&1; }
must_start_to() {
	start_to "$1" || fail "start to $1: exit $?: $(cat "$TMP/start.out")"
	ID=$(migration_id)
	NAME=dmm-A-0-$(echo "$ID" | cut -c 1-8)
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
}
# made SR: what was made for $ID there, and nothing else
made() {
	case $1 in
	files)	assert "file" "$(files)" = "$NAME"
		PLACE=$TMP/files/$NAME
		assert "size" "$(stat -c %s "$PLACE")" = $((6 << 20)) ;;
	*)	assert "volume" "$(volumes)" = "$NAME"
		PLACE=/dev/vgb/$NAME
		assert "size" "$(blockdev --getsize64 "$PLACE")" = $((8 << 20))
		assert "size of the gate" "$(blockdev --getsize64 /dev/mapper/A.dmm)" = $((6 << 20))
		lvm lvs --noheadings -o lv_tags "vgb/$NAME" 2>/dev/null | grep -q "dmm-made-$ID" || fail "$NAME has no tag" ;;
	esac
	grep -q "migrated to $ADDR_B:$PLACE " "$TMP/start.out" || fail "where it goes is not said: $(cat "$TMP/start.out")"
}

# verdict: on every sector of what was made; a file may take no O_DIRECT
verdict() {
	if [ -b "$PLACE" ]; then
		checker_verdict "$PLACE" A
	else
		checker_verdict "$PLACE" A --buffered
	fi
}

start_receiver
FREE=$(free_there)

say "a dry run says where it would go, and makes nothing"
for sr in thick thin files; do
	dmmigrate start --dry-run A "$ADDR_B:$PORT:$sr" >"$TMP/dry.out" 2>&1 || fail "dry run: exit $?: $(cat "$TMP/dry.out")"
	grep -q "VOLUME /.*/dmm-A-0-[0-9a-f]*, in the storage repository $sr" "$TMP/dry.out" || fail "$(cat "$TMP/dry.out")"
done
nothing_left "dry run"

say "refused before anything is there"
refused 3 "there is no storage repository nowhere for .*add 'sr = nowhere KIND:PLACE'" dmmigrate start A "$ADDR_B:nowhere"
refused 3 "there is no storage repository others for " dmmigrate start A "$ADDR_B:others"
refused 3 "storage repository away: the volume group vgc is not there" dmmigrate start A "$ADDR_B:away"
vm lvcreate -n filler -l 100%FREE -Wn -Zn vgb
refused 3 "storage repository thick (lvm:vgb) has 0 bytes free, and the disk takes 6291456: make room" dmmigrate start A "$ADDR_B:thick"
vm lvremove -f vgb/filler
vm lvcreate -V 20M --thinpool pool -n filler -Wn vgb
dd if=/dev/urandom of=/dev/vgb/filler bs=1M count=16 conv=fsync 2>/dev/null
refused 3 "storage repository thin (thin:vgb/pool) has [0-9]* bytes free, and the disk takes 6291456: make room" \
	dmmigrate start A "$ADDR_B:thin"
vm lvremove -f vgb/filler
nothing_left "refused"

for sr in thick thin files; do
	say "$sr: it is made, started again it is the same, and cancelled it is gone"
	must_start_to $sr
	made $sr
	start_to $sr || fail "start to $sr again: exit $?: $(cat "$TMP/start.out")"
	refused 3 'is being migrated to .* already' dmmigrate start A "$ADDR_B:elsewhere"
	made $sr
	# the receiver comes back as another one, and goes on with the volume that is on no allow-list
	kill_all "$RECEIVER"
	must_wait_for 20 state_is A disconnected
	start_receiver
	must_wait_for 60 sh -c "dmmigrate start A $ADDR_B:$sr"
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
	nothing_left "$sr, cancelled"
done

say "the daemon dies as it makes one: what is left is listed, and goes with what is left of the migration"
for sr in thick thin files; do
	for point in before-volume-entered after-volume-entered after-volume-made; do
		kill_all "$RECEIVER"
		export DMM_DAEMON_STOP_AT=$point
		start_receiver
		unset DMM_DAEMON_STOP_AT
		! start_to $sr || fail "$point: started"
		must_wait_for 10 gone "$RECEIVER"
		start_receiver
		for d in "$TMP"/state-b/destination/*; do
			[ -d "$d" ] || continue
			ID=${d##*/}
			listed_there '' # it is
			there release "$ID" >"$TMP/release.out" 2>&1 || fail "$point: release: exit $?: $(cat "$TMP/release.out")"
		done
		nothing_left "$sr, $point"
		must_start_to $sr
		made $sr
		dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
	done
done

say "the daemon dies as it removes one"
for sr in thick thin files; do
	for point in before-volume-removed after-volume-removed; do
		kill_all "$RECEIVER"
		export DMM_DAEMON_STOP_AT=$point
		start_receiver
		unset DMM_DAEMON_STOP_AT
		must_start_to $sr
		dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
		must_wait_for 10 gone "$RECEIVER"
		start_receiver
		there release "$ID" >"$TMP/release.out" 2>&1 || fail "$point: release: exit $?: $(cat "$TMP/release.out")"
		nothing_left "$sr, $point"
	done
done

say "what somebody else has put in its place stays"
must_start_to files
made files
mv "$TMP/files/$NAME" "$TMP/files/ours"
echo theirs >"$TMP/files/$NAME"
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
assert "content" "$(cat "$TMP/files/$NAME")" = theirs
rm "$TMP/files/$NAME" "$TMP/files/ours"
nothing_left "somebody else's"

say "handed over it stays, released or not"
for sr in thick thin files; do
	must_start_to $sr
	made $sr
	dmmigrate cutover A --timeout 15000 >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
	must_wait_for 20 dest_is settled
	verdict
	give_up
	[ ! -e "/var/lib/dmmigrate/source/$ID" ] || dmmigrate release "$ID" >/dev/null || fail "release: exit $?"
	there release "$ID" >"$TMP/release.out" 2>&1 || fail "release there: exit $?: $(cat "$TMP/release.out")"
	assert "manifests" "$(ls "$TMP/state-b/destination" 2>/dev/null)" = ""
	verdict
	on_b clean >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
	! grep -q "$NAME" "$TMP/clean.out" || fail "its owner's volume is a leftover: $(cat "$TMP/clean.out")"
	# the admin's own
	if [ $sr = files ]; then
		rm "$PLACE"
	else
		dmsetup remove A.dmm
		vm lvremove -f "vgb/$NAME"
	fi
	dmsetup remove A
	dm_create A "0 $((6 * 2048)) linear /dev/mapper/A-low 0"
done
nothing_left "in the end"

say "a file whose journal is lost is named, and not removed"
must_start_to files
made files
kill_all "$RECEIVER"
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
start_receiver
on_b clean >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
grep -q "$PLACE.*it was made for this migration" "$TMP/clean.out" || fail "clean: $(cat "$TMP/clean.out")"
kill_all "$RECEIVER"
rm -r "$TMP/state-b/destination/$ID"
start_receiver
on_b clean --all --yes >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
grep -q "$PLACE.*it was made for a migration that has no journal here" "$TMP/clean.out" || fail "clean: $(cat "$TMP/clean.out")"
made files
rm "$PLACE"
on_b clean >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
! grep -q "$PLACE" "$TMP/clean.out" || fail "what is gone is a leftover: $(cat "$TMP/clean.out")"
