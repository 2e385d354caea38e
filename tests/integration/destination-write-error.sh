# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will let the destination fail writes, then only a flush: the
# migration ends in FAILED on the receiver's side, the guest goes on, another
# disk of the same receiver is not harmed, and cancel puts the table back.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated target:flakey
load_module
two_hosts
for d in A B C D; do make_disk $d 16; done
fill A
fill C
remember_devices
start_receiver
start_load C --writers 2 --rate 20 --sizes 512..16K --errors-ok
LOAD_C=$LOAD
start_load A --writers 2 --rate 20 --sizes 512..16K
start_migration --bandwidth 2M
dmmigrate start --bandwidth 4M C "$ADDR_B:/dev/mapper/D" >/dev/null || fail "start: exit $?"
await A 10 "acked_bytes>=2097152"
dm_replace B-low "0 $(sectors_of B) flakey $(raw_of B) 0 0 600 1 error_writes"
await A 20 state=failed
assert "error" "$(st A error)" = receiver:-5
assert "what the receiver said" "$(nl A remote_status)" = 5	# DMM_WERR_IO
dmmigrate status A >"$TMP/status.out" 2>&1 || true
grep -qi 'fail' "$TMP/status.out" || fail "status: $(cat "$TMP/status.out")"
refused 3 'only a migration that copies' dmmigrate cutover A
writes=$(nl A writes_completed)
await A 10 "writes_completed>=$((writes + 20))"
assert "the other disk" "$(st C state)" = copying
dm_replace B-low "$(low_table B)"
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
stop_load
checker_verdict /dev/mapper/A A

dmmigrate throttle C 0 >/dev/null
timeout 60 dmmigrate wait C >/dev/null || fail "not converging"
dmmigrate cutover C >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
checker_verdict /dev/mapper/D C
dmmigrate clean --yes C >/dev/null
kill "$LOAD_C"
wait "$LOAD_C" || fail "the load"
assert "A has its table again" "$(dmsetup table A)" = "$(sed -n 's/^A: //p' "$TMP/devices")"

# a destination that is full: a file in a filesystem without room
mkdir "$TMP/full"
mount -t tmpfs -o size=4M none "$TMP/full"
cleanup_fn "umount $TMP/full"
truncate -s 16M "$TMP/full/disk"
kill "$RECEIVER"
wait "$RECEIVER" || fail "the receiver's end: exit $?"
PORT=$((PORT + 1))
RECEIVER_OPTIONS="--allow $TMP/full/*" start_receiver
dmmigrate start A "$ADDR_B:$PORT:$TMP/full/disk" >/dev/null || fail "start: exit $?"
await A 20 state=failed
assert "error" "$(st A error)" = receiver:-28
dmmigrate status A >"$TMP/status.out" || true
grep -q 'destination is full' "$TMP/status.out" || fail "status: $(cat "$TMP/status.out")"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
one A write:0:4096
checker_verdict /dev/mapper/A A
