# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will receive into sparse files on a disk with logical blocks of 4096 bytes, from a source with
# 512: a hole is read there at any alignment, but not written, so it has to be written buffered;
# and a source with 4096 directly.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrated phony mkfs.ext4
two_hosts
disk=$(raw_disk four 64 4096)
cleanup_fn "drop_raw_disk four"
mkfs.ext4 -q "$disk"
mkdir -p "$TMP/mnt"
mount "$disk" "$TMP/mnt"
cleanup_fn "umount $TMP/mnt"
RECEIVER_OPTIONS="--insecure-plaintext --allow $TMP/mnt/*.img"	# as `phony` speaks
start_receiver

speak() {
	command phony "$ADDR_B:$PORT" "$@" >"$TMP/speak.out" 2>&1 ||
		fail "phony $*: $(cat "$TMP/speak.out")"
}
said() { grep -q -- "$1" "$TMP/speak.out" || fail "'$1' was not said: $(cat "$TMP/speak.out")"; }

size=$((8388608 + 512))
truncate -s $size "$TMP/mnt/512.img" "$TMP/model"
speak 1 model "$TMP/model" prepare "$TMP/mnt/512.img" $size attach 1 frame 0 8K frame 8M 512 frame 512 512 \
	zero 4608 512 drain barrier end finish
said 'prepared: .*flags=3 '
cmp "$TMP/model" "$TMP/mnt/512.img" || fail "not what was sent"

truncate -s 8M "$TMP/mnt/4096.img"
speak 2 lbs-4096 prepare "$TMP/mnt/4096.img" 8M attach 1 frame 0 8K barrier end finish
said 'prepared: .*flags=1 '
