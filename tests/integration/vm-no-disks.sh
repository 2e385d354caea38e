# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a domain whose disk both hosts have, by a toolstack that is a script, and have it fail there, and the tool killed at each
# step: it is told to run there only where both journals say so, goes on at the source or not as they say, and leaves nothing behind.
# check-kernels: long
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated
two_hosts
make_disk A 4
. functions-guest.sh

# vm CODE [OPTION...]: as ever; what it says is in $TMP/vm.out
vm() {
	local want=$1 rc=0
	shift
	rm -f "$TMP/unpaused"
	timeout 100 dmmigrate vm web --to "$ADDR_B" --map xvda=shared "$@" >"$TMP/vm.out" 2>&1 || rc=$?
	[ $rc = "$want" ] || fail "vm $*: exit $rc, wanted $want: $(cat "$TMP/vm.out")"
}
parts() { find /var/lib/dmmigrate/source "$TMP/state-b/destination" -mindepth 1 -maxdepth 1 2>/dev/null | sort; }
nothing_left() {
	assert "parts left $1" "$(parts)" = ''
	nothing_there "$1"
	[ ! -e "$TMP/unpaused" ] || fail "it was told to run there $1"
}
# recovers CODE PATTERN: at the source
recovers() {
	local rc=0
	timeout 60 dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 || rc=$?
	[ $rc = "$1" ] || fail "recover: exit $rc, wanted $1: $(cat "$TMP/recover.out")"
	grep -q -- "$2" "$TMP/recover.out" || fail "recover: not '$2': $(cat "$TMP/recover.out")"
}
# killed_at STEP: the tool, with the migration that it leaves in $ID
killed_at() {
	DMM_TOOL_STOP_AT=$1 vm 137
	ID=$(ls /var/lib/dmmigrate/source)
}
release_both() {
	dmmigrate release "$ID" >"$TMP/release.out" 2>&1 || fail "release: $(cat "$TMP/release.out")"
	must_wait_for 20 there release "$ID"
	assert "parts after release" "$(parts)" = ''
}

vm 2 --verify
says 'none of web does'
vm 0 --dry-run
says 'No disk of web moves'
nothing_left "after a dry run"

touch "$TMP/fails"
vm 8
says 'the source owns the data, web is in normal use, nothing was changed; next: dmmigrate vm web'
rm "$TMP/fails"
nothing_left "after a move that failed"

killed_at stopped
recovers 0 'the source owns the disks'
dmmigrate clean >"$TMP/clean.out" 2>&1 || fail "clean: $(cat "$TMP/clean.out")"
grep -q 'no disk of it was to move' "$TMP/clean.out" || fail "clean does not list it: $(cat "$TMP/clean.out")"
rc=0
there acquire "$ID" >"$TMP/acquire.out" 2>&1 || rc=$?
assert "acquire's exit code" $rc = 3
grep -q 'no disk of this guest moves' "$TMP/acquire.out" || fail "acquire: $(cat "$TMP/acquire.out")"
source_is active || fail "acquire has it handed over"
release_both

for step in committed finished; do
	killed_at $step
	recovers 0 'the source owns the disks'
	source_is active || fail "$step: $(journal_says source)"
	must_wait_for 20 dest_is refused
	[ ! -e "$TMP/unpaused" ] || fail "$step: it was told to run there"
	release_both
done

killed_at running
dest_is running || fail "running: $(journal_says destination)"
recovers 9 'dmmigrate recover'
source_is relinquished || fail "running: $(journal_says source)"
[ ! -e "$TMP/unpaused" ] || fail "it was told to run there"
there return "$ID" >"$TMP/return.out" 2>&1 || fail "return: $(cat "$TMP/return.out")"
recovers 0 'the source owns the disks'
release_both

# the word that it may run is under way, and somebody has the guest returned: whichever comes first
cat >"$TMP/return-there" <<-EOS
	#!/bin/sh
	rc=0
	dmmigrate return --control "$TMP/control-b" "\$(ls /var/lib/dmmigrate/source)" >"$TMP/return.out" 2>&1 || rc=\$?
	echo \$rc >"$TMP/returned"
	[ ! "\$1" ] || kill -9 \$PPID
EOS
chmod 755 "$TMP/return-there"
DMM_TOOL_RUN_AT="running $TMP/return-there" vm 9
assert "return's exit code" "$(cat "$TMP/returned")" = 0
[ ! -e "$TMP/unpaused" ] || fail "it was told to run there after it was returned"
ID=$(ls /var/lib/dmmigrate/source)
dest_is refused || fail "returned: $(journal_says destination)"
must_wait_for 20 source_is active
recovers 0 'the source owns the disks'
release_both

DMM_TOOL_RUN_AT="unpaused exec $TMP/return-there killed" vm 137
[ -e "$TMP/unpaused" ] || fail "it was not told to run there"
assert "return's exit code" "$(cat "$TMP/returned")" = 9
grep -q 'was told to run here before, and may be running' "$TMP/return.out" || fail "return: $(cat "$TMP/return.out")"
ID=$(ls /var/lib/dmmigrate/source)
dest_is running || fail "told, and returned: $(journal_says destination)"
recovers 9 'dmmigrate recover'
there run "$ID" >"$TMP/run.out" 2>&1 || fail "run: $(cat "$TMP/run.out")"
must_wait_for 20 dest_is settled
recovers 0 'the destination owns the disks'
must_wait_for 20 test -e "$TMP/xen-b/web.cfg"
release_both
rm "$TMP/xen-b/web.cfg"

killed_at handed-over
[ -e "$TMP/unpaused" ] || fail "it was not told to run there"
recovers 0 'the destination owns the disks'
must_wait_for 20 dest_is settled
must_wait_for 20 test -e "$TMP/xen-b/web.cfg"
release_both
rm "$TMP/xen-b/web.cfg"

vm 0
says "web has moved to $ADDR_B"
says "Its configuration there is $TMP/xen-b/web.cfg"
[ -e "$TMP/unpaused" ] || fail "it was not told to run there"
grep -q 'access=rw,target=/dev/mapper/A' "$TMP/xen-b/web.cfg" || fail "the wrong disk: $(cat "$TMP/xen-b/web.cfg")"
assert "parts here" "$(ls /var/lib/dmmigrate/source)" = ''
ID=$(ls "$TMP/state-b/destination")
dest_is settled || fail "$(journal_says destination)"
there release "$ID" >"$TMP/release.out" 2>&1 || fail "release: $(cat "$TMP/release.out")"

# none at all
sed -i 's/"disks": \[.*\]/"disks": [ ] } } ]/' "$TMP/list"
sed -i '/^disk/d' /etc/xen/web.cfg
rm "$TMP/xen-b/web.cfg"
rc=0
timeout 100 dmmigrate vm web --to "$ADDR_B" >"$TMP/vm.out" 2>&1 || rc=$?
[ $rc = 0 ] || fail "a guest without disks: exit $rc: $(cat "$TMP/vm.out")"
says "web has moved to $ADDR_B"
