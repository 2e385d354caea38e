# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will limit the bandwidth, change the limit while it runs, and
# measure that it holds within 10 %; 0 lifts it, and so does a freeze.
# check-kernels: 6.1
. functions.sh
requires ip
load_module
two_hosts
make_disk A 64
fill A
dev=/dev/mapper/A
attach_raw A
connect_raw A good

# measure RATE SECONDS
measure() {
	# what had been saved up or begun
	await A 20 "shipped_bytes>=$(($(nl A shipped_bytes) + 1048577))"
	note_shipped A
	sleep "$2"
	ship_rate A
	say "limit $1 bytes/s: $RATE"
	assert "bytes/s with a limit of $1" "$RATE" -le $(($1 * 110 / 100))
	assert "bytes/s with a limit of $1" "$RATE" -ge $(($1 * 90 / 100))
}
dmm-nl start $dev rate=2097152
measure 2097152 4
dmm-nl rate $dev rate=5242880
measure 5242880 6
dmm-nl rate $dev rate=1024
usleep 1000000	# the debt of the last extent, and then crumbs
from=$(nl A shipped_bytes)
sleep 2
assert "bytes in 2 s at 1024 bytes/s" $(($(nl A shipped_bytes) - from)) -le 1048576
dmm-nl freeze $dev epoch=1 timeout_ms=15000
await_state A frozen 15
assert "all was shipped by the freeze" "$(nl A shipped_bytes)" -ge 67108864
dmm-nl thaw $dev epoch=1
dmm-nl rate $dev rate=0
dmm-nl stop $dev
checker_verdict $dev A
detach_raw A
