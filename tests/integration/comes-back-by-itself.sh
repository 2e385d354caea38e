# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will cut the link, kill the receiver, reboot its host, and kill the source's daemon meanwhile: each
# time the copy goes on by itself, its guest notices nothing, and what was flushed is not sent
# again. What is paused stays so, what was cancelled is not taken up again, and a gate keeps its name.
# check-kernels: long
# carriers: relay plaintext
# timeout: 240
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
requires debug
two_hosts
make_disk A 16
make_disk B 16
fill A
MIB=1048576
short_ack_timeout $((2000 * SLOW))
remember_devices
start_receiver
cleanup_fn "dm_drop X"

receiver_killed() {
	kill -9 "$RECEIVER"
	must_wait_for 10 gone "$RECEIVER"
}

# lost: notes what has to be sent when it comes back, and what was sent so far
lost() {
	await A 30 state=disconnected
	await A 5 inflight_bytes=0
	DIRTY=$(($(nl A dirty_blocks) * 4096)) UNFLUSHED=$(nl A unflushed_bytes) ACKED=$(nl A acked_bytes)
	assert "bios held" "$(st A held)" = 0
}

# goes_on WHAT BYTES: nobody helps it; so many are sent
goes_on() {
	await A 60 state=copying
	await_quiet A 60
	assert "$1: bytes sent" $(($(nl A acked_bytes) - ACKED)) = "$2"
	assert "$1: rate" "$(nl A rate)" = $((4 * MIB))
	assert "$1: state of the gate" "$(nl X gate)" = shut
	checker_verdict /dev/mapper/B A
}

flushed() { [ "$(nl A unflushed_bytes)" = 0 ]; }
# tries: how often the daemons had something to say about it, fewer than they did
tries() { cat "$TMP"/daemon*.log | grep -c -e 'had lost its connection' -e 'does not go on'; }

# without a gate: it stays so; cancelled while it is lost: that is the end
start_migration --no-gate
await_quiet A
receiver_killed
lost
start_receiver
await A 60 state=copying
[ ! -e /dev/mapper/A.dmm ] || fail "there is a gate now"
receiver_killed
lost
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
restored "cancelled while it was lost"
tries=$(tries)
assert "tries" "$tries" -ge 1
start_receiver
usleep $((5000000 * SLOW))
restored "a while after it was cancelled"
assert "tries after it was cancelled" "$(tries)" = "$tries"

start_migration --yes --gate X --bandwidth 4M --barrier-size 3M --barrier-interval 1
ID=$(migration_id)

# in the middle: what is dirty and, since it is another receiver, what no barrier has covered
await A 20 "acked_bytes>=$((7 * MIB))"
receiver_killed
lost
assert "bytes that a barrier has covered" $((16 * MIB - DIRTY - UNFLUSHED)) -ge $((3 * MIB))
one A write:0:4096
DIRTY=$((DIRTY + 4096))
usleep $((3000000 * SLOW))
state_is A disconnected || fail "$(st A state) without a receiver"
dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || fail "recover: exit $?"
grep -q 'disk 0 has lost its connection.*connection refused' "$TMP/recover.out" || fail "$(cat "$TMP/recover.out")"
start_receiver
goes_on "receiver killed" $((DIRTY + UNFLUSHED))

# the link: the same receiver, which has it all; that it is cut is only noticed by what is sent
must_wait_for 30 flushed
ip link set dmm-b down
one A write:1M:65536
lost
assert "bytes dirty" "$DIRTY" = 65536
ip link set dmm-b up
goes_on "link cut" 65536

# everything was flushed: there is nothing to send; and the source's daemon is another one, too
must_wait_for 30 flushed
receiver_killed
lost
kill -9 "$DAEMON"
must_wait_for 10 gone "$DAEMON"
start_receiver
start_daemon
goes_on "receiver and daemon killed" 0

# its host was rebooted: no gate, another boot id
must_wait_for 30 flushed
receiver_killed
lost
dmsetup remove X
echo 01234567-89ab-cdef-0123-456789abcdef >"$TMP/boot_id"
mount --bind "$TMP/boot_id" /proc/sys/kernel/random/boot_id
start_receiver
umount /proc/sys/kernel/random/boot_id
goes_on "host rebooted" 0

# what was paused is paused, though no daemon remembers it
dmmigrate pause A >/dev/null || fail "pause: exit $?"
receiver_killed
lost
kill -9 "$DAEMON"
must_wait_for 10 gone "$DAEMON"
start_receiver
start_daemon
await A 60 state=paused
usleep 500000
state_is A paused || fail "$(st A state), though it was paused"
dmmigrate resume A >/dev/null || fail "resume: exit $?"

# again and again under load
start_load A --writers 3 --rate 60 --sizes 512..64K
for n in 1 2; do
	acked=$(nl A acked_bytes)
	await A 20 "acked_bytes>=$((acked + 65536))"
	receiver_killed
	lost
	start_receiver
	await A 60 state=copying
done
stop_load
assert "failed reads and writes" "$(nl A failed_reads) $(nl A failed_writes)" = "0 0"
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
cutover --timeout 15000
must_wait_for 5 journal_is destination settled
checker_verdict /dev/mapper/X A --forbid-pending
tries=$(tries)
receiver_killed
usleep $((7000000 * SLOW))
state_is A released || fail "$(st A state) after the cutover"
assert "tries after the cutover" "$(tries)" = "$tries"
start_receiver
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
