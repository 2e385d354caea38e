# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will run the target over disks of 4096-byte sectors, over one whose
# last block is partial, and over blocks up to the largest, and see every
# sector right, the last one too.
# check-kernels: 6.1
. functions.sh
load_module

# try WHAT BLOCK-SECTORS BLOCKS-EXPECTED: disk A is there
try() {
	fill A
	attach_raw A "$2"
	assert "$1: blocks" "$(st A total)" = "$3"
	start_load A --ops 400 --writers 4 --rate 10000 --sizes "$(blockdev --getss /dev/mapper/A)..512K"
	wait "$LOAD" || fail "$1: the load saw an error"
	lbs=$(blockdev --getss /dev/mapper/A)
	one A write:$(($(sectors_of A) * 512 - lbs)):"$lbs"
	checker_verdict /dev/mapper/A A
	checker_verdict /dev/mapper/A-low A
	detach_raw A
	rm "$TMP/A.journal"
	dmsetup remove A
	dmsetup remove A-low
}

make_disk A 8 4096
try "4Kn" 8 2048
drop_raw_disk A-raw

# 33 sectors short of 8 MiB: the last block of 4 KiB has 7 of its 8 sectors
node=$(raw_disk A-raw 8)
cleanup_fn "drop_raw_disk A-raw"
for block in 8 16 2048; do
	dm_create A-low "0 16351 linear $node 33"
	dm_create A "0 16351 linear /dev/mapper/A-low 0"
	echo "$node" >"$TMP/A.raw"
	try "partial last block of $block sectors" $block $(((16351 + block - 1) / block))
done

# smaller than one block
dm_create A-low "0 5 linear $node 0"
dm_create A "0 5 linear /dev/mapper/A-low 0"
fill A
attach_raw A 8
assert "blocks of a tiny disk" "$(st A total)" = 1
one A write:0:512 write:2048:512 write:1024:1024
checker_verdict /dev/mapper/A A
detach_raw A
