# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill the tool while it compares both sides of a rebooted source: nothing can be frozen or cut over then, and
# the next start --resume goes on, or a plain start copies everything.
# check-kernels: uml
# timeout: 240
. functions.sh
. functions-handover.sh
. functions-reboot.sh
requires ip dmmigrate dmmigrated od
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
cleanup_fn "dm_drop A-dmm-origin"
MIB=1048576

# killed: by the time that all is compared, before the kernel is told
killed() {
	local status=0
	DMM_TOOL_STOP_AT=comparing dmmigrate start --resume "$ID" >"$TMP/killed.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "the tool was not killed: exit $status: $(cat "$TMP/killed.out")"
	state_is A comparing || fail "$(st A state)"
}

start_migration
ID=$(migration_id)
await_quiet A
reboot_source
start_load A --writers 2 --rate 2 --sizes 512..32K --errors-ok
killed
usleep 300000
assert "bytes shipped" "$(nl A acked_bytes)" = 0
refused 1 'being compared' dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=1000
refused 3 "is comparing: only a migration that copies" dmmigrate cutover A
grep -q "start --resume $ID" "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
refused 3 'while it is comparing' dmmigrate resume A
dmmigrate status A | grep -q 'start --resume' || fail "$(dmmigrate status A)"
journal_is source active || fail "source: $(journal_says source)"
dmmigrate clean | grep -q 'no leftovers' || fail "$(dmmigrate clean)"

say "the next one goes on, by the connections that there are"
stop_load
epoch=$(nl A conn_epoch)
resume_by_id --json
assert "connection epoch" "$(nl A conn_epoch)" = "$epoch"
assert "bytes compared" "$(result compared_bytes)" = $((16 * MIB))
assert "was it running" "$(result was_running)" = false
dmmigrate wait A >/dev/null || fail "wait: exit $?"
await_quiet A
assert "bytes that differ" "$(result differing_bytes)" -gt 0
assert "bytes that differ" "$(result differing_bytes)" -lt $((12 * MIB))
assert "bytes shipped" "$(nl A acked_bytes)" = "$(result differing_bytes)"
same_disks /dev/mapper/A /dev/mapper/B

say "or it begins anew, by a plain start"
reboot_source
killed
start_load A --writers 2 --rate 20 --sizes 512..32K --errors-ok
dmmigrate start A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
# what has been read is acknowledged a little later
await A 30 "sweep_blocks>=4096" "acked_bytes>=$((16 * MIB))"
finish_migration
