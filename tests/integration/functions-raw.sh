# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # RATE and the like are for the tests
# The module without the tool, for VM tests: sourced by functions.sh, whose words it uses.

# ---- attaching without the tool ----

# attach_raw NAME [BLOCK-SECTORS]: what the tool does, by dmsetup
attach_raw() {
	dm_create "$1-origin" "$(dmsetup table "$1")"
	dmsetup load "$1" --table "0 $(sectors_of "$1") migrate /dev/mapper/$1-origin ${2:-8}"
	dmsetup resume --nolockfs "$1"
}

# attach_sink NAME DEST: the same, with a sink
attach_sink() {
	dm_create "$1-origin" "$(dmsetup table "$1")"
	dmsetup load "$1" --table "0 $(sectors_of "$1") migrate /dev/mapper/$1-origin 8 2 sink /dev/mapper/$2"
	dmsetup resume --nolockfs "$1"
}

# connect_sink NAME [WORD...]: the sink becomes its connection
connect_sink() {
	local name=$1
	shift
	dmm-nl attach "/dev/mapper/$name" "migration=$TEST" disk=0 conn_epoch=1 conn_index=0 security=3 "$@"
}

detach_raw() {
	dmsetup load "$1" --table "$(dmsetup table "$1-origin")"
	dmsetup resume --nolockfs "$1"
	dmsetup remove "$1-origin"
}

# connect_raw NAME MODE... [phony options]: a phony receiver in netns b, attached to the kernel
connect_raw() {
	local name=$1
	shift
	phony --raw "$@"
	reconnect_raw "$name"
}

# nl_attach DEV WORD...: ATTACH; again while the origin owes a read of a connection that was lost, as the module says
nl_attach() {
	local until out
	look_at_clock
	until=$((NOW + 10000 * SLOW))
	while ! out=$(dmm-nl attach "$@" 2>&1); do
		case $out in
		*'owes a read'*)
			look_at_clock
			[ "$NOW" -lt "$until" ] || fail "$out" ;;
		*)	echo "$out" >&2
			return 1 ;;
		esac
		usleep 20000
	done
}

# reconnect_raw NAME: another connection, or $CONNS of them, to the same phony receiver; with the
# wire's $FEATURES, of $CONN_EPOCH (1); by a socket of the kind $FD (tcp), and its $SECURITY (0)
reconnect_raw() {
	local i=0
	while [ $i -lt "${CONNS:-1}" ]; do
		nl_attach "/dev/mapper/$1" "fd=${FD:-tcp}:$ADDR_B:$PORT" "migration=$TEST" disk=0 \
			conn_epoch="${CONN_EPOCH:-1}" conn_index=$i conns="${CONNS:-1}" features="${FEATURES:-0}" security="${SECURITY:-0}"
		i=$((i + 1))
	done
}

# ---- a migration without tool and receiver ----

# raw_migration NAME DEST MODE [phony options]: attached, connected and started
raw_migration() {
	local name=$1 dest=$2
	shift 2
	attach_raw "$name"
	connect_raw "$name" --write "/dev/mapper/$dest" "$@"
	dmm-nl start "/dev/mapper/$name"
}

# freeze_ms MS: the timeout of a freeze that is to succeed; the module takes 15 s at most
freeze_ms() { [ $(($1 * SLOW)) -lt 15000 ] && echo $(($1 * SLOW)) || echo 15000; }

# next_epoch NAME: larger than any before
next_epoch() { echo $(($(nl "$1" epoch) + 1)); }

# raw_commit NAME EPOCH [TIMEOUT-MS]: freeze and commit
raw_commit() {
	dmm-nl freeze "/dev/mapper/$1" epoch="$2" timeout_ms="$(freeze_ms "${3:-5000}")"
	await_state "$1" frozen
	dmm-nl commit "/dev/mapper/$1" epoch="$2"
	state_is "$1" committed || fail "$1 is $(st "$1" state) after the commit"
}

# stop_raw NAME: STOP, which must return within a second
stop_raw() {
	local took
	took=$(dmm-nl stop "/dev/mapper/$1" | sed -n 's/^took_ms=//p')
	assert "milliseconds that STOP took" "$took" -lt $((1000 * SLOW))
}

# give_up_raw NAME: what is held fails, the device is an error table; the load ends
give_up_raw() {
	dmsetup load "$1" --table "0 $(sectors_of "$1") error"
	dmsetup resume --noflush --nolockfs "$1"
}

# pause_between_extents NAME: what has been read, and not sent yet, would wait for the end of the pause
pause_between_extents() {
	for _ in 1 2 3 4 5; do
		dmm-nl pause "/dev/mapper/$1" || fail "pause: exit $?"
		! dmm-nl wait "/dev/mapper/$1" $((5 * SLOW)) inflight_bytes=0 2>/dev/null || return 0
		dmm-nl resume "/dev/mapper/$1" || fail "resume: exit $?"
	done
	fail "something is always on its way: $(nl "$1" inflight_bytes)"
}
