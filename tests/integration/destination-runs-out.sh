# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will migrate to a thin volume whose pool is too small, which waits for more or fails, and to a disk that is made
# smaller meanwhile: the guest goes on, it is said what is wrong, and once that is mended the migration goes on to its end.
# check-kernels: long
# kernels: 6.1 6.12 smp
# expect-log: device-mapper: thin: .*(out-of-data-space|reached low water mark|switching pool to)
# timeout: 240
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated target:thin-pool
load_module
two_hosts
make_disk A 32
fill A
start_receiver
meta=$(raw_disk meta 8)
cleanup_fn "drop_raw_disk meta"
data=$(raw_disk data 64)
cleanup_fn "drop_raw_disk data"

# pool_of MIB [feature]: its data device is the beginning of $data
pool_table() {
	local mib=$1
	shift
	echo "0 $((mib * 2048)) thin-pool $meta $data 128 0 $# $*"
}

# thin_destination [feature]: B, in a pool of 16 MiB
thin_destination() {
	dd if=/dev/zero of="$meta" bs=4096 count=1 2>/dev/null
	dm_create pool "$(pool_table 16 "$@")"
	dmsetup message pool 0 "create_thin 0"
	dm_create B "0 $((32 * 2048)) thin /dev/mapper/pool 0"
}

enlarge_pool() { dm_replace pool "$(pool_table 48 "$@")"; }

drop_destination() {
	dm_drop B
	dm_drop pool
}

# guest_goes_on: its writes end, and none waits
guest_goes_on() {
	local writes
	writes=$(nl A writes_completed)
	await A 10 "writes_completed>=$((writes + 20))"
}

again() {
	dmmigrate start A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 || fail "start, again: exit $?: $(cat "$TMP/start.out")"
}

say "a pool that fails what it has no room for"
thin_destination error_if_no_space
start_load A --writers 2 --rate 30 --sizes 512..16K --errors-ok
start_migration
await A 30 state=failed
assert "error" "$(st A error)" = receiver:-28
dmmigrate status A >"$TMP/status.out" || true
grep -q 'destination is full' "$TMP/status.out" || fail "status: $(cat "$TMP/status.out")"
guest_goes_on
refused 3 'A is failed (destination is full): only a migration that copies' dmmigrate cutover A
enlarge_pool error_if_no_space
again
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
drop_destination

say "a pool that waits for more"
thin_destination
start_migration
waits() { dmsetup status pool | grep -q out_of_data_space; }
must_wait_for 30 waits
usleep 1000000
acked=$(nl A acked_bytes)
guest_goes_on
usleep 2000000
guest_goes_on
assert "state" "$(st A state)" = copying
assert "bytes that went on meanwhile" "$(nl A acked_bytes)" = "$acked"
assert "writes that wait in the target" "$(nl A held)" = 0
enlarge_pool
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"

say "a destination that is made smaller"
dm_replace B "0 $((8 * 2048)) thin /dev/mapper/pool 0"
await A 30 state=failed
assert "error" "$(st A error)" = receiver:-27
dmmigrate status A >"$TMP/status.out" || true
grep -q 'receiver: destination is smaller than the source$' "$TMP/status.out" || fail "status: $(cat "$TMP/status.out")"
guest_goes_on
refused 3 'enlarge it by' dmmigrate start A "$ADDR_B:/dev/mapper/B"
dm_replace B "0 $((32 * 2048)) thin /dev/mapper/pool 0"
again
finish_migration
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
cleanup_fn drop_destination
