# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have a hung disk take all turns at reading digests, and copy to another disk at the same
# receiver meanwhile; and see the copy wait for hashes, more than once, and end whole when the disk
# answers again.
# check-kernels: uml
. functions.sh
requires ip dmmigrate dmmigrated phony
two_hosts
make_disk H 4
make_disk D 4
start_receiver
truncate -s 4M "$TMP/source"
printf data | dd of="$TMP/source" bs=1 seek=1M conv=notrunc 2>/dev/null

command phony "$ADDR_B:$PORT" 1 prepare /dev/mapper/H 4M >/dev/null || fail "not prepared"
dmsetup suspend --noflush --nolockfs H-low
cleanup_fn "dmsetup resume H-low"
for i in 1 2 3 4; do
	background "digest$i" env phony "$ADDR_B:$PORT" 1 say asks digest 0 4M
done
asked() { [ "$(cat "$TMP"/digest?.log | grep -c asks)" = 4 ]; }
must_wait_for 10 asked
sleep 1	# from there to the receiver's turns

background copy dmmigrate copy --yes "$TMP/source" "$ADDR_B:$PORT:/dev/mapper/D"
copy=$PID
waits() { grep -q 'trying again' "$TMP/copy.log"; }
must_wait_for 40 waits
dmsetup resume H-low
must_wait_for 40 gone "$copy"
grep -q 'is copied to' "$TMP/copy.log" || fail "$(cat "$TMP/copy.log")"
cmp "$TMP/source" /dev/mapper/D || fail "not what the source has"
