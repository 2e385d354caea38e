# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will cut the power of the destination: its write-back cache is lost with all that
# no barrier covers. Started again the copy goes on, sends what was not flushed and not a byte
# more, and ends with every sector right; so it does when the receiver only ends.
# hazard 34: mutant 34 fails this.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 16
make_disk B 16 512 cache_size=32
fill A
DAEMON_OPTIONS='--reconnect manual'
start_receiver

# power_cut: of host b
power_cut() {
	local power=$CONFIGFS/nullb/B-raw/power
	kill -9 "$RECEIVER"
	await_state A disconnected
	for d in A.dmm B B-low; do
		wait_for 5 dmsetup remove $d || fail "dmsetup remove $d"
	done
	echo 0 >"$power"	# null_blk drops what was not flushed, and only that
	echo 1 >"$power"
	dmsetup create B-low --table "0 $((16 << 11)) linear $(raw_of B) 0"
	dmsetup create B --table "0 $((16 << 11)) linear /dev/mapper/B-low 0"
	start_receiver
}

# in the midst of the copy (what null_blk has stored once it overwrites in place: only new blocks are lost)
start_migration --bandwidth 4M --barrier-size 4M --barrier-interval 1h
await A 20 "barrier>=1" "unflushed_bytes>=$((1 << 20))"
pause_between_extents A
unflushed=$(nl A unflushed_bytes) dirty=$(($(nl A dirty_blocks) * 4096)) shipped=$(st A shipped)
assert "bytes that are not flushed" "$unflushed" -lt $((16 << 20))
assert "bytes that are flushed" $((unflushed + dirty)) -lt $((16 << 20))
power_cut
assert "bytes on the list, disconnected" "$(nl A unflushed_bytes)" = "$unflushed"
start_migration --bandwidth 0
grep -q 'from where it was' "$TMP/start.out" || fail "start: $(cat "$TMP/start.out")"
state_is A paused || fail "$(st A state), though it was paused"
dmmigrate resume A >/dev/null || fail "resume: exit $?"
await_quiet A
checker_verdict /dev/mapper/B A
assert "bytes sent again" $(($(st A shipped) - shipped - dirty)) = "$unflushed"

# a receiver that ends, well-behaved or not, may have been told of an error that nobody knows now
for how in TERM KILL; do
	one A write:2M:64K write:5M:64K
	await_quiet A
	unflushed=$(nl A unflushed_bytes) shipped=$(st A shipped)
	assert "bytes that are not flushed" "$unflushed" -gt 0
	kill -$how "$RECEIVER"
	await_state A disconnected
	assert "side of the error" "$(nl A error_side)" = 2
	start_receiver
	start_migration
	await_quiet A
	assert "bytes sent again after SIG$how" $(($(st A shipped) - shipped)) = "$unflushed"
done

# under load, twice in the midst of it
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
start_load A --writers 3 --rate 60 --sizes 512..64K --errors-ok
start_migration --yes --bandwidth 4M --barrier-size 2M --barrier-interval 500ms
await A 20 "barrier>=2"
power_cut
start_migration --bandwidth 0
await A 20 "sweep_blocks>=4096"
power_cut
start_migration
finish_migration
