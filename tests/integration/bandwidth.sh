# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will limit the bandwidth, change the limit while it runs, and
# measure that it holds within 15 %; 0 lifts it, and so does a freeze.
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
	local from to begun ended want got
	usleep 300000	# what had been saved up or begun
	begun=$(now_ms)
	from=$(nl A shipped_bytes)
	sleep "$2"
	to=$(nl A shipped_bytes)
	ended=$(now_ms)
	got=$(((to - from) * 1000 / (ended - begun)))
	say "limit $1 bytes/s: $got"
	want=$1
	assert "bytes/s with a limit of $want" $got -le $((want * 115 / 100))
	assert "bytes/s with a limit of $want" $got -ge $((want * 85 / 100))
}
dmm-nl start $dev rate=2097152
measure 2097152 4
dmm-nl rate $dev rate=5242880
measure 5242880 6	# an extent more or less must not matter
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
