# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will do to a source that is cut over what an admin or his tools may
# do: cut over again, interrupt, reload its table, keep its origin open, lose the
# record or the receiver.  Nothing ever says that the source owns the data, and
# the start hook succeeds once.
# check-kernels: 6.1
# timeout: 180
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 12
make_disk B 12
fill A
start_receiver
table=$(dmsetup table A)

# cut_over: A to B, from the beginning
cut_over() {
	start_migration
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
	cutover
}
# again: as it was before
again() {
	dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
	dm_replace A "$table"
}
never_source() {
	! grep -q 'the source owns' "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
}

# interrupted after the commit: the source goes on
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
raw_commit A "$(next_epoch A)" 15000
kill -STOP "$RECEIVER"
background cutover dmmigrate cutover A --verify --hook-start "echo x >>$TMP/started"
usleep 1500000
kill -TERM "$PID"
kill -CONT "$RECEIVER"
status=0
wait "$PID" || status=$?
assert "exit code of a cutover interrupted after the commit" $status = 8
[ ! -e "$TMP/started" ] || fail "the start hook ran after an interruption"
state_is A disconnected || fail "$(st A state) after an interruption"
# the start hook succeeds once
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
for i in 1 2; do
	dmmigrate cutover A --hook-start "echo x >>$TMP/started" >"$TMP/cutover.out" 2>&1 ||
		fail "cutover $i: exit $?: $(cat "$TMP/cutover.out")"
done
assert "runs of the start hook" "$(wc -l <"$TMP/started")" = 1
grep -q 'cut over already.*clean' "$TMP/cutover.out" || fail "$(cat "$TMP/cutover.out")"
dmmigrate verify A >/dev/null || fail "verify: exit $?"
dd if=/dev/urandom of="$(raw_of B)" bs=4096 seek=7 count=1 oflag=direct 2>/dev/null
refused 10 'the destination owns' dmmigrate verify A
again

# a difference found when both are at rest: nobody knows which one is right
cut_over
dd if=/dev/urandom of="$(raw_of B)" bs=4096 seek=100 count=1 oflag=direct 2>/dev/null
refused 10 'nobody knows' dmmigrate verify A
refused 10 'nobody knows' dmmigrate cutover --verify A
again

# somebody holds the origin open while the source is given up
cut_over
background holder sh -c "exec sleep 60 </dev/mapper/A-dmm-origin"
usleep 300000
refused 5 'the destination owns' dmmigrate clean --yes A
never_source
refused 3 'the destination owns.*dmmigrate clean A' dmmigrate status A
never_source
kill "$PID"
wait "$PID" || true
dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
grep -q "$table" "$TMP/clean.out" || fail "the original table was not printed: $(cat "$TMP/clean.out")"
dm_replace A "$table"

# its released table is replaced behind our back (lvchange --refresh)
cut_over
dm_replace A "$table"
for verb in "status A" "start A $ADDR_B:/dev/mapper/B" "cancel A"; do
	# shellcheck disable=SC2086
	refused 9 'nobody knows' dmmigrate $verb
	never_source
done
for verb in list status; do
	dmmigrate $verb >"$TMP/all.out" 2>&1 || fail "$verb: exit $?: $(cat "$TMP/all.out")"
	grep -q "A was being cut over to $ADDR_B:/dev/mapper/B and its target is gone" "$TMP/all.out" ||
		fail "$verb does not tell of the commit: $(cat "$TMP/all.out")"
	dmmigrate $verb --json 2>/dev/null | tr -d ' \n' | grep -q '"lost_commits":\[{"source":"A"' || fail "$verb --json"
done
dmmigrate clean A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
refused 3 'is not being migrated' dmmigrate status A

# the same table is loaded anew, and its target knows of no commit: never back to the old disk
cut_over
dmsetup load A --table "$(dmsetup table A)"
dmsetup resume --noflush --nolockfs A
state_is A idle || fail "$(st A state) after the reload"
for verb in "status A" "cancel A" "clean A"; do
	# shellcheck disable=SC2086
	refused 9 'nobody knows' dmmigrate $verb
	never_source
done
dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
assert "table after clean" "$(dmsetup table A | cut -d ' ' -f 3)" = error
dm_replace A "$table"

# the record is lost after the release
cut_over
rm /run/dmmigrate/*.json
refused 3 'next: .*dmmigrate clean A' dmmigrate cutover A
never_source
again

# the receiver is restarted between COMMIT and FINISH
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
raw_commit A "$(next_epoch A)" 15000
kill -9 "$RECEIVER"
start_receiver
dmmigrate cutover A --hook-start "echo x >>$TMP/started-there" >"$TMP/cutover.out" 2>&1 ||
	fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
grep -q 'receiver was restarted' "$TMP/cutover.out" || fail "$(cat "$TMP/cutover.out")"
[ -e "$TMP/started-there" ] || fail "the start hook did not run"
again

# and somebody has the destination by then: the start hook does not run on top of that
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
raw_commit A "$(next_epoch A)" 15000
kill -9 "$RECEIVER"
start_receiver
background holder sh -c "exec sleep 60 >/dev/mapper/B"
usleep 300000
rm "$TMP/started-there"
refused 8 'the source owns' dmmigrate cutover A --hook-start "touch $TMP/started-there"
[ ! -e "$TMP/started-there" ] || fail "the start hook ran on a destination that is in use"
kill "$PID"
wait "$PID" || true
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"

# released, and the start hook comes later and fails: that is what is said
cut_over
refused 6 'the start hook failed.*the destination owns.*next: dmmigrate cutover A' dmmigrate cutover A --hook-start 'exit 3'
never_source
dmmigrate verify A >/dev/null || fail "verify: exit $?"
again
