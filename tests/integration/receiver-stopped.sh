# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will stop the receiver's process: a freeze that can't end thaws; and for $STALL seconds (60; 600 in
# check-long) no bio waits in the target, the guest's latency is that of another disk beside it, which has no
# target, and no task hangs, with connections that take nothing and without any. Then the migration goes on by itself.
# check-kernels: 6.1
# timeout: 900
. functions.sh
requires ip dmmigrate dmmigrated
STALL=${STALL:-60}
load_module
two_hosts
make_disk A 16
make_disk B 16
make_disk P 16
fill A
fill P
# a task that waits longer than this is one line more in the kernel log, which fails the test
HUNG=/proc/sys/kernel/hung_task_timeout_secs
assert "seconds until a task hangs" "$(cat $HUNG)" = 60
echo $((30 * SLOW)) >$HUNG
cleanup_fn "echo 60 >$HUNG"
start_receiver
start_load A --writers 3 --rate 60 --sizes 512..64K --errors-ok
start_migration --bandwidth 1M
await A 10 "acked_bytes>=1048576"

signal_all STOP "$RECEIVER"
usleep 500000
writes=$(nl A writes_completed) acked=$(nl A acked_bytes)
usleep 1000000
await A 5 "writes_completed>=$((writes + 20))"
assert "bytes acknowledged" "$(nl A acked_bytes)" = "$acked"
assert "state" "$(st A state)" = copying
# a freeze meanwhile
dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=1000
await A 5 state=copying
assert "result of a freeze that could not end" "$(nl A freeze_result)" = -62
signal_all CONT "$RECEIVER"
acked=$(nl A acked_bytes)
await A 10 "acked_bytes>=$((acked + 1048576))"
stop_load

# look: $HELD, $SUBMITTED and $COMPLETED of A
look() {
	local line
	dmm-nl get /dev/mapper/A >"$TMP/get"
	while read -r line; do
		case $line in
		held=*) HELD=${line#*=} ;;
		writes_submitted=*) SUBMITTED=${line#*=} ;;
		writes_completed=*) COMPLETED=${line#*=} ;;
		state=*) STATE=${line#*=} ;;
		esac
	done <"$TMP/get"
}
# said DISK WORD: of its load's report
said() { sed -n "s/.* $2=\([0-9]*\).*/\1/p" "$TMP/load-$1.log"; }
slow_writes() {
	dmmigrate status --json A >"$TMP/status.json"
	tr -d ' \n' <"$TMP/status.json" | sed -n 's/.*guest_write_latency_log2_us":\[\([0-9,]*\)\].*/\1/p' |
		awk -F, '{ for (i = 23; i <= NF; i++) n += $i; print n + 0 }'
}

signal_all STOP "$RECEIVER"
usleep 500000
acked=$(nl A acked_bytes)
slow=$(slow_writes)
for d in P A; do
	start_load $d --seconds $((STALL + 300)) --writers 2 --rate 30 --sizes 512..16K
	eval "LOAD_$d=$PID"
done
look
first=$COMPLETED looks=0 lost=0
until=$(($(now_ms) + STALL * 1000))
while [ "$(now_ms)" -lt $until ]; do
	last=$COMPLETED
	usleep $((1000000 * SLOW))
	look
	looks=$((looks + 1))
	[ "$STATE" = copying ] || lost=$((lost + 1))
	assert "bios held after $looks s" "$HELD" = 0
	# each writer has one under way, and its discards may be several
	assert "writes in the target after $looks s" $((SUBMITTED - COMPLETED)) -le 8
	assert "writes in second $looks" $((COMPLETED - last)) -gt 0
done
say "looked $looks times, the connection was lost at $lost of them, $((COMPLETED - first)) writes"
for d in P A; do
	eval "LOAD=\$LOAD_$d"
	stop_load
	say "$d: $(cat "$TMP/load-$d.log")"
done
assert "bytes acknowledged" "$(nl A acked_bytes)" = "$acked"
assert "writes" $((COMPLETED - first)) -ge $((STALL * 10))
assert "writes of more than 2 s that were timed" "$(slow_writes)" = "$slow"
for p in 50 99; do
	beside=$(said P p${p}_us)
	# what one quarter of an octave and the host's other work make of it
	assert "us of $p %, $beside beside it" "$(said A p${p}_us)" -le $((beside * 2 + 2000 * SLOW))
done
signal_all CONT "$RECEIVER"
await A 60 "acked_bytes>=$((acked + 1048576))"
assert "failed reads and writes" "$(nl A failed_reads) $(nl A failed_writes)" = "0 0"

start_load A --writers 3 --rate 60 --sizes 512..64K --errors-ok
dmmigrate throttle A 0 >/dev/null
timeout 60 dmmigrate wait A >/dev/null || fail "not converging"
# that epoch was none of the journal's: the next one is larger
refused 8 'freeze' dmmigrate cutover A
finish_migration
