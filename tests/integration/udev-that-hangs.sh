# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have a udev that never answers: start and cancel wait for it, but not for ever, say
# so, and the disk moves all the same; nothing of the waiting is left behind.
# check-kernels: long
# kernels: 6.1 6.12
. functions.sh
requires ip dmmigrate dmmigrated
[ -d /proc/sysvipc ] || skip "no System V semaphores, by which udev is waited for"
load_module
two_hosts
make_disk A 8
make_disk B 8
fill A
start_receiver
# what libdevmapper takes for a udev that runs
unset DM_DISABLE_UDEV
mkdir -p /run/udev
: >/run/udev/control
cleanup_fn "rm -f /run/udev/control"
semaphores() { awk 'NR > 1' /proc/sysvipc/sem | wc -l; }
before=$(semaphores)

began=$(now_ms)
dmmigrate start A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
took=$(($(now_ms) - began))
grep -q 'udev did not answer in time' "$TMP/start.out" || fail "not told: $(cat "$TMP/start.out")"
assert "start took ms" $took -ge 10000
assert "start took ms" $took -le 45000
assert "semaphores" "$(semaphores)" = "$before"
await A 30 "sweep_blocks>=2048"
dmmigrate cancel --json A >"$TMP/cancel.out" 2>"$TMP/cancel.err" || fail "cancel: exit $?"
grep -q '"notes":.*udev' "$TMP/cancel.out" || fail "not told: $(cat "$TMP/cancel.out")"
assert "semaphores" "$(semaphores)" = "$before"
dmsetup table A | grep -q linear || fail "table: $(dmsetup table A)"
cmp /dev/mapper/A /dev/mapper/B || fail "the sides differ"
