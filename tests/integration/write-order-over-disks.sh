# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move the log and the data of a database that writes all the time, each data write after its log write: at the moment
# when they change hands, and whenever a hand-over is taken back, no disk has a data write without its log.
# check-kernels: long
# timeout: 120
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
for d in A B C D; do make_disk $d 4; done
start_receiver

# in_order LOG DATA: the judge's word on two disks of one moment
in_order() { dmm-order judge "/dev/mapper/$1" "/dev/mapper/$2" >"$TMP/order" || fail "$1, $2: $(cat "$TMP/order")"; say "$(cat "$TMP/order")"; }

background order dmm-order write /dev/mapper/A /dev/mapper/C 5
ORDER=$PID
dmmigrate start A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D" >/dev/null || fail "start: exit $?"
for round in 1 2 3; do
	# one that was taken back connects anew
	must_wait_for 60 dmmigrate wait A --timeout 30
	refused 8 'start hook failed' dmmigrate cutover --timeout 15000 --hook-start "dmm-order judge /dev/mapper/B /dev/mapper/D >$TMP/there; exit 7" A
	say "$round: $(cat "$TMP/there")"
	grep -q ': OK' "$TMP/there" || fail "round $round: $(cat "$TMP/there")"
	kill -0 "$ORDER" || fail "the writer: $(cat "$TMP/order.log")"
done
must_wait_for 60 dmmigrate wait A --timeout 30
dmmigrate cutover --timeout 15000 A >"$TMP/cutover.out" || fail "cutover: $(cat "$TMP/cutover.out")"
! wait "$ORDER" || fail "the writer goes on with what is released"
grep -q 'Input/output error' "$TMP/order.log" || fail "the writer: $(cat "$TMP/order.log")"
in_order B D
# the judge can tell: the log's last megabytes are gone, then the data's
dd if=/dev/mapper/B of="$TMP/log" bs=64K iflag=direct 2>/dev/null
dd if=/dev/zero of=/dev/mapper/B bs=64K count=64 oflag=direct 2>/dev/null
dmm-order judge /dev/mapper/B /dev/mapper/D >"$TMP/order" && fail "a log that is gone goes unseen"
grep -q 'INVERTED' "$TMP/order" || fail "judged: $(cat "$TMP/order")"
dd if="$TMP/log" of=/dev/mapper/B bs=64K oflag=direct 2>/dev/null
dd if=/dev/zero of=/dev/mapper/D bs=64K count=64 oflag=direct 2>/dev/null
dmm-order judge /dev/mapper/B /dev/mapper/D >"$TMP/order" && fail "data that are gone go unseen"
grep -q 'LOST' "$TMP/order" || fail "judged: $(cat "$TMP/order")"
