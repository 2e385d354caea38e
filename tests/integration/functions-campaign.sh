# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034,SC2154 # what the plan sets, and what campaign.sh uses
# What campaign.sh does to the two hosts: sourced by it, after functions-handover.sh and functions-memory.sh.

# ---- who runs

runs() { grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null; }

# as_host a|b PROGRAM...: with that host's boot id
as_host() {
	local host=$1
	shift
	[ -e "$TMP/boot-$host" ] || exec "$@"
	# shellcheck disable=SC2016 # the inner shell's
	exec unshare -m sh -c 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$TMP/boot-$host" "$@"
}

# boots a|b: the boot id is another one from now on
boots() {
	BOOTS=$((${BOOTS:-0} + 1))
	printf '00000000-0000-4000-8000-%012d\n' $BOOTS >"$TMP/boot-$1"
}

# of the receiver itself, should there be a relay before it
receiver_listens() { listens b "$RECEIVER_PORT"; }
receiver_silent() { ! receiver_listens; }

# up WHICH [SECONDS]: start it again, the same state directory; not at once if something else is still broken
up() {
	case $1 in
	receiver)
		RECEIVERS=$((${RECEIVERS:-0} + 1))
		wait_for 10 receiver_silent || true
		background "receiver-b$RECEIVERS" as_host b nsenter --net=/run/netns/b dmmigrated --listen "$RECEIVER_ADDR" \
			--port "$RECEIVER_PORT" --allow '/dev/mapper/*' --foreground --state-dir "$TMP/state-b" \
			--control "$TMP/control-b"
		RECEIVER=$PID
		wait_for "${2:-10}" receiver_listens || note "the receiver does not listen yet" ;;
	daemon)	DAEMONS=$((${DAEMONS:-0} + 1))
		background "daemon$DAEMONS" as_host a dmmigrated --foreground
		DAEMON=$PID
		wait_for 10 answers || note "the daemon does not answer yet" ;;
	relay)	RECEIVER_ADDR=$ADDR_B RECEIVER_PORT=$PORT RELAY=
		grep -q 'dribble' "$TMP/plan" || return 0
		RECEIVER_PORT=$((PORT + 1))
		background relay in_ns b dmm-relay "$ADDR_B" "$PORT" "$RECEIVER_ADDR" "$RECEIVER_PORT"
		RELAY=$PID ;;
	esac
}

# all_up: both must be, and only what was killed may have died
all_up() {
	if ! runs "$RECEIVER"; then
		[ "$KILLED_RECEIVER" = "$RECEIVER" ] || broken "the receiver has ended by itself"
		up receiver
		wait_for 10 receiver_listens || fail "seed $SEED: the receiver does not listen"
	fi
	if ! runs "$DAEMON"; then
		[ "$KILLED_DAEMON" = "$DAEMON" ] || broken "the daemon has ended by itself"
		up daemon
	fi
	not_broken
	wait_for 10 answers || fail "seed $SEED: the daemon does not answer"
}

# start_loads WRITERS RATE SIZES: the guest at the source
start_loads() {
	local d
	for d in $SOURCES; do
		start_load "$d" --writers "$1" --rate $(($2 / DISKS)) --sizes "$3" --errors-ok
		LOADS="$LOADS $PID"
	done
}
end_loads() {
	local p
	for p in $LOADS; do
		kill "$p"
		wait "$p" || fail "seed $SEED: a load: $(cat "$TMP"/load-*.log)"
	done
	LOADS=
}

# signal_tool SIGNAL [NAME]: to dmmigrate, beneath `timeout`, which may be another one than a moment ago: what is killed is noted by number
signal_tool() {
	local p pid
	pid=$(cat "$TMP/${2:-attempt}.pid" 2>/dev/null) || return 0
	# shellcheck disable=SC2013 # words
	for p in $(cat "/proc/$pid/task/"*/children 2>/dev/null); do
		[ "$1" != KILL ] || touch "$TMP/killed-$pid"
		kill "-$1" "$p" || true
		note "SIG$1 to the tool${2:+, $2}"
	done
}

# ---- recover, by two people at once

