# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # LOAD, RECEIVER and the like are for the tests
# What VM tests share: sourced first by each of them, in dash, as root, in a virtual machine that may be
# wrecked.  A process is what costs there, up to 40 ms of a processor: what the shell can do by itself it
# does.  Topology of most tests:
#
#   initial netns (source)                        netns b (receiver)
#   A ── A-low ── null_blk    10.77.0.1 ── veth ── 10.77.0.2    B ── B-low ── null_blk
#
# A and B are what is migrated and its destination; -low is where faults are
# planted.  Every migration test ends with the sector checker's verdict.
set -eu

TEST=${0##*/}
TEST=${TEST%.sh}
TMP=${DMM_TMP:-/tmp}/$TEST.$$
CONFIGFS=/sys/kernel/config
STOP=/sys/kernel/debug/dm-migrate/stop
ADDR_A=10.77.0.1
ADDR_B=10.77.0.2
PORT=7790
# how many times longer everything may take here: what waits for something multiplies by it
SLOW=${DMM_SLOW:-1}
CLEANUPS=
mkdir -p "$TMP"

# shellcheck source=functions-processes.sh
. functions-processes.sh
. functions-carrier.sh

# ---- end of a test ----

say() { echo "# $*"; }
fail() {
	echo "FAILED: $*" >&2
	exit 1
}
skip() {
	echo "SKIP: $*"
	exit 77
}

# cleanup_fn COMMAND: runs at the end, the last one first
cleanup_fn() {
	CLEANUPS="$*
$CLEANUPS"
}

run_cleanups() {
	status=$?
	trap - EXIT INT TERM
	set +e
	[ $status = 0 ] || [ $status = 77 ] || show_state
	dmsetup info -c --noheadings -o name -S suspended=1 2>/dev/null | while read -r d; do
		timeout 5 dmsetup resume "$d"
	done
	echo "$CLEANUPS" | while read -r line; do
		[ -n "$line" ] && eval "$line" >/dev/null 2>&1 </dev/null
	done
	rm -rf "$TMP"
	exit $status
}
trap run_cleanups EXIT
trap 'exit 1' INT TERM

# What one wants to see of a failed test.
show_state() {
	echo "--- dmsetup:"
	dmsetup info -c -o name,uuid,suspended,open 2>/dev/null
	dmsetup status 2>/dev/null
	dmm-nl dump 2>/dev/null
	for f in "$TMP"/*.log "$TMP"/*.out; do
		[ -s "$f" ] && echo "--- $f:" && tail -n 25 "$f"
	done
	return 0
}

# ---- needs ----

# requires THING...: a program, "module:NAME", "target:NAME" or "debug" (stop points); skips without it
requires() {
	local r
	for r in "$@"; do
		case $r in
		module:*) modprobe "${r#module:}" 2>/dev/null || [ -d "/sys/module/${r#module:}" ] ||
			skip "no kernel module ${r#module:}" ;;
		target:*) has_target "${r#target:}" || skip "no device-mapper target ${r#target:}" ;;
		debug) [ -w $STOP ] || skip "the module has no stop points (make DMM_DEBUG=1)" ;;
		*) command -v "$r" >/dev/null || skip "no program $r" ;;
		esac
	done
}

has_target() {
	modprobe "dm-$1" 2>/dev/null || true
	dmsetup targets | grep -q "^$1 "
}

# load_module: the one under test
load_module() {
	modprobe dm-migrate || fail "cannot load dm-migrate"
	cleanup_fn "rmmod dm-migrate"
	[ "$SLOW" = 1 ] || echo $((30000 * SLOW)) >"${STOP%/*}/ack_timeout_ms"
}

# ---- waiting ----

# look_at_clock: ms since boot into $NOW, by steps of 10
look_at_clock() {
	local up rest
	read -r up rest </proc/uptime
	rest=${up#*.}
	NOW=$((${up%.*} * 1000 + ${rest#0} * 10))
}
now_ms() {
	look_at_clock
	echo $NOW
}

# wait_for SECONDS CONDITION...: until the command succeeds; looks less often as time goes by
wait_for() {
	local until pause=20
	look_at_clock
	until=$((NOW + $1 * 1000 * SLOW))
	shift
	while ! "$@" 2>/dev/null; do
		look_at_clock
		[ "$NOW" -lt "$until" ] || return 1
		usleep ${pause}000
		[ $pause -ge 160 ] || pause=$((pause * 2))
	done
}

must_wait_for() {
	wait_for "$@" || {
		shift
		fail "waited in vain for: $*"
	}
}

# timeout SECONDS COMMAND...: the program, with more patience on a slow kernel
timeout() {
	local seconds=$1
	shift
	command timeout $((seconds * SLOW)) "$@"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# assert WHAT GOT OPERATOR WANT, operators of test(1)
assert() {
	test "$2" "$3" "$4" || fail "$1: $2, wanted $3 $4"
}

# refused STATUS TEXT COMMAND...: the command must exit with STATUS and say TEXT in one line
refused() {
	local want=$1 text=$2 got=0
	shift 2
	"$@" >"$TMP/refused.out" 2>&1 </dev/null || got=$?
	[ $got = "$want" ] || fail "exit $got, wanted $want: $* ($(cat "$TMP/refused.out"))"
	grep -q -- "$text" "$TMP/refused.out" ||
		fail "'$text' was not said by: $* ($(cat "$TMP/refused.out"))"
}

# ---- kernel log ----

log_mark() { echo "dmm-test-mark $TEST $$ ${1:-}" >/dev/kmsg; }
log_since() { dmesg | sed "1,/dmm-test-mark $TEST $$ ${1:-}\$/d"; }
must_log() { log_since "$2" | grep -q -- "$1" || fail "not in the kernel log: $1"; }

# ---- disks ----

null_blk_ready() {
	[ -d $CONFIGFS/nullb ] && return 0
	modprobe null_blk nr_devices=0 2>/dev/null || true
	mount -t configfs none $CONFIGFS 2>/dev/null || true
	[ -d $CONFIGFS/nullb ] || skip "no null_blk with configfs"
}

# raw_disk NAME MIB [LOGICAL-BLOCK-SIZE] [null_blk attribute=value]...: prints its node
raw_disk() {
	null_blk_ready
	local n=$1 c=$CONFIGFS/nullb/$1 a
	mkdir "$c"
	echo "$2" >"$c/size"
	echo "${3:-512}" >"$c/blocksize"
	echo 1 >"$c/memory_backed"
	shift 2
	[ $# = 0 ] || shift
	for a in discard=1 "$@"; do
		echo "${a#*=}" >"$c/${a%%=*}" || fail "null_blk: $a"
	done
	echo 1 >"$c/power"
	[ -b "/dev/$n" ] && echo "/dev/$n" || echo "/dev/nullb$(cat "$c/index")"
}

drop_raw_disk() {
	echo 0 >"$CONFIGFS/nullb/$1/power"
	rmdir "$CONFIGFS/nullb/$1"
}

# make_disk NAME MIB [as raw_disk]: /dev/mapper/NAME over NAME-low over NAME's null_blk
make_disk() {
	local node sectors
	node=$(raw_disk "$1-raw" "$2" ${3:+"$3"} ${4:+"$4"} ${5:+"$5"})
	cleanup_fn "drop_raw_disk $1-raw"
	read -r sectors <"/sys/class/block/${node##*/}/size"
	dm_create "$1-low" "0 $sectors linear $node 0"
	dm_create "$1" "0 $sectors linear /dev/mapper/$1-low 0"
	echo "$node" >"$TMP/$1.raw"
}

