# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move two disks at once over one receiver, each under its own
# load, cancel a third meanwhile, and find each destination right and nobody's
# data on another's disk.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
for d in A B C D E F; do make_disk $d 8; done
for d in A C E; do fill $d; done
start_receiver
start_load A --writers 2 --rate 50 --sizes 512..64K --errors-ok
LOAD_A=$LOAD
start_load C --writers 2 --rate 50 --sizes 512..64K --errors-ok
LOAD_C=$LOAD
start_migration --bandwidth 2M
dmmigrate start --bandwidth 2M --block-size 64K C "$ADDR_B:/dev/mapper/D" >/dev/null || fail "start C: exit $?"
dmmigrate start --bandwidth 1M E "$ADDR_B:/dev/mapper/F" >/dev/null || fail "start E: exit $?"
# a destination that another migration has
refused 3 '' dmmigrate start C-low "$ADDR_B:/dev/mapper/B"
dmmigrate list >"$TMP/list.out" || fail "list: exit $?"
for d in A C E; do
	await $d 20 "acked_bytes>=524288"
	grep -q "^$d\>\|[ /]$d " "$TMP/list.out" || fail "list does not show $d: $(cat "$TMP/list.out")"
done
dmmigrate cancel E >/dev/null || fail "cancel E: exit $?"
for d in A C; do
	dmmigrate throttle $d 0 >/dev/null
	timeout 60 dmmigrate wait $d >/dev/null || fail "$d is not converging"
done
dmmigrate cutover A --timeout 15000 >"$TMP/a.out" 2>&1 || fail "cutover A: exit $?: $(cat "$TMP/a.out")"
assert "the other disk" "$(st C state)" = copying
dmmigrate cutover C --timeout 15000 >"$TMP/c.out" 2>&1 || fail "cutover C: exit $?: $(cat "$TMP/c.out")"
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
checker_verdict /dev/mapper/D C --forbid-pending
checker_verdict /dev/mapper/E E
for d in A C; do
	dmmigrate verify $d >/dev/null || fail "verify $d: exit $?"
	dmmigrate clean --yes $d >/dev/null || fail "clean $d: exit $?"
done
kill "$LOAD_A" "$LOAD_C"
wait "$LOAD_A" || fail "load A"
wait "$LOAD_C" || fail "load C"