# recover_twice here|there: it is begun
recover_twice() {
	local n run=here
	[ "$1" = here ] || run=there_
	for n in 1 2; do
		rm -f "$TMP/recover-$1$n.pid"
		$run "recover-$1$n" 60 recover "$ID" &
		RECOVERS="$RECOVERS $1$n:$!"
	done
}

# recover_over here|there|'' [killed]: those that were begun there, or all, have ended; killed: at once
recover_over() {
	local r name
	for r in $RECOVERS; do
		name=recover-${r%:*}
		case $r in "$1"*) ;; *) continue ;; esac
		if [ $# = 2 ] && wait_for 5 test -s "$TMP/$name.pid"; then
			signal_tool KILL "$name" 2>/dev/null
		fi
	done
	for r in $RECOVERS; do
		case $r in "$1"*) wait "${r#*:}" 2>/dev/null || true ;; esac
	done
	# shellcheck disable=SC2086 # words
	RECOVERS=$(printf '%s ' $RECOVERS | tr ' ' '\n' | grep -v "^$1" | tr '\n' ' ')
}

# ---- a pool that fills

# make_thin_disk NAME MIB: as make_disk, with a thin volume in a pool of its own at the bottom.  Which has room for all
# of it twice: what a snapshot has shared moves to new room when it is written, even after the snapshot is gone
make_thin_disk() {
	local node n=$(($2 << 11))
	node=$(raw_disk "$1-raw" $(($2 * 2 + 4)))
	cleanup_fn "drop_raw_disk $1-raw"
	dm_create "$1-meta" "0 4096 linear $node 0"
	dm_create "$1-data" "0 $((n * 2 + 4096)) linear $node 4096"
	dm_create "$1-pool" "$(pool_table "$1" 1 error_if_no_space)"
	dmsetup message "$1-pool" 0 "create_thin 0" || fail "create_thin"
	dm_create "$1-thin" "0 $n thin /dev/mapper/$1-pool 0"
	cleanup_fn "dm_drop $1-filler"
	dm_create "$1-low" "0 $n linear /dev/mapper/$1-thin 0"
	dm_create "$1" "0 $n linear /dev/mapper/$1-low 0"
	echo "/dev/mapper/$1-thin" >"$TMP/$1.raw"
}

pool_table() {
	local name=$1
	shift
	echo "0 $(sectors_of "$name-data") thin-pool /dev/mapper/$name-meta /dev/mapper/$name-data 128 0 $*"
}

# fill_pool NAME nospace|waits: a snapshot has every write need new room, and another volume has all of that
fill_pool() {
	dmsetup suspend --nolockfs "$1-thin" && dmsetup message "$1-pool" 0 "create_snap 1 0" && dmsetup resume "$1-thin" &&
		dmsetup message "$1-pool" 0 "create_thin 2" &&
		dmsetup create "$1-filler" --table "0 $(sectors_of "$1-data") thin /dev/mapper/$1-pool 2" || return 1
	! dd if=/dev/zero of="/dev/mapper/$1-filler" bs=64K oflag=direct 2>/dev/null || return 1
	[ "$2" != waits ] || dm_replace "$1-pool" "$(pool_table "$1" 0)"
}

empty_pool() {
	wait_for 10 dmsetup remove "$1-filler" && dmsetup message "$1-pool" 0 "delete 2" && dmsetup message "$1-pool" 0 "delete 1" || return 1
	[ "$2" != waits ] || dm_replace "$1-pool" "$(pool_table "$1" 1 error_if_no_space)"
}

# ---- power

has() { dmsetup info "$1" >/dev/null 2>&1; }

