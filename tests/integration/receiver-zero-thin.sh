# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will send a disk that is mostly zeros to a fresh thin volume, and see that the pool
# provides blocks for the data only; then zeros over the data, and see them read as such.
# check-kernels: 6.12
# kernels: 6.1 6.12 smp
. functions.sh
requires ip dmmigrated phony target:thin-pool
two_hosts
RECEIVER_OPTIONS=--insecure-plaintext	# as `phony` speaks
start_receiver

meta=$(raw_disk meta 8)
cleanup_fn "drop_raw_disk meta"
pool=$(raw_disk pool 64)
cleanup_fn "drop_raw_disk pool"
dd if=/dev/zero of="$meta" bs=4096 count=1 2>/dev/null
# blocks of 64 KiB
dm_create pool "0 $((64 * 2048)) thin-pool $meta $pool 128 0"
dmsetup message pool 0 "create_thin 0"
# five times as large as the pool
dm_create T "0 $((320 * 2048)) thin /dev/mapper/pool 0"

# blocks of the pool that are in use
used() { dmsetup status pool | sed 's/.* \([0-9]*\)\/1024 .*/\1/'; }
speak() {
	command phony "$ADDR_B:$PORT" "$@" >"$TMP/speak.out" 2>&1 ||
		fail "phony $*: $(cat "$TMP/speak.out")"
}

assert "blocks of a fresh volume" "$(used)" = 0
speak 1 prepare /dev/mapper/T 320M attach 1 zero 0 256M frame 3M 64K zero 256M 64M frame 300M 1M \
	zero 4M 200M barrier end query forget
grep -q 'received=546373632 ' "$TMP/speak.out" || fail "$(cat "$TMP/speak.out")"
assert "blocks with 1088 KiB of data in 17" "$(used)" = 17

speak 2 overwrite prepare /dev/mapper/T 320M attach 1 zero 0 64M zero 299M 8M barrier end forget
dd if=/dev/mapper/T bs=1048576 skip=3 count=1 2>/dev/null | cmp -s -n 1048576 - /dev/zero ||
	fail "not zeros at 3 MiB"
dd if=/dev/mapper/T bs=1048576 skip=300 count=1 2>/dev/null | cmp -s -n 1048576 - /dev/zero ||
	fail "not zeros at 300 MiB"
assert "blocks with zeros over the data, at most" "$(used)" -le 34
