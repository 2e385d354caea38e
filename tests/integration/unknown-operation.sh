# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have the target take discards for an operation that it does not
# know: each raises an alert and marks its range, and a freeze holds it like a write.
# Tracker missed what a new kernel sends: dattobd cdcbef2, veeamsnap #33.
# check-kernels: uml
. functions.sh
requires ip
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
fill A
raw_migration A B good
await_quiet A
one A discard:1M:64K
await_quiet A
assert "alerts" "$(st A alerts)" = 0

log_mark unknown
echo Y >/sys/kernel/debug/dm-migrate/unknown_discards
cleanup_fn "echo N >/sys/kernel/debug/dm-migrate/unknown_discards"
for at in 2M 3145728 4194816; do
	resent=$(st A resent)
	one A write:$at:64K
	await_quiet A
	assert "re-sent after the write" "$(st A resent)" -gt "$resent"
	resent=$(st A resent)
	one A discard:$at:8192
	await_quiet A
	assert "re-sent after an operation of unknown kind" "$(st A resent)" -gt "$resent"
done
assert "alerts" "$(st A alerts)" = 3
must_log 'bio of unknown kind' unknown
checker_verdict /dev/mapper/B A

dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=15000
await_state A frozen
one A discard:5M:8192 &
pid=$!
await A 5 "held>=1"
dmm-nl commit /dev/mapper/A epoch=1
same_disks /dev/mapper/A-origin /dev/mapper/B
give_up_raw A
wait $pid || true
