# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a disk in use to another one of the same host with the tool, without a daemon: what
# cannot be a new disk is refused; it moves under load, with the old disk kept; Ctrl-C detaches, cancel leads back, a new disk
# that fails ends it; and what has moved can only be released, or moved again.
# check-kernels: uml
# timeout: 300
. functions.sh
requires dmmigrate target:flakey
load_module
make_disk A 16
make_disk B 16
make_disk C 8
make_disk D 16 4096
fill A
remember_devices
cleanup_fn "rm -rf /var/lib/dmmigrate"
# The move that has a record, or nothing.
record() {
	set -- /var/lib/dmmigrate/vdi/*.json
	set -- "${1##*/}"
	[ "$1" = '*.json' ] || echo "${1%.json}"
}
nothing_left() {
	restored "$1"
	[ -z "$(record)" ] || fail "$1: a record stays: $(record)"
}
is_on() { dmsetup table A | grep -q "^0 [0-9]* linear $(stat -c '%Hr:%Lr' "$(readlink -f "/dev/mapper/$1")") 0\$"; }

# ---- what cannot be ----
refused 2 '--to DEVICE or SR is missing' dmmigrate vdi A
refused 3 'no block device' dmmigrate vdi A --to /dev/mapper/nowhere
refused 3 'is A itself' dmmigrate vdi A --to /dev/mapper/A
refused 3 'same storage' dmmigrate vdi A --to /dev/mapper/A-low
refused 3 'too small' dmmigrate vdi A --to /dev/mapper/C
refused 3 'logical blocks of 4096' dmmigrate vdi A --to /dev/mapper/D
refused 3 'no device-mapper device' dmmigrate vdi nowhere --to /dev/mapper/B
refused 3 'in use\|claimed\|beneath' dmmigrate vdi A --to /dev/mapper/B-low
printf conectix | dd of=/dev/mapper/B conv=notrunc,fsync 2>/dev/null
refused 3 'signature (vhd)' dmmigrate vdi A --to /dev/mapper/B
nothing_left "refused"
dmmigrate vdi A --to /dev/mapper/B --dry-run >"$TMP/dry.out" 2>&1 || fail "dry run: exit $?: $(cat "$TMP/dry.out")"
grep -q '2 sink' "$TMP/dry.out" || fail "dry run: $(cat "$TMP/dry.out")"
grep -q 'overwriting vhd' "$TMP/dry.out" || fail "dry run: $(cat "$TMP/dry.out")"
nothing_left "dry run"

start_load A --writers 3 --rate 40 --sizes 512..32K

# ---- Ctrl-C detaches; it goes on, and cancel leads back ----
background vdi dmmigrate vdi A --to /dev/mapper/B --yes --bandwidth 2M
must_wait_for 20 state_is A copying
await A 10 "acked_bytes>=1048576"
dmmigrate status A >"$TMP/status.out" 2>&1 || fail "status: exit $?: $(cat "$TMP/status.out")"
grep -q 'a disk of this host' "$TMP/status.out" || fail "status: $(cat "$TMP/status.out")"
kill -INT $PID
wait $PID || fail "detached: exit $?: $(cat "$TMP/vdi.log")"
grep -q 'Detached' "$TMP/vdi.log" || fail "$(cat "$TMP/vdi.log")"
state_is A copying || fail "$(st A state) after Ctrl-C"
refused 2 'not to /dev/mapper/C' dmmigrate vdi A --to /dev/mapper/C
for verb in cutover clean "start --insecure-plaintext"; do
	to=
	[ "${verb%% *}" != start ] || to=127.0.0.1:/dev/mapper/B
	# shellcheck disable=SC2086
	refused 3 'is being moved to /dev/mapper/B on this host' dmmigrate $verb A $to
done
grep -q 'dest: /dev/mapper/B, on this host' "$TMP/status.out" || fail "status: $(cat "$TMP/status.out")"
refused 3 'has not moved yet\|is forgotten' dmmigrate release "$(record)"
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
nothing_left "cancelled"
dmmigrate cancel A >/dev/null || fail "a second cancel: exit $?"

# ---- a new disk that fails ----
background vdi dmmigrate vdi A --to /dev/mapper/B --yes --bandwidth 2M
must_wait_for 20 state_is A copying
await A 10 "acked_bytes>=1048576"
dm_replace B-low "0 $(sectors_of B) flakey $(raw_of B) 0 0 600 1 error_writes"
r=0
wait $PID || r=$?
assert "exit code of a new disk that fails" $r = 6
grep -q 'writing to the sink failed.*next: dmmigrate cancel A' "$TMP/vdi.log" || fail "$(cat "$TMP/vdi.log")"
dm_replace B-low "$(low_table B)"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
[ -z "$(record)" ] || fail "a record stays"

# ---- one that hangs: cancel says so, and ends it once the disk answers; the guest goes on ----
background vdi dmmigrate vdi A --to /dev/mapper/B --yes --bandwidth 2M
must_wait_for 20 state_is A copying
await A 10 "acked_bytes>=1048576"
kill -INT $PID
wait $PID || fail "detached: exit $?: $(cat "$TMP/vdi.log")"
dmsetup suspend B-low
await A 10 "inflight_bytes>=1"
usleep 1000000
refused 5 'still waits for one of its two disks to answer.*next: dmmigrate cancel A' dmmigrate cancel A
writes=$(nl A writes_completed)
await A 10 "writes_completed>=$((writes + 10))"
dmsetup resume B-low
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
[ -z "$(record)" ] || fail "a record stays"

# ---- it moves ----
dmmigrate vdi A --to /dev/mapper/B --yes >"$TMP/vdi.out" 2>&1 || fail "vdi: exit $?: $(cat "$TMP/vdi.out")"
is_on B || fail "the table: $(dmsetup table A)"
say "$(grep pause "$TMP/vdi.out")"
grep -q 'pause  *[0-9.]* ms' "$TMP/vdi.out" || fail "$(cat "$TMP/vdi.out")"
[ ! -e /dev/mapper/A-dmm-origin ] || fail "the origin device stays"
md5sum <"$(raw_of A)" >"$TMP/old.md5"
usleep 700000
stop_load
checker_verdict /dev/mapper/A A
checker_verdict /dev/mapper/B A
assert "the old disk" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/old.md5")"

# ---- and that is so, whatever is said again ----
dmmigrate vdi A >"$TMP/again.out" 2>&1 || fail "again: exit $?: $(cat "$TMP/again.out")"
grep -q 'is on /dev/mapper/B now' "$TMP/again.out" || fail "$(cat "$TMP/again.out")"
refused 3 'cannot be taken back' dmmigrate cancel A
refused 3 'not released yet' dmmigrate vdi A --to /dev/mapper/A-low
is_on B || fail "the table: $(dmsetup table A)"
id=$(record)
dmmigrate release "$id" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
[ -z "$(record)" ] || fail "a record stays"

# ---- back, for machines ----
one A write:0:8192
dmmigrate vdi A --to /dev/mapper/A-low --yes --json >"$TMP/back.json" 2>&1 || fail "back: exit $?: $(cat "$TMP/back.json")"
grep -q '"pause_ns": *[1-9]' "$TMP/back.json" || fail "json: $(cat "$TMP/back.json")"
grep -q '"dest": *"/dev/mapper/A-low"' "$TMP/back.json" || fail "json: $(cat "$TMP/back.json")"
is_on A-low || fail "the table: $(dmsetup table A)"
checker_verdict /dev/mapper/A A
