# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will do to a migration under load, for 20 s and at random, what it may be told
# or suffer: other numbers of connections, pause, resume, rates, freezes that end in time or
# do not, suspension, a source that hangs, one connection that is slow, stands
# still or is lost, stop and start.  Whenever nothing is said to be missing
# at the destination, or it is frozen, the disks must be the same; in
# the end every sector is the last one written.  DMM_SEED=N chooses otherwise, DMM_FIRE=SECONDS longer.
# timeout: 400
. functions.sh
requires ip tc module:sch_netem dmmigrate dmmigrated
load_module
two_hosts
add_host c 10.78.0
ADDR_C=10.78.0.2
SEED=${DMM_SEED:-1}
FIRE=${DMM_FIRE:-20}
dev=/dev/mapper/A
make_disk A 24
make_disk B 24
fill A
say "DMM_SEED=$SEED"

# rnd N: 0 to N-1 in $R
rnd() {
	SEED=$(((SEED * 1103515245 + 12345) & 0x7fffffff))
	R=$(((SEED >> 8) % $1))
}

# one_of WORD...: in $R
one_of() {
	rnd $#
	shift $R
	R=$1
}

# shape NETEM-WORDS: of host c's link.  Not on UML: a stack of 16 KiB is too small for the sanitizer, netem and
# what the network does in soft interrupts on top of each other.
shape() {
	[ "$KERNEL" != uml ] || return 0
	tc qdisc del dev dmm-c root 2>/dev/null || true
	# shellcheck disable=SC2086
	[ $# = 0 ] || tc qdisc add dev dmm-c root netem $1 limit 200
}

# begin: the slow or lost one goes by host c, in its mode; the others by host b
begin() {
	local i to n
	epoch=$((epoch + 1))
	PORT=$((PORT + 1))
	one_of 1 2 2 3 4 5 7 16
	n=$R
	rnd "$n"
	odd=$R
	one_of good good good good slow reset+7 reset+1 close+3 noread+4 silent+2
	mode=$R
	one_of "delay 20ms 10ms" "rate 8mbit" "delay 5ms loss 1%" "" ""
	shape ${R:+"$R"}
	one_of 0 1
	feat=$R
	say "start: $n connections, the one of number $odd is $mode, features $feat"
	phony --raw --write /dev/mapper/B good
	background "phony-c$PORT" in_ns c dmm-phony-recv --raw --port $PORT --write /dev/mapper/B "$mode"
	PHONY_C=$PID
	must_wait_for 10 listens c
	i=0
	while [ $i -lt "$n" ]; do
		to=$ADDR_B
		[ $i != "$odd" ] || to=$ADDR_C
		dmm-nl attach $dev "fd=tcp:$to:$PORT" "migration=$TEST" disk=0 conn_epoch=$epoch conn_index=$i \
			conns="$n" features="$feat"
		i=$((i + 1))
	done
	dmm-nl start $dev
}

# end: STOP returns at once whatever the peers do
end() {
	local log
	stop_raw A
	dmsetup resume A-low
	await_state A idle
	kill -9 "$PHONY" "$PHONY_C" 2>/dev/null || true
	for log in "$TMP"/phony*.log; do
		grep -E 'BAD|UNSOUND|FAILED' "$log" && fail "a receiver complains"
		rm "$log"
	done
}

well() { [ "$mode" = good ] || [ "$mode" = slow ]; }

# compare WHEN: B is A now.  The guest stands still, but for what is on its way.
compare() {
	blockdev --flushbufs /dev/mapper/A-origin
	blockdev --flushbufs /dev/mapper/B
	cmp /dev/mapper/A-origin /dev/mapper/B >"$TMP/cmp.out" 2>&1
}

lost() {
	await A 15 state=disconnected
	assert "bytes in flight after the loss" "$(nl A inflight_bytes)" = 0
	assert "dirty blocks after the loss" "$(nl A dirty_blocks)" -gt 0
}

# settle: nothing dirty, nothing on its way: then B has it all
settle() {
	local until state
	kill -STOP "$LOAD"
	dmm-nl rate $dev rate=0
	until=$(($(now_ms) + 20000))
	while :; do
		dmm-nl get $dev >"$TMP/get"
		state=$(sed -n 's/^state=//p' "$TMP/get")
		[ "$state" = copying ] || break
		if grep -qx dirty_blocks=0 "$TMP/get" && grep -qx inflight_bytes=0 "$TMP/get"; then
			compare || fail "nothing dirty nor in flight, but $(cat "$TMP/cmp.out")"
			settled=$((settled + 1))
			break
		fi
		if [ "$(now_ms)" -gt "$until" ]; then
			well && fail "it does not settle: $(cat "$TMP/get")"
			break
		fi
		well || [ "$(now_ms)" -lt $((until - 18500)) ] || break
	done
	kill -CONT "$LOAD"
}

# freeze TIMEOUT-MS: FROZEN means the same
freeze() {
	freezes=$((freezes + 1))
	dmm-nl freeze $dev epoch=$freezes timeout_ms="$1" 2>/dev/null || return 0
	if dmm-nl wait $dev $(($1 / 1000 + 1)) state=frozen 2>/dev/null; then
		compare || ! state_is A frozen || fail "frozen, but $(cat "$TMP/cmp.out")"
		frozen=$((frozen + 1))
	fi
	usleep 50000
	dmm-nl thaw $dev epoch=$freezes 2>/dev/null || true
	must_wait_for 10 sh -c "! dmsetup status A | grep -Eq ' (freezing|frozen) '"
}

# step: something happens.  Commands that the state refuses are no fault.
step() {
	one_of pause pause rate rate shape shape freeze freeze freeze freeze settle settle settle \
		suspend suspend origin hang lose restart
	say "$(now_ms): $R"
	case $R in
	pause)	dmm-nl pause $dev 2>/dev/null || true
		rnd 300
		usleep $((R * 1000))
		dmm-nl resume $dev 2>/dev/null || true ;;
	rate)	one_of 0 0 1000000 4000000 20000000
		dmm-nl rate $dev rate="$R" ;;
	shape)	one_of "delay 30ms" "rate 4mbit" "loss 3%" "delay 10ms reorder 25%" ""
		shape ${R:+"$R"} ;;
	freeze)	rnd 2
		if [ "$R" = 0 ]; then	# with much that is dirty
			dmm-nl pause $dev 2>/dev/null || true
			usleep 400000
			dmm-nl resume $dev 2>/dev/null || true
		fi
		one_of 20 200 6000 6000 6000
		freeze "$R" ;;
	settle)	settle ;;
	suspend)
		one_of "" --noflush
		# shellcheck disable=SC2086
		dmsetup suspend --nolockfs $R A
		rnd 200
		usleep $((R * 1000))
		dmsetup resume A ;;
	hang)	dmsetup suspend A-low
		rnd 400
		usleep $((R * 1000))
		rnd 2
		if [ "$R" = 0 ]; then
			end
			begin
		fi
		dmsetup resume A-low ;;
	lose)	kill -9 "$PHONY_C" 2>/dev/null || true
		lost
		end
		begin ;;
	origin)	dmsetup suspend A-origin
		rnd 200
		usleep $((R * 1000))
		dmsetup resume A-origin ;;
	restart)
		end
		begin ;;
	esac
	case $(st A state) in
	disconnected | failed)
		well && fail "lost without a cause: $(nl A reason)"
		lost
		end
		begin ;;
	esac
	rnd 300
	usleep $((R * 1000))
}

epoch=0 freezes=0 settled=0 frozen=0 steps=0
attach_raw A
start_load A --writers 4 --seed "$SEED" --rate 60 --sizes 512..64K --errors-ok
begin
stop_at=$(($(now_ms) + FIRE * 1000))
while [ "$(now_ms)" -lt $stop_at ] || [ $steps -lt 6 ]; do
	step
	steps=$((steps + 1))
done
end
say "$steps steps, $epoch times begun, settled $settled and frozen $frozen times"
assert "alerts" "$(st A alerts)" = 0
shape
detach_raw A

rnd 16
PORT=7790
start_receiver
start_migration --connections $((R + 1))
finish_migration