# no_power a|b: what runs there is gone, and its devices; what the destination's disk had only in its cache, too
no_power() {
	local d p
	case $1 in
	a)	KILLED_DAEMON=$DAEMON
		kill -9 "$DAEMON"
		recover_over here killed
		if [ "$ATTEMPT" != acquire ]; then	# that runs on the other one
			signal_tool KILL 2>/dev/null
		fi
		for p in $LOADS; do kill -9 "$p"; done
		for d in $SOURCES; do
			dmsetup load "$d" --table "0 $((MIB << 11)) error" && dmsetup resume --noflush --nolockfs "$d"
		done
		for p in $LOADS; do wait "$p" || true; done
		LOADS=
		for d in $SOURCES; do
			! has "$d-dmm-origin" || wait_for 10 dmsetup remove "$d-dmm-origin" || return 1
			wait_for 10 dmsetup remove "$d" || return 1
		done
		rm -f /run/dmmigrate/*.json
		REBOOTED=1 ;;
	b)	KILLED_RECEIVER=$RECEIVER
		kill -9 "$RECEIVER"
		recover_over there killed
		for d in $SOURCES; do dm_drop "$d.dmm" || true; done
		for d in $DESTINATIONS; do
			wait_for 10 dmsetup remove "$d" || return 1
			wait_for 10 dmsetup remove "$d-low" || return 1
			echo 0 >"$CONFIGFS/nullb/$d-raw/power"
			echo 1 >"$CONFIGFS/nullb/$d-raw/power"
		done ;;
	esac
}

# power a|b: it boots.  What the journals give up is shut before anybody makes the source's devices, and its guest
# starts with them if there is no doubt.
power() {
	local d state="$TMP/state-b"
	[ "$1" = b ] || state=/var/lib/dmmigrate
	boots "$1"
	if [ "$1" = b ]; then
		for d in $DESTINATIONS; do
			dmsetup create "$d-low" --table "0 $((MIB << 11)) linear $(raw_of "$d") 0"
			dmsetup create "$d" --table "0 $((MIB << 11)) linear /dev/mapper/$d-low 0"
			low_is "$d" well
		done
	fi
	(as_host "$1" dmmigrated --restore --foreground --state-dir "$state") >"$TMP/restore.out" 2>&1 || {
		broken "restore of $1: exit $?: $(cat "$TMP/restore.out")"
		return 0
	}
	if [ "$1" = a ]; then
		sources_are_there
		up daemon
		! journal_is source active || start_loads "$WRITERS" "$RATE" "$SIZES"
	else
		up receiver
	fi
}

# sources_are_there: should their host have booted, and they not be made impossible
sources_are_there() {
	local d
	for d in $SOURCES; do
		has "$d" || dmsetup create "$d" --table "$(cat "$TMP/$d.table")"
	done
}

# ---- memory

no_memory() {
	EATERS=
	eat $(($(available) - 40)) 500
	eat 96 1000	# too much: one at least is killed
	eat 64 900
}
memory() {
	local p
	for p in $EATERS; do kill -9 "$p" 2>/dev/null || true; done
	for p in $EATERS; do wait "$p" 2>/dev/null || true; done
	EATERS=
}

# ---- faults

# rules N [CHAIN PORT-FIELD VERDICT]...
rules() {
	local n=$1
	shift
	{
		echo "table inet campaign$n {"
		echo "chain out { type filter hook output priority 0;"
		while [ $# -gt 0 ] && [ "$1" = out ]; do echo "tcp $2 $PORT $3" && shift 3; done
		echo "}"
		echo "chain in { type filter hook input priority 0;"
		while [ $# -gt 0 ]; do echo "tcp $2 $PORT $3" && shift 3; done
		echo "}"
		echo "}"
	} | nft -f -
}

# low_is NAME WHAT: the device beneath A, B, C or D
low_is() {
	local n node
	node=$(raw_of "$1")
	n=$(sectors_of "$1-low")
	case $2 in
	hang)	dmsetup suspend --nolockfs "$1-low" ;;
	error)	dm_replace "$1-low" "0 $n error" ;;
	delay)	dm_replace "$1-low" "0 $n delay $node 0 200" ;;
	flakey)	dm_replace "$1-low" "0 $n flakey $node 0 0 1 1 error_writes" ;;
	well)	n="0 $n linear $node 0"
		[ "$1" = A ] || [ "$1" = C ] || n="0 $(sectors_of "$1-low") delay $node 0 0 $node 0 $DISK_MS"
		dm_replace "$1-low" "$n" ;;
	esac
}

# link_is SIDE [NETEM...]: how the link behaves in this direction; usually as the plan has it
link_is() {
	local dev=dmm-b netns=''
	[ "$1" = here ] || dev=eth0 netns="-n b"
	shift
	[ $# != 0 ] || set -- delay "${LINK_MS}ms"
	# a new one: what `replace` is not told of, a rate above all, would stay as it was
	# shellcheck disable=SC2086
	tc $netns qdisc del dev $dev root 2>/dev/null || true
	# shellcheck disable=SC2086
	tc $netns qdisc add dev $dev root netem "$@" limit 1000
}

begin_fault() {
	local n=$1
	case $2 in
	link-here) ip link set dmm-b down ;;
	link-there) ip -n b link set eth0 down ;;
	drop-there) rules "$n" out dport drop ;;
	drop-back) rules "$n" in sport drop ;;
	drop-both) rules "$n" out dport drop in sport drop ;;
	reset)	rules "$n" out dport "reject with tcp reset" in sport "reject with tcp reset" ;;
	half-open) # connections come about, and nothing more
		rules "$n" out dport "meta length > 60 drop" ;;
	loss-here) link_is here loss 25% ;;
	delay-here) link_is here delay 200ms 100ms ;;
	reorder-here) link_is here delay 30ms reorder 50% ;;
	slow-here) link_is here rate 256kbit ;;
	loss-there) link_is there loss 25% ;;
	slow-there) link_is there rate 64kbit ;;
	kill-receiver) KILLED_RECEIVER=$RECEIVER; kill -9 "$RECEIVER" ;;
	stop-receiver) signal_all STOP "$RECEIVER" ;;
	kill-daemon) KILLED_DAEMON=$DAEMON; kill -9 "$DAEMON" ;;
	stop-daemon) kill -STOP "$DAEMON" ;;
	kill-tool) signal_tool KILL ;;
	stop-tool) signal_tool STOP ;;
	power-here) no_power a ;;
	power-there) no_power b ;;
	dribble) kill -USR1 "$RELAY" ;;
	memory)	no_memory ;;
	full-a)	dd if=/dev/zero of=/var/lib/dmmigrate/filler bs=4096 2>/dev/null || true ;;
	full-b)	dd if=/dev/zero of="$TMP/state-b/filler" bs=4096 2>/dev/null || true ;;
	nospace-* | waits-*) fill_pool "${2##*-}" "${2%-*}" ;;
	recover-*) recover_twice "${2#*-}" ;;
	*-[A-D]) low_is "${2##*-}" "${2%-*}" ;;
	*)	fail "no fault $2" ;;
	esac
}

end_fault() {
	case $2 in
	link-here) ip link set dmm-b up ;;
	link-there) ip -n b link set eth0 up ;;
	drop-* | reset | half-open) nft delete table inet "campaign$1" ;;
	# it waits for the one that was killed, of which a process may wait for a disk that hangs until its own fault has ended here
	kill-receiver) up receiver 2 ;;
	kill-daemon) up daemon ;;
	stop-receiver) signal_all CONT "$RECEIVER" ;;
	stop-daemon) kill -CONT "$DAEMON" ;;
	kill-tool) ;;
	stop-tool) signal_tool CONT ;;
	power-here) power a ;;
	power-there) power b ;;
	dribble) kill -USR2 "$RELAY" ;;
	memory)	memory ;;
	full-a)	rm -f /var/lib/dmmigrate/filler ;;
	full-b)	rm -f "$TMP/state-b/filler" ;;
	nospace-* | waits-*) empty_pool "${2##*-}" "${2%-*}" ;;
	recover-*) recover_over "${2#*-}" killed ;;
	*-[A-D]) low_is "${2##*-}" well ;;
	*-here)	link_is here ;;
	*-there) link_is there ;;
	esac
}

# faults PHASE: those of the plan, each at its time
faults() {
	local began now phase at what n kind
	began=$(now_ms)
	while read -r phase at what n kind; do
		[ "$phase" = "$1" ] || continue
		now=$(($(now_ms) - began))
		[ $now -ge "$at" ] || usleep $(((at - now) * 1000))
		note "$what $kind"
		echo "$kind" >>"$TMP/kinds"
		"${what}_fault" "$n" "$kind" 2>"$TMP/fault.out" || broken "$what $kind: $(cat "$TMP/fault.out")"
	done <"$TMP/plan"
}
