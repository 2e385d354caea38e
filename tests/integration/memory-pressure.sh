# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will take the machine's memory away while a disk is copied and written to, again and
# again, until the kernel kills who eats it, and have somebody churn the page cache meanwhile: the copy goes
# on and ends, no guest write fails or waits for long, nobody but the eaters is killed, and the sides agree.
# check-kernels: long
# expect-log: invoked oom-killer|Out of memory: Killed process .* oom_score_adj:(500|1000)|oom_reaper|oom-kill:|Call Trace
. functions.sh
. functions-memory.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 48
make_disk B 48
fill A
# written before: null_blk's memory is not what this is about
dd if=/dev/zero of="$(raw_of B)" bs=1M count=48 oflag=direct 2>/dev/null
# holds nothing, but what is read of it is cached
churned=$(raw_disk churned 2048)
cleanup_fn "drop_raw_disk churned"

# allocations that had to look for memory themselves
stalls() { awk '/^allocstall/ { n += $2 } END { print n + 0 }' /proc/vmstat; }
# spare ADJ: all that run, and what they start, are killed last (-900) or as usual (0)
spare() {
	local p
	for p in /proc/[0-9]*; do
		echo "$1" >"$p/oom_score_adj"
	done 2>/dev/null
}
mkfifo "$TMP/nobody-reads"
exec 7<>"$TMP/nobody-reads"
spare -900
cleanup_fn "spare 0"

# with memory there: START takes its buffers with none of others' for it, or says that it cannot (allocation-failures.sh)
start_receiver
start_load A --writers 4 --rate 100 --sizes 4K..64K --discard 0 --zeroes 0
start_migration --bandwidth 2M

log_mark eaten
begun=$(now_ms) stalled=$(stalls) rounds=0
say "$(available) MiB available"
while [ "$(available)" -gt 128 ]; do
	eat 64 500
	usleep 100000
done
churn() { while :; do cat "$churned" >/dev/null; done; }
background churn churn
CHURN=$PID

total=$(st A total)
# as often at least, and until the first sweep is done, which is let go then
while [ $rounds -lt 4 ] || [ "$(nl A sweep_blocks)" -lt "$total" ]; do
	rounds=$((rounds + 1))
	[ $rounds != 5 ] || dmmigrate throttle A unlimited >/dev/null || fail "throttle: exit $?"
	shipped=$(nl A shipped_bytes) written=$(st A completed)
	eat 192 1000
	must_wait_for 30 gone "$EATER"
	say "$(now_ms): killed, $(available) MiB available, shipped $shipped, written $written"
	await A 10 state=copying "shipped_bytes>=$((shipped + 1))" "writes_completed>=$((written + 1))"
done
log_since eaten >"$TMP/log"
# an eater is a shell before it is dd
eater='oom_score_adj:\(500\|1000\)$'
killed=$(grep -c "Killed process .*$eater" "$TMP/log") stalled=$(($(stalls) - stalled))
say "$(($(now_ms) - begun)) ms, $rounds rounds, $killed killed, $stalled allocations had to find memory"
assert "processes killed for want of memory" "$killed" -ge 4
if grep -q '^allocstall' /proc/vmstat; then
	assert "allocations that had to wait for memory" $stalled -ge 100
elif [ "$KERNEL" != uml ]; then	# that one does not count them
	fail "no allocstall in /proc/vmstat"
fi
grep 'Killed process' "$TMP/log" | grep -v "$eater" && fail "others than the eaters were killed"
stop_load	# no operation has failed
latency_ms=$(($(sed -n 's/.*max_latency_us=\([0-9]*\).*/\1/p' "$TMP/load-A.log") / 1000))
say "longest operation of the guest: $latency_ms ms"
assert "milliseconds of the guest's longest operation" $latency_ms -lt $((5000 * SLOW))
# shellcheck disable=SC2086
kill $CHURN $EATERS 2>/dev/null || true
dmmigrate throttle A unlimited >/dev/null || fail "throttle: exit $?"
timeout 60 dmmigrate wait A >"$TMP/wait.out" 2>&1 || fail "not converging: $(cat "$TMP/wait.out")"
cutover --timeout 15000
checker_verdict /dev/mapper/B A --forbid-pending
