# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will cut the link for a while, while copying and in the freeze: the
# guest goes on, a freeze that can't end thaws, and the migration goes on by
# itself when the link is back.
# check-kernels: 6.1
# carriers: relay plaintext
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

ip -n b link set eth0 down
usleep 500000
writes=$(nl A writes_completed) acked=$(nl A acked_bytes)
usleep 1000000
await A 5 "writes_completed>=$((writes + 20))"
assert "bytes acknowledged" "$(nl A acked_bytes)" = "$acked"
assert "state" "$(st A state)" = copying
ip -n b link set eth0 up
await A 20 "acked_bytes>=$((acked + 1048576))"

dmmigrate throttle A 0 >/dev/null
await A 20 "sweep_blocks>=4096"
ip link set dmm-b down
dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=1000
await A 5 state=copying
assert "result of a freeze without a link" "$(nl A freeze_result)" = -62
ip link set dmm-b up
timeout 60 dmmigrate wait A >/dev/null || fail "not converging"
# that epoch was none of the journal's: the next one is larger
refused 8 'freeze' dmmigrate cutover A
finish_migration
