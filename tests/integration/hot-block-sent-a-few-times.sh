# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will overwrite one block ten thousand times while its disk is copied:
# it is sent a few times, counts as dirty all the while, and the freeze takes it
# along; once the guest is quiet it does not wait at all.  Under a skewed load no more is
# shipped than 1.1 times what is used and what was rewritten.
# check-kernels: long
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
MIB=1048576
make_disk A 48
make_disk B 48
fill A
start_receiver
# in the first of the units that are shipped, the rest takes 10 s
start_migration --connections 2 --bandwidth 5M
await A 20 "sweep_blocks>=512"
resent=$(nl A resent_blocks)
dmm-load /dev/mapper/A --journal "$TMP/A.journal" --ops 10000 --writers 1 --region 64K:4K --sizes 4K..4K --align 4K >/dev/null
await A 60 "sweep_blocks>=12288"
assert "dirty blocks when all else is copied" "$(nl A dirty_blocks)" -le 1

# and again, caught up: at full speed
dmmigrate throttle A unlimited
background hot dmm-load /dev/mapper/A --journal "$TMP/A.journal" --seconds 15 --writers 1 --rate 1000 \
	--region 64K:4K --sizes 4K..4K --align 4K
HOT=$PID
usleep 8000000
assert "dirty or in flight" $(($(nl A dirty_blocks) * 4096 + $(nl A inflight_bytes))) -ge 4096
wait "$HOT" || fail "the load: $(cat "$TMP/hot.log")"
begun=$(now_ms)
await_quiet A 5
took=$(($(now_ms) - begun))
resent=$(($(nl A resent_blocks) - resent))
say "sent again $resent times, quiet after $took ms"
assert "times that a block was sent, rewritten 20000 times" $resent -le 10
assert "milliseconds until all is shipped when it is quiet" $took -le 1500

# skewed: 4 KiB writes all over the disk, the popular ones again and again
from=$(dmm-check --clock --journal "$TMP/A.journal")
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
start_migration --connections 2 --bandwidth 5M
start_load A --zipf --writers 4 --rate 400 --sizes 4K..4K --align 4K --discard 0 --zeroes 0 --hot 0
await A 60 "sweep_blocks>=12288"
dmmigrate throttle A unlimited
timeout 60 dmmigrate wait A >"$TMP/wait.out" 2>&1 || fail "not converging: $(cat "$TMP/wait.out")"
say "dirty when ready: $(nl A dirty_blocks) blocks"
assert "dirty blocks" "$(nl A dirty_blocks)" -le 1024
background cutover dmmigrate cutover A --timeout 15000
wait "$PID" || fail "cutover: exit $?: $(cat "$TMP/cutover.log")"
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending --distinct 4096 --from "$from"
distinct=$(sed -n 's/.*distinct=\([0-9]*\).*/\1/p' "$TMP/check.out")
shipped=$(nl A shipped_bytes)
most=$(((48 * MIB + distinct * 4096) * 11 / 10))
say "shipped $shipped bytes, $distinct distinct blocks rewritten by $(nl A writes_submitted) writes," \
	"resend $((shipped * 1000 / (48 * MIB + distinct * 4096)))/1000, freeze $(nl A freeze_blocks) blocks"
assert "bytes shipped" "$shipped" -le $most
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
kill "$LOAD" 2>/dev/null || true
wait "$LOAD" || true	# its writes fail once it is released
