# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill the daemon of either host before and after each thing that it does in a hand-over and in one that is
# given back, start it again, and have people do what they would: cutover again, recover.  Each time the
# disk has one owner, whose every sector is the last one written, and the other side lets nothing pass.
# check-kernels: 6.12
# timeout: 900
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
requires debug
two_hosts
make_disk A 4
make_disk B 4
fill A
cleanup_fn "dm_drop A.dmm"

# a round's daemons: the one of SIDE dies at POINT
round_begin() {
	case $1 in
	source)	export DMM_DAEMON_STOP_AT="$2"
		start_daemon
		unset DMM_DAEMON_STOP_AT
		start_receiver ;;
	destination)
		start_daemon
		export DMM_DAEMON_STOP_AT="$2"
		start_receiver
		unset DMM_DAEMON_STOP_AT ;;
	esac
	start_load A --seed "${DMM_SEED:-1}" --writers 1 --rate 15 --sizes 512..32K --errors-ok
}

# the daemon that has died starts again, as systemd would
check_alive() {
	if gone "$DAEMON" || gone "$RECEIVER"; then
		died=1
		revive
	fi
}

one_gone() { gone "$DAEMON" || gone "$RECEIVER"; }

# cancelled: not while the daemon is at its connections, which takes A's lock
cancelled() {
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 && return 0
	grep -q 'another dmmigrate is working on A' "$TMP/cancel.out" || fail "cancel: $(cat "$TMP/cancel.out")"
	return 1
}

# try SIDE POINT HOOK: one migration; HOOK is what starts the writer there
try() {
	local died=0 i
	round_begin "$1" "$2"
	# begun again, should the daemon have died in it
	# shellcheck disable=SC2086 # words
	if ! dmmigrate start $START_WITH A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1; then
		wait_for 5 one_gone || true	# its connections go before it does
		check_alive
		abandoned
		# shellcheck disable=SC2086
		start_migration $START_WITH
	fi
	ID=$(migration_id)
	i=0
	until timeout 60 dmmigrate wait A >"$TMP/wait.out" 2>&1; do
		check_alive
		dmmigrate start A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 || true
		i=$((i + 1))
		[ $i -lt 10 ] || fail "$1 $2: not converging: $(cat "$TMP/wait.out" "$TMP/start.out")"
	done
	dmmigrate cutover A --timeout 15000 --hook-start "$3" >"$TMP/cutover.out" 2>&1 & cutover=$!
	until gone "$cutover"; do
		check_alive
		usleep 100000
	done
	wait "$cutover" || true
	usleep 300000
	check_alive
	i=0
	until dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 && there recover "$ID" >"$TMP/recover-b.out" 2>&1; do
		i=$((i + 1))
		[ $i -lt 6 ] || fail "$1 $2: recover: $(cat "$TMP/recover.out" "$TMP/recover-b.out" "$TMP/cutover.out")"
	done
	if grep -q 'the source owns' "$TMP/recover.out"; then
		owner=A
		! reads A.dmm || fail "$1 $2: the source owns, and the gate lets a read pass"
		i=$(nl A writes_completed)
		await A 10 "writes_completed>=$((i + 3))"
		assert "$1 $2: failed writes" "$(nl A failed_writes)" = 0
	else
		owner=A.dmm
		must_wait_for 10 state_is A released
		! reads A || fail "$1 $2: the destination owns, and the source can be read"
	fi
	kill "$LOAD"
	wait "$LOAD" || fail "$1 $2: the load: $(cat "$TMP/load-A.log")"
	checker_verdict /dev/mapper/$owner A
	say "$1 $2: $([ $died = 1 ] && echo died, || echo lived,) $owner"
	DIED=$((DIED + died))
	[ $owner = A ] || dmmigrate release "$ID" >"$TMP/release.out" 2>&1 || fail "release: exit $?"
	[ $owner = A ] || must_wait_for 10 released_there
	[ $owner != A ] || must_wait_for 30 cancelled
	settle_down
	[ $owner = A ] || swap_sides
}

# by the daemon's own table: none is forgotten, and each has to be reached
points() { DMM_DAEMON_STOP_AT=list dmmigrated | sed -n "s/^$1 $2 //p"; }
DIED=0 N=0 UNREACHED=''
# reach SIDE POINT HOOK
reach() {
	local before=$DIED
	try "$@"
	[ $DIED -gt $before ] || UNREACHED="$UNREACHED $2"
	N=$((N + 1))
}
# all SIDE WHAT HOOK
all() {
	local point
	for point in $(points "$1" "$2"); do reach "$1" "$point" "$3"; done
}
# once in a flush of the freeze, for there is none before
START_WITH='--barrier-interval 1h'
for side in source destination; do
	all $side hand-over true
done
# the way back
for side in source destination; do
	all $side back 'exit 1'
done
# in one of the copy
START_WITH='--barrier-interval 200ms'
for point in before-flush after-flush; do
	reach destination $point true
done
say "$DIED of $N died where they were told to"
[ $N -ge 46 ] || fail "a table of $N points"
assert "points that no daemon has come to" "$UNREACHED" = ""
