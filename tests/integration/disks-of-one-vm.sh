# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move the three disks of one VM as one migration, of different
# sizes and block sizes, each under its own load: cut them over by the name of
# any, all or none; let the start hook see all; take all back when one cannot be
# frozen; lose the receiver; cancel, clean and list all by one name.
# check-kernels: 6.12
# timeout: 240
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 16
make_disk C 8
make_disk E 4
for d in B D F; do make_disk $d 16; done
make_disk X 4
make_disk Y 4
start_receiver

table_is() { dmsetup table "$1" | grep -q "^[0-9 ]*$2 "; }

# what cannot be one migration changes nothing
remember_devices
refused 2 'come in pairs' dmmigrate start A "$ADDR_B:/dev/mapper/B" C
refused 2 'named twice' dmmigrate start A "$ADDR_B:/dev/mapper/B" A "$ADDR_B:/dev/mapper/D"
refused 2 'named twice' dmmigrate start A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/B"
refused 2 'to one host' dmmigrate start A "$ADDR_B:/dev/mapper/B" C "$ADDR_A:/dev/mapper/D"
refused 2 'gate of one disk' dmmigrate start --gate g A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D"
refused 3 '' dmmigrate start A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/B-low"
refused 3 '' dmmigrate start A "$ADDR_B:/dev/mapper/B" nothing "$ADDR_B:/dev/mapper/D"
restored "refused starts"
[ -z "$(ls /run/dmmigrate/*.json 2>/dev/null)" ] || fail "a refused start left a record"
answers || fail "the daemon does not answer"
dmmigrate start --dry-run A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D" >"$TMP/dry" || fail "dry run: exit $?"
grep -q 'C (disk 2 of 2)' "$TMP/dry" || fail "the dry run does not show the second disk: $(cat "$TMP/dry")"
restored "a dry run"

for d in A C E; do fill $d; done
for d in A C E; do
	start_load $d --writers 2 --rate 15 --sizes 512..64K --errors-ok
	eval "LOAD_$d=\$LOAD"
done

# three disks, which one call cancels by the name of any
start_three() {
	dmmigrate start "$@" A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D" E "$ADDR_B:/dev/mapper/F" \
		>"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
	ID=$(basename "$(find /run/dmmigrate -name '*-1.json')" -1.json)
}
start_three --bandwidth 1M
assert "records" "$(find /run/dmmigrate -name "$ID*.json" | wc -l)" = 3
dmmigrate status "$ID" >"$TMP/status" || fail "status by the id: exit $?"
for d in 'A .*disk 1 of 3' 'C .*disk 2 of 3' 'E .*disk 3 of 3'; do
	grep -q "source: $d" "$TMP/status" || fail "no '$d' in the status of all: $(cat "$TMP/status")"
done
# it cannot be joined, nor split
refused 3 'no other can join' dmmigrate start A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D" \
	E "$ADDR_B:/dev/mapper/F" X "$ADDR_B:/dev/mapper/Y"
refused 3 '' dmmigrate start X "$ADDR_B:/dev/mapper/Y" C "$ADDR_B:/dev/mapper/D"
# again is the same migration
dmmigrate start C "$ADDR_B:/dev/mapper/D" A "$ADDR_B:/dev/mapper/B" E "$ADDR_B:/dev/mapper/F" >"$TMP/again" ||
	fail "start again: exit $?"
assert "the same" "$(grep -c "already (migration $ID)" "$TMP/again")" = 3
dmmigrate pause "$ID" >/dev/null || fail "pause all: exit $?"
for d in A C E; do assert "$d" "$(st $d state)" = paused; done
dmmigrate resume "$ID" >/dev/null || fail "resume all: exit $?"
dmmigrate pause C >/dev/null || fail "pause one: exit $?"
assert "the others go on" "$(st A state)" = copying
refused 3 'paused' dmmigrate cutover A
refused 7 'paused' dmmigrate wait E
dmmigrate cancel E >/dev/null || fail "cancel: exit $?"
for d in A C E; do table_is $d migrate && fail "$d is attached after cancel"; done
[ -z "$(ls /run/dmmigrate/*.json 2>/dev/null)" ] || fail "cancel left a record"
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || fail "cancel left the journal"
refused 3 "not known" there release "$ID"

