# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will kill the daemon of either host before and after each thing that it does in a hand-over and in one that is
# given back, start it again, and have people do what they would: cutover again, recover.  Each time the
# disk has one owner, whose every sector is the last one written, and the other side lets nothing pass.
# check-kernels: 6.12
# timeout: 600
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
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
	start_load A --seed "${DMM_SEED:-1}" --writers 1 --rate 30 --sizes 512..32K --errors-ok
}

# the daemon that has died starts again, as systemd would
check_alive() {
	if gone "$DAEMON" || gone "$RECEIVER"; then
		died=1
		revive
	fi
}

one_gone() { gone "$DAEMON" || gone "$RECEIVER"; }

# try SIDE POINT HOOK: one migration; HOOK is what starts the writer there
try() {
	local died=0 i
	round_begin "$1" "$2"
	# begun again, should the daemon have died in it
	if ! dmmigrate start A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1; then
		wait_for 5 one_gone || true	# its connections go before it does
		revive
		abandoned
		start_migration
	fi
	ID=$(migration_id)
	i=0
	until timeout 60 dmmigrate wait A >"$TMP/wait.out" 2>&1; do
		revive
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
	[ $owner != A ] || dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
	settle_down
	[ $owner = A ] || swap_sides
}

DIED=0 N=0
for point in append-active freeze commit append-relinquished append-released release; do
	for when in before after; do
		try source $when-$point true
		N=$((N + 1))
	done
done
for point in append-receiving append-complete append-owned gates-reads append-running gates-open append-settled settle; do
	for when in before after; do
		try destination $when-$point true
		N=$((N + 1))
	done
done
# the way back
for point in reclaim thaw; do
	for when in before after; do
		try source $when-$point 'exit 1'
		N=$((N + 1))
	done
done
for point in append-refused gates-shut; do
	for when in before after; do
		try destination $when-$point 'exit 1'
		N=$((N + 1))
	done
done
say "$DIED of $N died where they were told to"
assert "daemons that died" "$DIED" -ge $((N * 2 / 3))
