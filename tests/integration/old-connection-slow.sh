# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will lose a connection whose writes take seconds at the destination, with frames in the
# receiver's socket that nobody has read yet, write the same blocks anew, and come back at
# once: the new connection waits for the old one's writes, and what the old one still had to
# say is never written.
# hazard 18: mutant 18 of the receiver fails this.
# check-kernels: 6.1
# check-processors: 2
. functions.sh
requires ip dmmigrate dmmigrated target:delay
load_module
requires debug
two_hosts
make_disk A 16
make_disk B 16
fill A
RECEIVER_OPTIONS="--engine libaio"
DAEMON_OPTIONS='--reconnect manual'
start_receiver
start_migration --connections 1
await_quiet A

# 64 extents are in flight, half of them in the receiver's hands
dm_replace B-low "0 $(sectors_of B) delay $(raw_of B) 0 0 $(raw_of B) 0 $((1500 * SLOW + 6500))"
short_ack_timeout $((1500 * SLOW))
# comb OFFSET: writes every second block of 256 KiB
comb() {
	local i=0 at=$1
	set --
	while [ $i -lt 32 ]; do
		set -- "$@" "write:$((at + i * 8192)):4096"
		i=$((i + 1))
	done
	one A "$@"
}
# the higher ones are in the receiver's hands; the lower ones, which come first in the next sweep, wait
comb $((256 << 10))
await A 5 "inflight_bytes>=$((32 * 4096))"
comb 0
await A 5 "inflight_bytes>=$((64 * 4096))"
await A 20 state=disconnected
comb 0
comb $((256 << 10))
begun=$(now_ms)
start_migration
took=$(($(now_ms) - begun))
dm_replace B-low "$(low_table B)"
await_quiet A 60
checker_verdict /dev/mapper/B A
assert "ms until the old connection's writes had ended" $took -ge 1000
assert "bytes acknowledged" "$(nl A acked_bytes)" -ge $(((16 << 20) + 64 * 4096))
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
