# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will force every order of a guest write and the read-back of the
# same block, by stop points and by a slow origin, and see the destination hold
# the later data: clear before read, mark at submission and at completion.
# QEMU's mirror and DRBD lost data in each of these orders.
# check-kernels: uml
. functions.sh
requires ip target:delay
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
fill A
raw_migration A B good
await_quiet A
checker_verdict /dev/mapper/B A

# The sender stands at POINT with a block; the guest writes into it; the sender goes on.
# Each case has 64 KiB of its own, all of them are judged in the end.
at=0
for point in after-clear after-read before-send; do
	for op in write:0:4096 write:2048:512 write:-1024:3072 zeroes:0:4096 write:3072:8192 discard:0:2048; do
		at=$((at + 65536))
		kind=${op%%:*} off=${op#*:}
		resent=$(st A resent)
		stop_arm $point
		one A write:$at:4096
		stop_await $point
		one A "$kind:$((at + ${off%:*})):${off#*:}"
		stop_go $point
		await_quiet A
		assert "re-sent at $point, $op" "$(st A resent)" -gt "$resent"
	done
done
checker_verdict /dev/mapper/B A

# The write is submitted and marked, its block is cleared, read and sent; only then does it
# reach the disk: its completion must mark the block again.
dm_replace A-low "0 $(sectors_of A) delay $(raw_of A) 0 0 $(raw_of A) 0 400"
for op in write:2M:512 write:3M:4096 write:4M:65536 zeroes:5M:8192; do
	resent=$(st A resent)
	one A $op
	await_quiet A
	assert "re-sent after a slow $op" $(($(st A resent) - resent)) -ge 2
done
checker_verdict /dev/mapper/B A
dm_replace A-low "$(low_table A)"

raw_commit A 1
checker_verdict /dev/mapper/B A --forbid-pending
same_disks /dev/mapper/A-origin /dev/mapper/B
give_up_raw A
