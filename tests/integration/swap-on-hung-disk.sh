# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will exchange tables while the disk answers no write: cancel gives up
# after 10 s and says so, the device is not left suspended, and it succeeds when
# the disk is back.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 8
make_disk B 8
fill A
remember_devices
start_receiver

start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
dmmigrate pause A >/dev/null	# the sender is not to wait for a read
dmsetup suspend A-low
one A write:1M:4096 &
writer=$!
usleep 500000
refused 5 'the disk has not answered' timeout 60 dmmigrate cancel A
[ "$(dmsetup info -c --noheadings -o suspended A)" = Active ] || fail "A was left suspended"
dmsetup resume A-low
wait $writer || fail "the guest's write failed"
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
restored "a cancel that gave up, and one that did not"
checker_verdict /dev/mapper/A A
