#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will leave everything behind that a test can leave behind.
set -e
modprobe brd rd_nr=1 rd_size=16384
echo '0 8192 linear /dev/ram0 0' | dmsetup create lower
echo '0 8192 linear /dev/mapper/lower 0' | dmsetup create upper
mkfs.ext4 -q /dev/mapper/upper
mount -t ext4 /dev/mapper/upper /mnt
dmsetup suspend lower
dd if=/dev/zero of=/tmp/image bs=1M count=4 2> /dev/null
losetup -f /tmp/image
ip netns add b
ip link add v0 type veth peer name v1
ip link set v1 netns b
modprobe null_blk nr_devices=0
mkdir /sys/kernel/config/nullb/left
echo 8 > /sys/kernel/config/nullb/left/size
echo 1 > /sys/kernel/config/nullb/left/power
sleep 1000 &
setsid sleep 1000 &
exit 0
