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
hand_over_to() {
	until_ok 60 up
	until_ok 20 dmmigrate start $DISK b:/dev/mapper/$DISK --gate web01 --yes
	ID=$(basename /run/dmmigrate/*.json .json)
	timeout 60 dmmigrate wait $DISK >/run/wait.log 2>&1 || die "wait"
	until_ok 20 there marked
	DMM_TOOL_STOP_AT=$1 dmmigrate cutover $DISK --timeout 15000 >/run/cutover.log 2>&1 || true
	until_ok 20 marked
}
# back: the source has its disk, and the migration is forgotten
back() {
	until_ok 60 is source active
	both mapper/$DISK || die "the source is shut though it owns the disk"
	until_ok 20 plain
	until_ok 20 there is destination refused
	! there reads mapper/web01 || die "b: the gate lets a read pass though it refused"
	there marked || die "b: what was refused is not marked: $(cat /run/there.log)"
	dmmigrate cancel $DISK >/run/cancel.log 2>&1 || dmmigrate release "$ID" >/run/cancel.log 2>&1 || die "release"
	# after a reset nothing is attached, and cancel leaves the journal: ACTIVE, it is not to take away the mark of the
	# migrations that follow
	there dmmigrate release "$ID" || there "[ ! -e $S/destination/\$ID ]" || die "b: $(cat /run/there.log)"
	until_ok 20 there plain
}
passed() { report "passed $1"; }

# --- parts: what is done before the reset, and after it ---

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