# moves all of them
start_three
timeout 100 dmmigrate wait C >/dev/null || fail "not ready"
# one is paused in the moment of the hand-over: none goes
dmmigrate pause E >/dev/null
refused 3 'E is paused' dmmigrate cutover A
dmmigrate resume E >/dev/null
goes_on() {
	local d before
	for d in A C E; do
		before=$(nl $d writes_completed)
		await $d 10 "writes_completed>=$((before + 5))"
		assert "writes of $d that failed after $1" "$(nl $d failed_writes)" = 0
		assert "held of $d after $1" "$(nl $d held)" = 0
	done
}

# one destination does not flush in time: nothing is given up, all go on copying
dmsetup suspend --noflush F
# the disk that could not, not one that waited for it
refused 8 'disk 2: .* in time: it thawed' dmmigrate cutover --timeout 700 C
dmsetup resume F
goes_on "a freeze that one of them could not end"
for d in A C E; do assert "$d" "$(st $d state)" = copying; done

# the start hook fails: all come back
# shellcheck disable=SC2016 # the hook's
echo 'echo "$DMM_DISKS $DMM_SOURCE $DMM_SOURCE_1 $DMM_SOURCE_2 $DMM_DEVICE $DMM_DEVICE_2" >"$1"' >"$TMP/hook"
timeout 60 dmmigrate wait C >/dev/null || fail "not ready after an abort"
refused 8 'start hook failed' dmmigrate cutover --timeout 15000 --hook-start "sh $TMP/hook $TMP/seen; exit 7" C
assert "what the hook saw" "$(cat "$TMP/seen")" = \
	"3 /dev/mapper/A /dev/mapper/C /dev/mapper/E /dev/mapper/A.dmm /dev/mapper/E.dmm"
goes_on "a start hook that failed"
dmmigrate cancel A >/dev/null || fail "cancel after it: exit $?"

# the receiver dies: each is connected anew, one by one, by the daemon
start_three --bandwidth 2M
kill -9 "$RECEIVER"
for d in A C E; do await_state $d disconnected; done
start_receiver
for d in A C E; do await_state $d copying 60; done
dmmigrate throttle "$ID" 0 >/dev/null || fail "throttle all: exit $?"

# and all of them move, with the last write of each
timeout 100 dmmigrate wait E >/dev/null || fail "not ready again"
dmmigrate cutover --verify --json --timeout 15000 E >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
grep -q '"disks": *3' "$TMP/cutover.out" || fail "not all disks: $(cat "$TMP/cutover.out")"
for d in A C E; do assert "$d" "$(st $d state)" = released; done
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
checker_verdict /dev/mapper/D C --forbid-pending
checker_verdict /dev/mapper/F E --forbid-pending
for d in A C E; do table_is $d.dmm migrate && fail "the gate of $d was not swapped"; done
dmmigrate verify C >/dev/null || fail "verify: exit $?"
dmmigrate clean --yes C >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
for d in A C E; do table_is $d error || fail "$d was not given up: $(dmsetup table $d)"; done
[ -z "$(ls /run/dmmigrate/*.json 2>/dev/null)" ] || fail "clean left a record"
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || fail "clean left the journal"
there release "$ID" >/dev/null || fail "release there: exit $?"
for d in A C E; do dm_drop $d.dmm; done
for d in "$LOAD_A" "$LOAD_C" "$LOAD_E"; do
	kill "$d"
	wait "$d" || fail "a load: $(cat "$TMP"/load-*.log)"
done
