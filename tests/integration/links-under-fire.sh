# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will do to a migration under load, for 10 s and at random, what it may be told
# or suffer: other numbers of connections, pause, resume, rates, freezes that end in time or
# do not, suspension, a source that hangs, one connection that is slow, stands
# still or is lost, stop and start.  Whenever nothing is said to be missing
# at the destination, or it is frozen, the disks must be the same, and frozen with nothing dirty nor in
# flight; in the end every sector is the last one written.  DMM_SEED=N chooses otherwise, DMM_FIRE=SECONDS longer.
# check-kernels: uml
# timeout: 400
. functions.sh
requires ip tc module:sch_netem
load_module
two_hosts
add_host c 10.78.0
ADDR_C=10.78.0.2
SEED=${DMM_SEED:-1}
FIRE=${DMM_FIRE:-10}
dev=/dev/mapper/A
make_disk A 16
make_disk B 16
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

# begin [MODE]: the slow or lost one goes by host c, in its mode; the others by host b
begin() {
	local i to n
	epoch=$((epoch + 1))
	PORT=$((PORT + 1))
	one_of 1 2 2 3 4 5 7 16
	n=$R
	rnd "$n"
	odd=$R
	one_of good good good good slow reset+7 reset+1 close+3 noread+4 silent+2
	mode=${1:-$R}
	one_of "delay 20ms 10ms" "rate 24mbit" "delay 5ms loss 1%" "" ""
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
		nl_attach $dev "fd=tcp:$to:$PORT" "migration=$TEST" disk=0 conn_epoch=$epoch conn_index=$i \
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

# compare: B is A now.  The guest stands still, but for what is on its way.
compare() { dmm-same /dev/mapper/A-origin /dev/mapper/B >"$TMP/same.out" 2>&1; }

lost() {
	await A 15 state=disconnected
	assert "bytes in flight after the loss" "$(nl A inflight_bytes)" = 0
	assert "dirty blocks after the loss" "$(nl A dirty_blocks)" -gt 0
}

# settle: nothing dirty, nothing on its way: then B has it all
settle() {
	local until
	kill -STOP "$LOAD"
	dmm-nl rate $dev rate=0
	until=$(($(now_ms) + 20000 * SLOW))
	well || until=$(($(now_ms) + 1500))
	until dmm-nl wait $dev 1 state=copying dirty_blocks=0 inflight_bytes=0 2>/dev/null; do
		if ! state_is A copying || [ "$(now_ms)" -gt $until ]; then
			well && fail "it does not settle: $(dmm-nl get $dev)"
			kill -CONT "$LOAD"
			return 0
		fi
	done
	compare || fail "nothing dirty nor in flight, but $(cat "$TMP/same.out")"
	settled=$((settled + 1))
	kill -CONT "$LOAD"
}

# burst: more extents are dirty than can be in flight, and the pace keeps them so (mutant 2 leaves
# them in the freeze, which lifts the pace)
burst() {
	dmm-nl rate $dev rate=1024
	dmm-load $dev --journal "$TMP/A.journal" --ops 300 --writers 2 --seed "$SEED" --sizes 512..512 >/dev/null
}

# freeze TIMEOUT-MS: FROZEN means the same
freeze() {
	freezes=$((freezes + 1))
	dmm-nl freeze $dev epoch=$freezes timeout_ms="$1" 2>/dev/null || return 0
	if dmm-nl wait $dev $(($1 / 1000 + 1)) state=frozen 2>/dev/null; then
		dmm-nl get $dev >"$TMP/get"
		if grep -qx state=frozen "$TMP/get"; then
			[ "$(grep -cxE '(dirty_blocks|inflight_bytes)=0' "$TMP/get")" = 2 ] ||
				fail "frozen, but $(grep -E '^(dirty_blocks|inflight_bytes)=' "$TMP/get")"
		fi
		compare || ! state_is A frozen || fail "frozen, but $(cat "$TMP/same.out")"
		frozen=$((frozen + 1))
	fi
	usleep 50000
	dmm-nl thaw $dev epoch=$freezes 2>/dev/null || true
	must_wait_for 10 sh -c "! dmsetup status A | grep -Eq ' (freezing|frozen) '"
	dmm-nl rate $dev rate=0
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
	shape)	one_of "delay 30ms" "rate 16mbit" "loss 3%" "delay 10ms reorder 25%" ""
		shape ${R:+"$R"} ;;
	freeze)	rnd 2
		[ "$R" = 0 ] || burst
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
# whatever chance brings: one that must freeze, with much to do, and one that must settle
begin good
burst
freeze 15000
settle
assert "frozen and settled" "$frozen $settled" = "1 1"
stop_at=$(($(now_ms) + FIRE * 1000))
while [ "$(now_ms)" -lt $stop_at ] || [ $steps -lt 6 ]; do
	step
	steps=$((steps + 1))
done
end
say "$steps steps, $epoch times begun, settled $settled and frozen $frozen times"
assert "alerts" "$(st A alerts)" = 0
begin good
dmm-nl freeze $dev epoch=$((freezes + 1)) timeout_ms=15000
await_state A frozen
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
dmm-nl thaw $dev epoch=$((freezes + 1))
stop_load
end
detach_raw A
checker_verdict /dev/mapper/A A
