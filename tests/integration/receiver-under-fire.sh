# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will send overlapping extents, zero runs and barriers at random, over connections that are cut and
# attached anew, to block devices: one that unmaps, one that has no way to zeros of its own, and one
# that cuts every request into pieces; and see none of them ever hold anything but what the
# acknowledgements allow.
# timeout: 240
# check-kernels: long
# check-processors: 2
. functions.sh
requires ip dmmigrated fire
two_hosts
RECEIVER_OPTIONS=--insecure-plaintext	# as `fire` speaks
start_receiver

seed=$(($(od -An -N4 -tu4 /dev/urandom)))
# under_fire NAME: its disk is all zeros
under_fire() {
	command fire "$ADDR_B:$PORT" "/dev/mapper/$1" 1536K 4 $seed no-restart >"$TMP/fire.out" 2>&1 ||
		fail "$1: $(cat "$TMP/fire.out")"
	say "$1: $(cat "$TMP/fire.out")"
}

make_disk punches 4
under_fire punches

# null_blk refuses discards: neither unmaps nor zeroes
make_disk plain 4 512 discard=0
under_fire plain

# whose pieces end in any order
one=$(raw_disk one 4)
cleanup_fn "drop_raw_disk one"
two=$(raw_disk two 4)
cleanup_fn "drop_raw_disk two"
dm_create striped "0 $((6 * 2048)) striped 2 8 $one 0 $two 0"
under_fire striped
