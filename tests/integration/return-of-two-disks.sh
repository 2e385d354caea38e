# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have a destination return two disks of which one has been written: it does not, and a guest that
# reads the other one all the while, which nobody has written yet, sees no error.
# check-kernels: long
. functions.sh
. functions-handover.sh
requires ip dmmigrate dmmigrated od
load_module
two_hosts
for d in A B C D; do make_disk $d 4; done
for d in A C; do fill $d; done
start_receiver
for d in A C; do cleanup_fn "dm_drop $d.dmm"; done

dmmigrate start A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D" >"$TMP/start.out" 2>&1 ||
	fail "start: exit $?: $(cat "$TMP/start.out")"
ID=$(basename "$(find /run/dmmigrate -name '*-1.json')" -1.json)
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
there acquire "$ID" >"$TMP/acquire.out" 2>&1 || fail "acquire: exit $?: $(cat "$TMP/acquire.out")"
there run --unconfirmed "$ID" >"$TMP/run.out" 2>&1 || fail "run: exit $?: $(cat "$TMP/run.out")"
for d in A C; do assert "gate of $d" "$(nl $d.dmm gate)" = open; done

# shellcheck disable=SC2016 # the reader's
background reader sh -c 'while dd if=/dev/mapper/A.dmm of=/dev/null bs=4096 count=1 iflag=direct; do echo read; done 2>/dev/null; echo failed'
must_wait_for 10 grep -q read "$TMP/reader.log"
# through the page cache, and not written back yet
dd if=/dev/zero of=/dev/mapper/C.dmm bs=4096 count=1 conv=notrunc 2>/dev/null || fail "the gate is not open"
status=0
there return "$ID" >"$TMP/return.out" 2>&1 || status=$?
[ $status != 0 ] || fail "it was given back: $(cat "$TMP/return.out")"
usleep 300000
! grep -q failed "$TMP/reader.log" || fail "a read of the other disk failed"
# there is no way back: the source hears so
for d in A C; do must_wait_for 15 state_is $d released; done
settled() { journal_is destination settled; }
must_wait_for 15 settled
grep -q 'no way back' "$TMP/return.out" || fail "$(cat "$TMP/return.out")"
reads=$(grep -c read "$TMP/reader.log")
must_wait_for 10 sh -c "[ \$(grep -c read '$TMP/reader.log') -gt $((reads + 3)) ]"
! grep -q failed "$TMP/reader.log" || fail "a read of the other disk failed"
