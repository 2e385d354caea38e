# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will restart the receiver behind the commit, when it knows the disk no
# more: the cutover ends all the same, both sides can still be compared, and a
# destination that is in use by then is refused and not touched.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated mkfs.ext4
load_module
two_hosts
make_disk A 24
make_disk B 24
fill A
start_receiver
start_migration
await A 30 "sweep_blocks>=6144"
raw_commit A 1 15000
restart() {
	kill -9 "$RECEIVER"
	wait "$RECEIVER" 2>/dev/null || true
	start_receiver
}

restart
dmmigrate verify A >"$TMP/verify.out" 2>&1 || fail "verify: exit $?: $(cat "$TMP/verify.out")"
restart
cutover --verify
grep -q 'the receiver was restarted' "$TMP/cutover.out" || fail "not told: $(cat "$TMP/cutover.out")"
grep -q 'Both sides agree' "$TMP/cutover.out" || fail "not compared: $(cat "$TMP/cutover.out")"
restart
cutover
checker_verdict /dev/mapper/B A --forbid-pending

# the writer runs there by now
mkfs.ext4 -q -F /dev/mapper/B
mkdir -p "$TMP/mnt"
mount /dev/mapper/B "$TMP/mnt"
cleanup_fn "umount $TMP/mnt"
refused 6 'mounted' dmmigrate verify A
umount "$TMP/mnt"
refused 10 'differ' dmmigrate verify A
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
