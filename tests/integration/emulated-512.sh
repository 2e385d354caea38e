# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will migrate a disk with sectors of 512 bytes on blocks of 4096 (512e):
# the target shows both sizes, single sectors are written and tracked, and every one
# is right at the destination.
# check-kernels: 6.1
# kernels: 6.1 6.12 smp
. functions.sh
requires ip module:sd_mod module:scsi_debug
cleanup_fn "rmmod scsi_debug"
# busy for as long as its first disk is still looked at
unloaded() { [ ! -e /sys/module/scsi_debug ] || rmmod scsi_debug 2>/dev/null; }
must_wait_for 10 unloaded
modprobe scsi_debug dev_size_mb=16 sector_size=512 physblk_exp=3 lowest_aligned=0 delay=0
load_module
two_hosts
node=''
sd() { node=$(ls -d /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/* 2>/dev/null); [ -n "$node" ]; }
must_wait_for 10 sd
node=/dev/${node##*/}
must_wait_for 10 test -b "$node"
dm_create A-low "0 $(blockdev --getsz "$node") linear $node 0"
dm_create A "0 $(blockdev --getsz "$node") linear /dev/mapper/A-low 0"
make_disk B 16
fill A
start_receiver
start_migration --bandwidth 4M
q=/sys/block/dm-$(dmsetup info -c --noheadings -o minor A)/queue
assert "logical block" "$(cat "$q/logical_block_size")" = 512
assert "physical block" "$(cat "$q/physical_block_size")" = 4096
assert "smallest good request" "$(cat "$q/minimum_io_size")" = "$(cat "/sys/block/${node##*/}/queue/minimum_io_size")"
start_load A --writers 3 --rate 60 --sizes 512..8K --errors-ok
dmmigrate throttle A 0 >/dev/null
finish_migration
