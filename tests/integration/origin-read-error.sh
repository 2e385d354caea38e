# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will let the origin fail a read: the migration ends in FAILED with
# that error, side and reason, first error kept, and the guest goes on.
# DRBD 497149ded, blktap 1e16709: a later success hid an error.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8
make_disk B 8
fill A
dev=/dev/mapper/A
sectors=$(sectors_of A)
attach_raw A
# one sector in the middle of the disk can't be read
dm_replace A-low "0 10000 linear $(raw_of A) 0
10000 1 error
10001 $((sectors - 10001)) linear $(raw_of A) 10001"
start_load A --writers 3 --region 0:4M
connect_raw A good --write /dev/mapper/B
dmm-nl start $dev
await_state A failed 10
assert "error" "$(nl A error)" = -5
assert "side" "$(nl A error_side)" = 1
assert "in dmsetup status" "$(st A error)" = origin:-5
nl A reason | grep -q 'origin' || fail "reason: $(nl A reason)"
assert "dirty blocks are still there" "$(st A dirty)" -gt 0
refused 1 E dmm-nl freeze $dev epoch=1 timeout_ms=1000
# the first error sticks
kill "$PHONY"
usleep 200000
assert "error" "$(st A error)" = origin:-5
log_since "" | grep -c 'migration failed' >"$TMP/logged" || true
assert "logged once" "$(cat "$TMP/logged")" -le 1
dmm-nl stop $dev
state_is A idle || fail "$(st A state)"
nl A reason | grep -q 'origin' || fail "the stop forgot the reason: $(nl A reason)"
# mended, it can start again
dm_replace A-low "$(low_table A)"
PORT=$((PORT + 1))
connect_raw A good --write /dev/mapper/B
dmm-nl start $dev
await A 10 "acked_bytes>=8388608"
stop_load
await_quiet A
raw_commit A 1
checker_verdict /dev/mapper/B A
give_up_raw A
