# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC1091,SC2034,SC2086,SC2154 # no names with blanks here
# Host a, the source, which says what is done; /var/lib/dmmigrate/at is how far it has come.
set -eu
. /files/functions.sh

# there COMMAND...: host b does it
there() {
	echo "${ID:-none} $*" | busybox nc -w 5 b 99 >/run/there.log 2>&1 || return 1
	[ "$(tail -n 1 /run/there.log)" = "status 0" ]
}
up() { there true; }
# at STEP: from here after the next boot
at() {
	echo "$*" >$S/at
	sync $S/at $S
}
daemon() {
	dmmigrated --foreground >/run/dmmigrated.log 2>&1 &
	DAEMON=$!
	until_ok 20 grep -q 'listening on' /run/dmmigrated.log
}
# reset_there EXPECTED
reset_there() {
	there "expect $1; echo power_cut >/run/orders" || die "b: $(cat /run/there.log)"
	sleep 2
	until_ok 60 up
	there "cat $S/expect" && die "b was not reset"
	return 0
}
copied() { timeout 60 dmmigrate wait $DISK >/run/wait.log 2>&1; }
copy() {
	until_ok 60 up
	until_ok 20 dmmigrate start $DISK b:/dev/mapper/$DISK --gate web01 --yes
	ID=$(basename /run/dmmigrate/*.json .json)
	copied || die "wait"
	until_ok 20 there marked
}
daemon_gone() { ! kill -0 "$DAEMON" 2>/dev/null; }
# cut_over_to POINT STATE: this host's daemon dies there, and its kernel's part is in that state
cut_over_to() {
	copy
	kill -9 "$DAEMON"
	wait "$DAEMON" 2>/dev/null || true
	export DMM_DAEMON_STOP_AT="$1"
	daemon
	unset DMM_DAEMON_STOP_AT
	until_ok 20 there true
	dmmigrate cutover $DISK --timeout 15000 >/run/cutover.log 2>&1 &
	until_ok 30 daemon_gone
	dmsetup status $DISK | grep -q " $2 " || die "the disk is not $2: $(dmsetup status $DISK)"
	is source active || die "source: $(state_of "$ID" source)"
	there is destination complete || die "b: $(cat /run/there.log)"
}
hand_over_to() {
	copy
	DMM_TOOL_STOP_AT=$1 dmmigrate cutover $DISK --timeout 15000 >/run/cutover.log 2>&1 || true
	until_ok 20 marked
}
# back: the source has its disk, and the migration is forgotten
back() {
	until_ok 60 is source active
	both mapper/$DISK || die "the source is shut though it owns the disk"
	until_ok 20 plain
	until_ok 20 there is destination refused
	forgotten
}
# forgotten: the gate was shut to the end, and nothing is left there either
forgotten() {
	! there reads mapper/web01 || die "b: the gate lets a read pass though the source owns the disk"
	there marked || die "b: what was refused is not marked: $(cat /run/there.log)"
	dmmigrate cancel $DISK >/run/cancel.log 2>&1 || dmmigrate release "$ID" >/run/cancel.log 2>&1 || die "release"
	# after a reset nothing is attached, and cancel leaves the journal: ACTIVE, it is not to take away the mark of the
	# migrations that follow
	there dmmigrate release "$ID" || there "[ ! -e $S/destination/\$ID ]" || die "b: $(cat /run/there.log)"
	until_ok 20 there plain
}
passed() { report "passed $1"; }

# mine: the source goes on, whatever the other host's journal says by now
mine() {
	dmmigrate recover "$ID" >/run/recover.log 2>&1 || die "recover: exit $?"
	grep -q 'the source owns' /run/recover.log || die "recover"
	is source active || die "source: $(state_of "$ID" source)"
	both mapper/$DISK || die "the source is shut though it owns the disk"
	plain || die "the source is marked though it owns the disk: $(mark)"
	forgotten
}

# --- parts: what is done before the reset, and after it ---

receiving() {
	copy
	there is destination receiving || die "b: $(cat /run/there.log)"
	reset_there shut
	there is destination receiving || die "b: $(cat /run/there.log)"
	! there reads mapper/web01 || die "b: the gate lets a read pass though it has no disk yet"
	both mapper/$DISK || die "the source is shut though it owns the disk"
	there "echo daemon >/run/orders" || die "b: $(cat /run/there.log)"
	# it goes on by itself
	until_ok 60 copied
	mine
	passed receiving
}

# what a source is reset in before it has given up: it has its disk, at once
source_reset() {
	expect open
	at "$1_2" "$ID"
	power_cut
}
source_back() {
	both mapper/$DISK || die "the source is shut though it had not given up"
	plain || die "the source is marked though it had not given up: $(mark)"
	daemon
	there is destination "$1" || die "b: $(cat /run/there.log)"
	mine
}
active() {
	copy
	source_reset active
}
active_2() {
	source_back receiving
	passed active
}
frozen() {
	cut_over_to before-commit frozen
	source_reset frozen
}
frozen_2() {
	source_back complete
	passed frozen
}
fenced() {
	cut_over_to before-append-relinquished committed
	source_reset fenced
}
fenced_2() {
	source_back complete
	passed fenced
}

complete() {
	cut_over_to before-commit frozen
	reset_there shut
	there is destination complete || die "b: $(cat /run/there.log)"
	! there reads mapper/web01 || die "b: the gate lets a read pass though it was given no token"
	there "echo daemon >/run/orders" || die "b: $(cat /run/there.log)"
	daemon
	mine
	passed complete
}

refused() {
	hand_over_to finished
	there dmmigrate return "$ID" || die "b: $(cat /run/there.log)"
	until_ok 20 is source active
	there is destination refused || die "b: $(cat /run/there.log)"
	reset_there shut
	there is destination refused || die "b: $(cat /run/there.log)"
	! there reads mapper/web01 || die "b: the gate lets a read pass though it refused"
	there "echo daemon >/run/orders" || die "b: $(cat /run/there.log)"
	# the copy goes on by itself, and cancel is not in its way
	until_ok 60 copied
	back
	passed refused
}

relinquished() {
	hand_over_to finished
	is source relinquished || die "source: $(state_of "$ID" source)"
	there is destination owned || die "b: $(cat /run/there.log)"
	expect shut
	at relinquished_2 "$ID"
	power_cut
}
relinquished_2() {
	! lvm lvchange -ay -K sr/web01 >/run/lvm.log 2>&1 || true
	shut mapper/$DISK sr/web01
	is source relinquished || die "source: $(state_of "$ID" source)"
	daemon
	dmmigrate recover "$ID" >/run/recover.log 2>&1 || die "recover: exit $?"
	grep -q 'the source owns' /run/recover.log || die "recover"
	back
	passed relinquished
}

owned() {
	hand_over_to finished
	there is destination owned || die "b: $(cat /run/there.log)"
	reset_there shut
	there is destination refused || die "b: $(cat /run/there.log)"
	there "echo daemon >/run/orders" || die "b: $(cat /run/there.log)"
	dmmigrate recover "$ID" >/run/recover.log 2>&1 || die "recover: exit $?"
	back
	passed owned
}

running() {
	hand_over_to running
	there is destination running || die "b: $(cat /run/there.log)"
	there both mapper/web01 || die "b: the gate is not open"
	reset_there shut
	there is destination running || die "b: $(cat /run/there.log)"
	! there reads mapper/web01 || die "b: the gate lets a read pass before the source has answered"
	there "echo daemon >/run/orders" || die "b: $(cat /run/there.log)"
	until_ok 60 there dmmigrate run "$ID"
	there both mapper/web01 || die "b: it is shut though it runs"
	until_ok 30 is source released
	until_ok 30 there is destination settled
	until_ok 20 there plain
	RAN=1
	passed running
}

released() {
	expect shut
	at released_2 "$ID"
	power_cut
}
released_2() {
	shut mapper/$DISK sr/web01
	daemon
	dmmigrate recover "$ID" >/run/recover.log 2>&1 || die "recover: exit $?"
	grep -q 'the destination owns' /run/recover.log || die "recover"
	when="after recover"
	shut mapper/$DISK sr/web01
	marked || die "the old copy is not marked: $(mark)"
	there both mapper/web01 || die "b: it is shut though it runs"
	dmmigrate release "$ID" >/run/release.log 2>&1 || die "release: exit $?"
	marked || die "the old copy is not marked any more: $(mark)"
	RAN=1
	passed released
}

settled() {
	reset_there open
	there is destination settled || die "b: $(cat /run/there.log)"
	there "[ \"\$(dmsetup table web01 | cut -d ' ' -f 3)\" = linear ]" || die "b: $(cat /run/there.log)"
	passed settled
}

boot
[ "$expect" != shut ] || shut mapper/$DISK sr/web01
parts=$(cat /files/parts)
if [ -e $S/at ]; then
	read -r step ID <$S/at
	rm $S/at
	until_ok 60 up
	$step
	# what is left of the parts
	parts=" $parts "
	parts=${parts#* "${step%_2}" }
else
	dd if=/dev/urandom of=/dev/mapper/$DISK bs=1M count=8 2>/dev/null
	daemon
fi
for part in $parts; do
	case $part in
	released|settled) [ -n "${RAN:-}" ] || die "$part needs running before it" ;;
	esac
	$part
done
there "echo end >/run/orders"
