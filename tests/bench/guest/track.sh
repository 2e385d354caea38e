# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: uml-bench
# measures: track-idle track-on track-on-250g track-on-1m
# What a write bio costs through the target over null_blk, against dm-linear over the same
# null_blk, by a loop in the kernel: attached only, and while a migration tracks. The latter at its
# worst: every block is clean, as if shipped already, so every write sets bits.  Devices are made anew several
# times, since where their memory happens to lie is worth some per cent; the best of each counts.
# shellcheck source=bench.sh
. /t/bench.sh
load_module
rounds=$(quick_or 1 8)
tries=$(quick_or 1 5)

# measure NAME GIB BYTES [on]
measure() {
	local name=$1 peer=999999 ours=999999 try=0
	wanted "$name" || return 0
	while [ $try -lt "$tries" ]; do
		try=$((try + 1))
		measure_once "$@"
		say "$name: $(tenths "$OURS"), dm-linear $(tenths "$PEER")"
		peer=$(min "$peer" "$PEER")
		ours=$(min "$ours" "$OURS")
	done
	result "$name" "$(tenths "$ours")" "$(tenths "$peer")" ns/bio dm-linear
}
# measure_once NAME GIB BYTES [on]: into $OURS and $PEER
measure_once() {
	local name=$1 node sectors
	node=$(plain_disk "null$2" $(($2 * 1024)))
	sectors=$(blockdev --getsz "$node")
	dm_create peer "0 $sectors linear $node 0"
	dm_create ours "0 $sectors migrate $node 8"
	if [ -n "${4-}" ]; then
		PORT=$((PORT + 1))
		phony --raw good
		dmm-nl attach /dev/mapper/ours "fd=tcp:127.0.0.1:$PORT" "migration=$name" disk=0 conn_epoch=1 \
			conn_index=0 conns=1
		dmm-nl start /dev/mapper/ours rate=1024
		dmm-nl pause /dev/mapper/ours
		state_is ours paused || fail "not paused"
		usleep 300000
	fi
	insmod /files/dmm-bench.ko peer=/dev/mapper/peer ours=/dev/mapper/ours "bytes=$3" "rounds=$rounds" \
		"clear=$([ -n "${4-}" ] && echo 1 || echo 0)" || fail "the loop"
	if [ -n "${4-}" ]; then
		[ "$(nl ours dirty_blocks)" -gt 0 ] || fail "nothing was marked"
		[ "$(nl ours state)" = paused ] || fail "not paused any more"
	fi
	read -r PEER OURS </sys/module/dmm_bench/parameters/result
	rmmod dmm-bench
	[ -z "${4-}" ] || {
		stop_raw ours
		kill "$PHONY"
	}
	dm_drop ours
	dm_drop peer
	drop_raw_disk "null$2"
}
# listens: the receiver is here, not in a namespace
listens() { grep -qi ":$(printf %04X $PORT) .* 0A " /proc/net/tcp; }
phony() {
	background "phony$PORT" dmm-phony-recv --listen 127.0.0.1 --port $PORT "$@"
	PHONY=$PID
	must_wait_for 10 listens
}
measure track-idle 1 4096
measure track-on 1 4096 on
measure track-on-250g 250 4096 on
measure track-on-1m 1 1048576 on