raw_of() {
	local node
	read -r node <"$TMP/$1.raw"
	echo "$node"
}
sectors_of() { blockdev --getsz "/dev/mapper/$1"; }

# dm_create NAME TABLE [UUID]
dm_create() {
	dmsetup create "$1" ${3:+-u "$3"} --table "$2" || fail "dmsetup create $1: $2"
	cleanup_fn "dm_drop $1"
}

# Whatever state it is in, it goes; held and hanging I/O is failed first.
dm_drop() {
	[ -e "/dev/mapper/$1" ] || return 0
	dmsetup remove "$1" 2>/dev/null && return 0
	timeout 5 dmsetup remove --force "$1" 2>/dev/null && return 0
	timeout 5 dmsetup remove --retry "$1"
}

# dm_replace NAME TABLE: swap the live table
dm_replace() {
	dmsetup load "$1" --table "$2" || fail "dmsetup load $1: $2"
	dmsetup resume "$1"
}

low_table() { echo "0 $(sectors_of "$1") linear $(raw_of "$1") 0"; }

# ---- hosts ----

two_hosts() { add_host b 10.77.0; }

# add_host NAME NET: a netns with NET.2, on a link dmm-NAME of its own, here with NET.1
add_host() {
	ip netns add "$1"
	cleanup_fn "ip netns del $1"
	ip link add "dmm-$1" type veth peer name eth0 netns "$1"
	cleanup_fn "ip link del dmm-$1"
	ip addr add "$2.1/24" dev "dmm-$1"
	ip link set "dmm-$1" up
	ip -n "$1" addr add "$2.2/24" dev eth0
	ip -n "$1" link set eth0 up
	ip -n "$1" link set lo up
}

# in_ns NETNS COMMAND...: not by `ip netns exec`, whose mount namespace keeps a copy of every
# filesystem mounted here: umount would leave them mounted there
in_ns() {
	local ns=$1
	shift
	exec nsenter --net="/run/netns/$ns" "$@"
}
in_b() { (in_ns b "$@"); }

