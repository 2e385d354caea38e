# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have a hung disk take all its turns at reading digests: a copy to another disk at the same
# receiver does not notice.  Then that disk is too slow itself: connections that get no turn say so and
# try again, and the copy ends whole when the disk is as fast as before.
# check-kernels: long
. functions.sh
requires ip dmmigrate dmmigrated phony target:delay
two_hosts
make_disk H 4
make_disk D 32
RECEIVER_OPTIONS=--insecure-plaintext	# as `phony` speaks
start_receiver
truncate -s 32M "$TMP/source"
for i in 9 10 11 12 13 17 18 19 20 21; do	# islands: each is asked about by itself, and so is what lies between
	printf data | dd of="$TMP/source" bs=1M seek=$i conv=notrunc 2>/dev/null
done

command phony "$ADDR_B:$PORT" 1 prepare /dev/mapper/H 4M >/dev/null || fail "not prepared"
dmsetup suspend --noflush --nolockfs H-low
cleanup_fn "dmsetup resume H-low"
for i in 1 2 3 4; do
	background "digest$i" env phony "$ADDR_B:$PORT" 1 say asks digest 0 4M
done
asked() { [ "$(cat "$TMP"/digest?.log | grep -c asks)" = 4 ]; }
must_wait_for 10 asked
timeout 15 dmmigrate copy --insecure-plaintext --yes "$TMP/source" "$ADDR_B:$PORT:/dev/mapper/D" >"$TMP/first.out" 2>&1 ||
	fail "exit $?: $(cat "$TMP/first.out")"
grep -q 'trying again' "$TMP/first.out" && fail "$(cat "$TMP/first.out")"
[ "$(cat "$TMP"/digest?.log | wc -l)" = 4 ] || fail "H does not hang"
cmp "$TMP/source" /dev/mapper/D || fail "not what the source has"

# hashes take longer than any connection waits for its turn, of which there are fewer than connections;
# both ends, where signatures lie, are as ever
node=$(raw_of D)
dm_replace D-low "0 16384 linear $node 0
16384 32768 delay $node 16384 30000 $node 16384 0
49152 16384 linear $node 49152"
background copy dmmigrate copy --insecure-plaintext --yes --connections 8 "$TMP/source" "$ADDR_B:$PORT:/dev/mapper/D"
copy=$PID
waits() { grep -q 'digests of this disk are being read.*trying again' "$TMP/copy.log"; }
must_wait_for 40 waits
dm_replace D-low "$(low_table D)"
must_wait_for 40 gone "$copy"
grep -q 'is copied to' "$TMP/copy.log" || fail "$(cat "$TMP/copy.log")"
cmp "$TMP/source" /dev/mapper/D || fail "not what the source has"
