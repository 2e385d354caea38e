# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will leave behind what migrations leave when they are killed, abandoned, handed over, or lose their journal: devices, scratch
# devices, gates, made volumes, configurations, journals, domains; and see clean list each, on this host and on the other, remove
# those that no disk depends on, and keep the others, saying which command decides.
# check-kernels: long
# timeout: 300
. functions.sh
. functions-handover.sh
. functions-lvm.sh
requires ip dmmigrate dmmigrated lvm losetup od
load_module
requires debug
two_hosts
make_disk A 6
make_disk B 6
fill A
make_vg vgb other
cleanup_fn "dm_drop A.dmm"
mkdir "$TMP/bin"
# the toolstack: a script that says what xl says
cat >"$TMP/bin/xl" <<EOS
#!/bin/sh
case \$1 in
list)	printf 'Name  ID  Mem VCPUs  State  Time(s)\nDomain-0  0 512 1 r----- 1.0\n'
	[ ! -e $TMP/incoming ] || printf 'web--incoming  7 64 1 --p--- 0.0\n'
	[ ! -e $TMP/gone ] || printf 'db--migratedaway  8 64 1 ---s-- 0.0\n' ;;
destroy)
	[ "\$2" = web--incoming ] && exec rm $TMP/incoming
	echo "\$2" >>$TMP/destroyed ;;
*)	exit 1 ;;
esac
EOS
chmod 755 "$TMP/bin/xl"
export PATH="$TMP/bin:$PATH"
printf '[dmmigrated]\nsr = thick lvm:vgb\n' >"$TMP/b.conf"
# shellcheck disable=SC2034 # functions.sh has it
RECEIVER_OPTIONS="--config $TMP/b.conf"
start_receiver
A_IS=127.0.0.1	# b asks in this network namespace, where the other daemon listens to nobody else

# says SIDE PATTERN, nothing_of SIDE PATTERN: of what clean has listed last
listed() {
	usleep 2100000	# what lvm and xl say is kept for two seconds
	case $1 in
	a)	dmmigrate clean >"$TMP/clean.a" 2>"$TMP/notes.a" || fail "clean: exit $?: $(cat "$TMP/clean.a" "$TMP/notes.a")" ;;
	b)	on_b clean --peer "$A_IS" >"$TMP/clean.b" 2>"$TMP/notes.b" || fail "clean there: exit $?: $(cat "$TMP/clean.b" "$TMP/notes.b")" ;;
	esac
}
all() {
	usleep 2100000
	case $1 in
	a)	dmmigrate clean --all --yes >"$TMP/clean.a" 2>&1 || fail "clean --all: exit $?: $(cat "$TMP/clean.a")" ;;
	b)	on_b clean --all --yes --peer "$A_IS" >"$TMP/clean.b" 2>&1 || fail "clean --all there: exit $?: $(cat "$TMP/clean.b")" ;;
	esac
}
says() { grep -q -- "$2" "$TMP/clean.$1" || fail "$1 does not say '$2': $(cat "$TMP/clean.$1" "$TMP/notes.$1")"; }
silent_of() { ! grep -q -- "$2" "$TMP/clean.$1" || fail "$1 says '$2': $(cat "$TMP/clean.$1")"; }
made() { lvm lvs --noheadings -o lv_name vgb 2>/dev/null | grep -q 'dmm-A-0'; }
killed() {
	local step=$1 status=0
	shift
	DMM_TOOL_STOP_AT=$step "$@" >"$TMP/killed.out" 2>&1 || status=$?
	[ $status = 137 ] || fail "the tool did not stop at $step: exit $status: $(cat "$TMP/killed.out")"
}
table=$(dmsetup table A)

say "nothing"
listed a
says a 'no leftovers'
listed b
says b 'no leftovers'

say "a start that was killed: its device here, its volume, gate and journal there"
killed swapped dmmigrate start A "$ADDR_B:thick"
made || fail "no volume was made"
listed a
says a '^device attached but not started A (migration '
refused 3 'confirmation' dmmigrate clean --all
[ "$(dmsetup table A | cut -d ' ' -f 3)" = migrate ] || fail "clean --all has not waited for an answer"
all a
says a '^removed: device attached but not started A'
assert "table" "$(dmsetup table A)" = "$table"
listed a
says a 'no leftovers'

