# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will attach to a disk of 200 TiB, sparse: refused with 4 KiB blocks, and the size that
# the refusal names is taken; with 1 MiB blocks everything is dirty, tracked and scanned, writes at
# both ends are shipped first or last but shipped, and no watchdog barks.
# check-kernels: 6.1
# kernels: 6.1 6.12
# timeout: 240
. functions.sh
requires ip target:snapshot target:zero
load_module
two_hosts
sectors=$((200 << 31))
# what is written goes to a small store, the rest reads as zeros
store=$(raw_disk store 256)
cleanup_fn "drop_raw_disk store"
dm_create nothing "0 $sectors zero"
dm_create A "0 $sectors snapshot /dev/mapper/nothing $store N 2048"
assert "sectors" "$(sectors_of A)" = $sectors

# 200 TiB of 4 KiB blocks are 6.25 GiB of bitmap
dmsetup create A-origin --table "0 $sectors linear /dev/mapper/A 0"
cleanup_fn "dm_drop A-origin"
log_mark small
dmsetup create A-live --table "0 $sectors migrate /dev/mapper/A-origin 8" 2>/dev/null &&
	fail "attached with 4 KiB blocks: 6 GiB of memory"
must_log 'use a block size of at least' small
named=$(log_since small | sed -n 's/.*block size of at least \([0-9]*\) sectors.*/\1/p' | tail -n 1)
say "the smallest block: $named sectors"
assert "sectors that are named" "$named" -gt 8
assert "sectors that are named" "$named" -le 2048
log_mark large
dmsetup create A-live --table "0 $sectors migrate /dev/mapper/A-origin $((named / 2))" 2>/dev/null &&
	fail "half of the smallest block is taken, too"
dmsetup create A-live --table "0 $sectors migrate /dev/mapper/A-origin 2048" || fail "refused with 1 MiB blocks"
cleanup_fn "dm_drop A-live"

write_at() { dd if=/dev/urandom of=/dev/mapper/A-live bs=1M seek="$1" count=1 oflag=direct conv=notrunc 2>/dev/null; }
write_at 0
write_at $(((200 << 20) - 1))
phony --raw good
reconnect_raw A-live
dmm-nl start /dev/mapper/A-live
assert "blocks in all" "$(st A-live total)" = $((200 << 20))
write_at 12345678
# it ships zeros for ever: the sweep has to move, and the machine to stay awake
await A-live 60 "sweep_blocks>=64"
dmm-nl get /dev/mapper/A-live | grep -E 'sweep|dirty|shipped'
assert "dirty blocks" "$(st A-live dirty)" -gt $((199 << 20))
stop_raw A-live
