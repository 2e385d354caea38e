# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will write every small and unaligned shape, and discard and zero
# likewise, and see exactly the blocks marked that each touches: not one less,
# for that loses data, and not one more, for that copies for ever.
# QEMU's synchronous mirror cleared a chunk that was covered in part.
# check-kernels: 6.1
# check-processors: 2
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8
make_disk B 8
fill A

# marks OP BLOCKS: with shipping paused, from no dirty block
marks() {
	dmm-nl pause $dev
	one A "$1"
	dirty=$(nl A dirty_blocks)
	[ "$dirty" = "$2" ] || fail "$1 marked $dirty blocks of $block bytes, not $2"
	dmm-nl resume $dev
	await_quiet A
}

dev=/dev/mapper/A
for block in 4096 65536; do
	attach_raw A $((block / 512))
	connect_raw A good --write /dev/mapper/B
	dmm-nl start $dev
	await_quiet A
	k=$((block / 1024))
	for op in write fua zeroes discard; do
		marks $op:0:512 1
		marks $op:$((block - 512)):512 1
		marks $op:$((block - 512)):1024 2
		marks $op:$block:$block 1
		marks $op:$((block + 512)):$block 2
		marks $op:$((3 * block - 512)):$((block + 1024)) 3
	done
	marks write:512:1048576 $((1024 / k + 1))
	marks write:1M:1M $((1024 / k))
	marks write:$((8388608 - 512)):512 1
	marks flush 0
	checker_verdict /dev/mapper/B A
	dmm-nl stop $dev >/dev/null
	kill "$PHONY"
	PORT=$((PORT + 1))
	detach_raw A
done

# what null_blk is asked to zero is written; this disk has an operation for it
if ! modprobe sd_mod 2>/dev/null || ! modprobe scsi_debug dev_size_mb=8 lbpws=1 delay=0 2>/dev/null; then
	say "no scsi_debug: nothing zeroes by itself here"
	exit 0
fi
cleanup_fn "rmmod scsi_debug"
sd() {
	node=$(ls -d /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/* 2>/dev/null)
	node=/dev/${node##*/}
	[ -b "$node" ]
}
must_wait_for 10 sd
dm_replace A-low "0 $(sectors_of A) linear $node 0"
# of the new disk's limits A has to be told, too
dm_replace A "$(dmsetup table A)"
fill A
block=4096
attach_raw A
connect_raw A good --write /dev/mapper/B
dmm-nl start $dev
await_quiet A
q=/sys/block/dm-$(dmsetup info -c --noheadings -o minor A)/queue
assert "bytes that it zeroes at once" "$(cat "$q/write_zeroes_max_bytes")" -gt 0
marks zeroes:0:$block 1
marks zeroes:$((5 * block)):$((64 * block)) 64
marks zeroes:1M:1M 256
checker_verdict /dev/mapper/B A
dmm-nl stop $dev >/dev/null
detach_raw A
