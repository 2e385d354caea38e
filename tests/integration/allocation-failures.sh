# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have every allocation of the constructor, of ATTACH and of START
# fail in turn: each is refused with ENOMEM, nothing is left half-made or leaked, and
# the next try is good.  While a migration runs, failing allocations harm neither it nor the guest.
# kernels: uml smp
. functions.sh
requires ip
load_module
[ -e /proc/self/fail-nth ] || skip "no fault injection in this kernel"
two_hosts
make_disk A 8
make_disk B 8
fill A
fault=/sys/kernel/debug
for f in failslab fail_page_alloc; do
	echo 0 >$fault/$f/verbose
	echo N >$fault/$f/ignore-gfp-wait
done
echo 0 >$fault/fail_page_alloc/min-order

dm_create probe "0 $(sectors_of A) linear /dev/mapper/A 0"
dmm-fail load probe "$(sectors_of A)" /dev/mapper/A 8 || fail "the constructor"
dmsetup clear probe
dmsetup remove probe

attach_raw A
phony --raw --write /dev/mapper/B good
dmm-fail attach /dev/mapper/A "$ADDR_B:$PORT" || fail "ATTACH"
dmm-fail start /dev/mapper/A || fail "START"
await_quiet A
checker_verdict /dev/mapper/B A

# one in a hundred allocations of everybody fails, for a while
start_load A --writers 3 --errors-ok
for f in failslab fail_page_alloc; do
	echo 1 >$fault/$f/probability
	echo Y >$fault/$f/ignore-gfp-wait
	echo -1 >$fault/$f/times
done
usleep 3000000
for f in failslab fail_page_alloc; do echo 0 >$fault/$f/probability; done
state_is A copying || fail "$(st A state) $(st A error)"
raw_commit A 1 15000
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
give_up_raw A
kill "$LOAD"
wait "$LOAD" || fail "the load"
