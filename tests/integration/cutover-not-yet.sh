# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will ask for a cutover that cannot succeed yet, wait for what never
# comes, and have hooks that do harm: the writer is not stopped for nothing, and
# every wait ends and says why.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated mkfs.ext4
load_module
two_hosts
make_disk A 24
make_disk B 24
make_disk C 24
fill A
DAEMON_OPTIONS='--reconnect manual'
start_receiver

# in the first sweep, at a pace that takes 24 s: the writer is not stopped
start_migration --bandwidth 1M
refused 7 'next: dmmigrate wait A' dmmigrate cutover A --timeout 1000 --hook-stop "touch $TMP/stopped"
[ ! -e "$TMP/stopped" ] || fail "the stop hook ran for nothing"
state_is A copying || fail "$(st A state) after a cutover that was refused"

# a paused migration never becomes ready
dmmigrate pause A >/dev/null
refused 7 'next: dmmigrate resume A' timeout 10 dmmigrate wait A
dmmigrate resume A >/dev/null

# who waits does not keep others from the device, and is told of the end
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
background start dmmigrate start A $ADDR_B:/dev/mapper/B --bandwidth 1M --wait
must_wait_for 10 state_is A copying
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
status=0
wait "$PID" || status=$?
assert "exit code of start --wait" $status = 8
grep -q 'was stopped' "$TMP/start.log" || fail "$(cat "$TMP/start.log")"

# a record that is lost does not make --yes of another destination
mkfs.ext4 -q /dev/mapper/C
start_migration
ID=$(migration_id)
rm /run/dmmigrate/*.json
kill -9 "$RECEIVER"
start_receiver
await A 10 state=disconnected
refused 3 'next: dmmigrate start --yes' dmmigrate start A $ADDR_B:/dev/mapper/C
blkid /dev/mapper/C 2>/dev/null | grep -q ext4 || e2fsck -fn /dev/mapper/C >/dev/null 2>&1 ||
	fail "the destination was overwritten unasked"
dmmigrate cancel A >/dev/null 2>&1 || fail "cancel: exit $?"
# where the receiver is has been forgotten: people tell it
refused 3 "is the destination of migration $ID.*dmmigrate release $ID on this host" \
	dmmigrate start A "$ADDR_B:/dev/mapper/B"
there release "$ID" >/dev/null || fail "release: exit $?"

# a stop hook that removes the device, as toolstacks do: it is held open
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
cutover --hook-stop 'dmsetup remove A || true'
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
