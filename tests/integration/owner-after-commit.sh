# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will do to a source that is cut over what an admin or his tools may
# do: cut over again, reload its table, keep its origin open, lose the record, the daemon
# or the journal.  Nothing ever says that the source owns the data, and the start
# hook succeeds once.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 12
make_disk B 12
fill A
start_receiver
table=$(dmsetup table A)

cleanup_fn "dm_drop A.dmm"

# cut_over: A to B, from the beginning
cut_over() {
	start_migration --yes
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
	cutover
}
# again: as it was before
again() {
	give_up
	forget_there
	dm_replace A "$table"
}
never_source() {
	! grep -q 'the source owns' "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
}

# the start hook succeeds once
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
for i in 1 2; do
	dmmigrate cutover A --hook-start "echo x >>$TMP/started" >"$TMP/cutover.out" 2>&1 ||
		fail "cutover $i: exit $?: $(cat "$TMP/cutover.out")"
done
assert "runs of the start hook" "$(wc -l <"$TMP/started")" = 1
grep -q 'cut over already.*release' "$TMP/cutover.out" || fail "$(cat "$TMP/cutover.out")"
dmmigrate verify A >/dev/null || fail "verify: exit $?"
dd if=/dev/urandom of="$(raw_of B)" bs=4096 seek=7 count=1 oflag=direct 2>/dev/null
refused 10 'the destination owns' dmmigrate verify A
again

# somebody holds the origin open while the source is given up
cut_over
background holder sh -c "exec sleep 60 </dev/mapper/A-dmm-origin"
usleep 300000
ID=$(migration_id)
refused 5 'the destination owns' dmmigrate clean --yes A
never_source
refused 3 'the destination owns.*dmmigrate clean A' dmmigrate status A
never_source
kill "$PID"
wait "$PID" || true
dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
grep -q "$table" "$TMP/clean.out" || fail "the original table was not printed: $(cat "$TMP/clean.out")"
forget_there
dm_replace A "$table"

# its released table is replaced behind our back (lvchange --refresh)
cut_over
ID=$(migration_id)
dm_replace A "$table"
for verb in "status A" "start A $ADDR_B:/dev/mapper/B" "cancel A"; do
	# shellcheck disable=SC2086
	refused 9 'the destination owns' dmmigrate $verb
done
for verb in list status; do
	dmmigrate $verb >"$TMP/all.out" 2>&1 || fail "$verb: exit $?: $(cat "$TMP/all.out")"
	grep -q "A was being cut over to $ADDR_B:/dev/mapper/B and its target is gone" "$TMP/all.out" ||
		fail "$verb does not tell of the commit: $(cat "$TMP/all.out")"
	dmmigrate $verb --json 2>/dev/null | tr -d ' \n' | grep -q '"lost_commits":\[{"source":"A"' || fail "$verb --json"
done
# and nobody can be asked: it is not believed either
kill -STOP "$DAEMON"
refused 9 'nobody knows.*systemctl start dmmigrated' dmmigrate status A
kill -CONT "$DAEMON"
dmmigrate clean A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
refused 3 'is not being migrated' dmmigrate status A
forget_there

# the same table is loaded anew, and its target knows of no commit: never back to the old disk
cut_over
dmsetup load A --table "$(dmsetup table A)"
dmsetup resume --noflush --nolockfs A
state_is A idle || fail "$(st A state) after the reload"
for verb in "status A" "cancel A"; do
	# shellcheck disable=SC2086
	refused 9 'the destination owns' dmmigrate $verb
done
# not even when neither record nor daemon can tell
mv /run/dmmigrate/*.json "$TMP/"
kill -9 "$DAEMON"
wait "$DAEMON" || true
for verb in cancel clean; do
	refused 9 'nobody knows.*systemctl start dmmigrated' dmmigrate $verb A
	state_is A idle || fail "$(st A state) after $verb without record and daemon"
done
mv "$TMP"/*.json /run/dmmigrate/
# a daemon that begins now shuts it, and keeps that table; whoever gives the disk up ends that, too
ID=$(migration_id)
start_daemon
dmsetup info "dmm-$ID-fence0" >/dev/null || fail "the daemon has put up no fence"
refused 3 'the destination owns.*dmmigrate clean A' dmmigrate status A
again
! dmsetup info "dmm-$ID-fence0" >/dev/null 2>&1 || fail "the fence is still there"

# the record is lost after the release
cut_over
ID=$(migration_id)
rm /run/dmmigrate/*.json
refused 3 'next: .*dmmigrate recover' dmmigrate cutover A
never_source
refused 3 'cannot be taken back' dmmigrate cancel A
never_source
dmmigrate recover "$ID" | grep -q 'the destination owns' || fail "recover"
dmmigrate release "$ID" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
assert "table after release" "$(dmsetup table A | cut -d ' ' -f 3)" = error
forget_there
dm_replace A "$table"

# the journal is lost, too, while it is committed: only a person can tell
start_migration --yes
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
raw_commit A "$(next_epoch A)" 15000
kill -9 "$DAEMON"
wait "$DAEMON" || true
rm -rf /var/lib/dmmigrate/source/*
start_daemon
for verb in cancel clean; do
	refused 9 "nobody knows" dmmigrate $verb A
	state_is A committed || fail "$(st A state) after $verb"
done
dmmigrate cancel --yes A >"$TMP/cancel.out" 2>&1 || fail "cancel --yes: exit $?: $(cat "$TMP/cancel.out")"
assert "table after cancel" "$(dmsetup table A)" = "$table"
