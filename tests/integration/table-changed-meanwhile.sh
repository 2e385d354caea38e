# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will change the table of a device, as pvmove and lvextend do, between
# the tool's look at it and its exchange: start, cancel and clean refuse, and
# what the others loaded is untouched.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 12
make_disk A2 12
make_disk B 12
start_receiver
before=$(dmsetup table A)
other="0 $(sectors_of A) linear $(dmsetup info -c --noheadings -o major,minor A2-low) 0"

# while start waits for the receiver
signal_all STOP "$RECEIVER"
background start dmmigrate start A $ADDR_B:/dev/mapper/B
must_wait_for 10 test -e /run/dmmigrate/lock."$(dmsetup info -c --noheadings -o major,minor A)"
usleep 500000
dm_replace A "$other"
remember_devices
signal_all CONT "$RECEIVER"
status=0
wait "$PID" || status=$?
assert "exit code of start" $status = 3
grep -q 'somebody is changing A.*next: dmsetup' "$TMP/start.log" || fail "$(cat "$TMP/start.log")"
restored "start refused"

# a table that somebody else has loaded, before cancel and before clean
start_migration
dmsetup load A --table "0 $(sectors_of A) error"
refused 3 'the source owns the data' dmmigrate cancel A
grep -q 'somebody is changing A' "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
dmsetup table --inactive A | grep -q error || fail "the table that was loaded is gone"
dmsetup clear A
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
restored "cancelled"
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
cutover
dmsetup load A --table "$before"
refused 3 'the destination owns the data' dmmigrate clean --yes A
state_is A released || fail "$(st A state) after a clean that was refused"
dmsetup table --inactive A | grep -q linear || fail "the table that was loaded is gone"
dmsetup clear A
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
