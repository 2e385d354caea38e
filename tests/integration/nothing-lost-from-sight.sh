# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will look at the progress in the very moment in which a connection is lost
# and what was on its way becomes dirty again: it is the one or the other, it never
# seems to have arrived.
# check-kernels: uml
. functions.sh
requires ip
load_module
requires debug
two_hosts
make_disk A 8
fill A
dev=/dev/mapper/A
attach_raw A
connect_raw A silent
dmm-nl start $dev
await A 10 dirty_blocks=0
assert "bytes in flight" "$(nl A inflight_bytes)" = 8388608

stop_arm in-stats
dmm-nl get $dev >"$TMP/get" &
pid=$!
stop_await in-stats
kill -9 "$PHONY"
await_state A disconnected
await A 5 inflight_bytes=0
stop_go in-stats
wait $pid
dirty=$(sed -n 's/^dirty_blocks=//p' "$TMP/get") inflight=$(sed -n 's/^inflight_bytes=//p' "$TMP/get")
assert "blocks that are dirty or in flight" $((dirty + inflight / 4096)) -ge 2048
assert "dirty blocks" "$(nl A dirty_blocks)" = 2048
stop_raw A
