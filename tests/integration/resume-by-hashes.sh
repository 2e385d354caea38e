# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will reboot the source in the middle of a copy, as far as disks and daemons can tell, let the guest write, and go on by
# start --resume: what differs is shipped, and little more, for at most 1 % of the disk's size in hashes, while the guest
# writes; then it is cut over with the right data. Whatever is no such migration is refused.
# check-kernels: 6.12
# timeout: 240
. functions.sh
. functions-handover.sh
. functions-reboot.sh
requires ip dmmigrate dmmigrated od
load_module
two_hosts
make_disk A 32
make_disk B 32
fill A
start_receiver
cleanup_fn "dm_drop A.dmm"
cleanup_fn "dm_drop A-dmm-origin"
MIB=1048576
BYTES=$((32 * MIB))
GRANULE=65536

say "what is copied, and what is not when the power goes"
start_migration --bandwidth $((12 / SLOW))M
ID=$(migration_id)
refused 3 'is not lost' dmmigrate start --resume "$ID"
await A 30 "sweep_blocks>=5000"
dmmigrate pause A >/dev/null
usleep 500000
# what is in flight may have arrived or not
FLIGHT=$(nl A inflight_bytes)
LEFT=$(($(nl A dirty_blocks) * 4096))
assert "bytes left" $LEFT -gt 0
assert "bytes left" $LEFT -lt $((BYTES / 2))
refused 3 'is not lost' dmmigrate start --resume "$ID"
reboot_source
journal_is source active || fail "source: $(journal_says source)"
journal_is destination receiving || fail "destination: $(journal_says destination)"
# by the table that it has now, and nothing tracks it
one A write:1M:1M write:4M:512K
WRITTEN=$((1536 * 1024))

say "no such migration"
refused 2 'not the id' dmmigrate start --resume nonsense
refused 2 'no SOURCE' dmmigrate start --resume "$ID" A
refused 3 'not the source of any' dmmigrate start --resume 00000000000000000000000000000001
dmsetup load A --table "0 $((BYTES / 512 - 2048)) linear /dev/mapper/A-low 0"
dmsetup resume A
refused 3 'it is another one' dmmigrate start --resume "$ID"
dmsetup load A --table "0 $((BYTES / 512)) linear /dev/mapper/A-low 0"
dmsetup resume A

say "only what differs"
resume_by_id --json
assert "bytes compared" "$(result compared_bytes)" = $BYTES
assert "bytes of hashes" "$(result hash_bytes)" -gt 0
assert "bytes of hashes" "$(result hash_bytes)" -le $((BYTES / 100))
differing=$(result differing_bytes)
# where a range that was not copied begins or ends within a granule, all of that differs
assert "bytes that differ" "$differing" -ge $((LEFT + WRITTEN))
assert "bytes that differ" "$differing" -le $((LEFT + FLIGHT + WRITTEN + 32 * GRANULE))
await_quiet A
assert "bytes shipped" "$(nl A acked_bytes)" = "$differing"
same_disks /dev/mapper/A /dev/mapper/B
assert "state" "$(st A state)" = copying

say "once more, while the guest writes, and with a clock that is behind that of the first time"
reboot_source
date -s "@$(($(date +%s) - 3600))" >/dev/null
# little: what it writes while the machine takes its time is shipped, too
start_load A --writers 2 --rate 8 --sizes 512..32K --errors-ok
resume_by_id --json
assert "bytes of hashes" "$(result hash_bytes)" -le $((BYTES / 100))
dmmigrate wait A >/dev/null || fail "wait: exit $?"
assert "bytes shipped" "$(nl A acked_bytes)" -lt $((BYTES * 3 / 4))
finish_migration
