# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will cut the link while both sides of a rebooted source are compared: the comparison waits for it, and goes on where it
# was; from the beginning where the receiver was restarted; and Ctrl-C meanwhile leaves it to another start --resume. What the guest
# writes all the time gets there.
# check-kernels: long
# timeout: 240
. functions.sh
. functions-handover.sh
. functions-reboot.sh
requires ip ss dmmigrate dmmigrated od
load_module
two_hosts
make_disk A 96
make_disk B 96
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
cleanup_fn "dm_drop A-dmm-origin"
BYTES=$((96 * 1048576))

# a connection has two windows of 16 MiB in hand, which are compared again
start_migration --connections 1
ID=$(migration_id)
await_quiet A

# rebooted: and what it has written since is known to nobody
rebooted() {
	reboot_source
	one A write:3M:640K
	start_load A --writers 1 --rate 8 --sizes 512..32K --errors-ok
}
# comparing: at 12 MiB/s, more than half of it done
comparing() {
	background resume dmmigrate start --resume "$ID" --bandwidth 12M --connections 1 --json
	RESUME=$PID
	must_wait_for 20 state_is A comparing
	sleep 5
	state_is A comparing || fail "A is $(st A state): $(cat "$TMP/resume.log")"
}
resumed() {
	wait "$RESUME" || fail "start --resume: exit $?: $(cat "$TMP/resume.log")"
	cp "$TMP/resume.log" "$TMP/resume.out"
	assert "bytes compared" "$(result compared_bytes)" = $BYTES
	assert "bytes that differ" "$(result differing_bytes)" -ge 655360
	HASHES=$(result hash_bytes)
}
caught_up() {
	dmmigrate throttle A unlimited >/dev/null || fail "throttle: exit $?"
	stop_load
	await_quiet A
	same_disks /dev/mapper/A /dev/mapper/B
}
said() { grep -q "$1" "$TMP/resume.log"; }

say "as it is without"
rebooted
comparing
resumed
ALL=$HASHES
assert "bytes of hashes" "$ALL" -ge $((BYTES * 16 / 65536))
caught_up

say "the link is lost, and comes back"
rebooted
comparing
epoch=$(nl A conn_epoch)
ss -K dst $ADDR_B dport = $PORT >/dev/null 2>&1 || fail "ss -K: exit $?"
must_wait_for 20 said 'it goes on once'
resumed
assert "connection epoch" "$(nl A conn_epoch)" -gt "$epoch"
assert "bytes of hashes, of all and a little again" $((HASHES * 5)) -le $((ALL * 7))
caught_up

say "the receiver is restarted"
rebooted
comparing
kill_all "$RECEIVER"
must_wait_for 20 said 'it goes on once'
usleep 500000
state_is A disconnected || fail "A is $(st A state)"
start_receiver
resumed
said 'from the beginning' || fail "$(cat "$TMP/resume.log")"
assert "bytes of hashes, of much of it again" $((HASHES * 2)) -ge $((ALL * 3))
caught_up

say "nobody waits for it"
rebooted
comparing
kill_all "$RECEIVER"
must_wait_for 20 said 'it goes on once'
kill -INT "$RESUME"
status=0
wait "$RESUME" || status=$?
assert "exit code" $status = 8
said 'interrupted while the link' || fail "$(cat "$TMP/resume.log")"
assert "state" "$(st A state)" = idle
start_receiver
sleep 2
assert "state, nobody having begun a copy" "$(st A state)" = idle
resume_by_id --json
assert "bytes compared" "$(result compared_bytes)" = $BYTES
finish_migration
