# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will stop the module before and after each step of the protocol, under load, and cut there: the destination's
# daemon is killed, or every connection is, or both daemons die; the step goes on, and what died comes back. Each time the disk
# has one owner, and the destination gets all that it has not. CYCLES (1; 3 in check-long) times, each with other cuts.
# check-kernels: 6.12
# timeout: 900
. functions.sh
. functions-handover.sh
. functions-reboot.sh
requires ip dmmigrate dmmigrated od
load_module
requires debug
two_hosts
make_disk A 4
make_disk B 4
fill A
cleanup_fn "dm_drop A.dmm"
cleanup_fn "dm_drop A-dmm-origin"
cleanup_fn "while read -r p _; do echo go \$p >$STOP; done <$STOP"
# what is no step of the protocol: GET changes nothing (nothing-lost-from-sight.sh stops there)
TRIED=in-stats

# where_is: $STATE of A, $GATE of A.dmm
where_is() {
	local name _ target state rest
	STATE=none GATE=none
	dmsetup status A A.dmm >"$TMP/where" 2>/dev/null || true
	while read -r name _ _ target state rest; do
		case $name/$target in
		A:/migrate) STATE=$state ;;
		A.dmm:/migrate) GATE=${rest##* } ;;
		A.dmm:/*) GATE=$target ;;
		esac
	done <"$TMP/where"
}

reached() {
	local p r _
	while read -r p _ r; do
		[ "$p $r" != "$1 reached=1" ] || return 0
	done <$STOP
	return 1
}

cut_link() { [ "$KERNEL" != uml ] && ss -K dst $ADDR_B dport = $PORT >"$TMP/cut" 2>&1 && grep -q ESTAB "$TMP/cut"; }
KILLED=''
receiver_dies() {
	kill -9 "$RECEIVER" 2>/dev/null || true
	KILLED="$KILLED $RECEIVER"
}
# bury: what was killed is gone, or revive may still find it; not while it stands at a point
bury() {
	local p
	for p in $KILLED; do wait "$p" 2>/dev/null || true; done
	KILLED=''
}
# cut_at KIND
cut_at() {
	case $1 in
	link)	cut_link || receiver_dies ;;	# where the kernel has no such thing
	both)	kill -9 "$DAEMON"
		KILLED="$KILLED $DAEMON"
		receiver_dies ;;
	*)	receiver_dies ;;
	esac
}

# ---- what brings the module to the point: in the background, $DOING

by_itself() { DOING=; }
by_loss() {
	cut_link || receiver_dies
	usleep 100000
	bury
	revive
	go_on &
	DOING=$!
}
by_cutover() {
	{ timeout 60 dmmigrate wait A && timeout 60 dmmigrate cutover A --timeout 10000 --hook-start "$HOOK"; } >"$TMP/doing.out" 2>&1 &
	DOING=$!
}
by_thaw() {
	EPOCH=$(next_epoch A)
	{ dmm-nl freeze /dev/mapper/A epoch="$EPOCH" timeout_ms=15000 && dmm-nl thaw /dev/mapper/A epoch="$EPOCH"; } >"$TMP/doing.out" 2>&1 &
	DOING=$!
}
by_timeout() {
	EPOCH=$(next_epoch A)
	dmm-nl freeze /dev/mapper/A epoch="$EPOCH" timeout_ms=700 >"$TMP/doing.out" 2>&1 &
	DOING=$!
}
by_comparison() {
	stop_load
	reboot_source
	one A write:1M:64K
	load
	timeout 60 dmmigrate start --resume "$ID" >"$TMP/doing.out" 2>&1 &
	DOING=$!
}
by_cancel() {
	timeout 60 dmmigrate cancel A >"$TMP/doing.out" 2>&1 &
	DOING=$!
}

# ---- what comes after it

load() { start_load A --seed "$CYCLE" --writers 1 --rate 20 --sizes 512..32K --errors-ok; }
go_on() { timeout 60 dmmigrate start --barrier-interval 1 A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1; }
# begin: a migration of its own
begin() {
	local i=0
	revive
	until go_on; do
		abandoned
		where_is
		[ "$GATE" != shut ] || dm_drop A.dmm
		i=$((i + 1))
		[ $i -lt 5 ] || fail "$POINT: start: $(cat "$TMP/start.out")"
	done
	ID=$(migration_id)
}

# decided: both daemons know who owns it; an unfinished hand-over is given back where the writer can't run
decided() {
	local i=0
	until dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 && there recover "$ID" >"$TMP/recover-b.out" 2>&1; do
		[ "$HOOK" = true ] || there return "$ID" >"$TMP/return.out" 2>&1 || true
		i=$((i + 1))
		revive
		[ $i -lt 8 ] || fail "$POINT: recover: $(cat "$TMP/recover.out" "$TMP/recover-b.out" "$TMP/doing.out")"
	done
}

# copies: the source owns it, and the copy goes on until the destination has it all
copies() {
	local i=0
	where_is
	until [ "$STATE" = copying ]; do
		case $STATE in
		disconnected | comparing | none) go_on || true ;;
		*)	usleep 200000 ;;
		esac
		revive
		i=$((i + 1))
		[ $i -lt 20 ] || fail "$POINT: A is $STATE: $(cat "$TMP"/start.out "$TMP"/doing.out)"
		where_is
	done
	[ "$GATE" = shut ] || [ "$GATE" = none ] || fail "$POINT: the source owns, and the gate is $GATE"
	kill -STOP "$LOAD"
	usleep 50000
	await A 30 dirty_blocks=0 inflight_bytes=0 failed_writes=0 failed_reads=0
	same_disks /dev/mapper/A /dev/mapper/B
	kill -CONT "$LOAD"
}

# handed_over: the destination owns it, and it is A of another migration from here on
handed_over() {
	must_wait_for 10 state_is A released
	where_is
	case $GATE in
	open | linear) ;;
	*)	fail "$POINT: the destination owns, and the gate is $GATE" ;;
	esac
	kill "$LOAD"
	wait "$LOAD" || fail "$POINT: the load: $(cat "$TMP/load-A.log")"
	checker_verdict /dev/mapper/A.dmm A
	dmmigrate release "$ID" >"$TMP/release.out" 2>&1 || fail "$POINT: release: $(cat "$TMP/release.out")"
	must_wait_for 10 released_there
	settle_down
	swap_sides
	revive
	load
	begin
}

after() {
	revive
	case $1 in
	by_cutover)
		decided
		# a cut may keep the destination from hearing that its writer did not start
		if grep -q 'the source owns' "$TMP/recover.out"; then
			copies
		else
			handed_over
		fi ;;
	by_cancel)
		where_is
		[ "$STATE" = none ] || timeout 60 dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "$POINT: cancel: $(cat "$TMP/cancel.out")"
		abandoned
		begin
		copies ;;
	*)	copies ;;
	esac
}

# try BY POINT...
try() {
	local by=$1 i kind
	shift
	for POINT in "$@"; do
		TRIED="$TRIED $POINT"
		N=$((N + 1))
		case $CYCLE in
		3)	kind=both ;;
		*)	[ $(((N + CYCLE) % 2)) = 0 ] && kind='receiver' || kind='link' ;;
		esac
		echo "$POINT 1" >$STOP
		$by
		i=0
		until reached "$POINT"; do
			i=$((i + 1))
			[ $i -lt $((150 * SLOW)) ] || fail "$POINT was not reached: $(cat "$TMP/doing.out" 2>/dev/null)"
			usleep 100000
		done
		cut_at $kind
		usleep 100000
		echo "go $POINT" >$STOP
		[ $kind = link ] || usleep 100000
		bury
		revive
		[ -z "$DOING" ] || wait "$DOING" || true
		after "$by"
		say "$POINT $kind"
	done
}

start_receiver
N=0
for CYCLE in $(seq "${CYCLES:-1}"); do
	POINT="cycle $CYCLE" HOOK='exit 1'
	load
	begin
	try by_itself after-clear after-submit after-read before-send after-send before-ack after-ack \
		before-send-barrier after-send-barrier before-barrier-ack after-barrier-ack
	try by_loss before-lost after-lost before-close after-close before-attach after-attach before-start after-start
	# all of them are given back
	try by_cutover before-freeze after-freeze before-drain after-drain before-barrier before-frozen after-frozen \
		in-commit after-commit before-reads after-reads before-shut in-shut after-shut before-reclaim after-reclaim
	try by_thaw before-thaw after-thaw
	try by_timeout before-timeout after-timeout
	try by_comparison before-compare after-compare before-mark after-mark before-compared after-compared
	try by_cancel before-stop after-stop
	HOOK=true
	try by_cutover before-open after-open before-release after-release before-end after-end
	stop_load
	timeout 60 dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: $(cat "$TMP/cancel.out")"
	abandoned
done
# a point that is new in the module has its place above
while read -r p _; do
	case " $TRIED " in *" $p "*) ;; *) fail "$p was not tried" ;; esac
done <$STOP
say "$N cuts"
