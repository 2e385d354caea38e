# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will stop the receiver's process for a while: the guest goes on
# meanwhile, a freeze that can't end thaws, and the migration goes on afterwards.
# check-kernels: 6.1
# timeout: 150
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
start_load A --writers 3 --rate 60 --sizes 512..64K --errors-ok
start_migration --bandwidth 1M
await A 10 "acked_bytes>=1048576"

kill -STOP "$RECEIVER"
usleep 500000
writes=$(nl A writes_completed) acked=$(nl A acked_bytes)
usleep 1000000
assert "writes in a second" $(($(nl A writes_completed) - writes)) -ge 20
assert "bytes acknowledged" "$(nl A acked_bytes)" = "$acked"
assert "state" "$(st A state)" = copying
# a freeze meanwhile
dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=1000
await A 5 state=copying
assert "result of a freeze that could not end" "$(nl A freeze_result)" = -62
kill -CONT "$RECEIVER"
acked=$(nl A acked_bytes)
await A 10 "acked_bytes>=$((acked + 1048576))"

dmmigrate throttle A 0 >/dev/null
timeout 60 dmmigrate wait A >/dev/null || fail "not converging"
# that epoch was none of the journal's: the next one is larger
refused 8 'freeze' dmmigrate cutover A
finish_migration