# listens NETNS [PORT]
listens() { (in_ns "$1" cat /proc/net/tcp) | grep -qi ":$(printf %04X "${2:-$PORT}") .* 0A "; }

silent() { ! listens "$1"; }

# background NAME COMMAND...: its pid in $PID, its output in $TMP/NAME.log
background() {
	local name=$1
	shift
	"$@" >"$TMP/$name.log" 2>&1 </dev/null &
	PID=$!
	cleanup_fn "kill -CONT $PID; kill $PID && usleep 100000; kill -9 $PID"
}

# start_receiver: on host b; and, where there is none yet, the daemon of the source's host
start_receiver() {
	start_receiver_on b $ADDR_B
	[ -n "${DAEMON:-}" ] || start_daemon
}

# start_receiver_on NETNS ADDRESS: dmmigrated with the words of $RECEIVER_OPTIONS, its pid in $RECEIVER
start_receiver_on() {
	local ns=$1 address=$2
	RECEIVERS=$((${RECEIVERS:-0} + 1))
	must_wait_for 10 silent "$ns"	# one that was killed may not be gone yet
	# shellcheck disable=SC2086
	background "receiver-$ns$RECEIVERS" in_ns "$ns" dmmigrated --listen "$address" --port $PORT \
		--allow '/dev/mapper/*' --foreground --state-dir "$TMP/state-$ns" --control "$TMP/control-$ns" \
		$CARRIED_BY ${RECEIVER_OPTIONS:-}
	RECEIVER=$PID
	must_wait_for 10 listens "$ns"
}

# start_daemon: dmmigrated of the source's host with the words of $DAEMON_OPTIONS, its pid in $DAEMON; journals in
# /var/lib/dmmigrate
start_daemon() {
	DAEMONS=$((${DAEMONS:-0} + 1))
	[ $DAEMONS != 1 ] || cleanup_fn "rm -rf /var/lib/dmmigrate"
	# shellcheck disable=SC2086
	background "daemon$DAEMONS" dmmigrated --foreground $CARRIED_BY ${DAEMON_OPTIONS:-}
	DAEMON=$PID
	must_wait_for 10 answers
}

# Does the source's daemon?
answers() { dmmigrate release 00000000000000000000000000000001 2>&1 | grep -q 'not known here'; }

# there VERB...: dmmigrate on the receiver's host
there() {
	verb=$1
	shift
	dmmigrate "$verb" --control "$TMP/control-b" "$@"
}

# phony MODE... [options]: a receiver that misbehaves; its pid in $PHONY
phony() {
	background "phony$PORT" in_ns b dmm-phony-recv --port $PORT "$@"
	PHONY=$PID
	must_wait_for 10 listens b
}

# ---- the tool ----

# start_migration [options]: A to B on host b
# shellcheck disable=SC2086,SC2120
start_migration() {
	dmmigrate start $CARRIED_BY "$@" A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 ||
		fail "start: exit $?: $(cat "$TMP/start.out")"
	carried A
}

# cutover [options]: of A; what it printed is in $TMP/cutover.out
cutover() {
	dmmigrate cutover "$@" A >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
	state_is A released || fail "$(st A state) after the cutover"
}

# migration_id: of the only migration there is
migration_id() {
	set -- /run/dmmigrate/*.json
	set -- "${1##*/}"
	echo "${1%.json}"
}

# give_up: A, which is cut over; host b keeps B, by its gate A.dmm until nobody needs that
give_up() {
	ID=$(migration_id)
	dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
}

# forget_there: and host b forgets it, too
forget_there() {
	there release "$ID" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
	dm_drop A.dmm
}

# finish_migration: cut over under load, judge B, give A up, end the load
finish_migration() {
	timeout 60 dmmigrate wait A >"$TMP/wait.out" 2>&1 || fail "not converging: $(cat "$TMP/wait.out")"
	cutover --timeout 15000
	usleep 200000
	checker_verdict /dev/mapper/B A --forbid-pending
	give_up
	kill "$LOAD"
	wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
}

devices() { { dmsetup table && dmsetup info -c --noheadings -o name,uuid,suspended,tables_loaded; } | sort; }

# remember_devices: what restored must find again
remember_devices() { devices >"$TMP/devices"; }

# restored WHAT: every table, name and flag is as remembered, nothing is left over
restored() {
	devices | diff "$TMP/devices" - >"$TMP/diff" || fail "$1: devices differ: $(cat "$TMP/diff")"
	dmmigrate clean >"$TMP/leftovers" || fail "$1: clean: exit $?"
	grep -q 'no leftovers' "$TMP/leftovers" || fail "$1: $(cat "$TMP/leftovers")"
}

# ---- status ----

