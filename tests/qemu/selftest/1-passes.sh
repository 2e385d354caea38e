#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will pass, with programs of the host and modules of the guest.
set -e
dmsetup version
mkfs.ext4 -V
modprobe brd rd_nr=1 rd_size=16384
blockdev --getsz /dev/ram0 | grep -qx 32768
mkfs.ext4 -q /dev/ram0
mount -t ext4 /dev/ram0 /mnt
ip link add v0 type veth peer name v1
tc qdisc add dev v0 root netem delay 1ms
ip link show v1
echo '0 8192 delay /dev/ram0 0 0' | dmsetup create never && exit 1
echo '0 8192 linear /dev/ram0 0' | dmsetup create lin && exit 1
umount /mnt
echo '0 8192 linear /dev/ram0 0' | dmsetup create lin
[ -b /dev/mapper/lin ]
