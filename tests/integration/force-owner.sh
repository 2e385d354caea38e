# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have a person force the owner: only on the source, once it has given up, by the device's name, and not
# while the destination's daemon is connected. The source goes on then, who did it is journalled, and a destination
# that owned the disk, or ran there, finds itself refused when it comes back.
# check-kernels: 6.12
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
two_hosts
make_disk A 8
make_disk B 8
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
receiver_gone() {
	kill_all "$RECEIVER"
}
forced() { dmmigrate recover "$ID" --force-owner A >"$TMP/force.out" 2>&1; }
# off_and_forced: the destination's host goes off, and the source's is told so
off_and_forced() {
	receiver_gone
	dmsetup remove A.dmm
	refused 9 "start the writer on neither; this host has given the disks up" dmmigrate recover "$ID"
	refused 3 "'B' is not the name of this migration's device" dmmigrate recover "$ID" --force-owner B
	forced || fail "force: exit $?: $(cat "$TMP/force.out")"
	grep -q 'by your word' "$TMP/force.out" || fail "$(cat "$TMP/force.out")"
	source_is active || fail "source: $(journal_says source)"
	reads A || fail "the source does not go on"
}

start_migration
ID=$(migration_id)
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
refused 3 'for a source that has given its disks up' dmmigrate recover "$ID" --force-owner A
DMM_TOOL_STOP_AT=finished dmmigrate cutover A --timeout 15000 >"$TMP/cutover.out" 2>&1 || true
dest_is owned || fail "destination: $(journal_says destination)"

say "not on the destination, and not while that is connected"
refused 3 'for a source that has given its disks up' there recover "$ID" --force-owner A.dmm
refused 3 'connected.*is not off' dmmigrate recover "$ID" --force-owner A
source_is relinquished || fail "source: $(journal_says source)"

say "off, owned: the source goes on, and what comes back refuses"
[ ! -e /proc/self/loginuid ] || echo 1000 >/proc/self/loginuid
off_and_forced
[ ! -e /proc/self/loginuid ] || grep -aq 'logged in as uid 1000' "/var/lib/dmmigrate/source/$ID/journal" ||
	fail "nobody knows who has forced it"
another_boot
start_receiver
must_wait_for 20 dest_is refused
! reads A.dmm || fail "the gate of what was refused lets a read pass"
dmmigrate recover "$ID" | grep -q 'the source owns' || fail "recover"
there recover "$ID" | grep -q 'the source owns' || fail "recover there"

say "the same once it ran there, and has written: that is void, and so is this migration"
await_state A copying 30
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
DMM_TOOL_STOP_AT=finished dmmigrate cutover A --timeout 15000 >"$TMP/cutover.out" 2>&1 || true
there run --unconfirmed "$ID" >"$TMP/run.out" 2>&1 || fail "run: exit $?: $(cat "$TMP/run.out")"
dd if=/dev/zero of=/dev/mapper/A.dmm bs=4096 count=1 oflag=direct 2>/dev/null || fail "the gate is not open"
off_and_forced
another_boot
start_receiver
must_wait_for 20 dest_is refused
! reads A.dmm || fail "the gate of what was refused lets a read pass"
# 3 until the daemon has made the connections anew, 8 from then on
got=0
dmmigrate cutover A --timeout 5000 >"$TMP/refused.out" 2>&1 || got=$?
[ $got = 3 ] || [ $got = 8 ] || fail "exit $got: $(cat "$TMP/refused.out")"
source_is active || fail "source: $(journal_says source)"
reads A || fail "the source does not go on"
timeout 60 dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
