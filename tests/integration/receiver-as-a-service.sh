# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will run the receiver as systemd does: it says when it is ready, reloads
# and stops, its errors go to the journal with the migration's identity, it loses no
# descriptor, and a destination that hangs neither harms another one nor keeps
# SIGTERM from ending it.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
for d in A C; do make_disk $d 8; fill $d; done
for d in B D; do make_disk $d 8; done

mkdir -p /run/systemd/journal
cleanup_fn "rm -rf /run/systemd /run/dmm-notify"
background journal dmm-datagrams /run/systemd/journal/socket
background notify dmm-datagrams /run/dmm-notify
must_wait_for 5 test -S /run/systemd/journal/socket
chmod 666 /run/systemd/journal/socket	# as the real one: processes of any user write there
must_wait_for 5 test -S /run/dmm-notify
mkdir -p "$TMP/etc"
cleanup_fn "rm -rf /var/lib/dmmigrate"
cleanup_fn "dm_drop A.dmm"
printf '[dmmigrated]\nlisten = %s\nport = %s\nallow = /dev/mapper/*\n' "$ADDR_B" "$PORT" >"$TMP/etc/dmmigrated.conf"
background service env NOTIFY_SOCKET=/run/dmm-notify nsenter --net=/run/netns/b \
	dmmigrated --config "$TMP/etc/dmmigrated.conf"
SERVICE=$PID
notified() { grep -qx "$1" "$TMP/notify.log"; }
journal_has() { grep -q "$1" "$TMP/journal.log"; }
must_wait_for 10 notified READY=1
listens b || fail "it said READY and does not listen"
kill -HUP "$SERVICE"
must_wait_for 5 notified RELOADING=1
must_wait_for 5 sh -c "[ \$(grep -cx READY=1 $TMP/notify.log) = 2 ]"

# migrations come and go, descriptors too
descriptors() { find "/proc/$SERVICE/fd" -mindepth 1 | wc -l; }
# libdevmapper keeps its control device open once it was used
start_migration
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
usleep 500000
before=$(descriptors)
for _ in 1 2 3; do
	start_migration
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
	dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
	refused 3 'allow' dmmigrate start A "$ADDR_B:/dev/null"
done
same_descriptors() { [ "$(descriptors)" = "$before" ]; }
must_wait_for 5 same_descriptors

# an error of the destination
half=$(($(sectors_of B) / 2))
start_migration --bandwidth 1M
dm_replace B-low "0 $half linear $(raw_of B) 0
$half $half error"
dmmigrate throttle A 0 >/dev/null
await A 20 state=failed
must_wait_for 5 journal_has '^DMM_MIGRATION=[0-9a-f]\{32\}$'
id=$(dmmigrate status A --json | sed -n 's/.*"migration":"\([0-9a-f]*\)".*/\1/p')
awk -v RS= -v id="$id" '$0 ~ "DMM_MIGRATION=" id && /DMM_DISK=0/ && /PRIORITY=3/ && /SYSLOG_IDENTIFIER=dmmigrated/ {
	found = 1 } END { exit !found }' "$TMP/journal.log" ||
	fail "no error with the identity $id in the journal: $(cat "$TMP/journal.log")"
[ ! -s "$TMP/service.log" ] || fail "on stderr: $(cat "$TMP/service.log")"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
dm_replace B-low "$(low_table B)"

# a destination that hangs, and one that does not; by one connection: idle ones would be told of the end
start_migration --yes --connections 1
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
dmsetup suspend B-low
one A write:1M:64K
await A 10 "inflight_bytes>=1"
dmmigrate start C "$ADDR_B:/dev/mapper/D" >"$TMP/start-c.out" 2>&1 || fail "start C: $(cat "$TMP/start-c.out")"
timeout 60 dmmigrate wait C >/dev/null || fail "wait C: exit $?"
dmmigrate cutover C >"$TMP/c.out" 2>&1 || fail "cutover C: exit $?: $(cat "$TMP/c.out")"
checker_verdict /dev/mapper/D C --forbid-pending
dmmigrate clean --yes C >/dev/null || fail "clean: exit $?"
kill -TERM "$SERVICE"
must_wait_for 5 notified STOPPING=1
sleep 7
dmsetup resume B-low	# the kernel finishes what was begun before the process can be gone
status=0
wait "$SERVICE" || status=$?
assert "exit code with a disk that does not answer" $status = 5
await A 10 state=disconnected
dmmigrate cancel A >/dev/null 2>&1 || fail "cancel: exit $?"
checker_verdict /dev/mapper/A A
