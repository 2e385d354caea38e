# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will write into a destination's disk behind the receiver's back, and see the hand-over not take place:
# cutover --verify=full finds it before the freeze where the block stood still, the freeze where the source's digest
# alone tells, and a plain cutover's sample where it came last; the source goes on, and its guest has seen no
# error.  Where nobody does, --verify=full hands a disk over that is written all the time.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 24
make_disk B 24
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
# the writers stay in the first half
start_load A --writers 2 --rate 50 --sizes 512..32K --region 0:12M

ready() {
	start_migration
	timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
}
# spoil OFFSET: 4 KiB of B's disk
spoil() { dd if=/dev/urandom of="$(raw_of B)" bs=4096 seek=$(($1 / 4096)) count=1 oflag=direct 2>/dev/null; }
# same_mib N: does B's disk have what A's has there?
same_mib() {
	dd if="$(raw_of A)" of="$TMP/mib-A" bs=1M skip="$1" count=1 iflag=direct 2>/dev/null
	dd if="$(raw_of B)" of="$TMP/mib-B" bs=1M skip="$1" count=1 iflag=direct 2>/dev/null
	cmp -s "$TMP/mib-A" "$TMP/mib-B"
}
goes_on() {
	local before
	grep -q 'the source owns' "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
	[ ! -e "$TMP/started" ] || fail "the start hook ran"
	before=$(nl A writes_completed)
	await A 10 "writes_completed>=$((before + 10))"
	assert "writes that failed" "$(nl A failed_writes)" = 0
	assert "reads that failed" "$(nl A failed_reads)" = 0
	dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
}
MIB=1048576

# a block that stood still since the first sweep: the destination itself finds it, nobody has been stopped
ready
# no instruction for crc32c here: frames have the other checksum, and the two sides compare by crc32c all the same
assert "features of the connections: ZERO and POLY32" "$(nl A features)" = 4097
must_wait_for 30 same_mib 17	# ready it is with some of it on its way still
spoil $((17 * MIB + 40960))
refused 10 "other data than was written, at offset $((17 * MIB))" dmmigrate cutover A --verify=full --timeout 15000 \
	--hook-stop "touch $TMP/stopped" --hook-start "touch $TMP/started"
[ ! -e "$TMP/stopped" ] || fail "the writer was stopped for a proof"
goes_on

# one that was rewritten in part: what was received for it is not known, the source's own digest tells
ready
one A write:$((18 * MIB + 8192)):4096
must_wait_for 30 same_mib 18
spoil $((18 * MIB + 409600))
refused 10 "the sides differ at offset $((18 * MIB)) (1048576 bytes, crc32c" dmmigrate cutover A --verify=full \
	--timeout 15000 --hook-start "touch $TMP/started"
goes_on

# without a full proof: what came last is looked at before the source gives up
ready
kill -STOP "$LOAD"
await_quiet A	# hot chunks come late, and then this would not be the last
one A write:$((19 * MIB + 4096)):4096
await_quiet A
spoil $((19 * MIB + 4096))
refused 10 "other data than was written, at offset $((19 * MIB + 4096))" dmmigrate cutover A --timeout 15000 \
	--hook-start "touch $TMP/started"
kill -CONT "$LOAD"
goes_on

# nobody spoils anything: it is proved and handed over while it is written
ready
dmmigrate cutover A --verify=full --timeout 15000 --hook-stop "kill $LOAD; while kill -0 $LOAD; do usleep 10000; done" \
	--json >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
tr -d ' \n' <"$TMP/cutover.out" | grep -q '"proof":{"extents":24,' || fail "$(cat "$TMP/cutover.out")"
proved=$(tr -d ' \n' <"$TMP/cutover.out" | sed 's/.*"agreed":\([0-9]*\).*/\1/')
assert "extents that were proved" "$proved" -ge 12
say "$proved of 24 MiB were proved"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
state_is A released || fail "$(st A state) after the cutover"
checker_verdict /dev/mapper/A.dmm A
