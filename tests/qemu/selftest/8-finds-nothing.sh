#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will find nothing of the one before it.
status=0
check() { [ -z "$2" ] || { echo "left behind: $1: $2"; status=1; }; }
check devices "$(dmsetup ls | grep -v '^No devices')"
check mounts "$(grep /mnt /proc/mounts)"
check netns "$(ip netns list)"
check links "$(ip -o link | grep -E 'v[01]')"
check loop "$(ls -d /sys/block/loop*/loop 2> /dev/null)"
check processes "$(pgrep -f '^sleep 1000')"	# the runner sleeps too
check brd "$(ls -d /sys/module/brd/initstate 2> /dev/null)"
check null_blk "$(ls /sys/kernel/config/nullb 2> /dev/null)"
check files "$(ls -A /tmp)"
exit $status
