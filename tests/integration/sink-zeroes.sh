# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will copy a disk that is mostly zeros to a sink: they are written, as zeroes where
# the disk beneath can do that, as data where it can't or only said so; onto a sink that is said
# to read as zeros they are not written at all, but for what was written there before in the same run; and a sink
# that was written to can't be said to read as zeros.
# check-kernels: uml
. functions.sh
requires losetup
load_module
MIB=1048576
make_disk A 16
make_disk B 16
dev=/dev/mapper/A
dmm-load $dev --journal "$TMP/A.journal" --fill --region 4M:3M >/dev/null
mkdir "$TMP/ram"
mount -t tmpfs none "$TMP/ram"
cleanup_fn "umount $TMP/ram"
truncate -s 16M "$TMP/ram/disk"
LOOP=$(losetup -f --show "$TMP/ram/disk")
cleanup_fn "losetup -d $LOOP"

junk() { tr '\0' '\125' </dev/zero | head -c $((16 * MIB)) | dd of="$1" bs=64k conv=fsync 2>/dev/null; }
# copy: all of it
copy() {
	connect_sink A
	dmm-nl start $dev
	await A 30 "acked_bytes>=$((16 * MIB))" dirty_blocks=0 inflight_bytes=0
}
# is MIB NR of what byte 0125 is
is_junk() { [ "$(dd if="$1" bs=1M skip="$2" count=1 iflag=direct 2>/dev/null | tr -d '\125' | wc -c)" = 0 ]; }
same() {
	dmm-nl stop $dev >/dev/null
	await A 5 state=idle
	echo 3 >/proc/sys/vm/drop_caches
	cmp /dev/mapper/A-origin /dev/mapper/B || fail "$1: not the same"
}

# ---- a disk that can't write zeroes: null_blk ----
junk /dev/mapper/B
attach_sink A B
copy
assert "bytes of zeros" "$(nl A zero_bytes)" = $((13 * MIB))
assert "bytes shipped" "$(nl A shipped_bytes)" = $((3 * MIB))
same "as data"
refused 1 ENOTEMPTY connect_sink A features=1
detach_raw A

# ---- one that can: a file in memory, whose blocks are given back ----
dm_replace B-low "0 $(sectors_of B) linear $LOOP 0"
dm_replace B "0 $(sectors_of B) linear /dev/mapper/B-low 0"
max=$(cat "/sys/block/dm-$(dmsetup info -c --noheadings -o minor B)/queue/write_zeroes_max_bytes")
assert "write_zeroes_max_bytes of the sink" "$max" -ge $MIB
junk /dev/mapper/B
used() { stat -c %b "$TMP/ram/disk"; }
assert "sectors that the junk takes" "$(used)" -ge 32768
attach_sink A B
copy
same "as zeroes"
assert "sectors in use" "$(used)" -le $((4 * 2048))

# ---- one that only said so: it is told by an error ----
junk /dev/mapper/B
dm_replace B-low "$(low_table B)"
junk /dev/mapper/B-low
copy
same "though it could not"
detach_raw A

# ---- one that is said to read as zeros: what is not written shows by the junk that is there ----
junk /dev/mapper/B
attach_sink A B
connect_sink A features=1
dmm-nl start $dev
await A 30 "sweep_blocks>=4096" dirty_blocks=0 inflight_bytes=0
assert "bytes acknowledged" "$(nl A acked_bytes)" = $((16 * MIB))
is_junk /dev/mapper/B 1 || fail "zeros were written to a sink that is said to have them"
is_junk /dev/mapper/B 5 && fail "data was not written"
# what was data is written when it becomes zeros
one A zeroes:$((5 * MIB)):$MIB
await A 10 dirty_blocks=0 inflight_bytes=0 "acked_bytes>=$((17 * MIB))"
dmm-nl stop $dev >/dev/null
await A 5 state=idle
dd if=/dev/mapper/B bs=1M skip=4 count=3 iflag=direct 2>/dev/null >"$TMP/there"
dd if=/dev/mapper/A-origin bs=1M skip=4 count=3 iflag=direct 2>/dev/null | cmp - "$TMP/there" ||
	fail "zeros that came later were not written"
refused 1 ENOTEMPTY connect_sink A features=1
refused 1 EOPNOTSUPP connect_sink A features=2
detach_raw A
