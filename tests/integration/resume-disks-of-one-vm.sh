# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will reboot the source of a migration of two disks in the middle of the copy: start --resume compares both, no faster
# than --bandwidth allows, which can be changed meanwhile; a tool that is killed after the first disk leaves the
# second to the next; nothing is cut over before both are compared, then both are.
# check-kernels: long
# timeout: 240
. functions.sh
. functions-handover.sh
. functions-reboot.sh
requires ip dmmigrate dmmigrated od
load_module
two_hosts
for d in A B C D; do make_disk $d 16; done
for d in A C; do fill $d; done
start_receiver
for d in A C; do
	cleanup_fn "dm_drop $d.dmm"
	cleanup_fn "dm_drop $d-dmm-origin"
done
MIB=1048576

start_both() {
	dmmigrate start "$@" A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D" >"$TMP/start.out" 2>&1 ||
		fail "start: exit $?: $(cat "$TMP/start.out")"
}
start_both --bandwidth 8M
ID=$(basename "$(find /run/dmmigrate -name '*-1.json')" -1.json)
for d in A C; do await $d 30 "sweep_blocks>=2000"; done
reboot_source A C
for d in A C; do one $d write:3M:640K; done

say "as fast as it may, and another rate meanwhile"
start_load A --writers 1 --rate 8 --sizes 512..32K --errors-ok
LOAD_A=$LOAD
# 16 s for the first disk
begun=$(now_ms)
background resume dmmigrate start --resume "$ID" --bandwidth 1M --json
RESUME=$PID
must_wait_for 20 state_is A comparing
refused 3 'another dmmigrate is working on' dmmigrate cutover A
must_wait_for 20 state_is C comparing
sleep 4
state_is A comparing || fail "16 MiB were compared in $(($(now_ms) - begun)) ms, at 1 MiB/s"
dmmigrate throttle A 16M >/dev/null || fail "throttle: exit $?"
must_wait_for 8 state_is A copying
say "the first was compared after $(($(now_ms) - begun)) ms, at two rates"
sleep 3
state_is C comparing || fail "16 MiB of the second were compared within 3 s, at 1 MiB/s"
kill -9 "$RESUME"
wait "$RESUME" 2>/dev/null || true
refused 3 'only a migration that copies' dmmigrate cutover A
state_is A copying || fail "A is $(st A state) after a refused cutover"

say "the next goes on with the second"
acked=$(nl A acked_bytes)
assert "bytes of the first that were shipped" "$acked" -lt $((12 * MIB))
dmmigrate throttle C unlimited >/dev/null || fail "throttle: exit $?"
resume_by_id --json
assert "bytes compared" "$(result compared_bytes)" = $((16 * MIB))
assert "bytes of hashes" "$(result hash_bytes)" -le $((16 * MIB / 100))
assert "bytes that differ" "$(result differing_bytes)" -ge 655360
for d in A C; do dmmigrate throttle $d unlimited >/dev/null || fail "throttle: exit $?"; done
dmmigrate wait A >/dev/null || fail "wait: exit $?"
assert "bytes of the second that were shipped" "$(nl C acked_bytes)" -le $((12 * MIB))
kill "$LOAD_A"
wait "$LOAD_A" || fail "the load: $(cat "$TMP/load-A.log")"
dmmigrate cutover C --timeout 15000 >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
for d in A C; do state_is $d released || fail "$d is $(st $d state) after the cutover"; done
checker_verdict /dev/mapper/B A --forbid-pending
checker_verdict /dev/mapper/D C --forbid-pending
