# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a disk while a guest overwrites more than a quarter of what
# has been shipped already, and see that the module shipped at least 95 % before
# the hold, some blocks again, that the freeze took at most 2 s, and that every
# sector at the destination is the last one written.  `make check-live` runs it,
# and builds with DMM_MUTANT=1, 2, 4 and 14 must fail it: the stages below that
# say so force each one's fault, they do not wait for it by chance.
# check-kernels: 6.1
# check-processors: 2
. functions.sh
requires ip dmmigrate dmmigrated
load_module
requires debug
two_hosts
MIB=1048576
make_disk A 48
make_disk B 48
fill A
start_receiver
# the guest: all over the first 40 MiB; the last 8 are for the stages below
start_load A --region 0:40M --writers 4 --rate 60 --sizes 512..32K --errors-ok

# the sweep stands still at its 20th extent, however fast this machine is
stop_arm after-clear 20
start_migration --connections 4 --bandwidth 8M
total=$(st A total)
stop_await after-clear
await A 20 "acked_bytes>=$((19 * MIB))"
from=$(dmm-check --clock --journal "$TMP/A.journal")
redirtied=$(nl A redirtied_blocks)

# behind the cursor: 3/8 of the disk, all of it shipped already (mutant 4 never ships it again)
dmm-load /dev/mapper/A --journal "$TMP/A.journal" --fill --region 0:18M >/dev/null
swept=$(nl A sweep_blocks)
assert "blocks swept after that: the copy still runs" "$swept" -lt "$total"
redirtied=$(($(nl A redirtied_blocks) - redirtied))
to=$(dmm-check --clock --journal "$TMP/A.journal")
stop_go after-clear
dmmigrate throttle A 0
timeout 60 dmmigrate wait A || fail "it does not converge: $(dmmigrate status A)"

# an extent has been read, its blocks are written again before it is sent (mutant 1 loses that)
kill -STOP "$LOAD"
await_quiet A 15
for at in 42 43 44; do
	stop_arm after-read
	one A write:${at}M:65536
	stop_await after-read
	one A write:${at}M:65536 write:$((at * MIB + 131072)):512
	stop_go after-read
	await_quiet A 15
done
# parts of blocks, each alone (mutant 14 does not mark them)
for op in write:$((45 * MIB + 512)):512 write:$((45 * MIB + 8192)):3584 write:$((45 * MIB + 18944)):1024 \
	zeroes:$((45 * MIB + 33280)):512 discard:$((45 * MIB + 41472)):1024 write:$((48 * MIB - 512)):512; do
	one A $op
	await_quiet A 15
done

# burst: more extents are dirty than can be on their way at a time, while the feeder stands still
burst() {
	stop_arm after-clear
	one A write:46M:4096
	stop_await after-clear
	dmm-load /dev/mapper/A --journal "$TMP/A.journal" --ops 350 --writers 2 --region 42M:6M --sizes 512..512 >/dev/null
}
# how long this machine takes to ship that when nothing is frozen
burst
begun=$(now_ms)
stop_go after-clear
await_quiet A
burst_ms=$(($(now_ms) - begun))
# and when the freeze comes upon it (mutant 2 leaves some): until the writes are held
burst
dirty=$(st A dirty)
kill -CONT "$LOAD"
# shellcheck disable=SC2016 # for the hooks' shell
background cutover dmmigrate cutover A --timeout 15000 --hook-stop 'echo "stopped $DMM_SOURCE"' \
	--hook-start 'echo "started $DMM_DEVICE"'
await A 20 state=freezing
stop_go after-clear
wait "$PID" || fail "cutover: exit $?: $(cat "$TMP/cutover.log")"
cat "$TMP/cutover.log"
grep -q 'stopped /dev/mapper/A' "$TMP/cutover.log" || fail "the stop hook did not run"
grep -q 'started /dev/mapper/A.dmm' "$TMP/cutover.log" || fail "the start hook did not run"
grep -q 'somebody still has A open after the stop hook' "$TMP/cutover.log" ||
	fail "the load has A open, and nobody is told"
state_is A released || fail "$(st A state) after the cutover"
usleep 300000	# the guest runs into the end of the source
failed=$(nl A failed_writes)
checker_verdict /dev/mapper/B A --forbid-pending --distinct 4096 --from "$from" --to "$to"
distinct=$(sed -n 's/.*distinct=\([0-9]*\).*/\1/p' "$TMP/check.out")

shipped=$(nl A shipped_bytes) prehold=$(nl A prehold_bytes) resent=$(nl A resent_blocks)
freeze_ms=$((($(nl A drain_ns) + $(nl A ship_ns) + $(nl A barrier_ns)) / 1000000))
say "shipped $shipped bytes, $prehold before the hold, $resent blocks again, freeze $freeze_ms ms, burst $burst_ms ms"
assert "bytes shipped" "$shipped" -ge $((48 * MIB * 5 / 4))
assert "bytes shipped before the hold, of $shipped, in percent" $((prehold * 100 / shipped)) -ge 95
assert "blocks re-sent" "$resent" -ge $((total / 4))
# 2 s; a machine to which that burst is as much may take as long as for two
assert "milliseconds of the freeze" $freeze_ms -le $((burst_ms > 1000 ? 2 * burst_ms : 2000))
assert "blocks left for the freeze" "$(nl A freeze_blocks)" -gt 0
assert "alerts" "$(nl A alerts)" = 0
assert "shipped blocks that were overwritten, of $total" $((redirtied * 4)) -ge "$total"
assert "distinct blocks overwritten, of $total" $((distinct * 4)) -ge "$total"
assert "dirty blocks before the cutover" "$dirty" -ge 150
assert "writes that failed" "$failed" -gt 0
dmmigrate verify A || fail "verify: exit $?"

# the guest goes on at the destination, and the source is given up
dmm-load /dev/mapper/B --journal "$TMP/B.journal" --ops 200 --discard 5 --zeroes 5 >/dev/null
dmmigrate clean --yes A
assert "table of the source" "$(dmsetup table A | cut -d ' ' -f 3)" = error
kill "$LOAD"
wait "$LOAD" || fail "the load"
checker_verdict /dev/mapper/B A --journal "$TMP/B.journal"
