# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will hand a busy disk over by the journals of both daemons: nothing passes the gate before the
# destination owns the disk, no write before it runs; a start hook that fails gives it back, and what
# was handed over for good is released at the source and the plain volume at the destination.
# check-kernels: 6.12
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
start_load A --writers 2 --rate 20 --sizes 512..32K --errors-ok

start_migration
ID=$(migration_id)
journal_is source active || fail "source: $(journal_says source)"
journal_is destination receiving || fail "destination: $(journal_says destination)"
assert "state of the gate" "$(nl A.dmm gate)" = shut
! dd if=/dev/mapper/A.dmm of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "a read passes the gate"
listed_there ' receiving shut 1 .* A.dmm'
on_b status "$ID" | grep -q 'The source copies to it, and owns the data' || fail "status there: $(on_b status "$ID")"
# device_there PATH: as a hotplug script asks where the receiver's host has its journals
device_there() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m sh -c 'mount --bind "$1" /var/lib/dmmigrate && exec dmmigrate device "$2"' - "$TMP/state-b" "$1"
}
assert "device in place of the volume" "$(device_there /dev/mapper/B)" = /dev/mapper/A.dmm
assert "device in place of the gate" "$(device_there /dev/mapper/A.dmm)" = /dev/mapper/A.dmm
assert "device in place of another" "$(device_there /dev/mapper/A)" = /dev/mapper/A
refused 3 'No such file' dmmigrate device /dev/mapper/nothing
refused 3 'no device-mapper device' dmmigrate status 00000000000000000000000000000001
refused 3 'there is nothing to return' there return "$ID"
refused 3 'not to be written here' there run "$ID"
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"

# a start hook that fails: the source goes on, its guest has seen a pause
cat >"$TMP/hook" <<EOF
dmsetup status A.dmm >$TMP/at-hook
exit 3
EOF
refused 8 'start hook failed.*was not started' dmmigrate cutover A --timeout 15000 --hook-start "sh $TMP/hook"
grep -q 'the source owns' "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
grep -q ' open$' "$TMP/at-hook" || fail "the gate at the start hook: $(cat "$TMP/at-hook")"
journal_is source active || fail "source: $(journal_says source)"
journal_is destination refused || fail "destination: $(journal_says destination)"
assert "state of the gate" "$(nl A.dmm gate)" = shut
listed_there ' refused shut '
on_b status --json | grep -q '"state": *"refused", *"gates": *"shut", *"epoch": *1, *"owner": *"source"' ||
	fail "status there: $(on_b status --json)"
before=$(nl A writes_completed)
await A 10 "writes_completed>=$((before + 10))"
assert "failed writes" "$(nl A failed_writes)" = 0

# it goes on from there, and hands over for good
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
cat >"$TMP/hook" <<EOF
dd if=/dev/mapper/A.dmm of=$TMP/first bs=4096 count=1 iflag=direct && echo started >$TMP/started
EOF
dmmigrate cutover A --timeout 15000 --verify --hook-start "sh $TMP/hook" >"$TMP/cutover.out" 2>&1 ||
	fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
[ -e "$TMP/started" ] || fail "the start hook did not run"
state_is A released || fail "$(st A state) after the cutover"
journal_is source released || fail "source: $(journal_says source)"
must_wait_for 5 journal_is destination settled
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
linear() { [ "$(dmsetup table A.dmm | cut -d ' ' -f 3)" = linear ]; }
must_wait_for 5 linear
checker_verdict /dev/mapper/A.dmm A
listed_there ' settled '
on_b status "$ID" | grep -q 'Handed over: this host owns the disks' || fail "status there: $(on_b status "$ID")"
signal_all STOP "$RECEIVER"
on_b status "$ID" >"$TMP/silent.out" 2>&1 || fail "status there, of a daemon that is silent: exit $?"
grep -q 'action: systemctl status dmmigrated' "$TMP/silent.out" || fail "$(cat "$TMP/silent.out")"
signal_all CONT "$RECEIVER"
dmmigrate cutover A >"$TMP/again.out" 2>&1 || fail "cutover again: exit $?"
grep -q 'cut over already' "$TMP/again.out" || fail "$(cat "$TMP/again.out")"
refused 3 'cutover is done' dmmigrate cancel A
there recover "$ID" | grep -q 'the destination owns' || fail "recover there"
dmmigrate recover "$ID" | grep -q 'the destination owns' || fail "recover here"

# the way back is closed, the source stays as it is until it is given up
refused 3 'no way back' there return "$ID"
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || fail "the source's journal is still there"

# a volume whose gate is gone is nobody's to open, until the migration is forgotten
assert "device in place of the volume" "$(device_there /dev/mapper/B)" = /dev/mapper/A.dmm
dm_drop A.dmm
refused 3 'its gate is not there' device_there /dev/mapper/B
there release "$ID" >/dev/null || fail "release: exit $?"
assert "device in place of the volume" "$(device_there /dev/mapper/B)" = /dev/mapper/B
