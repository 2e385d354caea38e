# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will change one sector of the destination after the cutover and see
# verify say so with exit code 10, and --verify in the cutover abort before the
# commit when the destination differs.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
requires debug
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
start_migration --bandwidth 0
await A 20 "sweep_blocks>=4096"
await_quiet A
# somebody writes to the destination behind the receiver's back
spoil() { dmm-load "$(raw_of B)" --journal "$TMP/spoil.journal" --op write:$((20001 * 512)):512 >/dev/null; }
stop_arm before-frozen
background cutover dmmigrate cutover A --verify --timeout 15000
stop_await before-frozen
spoil
stop_go before-frozen
status=0
wait "$PID" || status=$?
assert "exit of a cutover that found a difference" $status = 10
start_migration
await A 20 "sweep_blocks>=4096"
one A write:$((20000 * 512)):4096
await_quiet A
cutover --verify
checker_verdict /dev/mapper/B A
dmmigrate verify A >"$TMP/verify.out" || fail "verify: exit $?"
spoil
refused 10 'differ' dmmigrate verify A
dmm-check /dev/mapper/B --journal "$TMP/A.journal" >"$TMP/check.out" && fail "the checker does not see it"
grep -q 'FAULTY.* alien 1;' "$TMP/check.out" || fail "the checker: $(cat "$TMP/check.out")"
dmmigrate clean --yes A >/dev/null
