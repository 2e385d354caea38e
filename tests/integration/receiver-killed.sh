# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill the receiver while it receives: the guest notices nothing,
# the state is DISCONNECTED with the reason, starting again copies it all to the
# end. And again while the source is frozen: it thaws.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
requires debug
two_hosts
make_disk A 16
make_disk B 16
fill A
DAEMON_OPTIONS='--reconnect manual'
start_receiver
start_load A --writers 3 --rate 60 --sizes 512..64K --errors-ok
start_migration --bandwidth 2M
await A 10 "acked_bytes>=1048576"
kill -9 "$RECEIVER"
await A 5 state=disconnected
assert "side" "$(nl A error_side)" = 2
dmmigrate status A >"$TMP/status.out" 2>&1 || true
grep -qi 'disconnected' "$TMP/status.out" || fail "status: $(cat "$TMP/status.out")"
before=$(nl A writes_completed)
await A 10 "writes_completed>=$((before + 20))"
refused 3 'only a migration that copies' dmmigrate cutover A

# nobody listens there now
refused 4 '' dmmigrate start A "$ADDR_B:/dev/mapper/B"
await A 5 "writes_completed>=$((before + 21))"
start_receiver
start_migration
await A 30 "sweep_blocks>=4096"

# killed after the barrier, before the source is frozen: that freeze is void
stop_arm before-frozen
background cutover dmmigrate cutover A --timeout 15000
stop_await before-frozen
state_is A freezing || fail "$(st A state) at before-frozen"
kill -9 "$RECEIVER"
await A 5 state=disconnected
stop_go before-frozen
status=0
wait "$PID" || status=$?
assert "exit of the cutover" $status = 8
state_is A disconnected || fail "$(st A state) after the receiver was killed while freezing"
before=$(nl A writes_completed)
await A 10 "writes_completed>=$((before + 20))"

# killed when the source is committed already: everything is there, and nobody may use it until the receiver has said whether it took
# it over; then it is given back
start_receiver
start_migration
await A 30 "sweep_blocks>=4096"
DMM_TOOL_STOP_AT=committed dmmigrate cutover A --timeout 15000 >"$TMP/killed.out" 2>&1 || true
kill -9 "$RECEIVER"
await_state A committed
checker_verdict /dev/mapper/B A --forbid-pending
refused 9 'nobody knows.*recover' dmmigrate cutover A
state_is A committed || fail "$(st A state) though the destination may own it"
start_receiver
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
before=$(dmm-check --clock --journal "$TMP/A.journal")
must_wait_for 10 sh -c "[ \$(dmm-check --clock --journal $TMP/A.journal) -gt $((before + 20)) ]"
start_migration --yes
await A 30 "sweep_blocks>=4096"
finish_migration
