# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will send zero runs to block devices that unmap them, that can do no such thing,
# and that fail, and see every one read as zeros where it was acknowledged, what lies beside the
# run unharmed, and a disk that could not be zeroed FAILED.
# timeout: 240
# check-kernels: long
. functions.sh
requires ip dmmigrated phony losetup
two_hosts
RECEIVER_OPTIONS=--insecure-plaintext	# as `phony` speaks
start_receiver

# speak MIGRATION VERB...: userland speaks the protocol
speak() {
	command phony "$ADDR_B:$PORT" "$@" >"$TMP/speak.out" 2>&1 ||
		fail "phony $*: $(cat "$TMP/speak.out")"
}
said() { grep -q -- "$1" "$TMP/speak.out" || fail "'$1' was not said: $(cat "$TMP/speak.out")"; }

# as_told DEVICE: all bytes x, then zeros from 1 MiB + 512 to 40 MiB but for one block
as_told() {
	head -c $((1048576 + 512)) "$1" | tr -d x | cmp -s - /dev/null || fail "$1: written before the run"
	dd if="$1" bs=1048576 skip=40 count=8 2>/dev/null | tr -d x | cmp -s - /dev/null ||
		fail "$1: written behind the run"
	dd if="$1" bs=512 skip=2049 count=14335 2>/dev/null | cmp -s -n 7339520 - /dev/zero ||
		fail "$1: not zeros before the block at 8 MiB"
	dd if="$1" bs=4096 skip=2049 count=8191 2>/dev/null | cmp -s -n 33550336 - /dev/zero ||
		fail "$1: not zeros behind the block at 8 MiB"
	dd if="$1" bs=4096 skip=2048 count=1 2>/dev/null | cmp -s -n 4096 - /dev/zero &&
		fail "$1: the block at 8 MiB is gone"
	return 0
}

# zero DEVICE MIGRATION
zero() {
	say "$1: $(cat "/sys/block/dm-$(dmsetup info -c --noheadings -o minor "$1")/queue/write_zeroes_max_bytes") bytes of zeros at a time"
	head -c 50331648 /dev/zero | tr '\0' x >"$1"
	speak "$2" overwrite prepare "$1" 48M attach 1 zero $((1048576 + 512)) $((40894464 - 1024)) \
		frame 8M 4K zero $((41942528 - 512)) 1024 barrier end query finish forget
	said 'received=40898560 barrier=1'
	as_told "$1"
}

truncate -s 48M "$TMP/file"
loop=$(losetup -f)
losetup "$loop" "$TMP/file"
cleanup_fn "losetup -d $loop"
dm_create L "0 98304 linear $loop 0"
zero /dev/mapper/L 1
kib=$(du -k "$TMP/file" | cut -f 1)
assert "KiB that are left of the file" "$kib" -lt 12000

node=$(raw_disk plain 48 512 discard=0)
cleanup_fn "drop_raw_disk plain"
dm_create N "0 98304 linear $node 0"
zero /dev/mapper/N 2
(log_plain=$(cat "$TMP"/receiver-*.log); case $log_plain in *"cannot punch"*) ;; *)
	fail "it was not said that N cannot punch" ;; esac)

say "what fails is FAILED"
head -c 1048576 /dev/zero | tr '\0' x >/dev/mapper/L
speak 3 overwrite prepare /dev/mapper/L 48M
if [ -e "/sys/block/$(basename "$loop")/make-it-fail" ] && [ -d /sys/kernel/debug/fail_make_request ]; then
	inject=/sys/kernel/debug/fail_make_request
	echo 1 >"/sys/block/$(basename "$loop")/make-it-fail"
	cleanup_fn "echo 0 >/sys/block/$(basename "$loop")/make-it-fail"
	echo 0 >$inject/verbose
	echo -1 >$inject/times
	cleanup_fn "echo 0 >$inject/probability"
	echo 100 >$inject/probability
else
	dm_replace L "0 98304 error"
fi
speak 3 attach 2 zero 0 1M nack 5
said 'nack: type=37 seq=1 status=5'
speak 3 query
said 'state=4 conns=0 error=5'
speak 3 refused 5 attach 3
speak 3 refused 5 finish
speak 3 forget
