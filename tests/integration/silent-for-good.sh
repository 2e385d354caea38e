# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will stop one receiver for good and cut the link to another, half-open:
# after so long without an acknowledgement (30 s, here 1.5) both are DISCONNECTED, their guests
# have noticed nothing, and cancel puts the tables back.
# check-kernels: uml
. functions.sh
requires ip dmmigrate dmmigrated
load_module
requires debug
add_host b 10.77.0
add_host c 10.77.1
for d in A B C D; do make_disk $d 8; done
fill A
fill C
remember_devices
start_receiver_on b 10.77.0.2
STOPPED=$RECEIVER
start_receiver_on c 10.77.1.2
DAEMON_OPTIONS='--reconnect manual'
start_daemon
start_load C --writers 2 --rate 20 --sizes 512..16K
LOAD_C=$LOAD
start_load A --writers 2 --rate 20 --sizes 512..16K
start_migration --bandwidth 1M
dmmigrate start --bandwidth 1M C 10.77.1.2:/dev/mapper/D >/dev/null || fail "start: exit $?"
for d in A C; do await $d 10 "acked_bytes>=1048576"; done
ID=$(basename "$(grep -l '"source": *"C"' /run/dmmigrate/*.json)" .json)
signal_all STOP "$STOPPED"
ip -n c link set eth0 down
sleep 3				# twice what is too long below, and not here
for d in A C; do assert "$d: silent for 3 s of 30" "$(st $d state)" = copying; done
short_ack_timeout 1500		# from now on: a slow machine was late before
await A 15 state=disconnected
await C 15 state=disconnected
for d in A C; do
	assert "$d: error" "$(st $d error)" = link:-110
	nl $d reason | grep -q '30 s' || fail "$d: reason: $(nl $d reason)"
done
# neither receiver can be told: that takes a while, but the tables are back at once
dmmigrate cancel A >"$TMP/cancel-A.out" 2>&1 &
pid_a=$!
dmmigrate cancel C >"$TMP/cancel-C.out" 2>&1 &
pid_c=$!
for d in A C; do
	must_wait_for 5 sh -c "dmsetup table $d | grep -q linear"
done
signal_all CONT "$STOPPED"
wait $pid_a || fail "cancel A: exit $?: $(cat "$TMP/cancel-A.out")"
wait $pid_c || fail "cancel C: exit $?: $(cat "$TMP/cancel-C.out")"
grep -q 'not told' "$TMP/cancel-C.out" || fail "cancel C: $(cat "$TMP/cancel-C.out")"
ip -n c link set eth0 up
# its connections are still there, and nobody tells it of their end
dmmigrate release "$ID" --source-gone C.dmm --control "$TMP/control-c" >"$TMP/release.out" 2>&1 ||
	fail "release: exit $?: $(cat "$TMP/release.out")"
stop_load
LOAD=$LOAD_C
stop_load
restored "after both"
checker_verdict /dev/mapper/A A
checker_verdict /dev/mapper/C C
