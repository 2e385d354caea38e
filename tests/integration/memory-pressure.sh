# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will eat the machine's memory, page cache and slab while a disk is copied and written to: the copy
# goes on, no guest write fails or waits for good, nobody but the eaters is killed, and the sides agree.
# on-demand: it may be the machine that the kernel kills for want of memory
# timeout: 240
# expect-log: (hog|dd) invoked oom-killer|Out of memory: Killed process .*\((dd|hog)\)|oom_reaper|oom-kill:
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 64
make_disk B 64
fill A
start_receiver
start_load A --writers 4 --rate 100 --sizes 4K..64K
start_migration --bandwidth 4M
await_state A copying

# eat MIB: tmpfs cannot be given back without swap; leaves some for those who must live
available() { awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo; }
mkdir -p "$TMP/eaten"
mount -t tmpfs -o size=100% none "$TMP/eaten"
cleanup_fn "umount $TMP/eaten"
free_before=$(available)
n=0
while [ "$(available)" -gt 24 ]; do
	n=$((n + 1))
	dd if=/dev/zero of="$TMP/eaten/$n" bs=1M count=8 2>/dev/null || break
done
say "$free_before MiB available before, $(available) MiB now"
assert "MiB available" "$(available)" -lt 48
# and whoever reads and writes files fights for the rest
i=0
while [ $i -lt 30 ]; do
	i=$((i + 1))
	before=$(st A submitted)
	find / -xdev -type f -size +8k -exec cat {} + 2>/dev/null | head -c 67108864 >/dev/null || true
	sleep 0.5
	[ "$(st A state)" = copying ] || fail "$(st A state) $(st A error) under pressure"
	[ $i -gt 2 ] && [ "$(st A submitted)" = "$before" ] && fail "the guest's writes stand still"
	[ "$(nl A sweep_blocks)" -lt 16384 ] || break
done
shipped=$(st A shipped)
say "shipped $shipped under pressure"
assert "bytes shipped under pressure" "$shipped" -gt 0
stop_load	# no operation has failed
umount "$TMP/eaten"
dmmigrate throttle A unlimited >/dev/null || fail "throttle: exit $?"
timeout 60 dmmigrate wait A >"$TMP/wait.out" 2>&1 || fail "not converging: $(cat "$TMP/wait.out")"
cutover --timeout 15000
checker_verdict /dev/mapper/B A