# st NAME FIELD: of `dmsetup status`
st() {
	local want=$2 f
	# shellcheck disable=SC2046 # into words
	set -- $(dmsetup status "$1")
	[ "${3:-}" = migrate ] || return 0
	shift 3
	for f in state block_sectors total dirty inflight shipped resent submitted completed \
		reads held alerts error failed_reads failed_writes gate; do
		[ $# -gt 0 ] || return 0
		[ "$f" != "$want" ] || {
			echo "$1"
			return 0
		}
		shift
	done
}

# nl NAME FIELD: of the netlink GET
nl() { dmm-nl get "/dev/mapper/$1" "$2"; }

# await NAME SECONDS CONDITION...: as dmm-nl wait has them
await() {
	local name=$1 seconds=$2
	shift 2
	dmm-nl wait "/dev/mapper/$name" $((seconds * SLOW)) "$@" 2>/dev/null || fail "waited $seconds s for: $*"
}

# note_shipped NAME, ship_rate NAME: bytes/s from the one to the other in $RATE, from the end of one
# extent to that of another by the kernel's clock: parts of extents and slow shells do not count
note_shipped() { dmm-nl get "/dev/mapper/$1" | sed -n 's/^shipped_[a-z]*=//p' >"$TMP/$1.shipped"; }
ship_rate() {
	local bytes ns
	{ read -r bytes && read -r ns; } <"$TMP/$1.shipped"
	note_shipped "$1"
	RATE=$(awk -v b="$bytes" -v ns="$ns" 'NR == 1 { b = $1 - b } NR == 2 { ns = $1 - ns }
		END { print b ? int(b * 1e9 / ns) : 0 }' "$TMP/$1.shipped")
}

state_is() { [ "$(st "$1" state)" = "$2" ]; }
await_state() { await "$1" "${3:-20}" "state=$2"; }
await_quiet() { await "$1" "${2:-30}" dirty_blocks=0 inflight_bytes=0; }

# ---- stop points ----

stop_arm() {
	echo "$1 ${2:-1}" >$STOP
	cleanup_fn "echo 'go $1' >$STOP"
}
stop_reached() { grep -q "^$1 .*reached=1" $STOP; }
stop_await() { must_wait_for "${2:-20}" stop_reached "$1"; }
# short_ack_timeout MS: instead of the 30 s that the module waits otherwise
short_ack_timeout() {
	assert "ms that the module waits" "$(cat "${STOP%/*}/ack_timeout_ms")" = $((30000 * SLOW))
	echo "$1" >"${STOP%/*}/ack_timeout_ms"
	assert "ms that it waits now" "$(cat "${STOP%/*}/ack_timeout_ms")" = "$1"
}
stop_go() { echo "go $1" >$STOP; }

# ---- load and verdict ----

# fill NAME: self-describing sectors all over the disk
fill() { dmm-load "/dev/mapper/$1" --journal "$TMP/$1.journal" --fill >/dev/null; }

# one NAME OP...: single operations, journalled
one() {
	local d=$1 o
	shift
	for o in "$@"; do
		set -- "$@" --op "$o"
		shift
	done
	dmm-load "/dev/mapper/$d" --journal "$TMP/$d.journal" "$@" >/dev/null
}

# start_load NAME [options]: several writers, of everything, until stop_load; pid in $LOAD.
# At a rate that leaves the emulated processors time for what is tested.
start_load() {
	local d=$1
	shift
	background "load-$d" dmm-load "/dev/mapper/$d" --journal "$TMP/$d.journal" \
		--seconds 600 --discard 4 --zeroes 4 --fua 4 --flush 2 --hot 25 --rate 120 --sizes 512..256K "$@"
	LOAD=$PID
	# before it does it is ended by SIGTERM as by an error
	wait_for 10 catches_term || gone $PID || fail "the load does not begin"
}
catches_term() { [ "$(cat "/proc/$LOAD/comm")" = dmm-load ] && grep -q '^SigCgt:.*[4-7c-f][0-9a-f][0-9a-f][0-9a-f]$' "/proc/$LOAD/status"; }

# stop_load: ends it; no operation may have failed
stop_load() {
	local r=0
	kill -TERM "$LOAD"
	wait "$LOAD" || r=$?
	[ $r = 0 ] || fail "the load saw an error: $(cat "$TMP"/load-*.log)"
}

# checker_verdict DEV JOURNAL-OF [options]: every sector of DEV by the journal of disk NAME
checker_verdict() {
	local dev=$1 j=$2
	shift 2
	dmm-check "$dev" --journal "$TMP/$j.journal" "$@" >"$TMP/check.out" 2>&1 || {
		cat "$TMP/check.out"
		fail "the sector checker's verdict on $dev"
	}
	say "$(tail -n 1 "$TMP/check.out")"
}

same_disks() { dmm-same "$1" "$2" || fail "$1 and $2 are not the same"; }

# shellcheck source=functions-raw.sh
. /t/functions-raw.sh
