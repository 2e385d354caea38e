# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will count the barriers of a copy that goes on: by time, by bytes, none when
# nothing was acknowledged. They do not stop the flow; what none covers is bounded, and a
# list that is full stops it until one does. Frozen leaves nothing uncovered.
# check-kernels: 6.1
. functions.sh
requires ip tc
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
dev=/dev/mapper/A
attach_raw A
HOUR=3600000

# begin_copy MODE START-ATTRIBUTE...
begin_copy() {
	PORT=$((PORT + 1))
	connect_raw A --write /dev/mapper/B "$1"
	shift
	dmm-nl start $dev "$@"
}

# start_combing: writes every second block of C's second half, again and again, until $COMB is killed
start_combing() {
	awk 'BEGIN { for (i = 0; i < 128; i++) printf "--op write:%d:4096 ", 1048576 + i * 8192 }' >"$TMP/ops"
	# shellcheck disable=SC2016
	background comb sh -c 'while dmm-load "$0" --journal "$1" $(cat "$2") >/dev/null; do :; done' \
		/dev/mapper/C "$TMP/C.journal" "$TMP/ops"
	COMB=$PID
}

for zero in barrier_bytes=0 barrier_ms=0; do
	connect_raw A good
	refused 1 ERANGE dmm-nl start $dev $zero
	stop_raw A
	PORT=$((PORT + 1))
done

# by time, while it copies; then what is left is covered, and no more are sent
begin_copy good rate=$((1 << 20)) barrier_ms=300 barrier_bytes=$((1 << 40))
await A 20 "barrier>=3"
state_is A copying || fail "$(st A state)"
assert "dirty blocks after three barriers" "$(st A dirty)" -gt 0
dmm-nl rate $dev rate=0
await_quiet A
await A 5 unflushed_bytes=0
barrier=$(nl A barrier)
usleep 1000000
assert "barriers of a quiet disk" "$(nl A barrier)" = "$barrier"
one A write:1M:4096
await A 5 "barrier=$((barrier + 1))" unflushed_bytes=0
stop_raw A

# by time, while the link is slower than the origin: there is always something read, and a barrier goes between
tc qdisc add dev dmm-b root netem rate 16mbit
begin_copy good barrier_ms=300 barrier_bytes=$((1 << 40))
await A 20 "barrier>=1"
assert "bytes acknowledged with the first barrier" "$(nl A acked_bytes)" -lt $((12 << 20))
tc qdisc del dev dmm-b root
await_quiet A
stop_raw A

# by bytes: two extents; while a barrier is under way some more are acknowledged
begin_copy good rate=$((8 << 20)) barrier_ms=$HOUR barrier_bytes=$((2 << 20))
await_quiet A
assert "barriers of 16 MiB, one for at least two" "$(nl A barrier)" -le 8
assert "barriers of 16 MiB" "$(nl A barrier)" -ge 3
assert "bytes that are not covered" "$(nl A unflushed_bytes)" -lt $((2 << 20))
# what was set is kept
stop_raw A
begin_copy good
await_quiet A
usleep 500000
assert "barriers by the same rule" "$(nl A barrier)" -ge 1
stop_raw A

# a barrier that is not acknowledged keeps nothing from being shipped, until the list is full
begin_copy nobarrier barrier_ms=100 barrier_bytes=$((1 << 40))
await_quiet A
assert "barriers acknowledged" "$(nl A barrier)" = 0
assert "bytes that are not covered" "$(nl A unflushed_bytes)" = $((16 << 20))
state_is A copying || fail "$(st A state)"
stop_raw A

# ... or until twice as much as one barrier is for lies behind it: the flush that it waits for may be slow, and has
# no more and more to do
PORT=$((PORT + 1))
CONNS=2 connect_raw A --write /dev/mapper/B late=$((5000 * SLOW)) good
dmm-nl start $dev barrier_ms=$HOUR barrier_bytes=$((1 << 20))
await A 4 "unflushed_bytes>=$((2 << 20))" barrier=0
usleep $((500000 * SLOW))
shipped=$(st A shipped)
usleep 500000
assert "bytes shipped behind a slow barrier" "$(st A shipped)" = "$shipped"
assert "bytes that are not covered" "$(nl A unflushed_bytes)" -lt $((10 << 20))
assert "barriers" "$(nl A barrier)" = 0
await A 20 "barrier>=1"
await A 120 dirty_blocks=0
stop_raw A

# A disk of 512 blocks: there is room for as many runs.  With the barrier late on one connection the
# other one goes on, until the list of every second block, again and again, is full.
make_disk C 2
make_disk D 2
fill C
attach_raw C
PORT=$((PORT + 1))
CONNS=2 connect_raw C --write /dev/mapper/D late=$((12000 * SLOW)) good
# only once all of it was acknowledged: what comes behind the barrier is joined with nothing of before
dmm-nl start /dev/mapper/C barrier_ms=$HOUR barrier_bytes=$((2 << 20))
await_quiet C
full=$(((2 << 20) + 448 * 4096))
start_combing
await C 11 "unflushed_bytes>=$full" barrier=0
usleep $((500000 * SLOW))
shipped=$(st C shipped)
usleep 1000000
assert "bytes shipped with a full list" "$(st C shipped)" = "$shipped"
assert "bytes on the list" "$(nl C unflushed_bytes)" -le $((full + 64 * 4096))
assert "barriers" "$(nl C barrier)" = 0
assert "dirty blocks" "$(st C dirty)" -gt 0
await C 30 "barrier>=1" "unflushed_bytes<=$((full - 4096))"
kill "$COMB"
stop_raw C

# half full it asks for one by itself; and a freeze under load leaves nothing that is not covered
PORT=$((PORT + 1))
CONNS=2 connect_raw C --write /dev/mapper/D late=500 good
dmm-nl start /dev/mapper/C barrier_ms=$HOUR barrier_bytes=$((2 << 20))
await C 20 barrier=1 unflushed_bytes=0
start_combing
await C 20 "barrier>=2"		# at 256 blocks, half of what was set
raw_commit C 1 10000
assert "bytes that are not covered when frozen" "$(nl C unflushed_bytes)" = 0
usleep 200000
checker_verdict /dev/mapper/D C --forbid-pending
give_up_raw C	# which ends the load
wait "$COMB"
