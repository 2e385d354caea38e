# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will look at what the target counts of the guest and of the copy:
# one in 64 of reads and writes is timed, a slow disk shows in the right
# buckets, times of reading and sending add up, blocks are counted by kind; and the
# tracepoints tell of marks, shipments, acknowledgements and states.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate target:delay
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
dev=/dev/mapper/A
attach_raw A

# 6400 writes and as many reads: 100 of each are timed by each processor's count
dmm-load $dev --journal "$TMP/A.journal" --ops 6400 --writers 2 --sizes 512..4K >/dev/null
dd if=$dev of=/dev/null bs=4k count=3200 iflag=direct 2>/dev/null
writes=$(nl A write_samples) reads=$(nl A read_samples)
say "timed $writes of $(nl A writes_submitted) writes, $reads of $(nl A reads) reads"
assert "writes timed" "$writes" -ge 90
assert "writes timed" "$writes" -le 110
assert "reads timed" "$reads" -ge 45

# 20 ms late: 2^15 us is above, and no sample of before was that slow
dm_replace A-low "0 $(sectors_of A) delay $(raw_of A) 0 0 $(raw_of A) 0 20"
dmm-load $dev --journal "$TMP/A.journal" --ops 400 --writers 4 --sizes 512..4K >/dev/null
dm_replace A-low "$(low_table A)"
dmmigrate status --json A >"$TMP/status.json"
slow=$(tr -d ' \n' <"$TMP/status.json" | sed -n 's/.*guest_write_latency_log2_us":\[\([0-9,]*\)\].*/\1/p' |
	awk -F, '{ for (i = 16; i <= NF; i++) n += $i; print n + 0 }')
say "slow writes timed: $slow"
assert "slow writes timed, of 400" "$slow" -ge 4
dmmigrate status A >"$TMP/status.out"
grep -q 'guest: reads half <= [0-9]* [um]*s, 99% <= .*; writes half <= ' "$TMP/status.out" ||
	fail "status: $(cat "$TMP/status.out")"

trace=/sys/kernel/tracing
[ -d $trace/events ] || mount -t tracefs none $trace 2>/dev/null || true
if [ -d $trace/events/dmmigrate ]; then
	echo 1 >$trace/events/dmmigrate/enable
	cleanup_fn "echo 0 >$trace/events/dmmigrate/enable"
	echo >$trace/trace
elif [ "$KERNEL" != uml ]; then	# that one has none
	fail "no tracepoints"
fi
CONNS=2 FEATURES=1
connect_raw A --write /dev/mapper/B good
dmm-nl start $dev
await_quiet A
one A write:1M:8192 zeroes:2M:1048576
await_quiet A
assert "nanoseconds of reading" "$(nl A read_ns)" -gt 0
assert "nanoseconds of sending" "$(nl A send_ns)" -gt 0
assert "blocks of data and of zeros" $(($(nl A data_blocks) + $(nl A zero_blocks))) -ge $((4096 + 258))
assert "blocks of zeros" "$(nl A zero_blocks)" -ge 256
if [ -d $trace/events/dmmigrate ]; then
	cat $trace/trace >"$TMP/trace.out"
	for event in 'dmm_state: .* from 0 to 1' 'dmm_mark: .* block 256 nr 2 fresh 2' \
		'dmm_ship: .* conn 1 .* type 34 ' 'dmm_ship: .* type 37 offset 2097152 bytes 1048576' \
		'dmm_ack: .* conn 0 .* status 0'; do
		grep -q "$event" "$TMP/trace.out" || fail "not in the trace: $event"
	done
	say "$(grep -c dmm_ "$TMP/trace.out") events traced"
fi
raw_commit A 1
same_disks "$(raw_of A)" /dev/mapper/B
give_up_raw A