say "the same where the source has forgotten it already"
killed prepared dmmigrate start A "$ADDR_B:thick"
made || fail "no volume was made"
ID=$(ls "$TMP/state-b/destination")
rm -f /run/dmmigrate/*.json	# which is the other host's, too, here
kill_all "$RECEIVER"
start_receiver
touch "$TMP/incoming" "$TMP/gone"
printf '{"schema_version":1,"name":"web","autostart":0,"done":0,"path":"","kept":"","text":"x"}' >"$TMP/state-b/destination/$ID/guest"
listed b
says b "^migration A.dmm (migration $ID): the other host knows this migration no more; dmmigrate release $ID"
says b "^volume /dev/vgb/dmm-A-0-.* (migration $ID): it was made for this migration"
says b "^device A.dmm (migration $ID): the gate of this migration"
says b "^configuration of guest web (migration $ID)"
says b "^domain web--incoming (migration $ID): half of a guest that came here"
says b '^domain db--migratedaway (migration none): the memory of a guest.*dmmigrate recover'
# without the other's word it may go on
on_b clean --all --yes --json >"$TMP/json.out" 2>&1 || fail "clean --all there: exit $?: $(cat "$TMP/json.out")"
made || fail "the volume went without the other host's word"
[ -e "$TMP/incoming" ] || fail "the domain went without the other host's word"
tr -d ' \n' <"$TMP/json.out" | grep -q '"kind":"migration","name":"A.dmm","migration":"'"$ID"'","reason":"[^"]*","action":"[^"]*","removable":false,"removed":false' ||
	fail "$(cat "$TMP/json.out")"
all b
says b '^removed: migration A.dmm'
says b '^removed: volume /dev/vgb/dmm-A-0-'
says b '^removed: device A.dmm'
says b '^removed: configuration of guest web'
says b '^removed: domain web--incoming'
says b '^kept: domain db--migratedaway .*dmmigrate recover'
! made || fail "the volume is still there"
! dmsetup info A.dmm >/dev/null 2>&1 || fail "the gate is still there"
[ ! -e "$TMP/destroyed" ] || fail "destroyed: $(cat "$TMP/destroyed")"
rm "$TMP/gone"
listed b
says b 'no leftovers'

say "an open hand-over: nothing of it goes, on neither host, and each says who decides"
start_migration
ID=$(migration_id)
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
killed finished dmmigrate cutover A --timeout 15000
all a
says a "^kept: device whose cutover has not ended A (migration $ID)"
says a "^kept: migration A (migration $ID): its hand-over is open (relinquished).*dmmigrate recover $ID"
says a "^migration A.dmm (migration $ID) at .*this host owns the disks.*there: dmmigrate run $ID, or dmmigrate return $ID"
all b
says b "^kept: migration A.dmm (migration $ID): this host owns the disks"
source_is relinquished || fail "source: $(journal_says source)"
dest_is owned || fail "destination: $(journal_says destination)"
assert "gate" "$(nl A.dmm gate)" = reads

say "handed over: the old device and both journals"
dmmigrate cutover A --timeout 15000 >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
dest_settled() { dest_is settled; }
must_wait_for 20 dest_settled
all a
says a '^removed: device cut over A'
assert "table" "$(dmsetup table A | cut -d ' ' -f 3)" = error
[ ! -e "/var/lib/dmmigrate/source/$ID" ] || fail "the journal is still there"
says a "^migration A.dmm (migration $ID) at .*this host owns the disks, and needs its journal no more; there: dmmigrate release $ID"
all b
says b '^removed: migration A.dmm'
both_pass() { dd if=/dev/mapper/A.dmm of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; }
both_pass || fail "the disk went with its journal"
# from now on nothing needs it but who has it open
exec 7</dev/mapper/A.dmm
listed b
says b "^device A.dmm (migration $ID): it was the gate of a migration that is over.*is in use.*dmmigrate clean --all"
all b
says b '^kept: device A.dmm'
both_pass || fail "what is in use was removed"
exec 7<&-
all b
says b '^removed: device A.dmm'
! dmsetup info A.dmm >/dev/null 2>&1 || fail "it keeps the volume in use"
dm_replace A "$table"

say "without journals: a gate that may be all that keeps a disk shut, a marked volume, and what was set aside of a journal"
start_migration
ID=$(migration_id)
kill_all "$DAEMON"	# or it has the disk prepared there once more
kill_all "$RECEIVER"
rm -rf "$TMP/state-b/destination/$ID"
mkdir -p "$TMP/state-b/destination/$ID.dropped-0"
touch "$TMP/state-b/destination/$ID.dropped-0/journal.damaged-1"
vm lvchange --addtag "dmmigrate-$ID" vgb/other
start_receiver
on_b clean --all --yes >"$TMP/clean.b" 2>&1 || fail "clean --all there: exit $?: $(cat "$TMP/clean.b")"
says b "^kept: device A.dmm (migration $ID): the gate of a migration that has no journal here"
says b "^kept: volume vgb/other (migration $ID).*lvremove vgb/other, or lvchange -kn --deltag dmmigrate-$ID vgb/other"
says b "^removed: journal .*$ID.dropped-0"
[ ! -e "$TMP/state-b/destination/$ID.dropped-0" ] || fail "what was set aside is still there"
dmsetup info A.dmm >/dev/null || fail "the gate was removed"
lvm lvs vgb/other >/dev/null 2>&1 || fail "the volume was removed"
start_daemon
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"

say "a host that cannot be asked"
listed a
status=0
dmmigrate clean --peer 127.0.0.1:9 >"$TMP/clean.a" 2>"$TMP/notes.a" || status=$?
assert "exit code" $status = 4
grep -q 'leftovers at 127.0.0.1:9 are not known: .*connection refused' "$TMP/notes.a" || fail "$(cat "$TMP/notes.a")"
refused 2 'without SOURCE or ID' dmmigrate clean --all A
