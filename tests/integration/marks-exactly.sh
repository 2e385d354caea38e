# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will write every small and unaligned shape, and discard and zero
# likewise, and see exactly the blocks marked that each touches: not one less,
# for that loses data, and not one more, for that copies for ever.
# QEMU's synchronous mirror cleared a chunk that was covered in part.
# check-kernels: 6.1
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
