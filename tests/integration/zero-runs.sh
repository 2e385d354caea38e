# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will copy a disk that is nearly all zeros and count the bytes on the
# wire: an extent of zeros goes as a header, is zeros at the destination whatever was
# there, and costs nothing of a limited bandwidth; without the feature it
# goes as data.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
MIB=1048576
make_disk A 64
make_disk B 64
dev=/dev/mapper/A
# zeros, but for 2 MiB that begin and end within extents, and a sector
dmm-load $dev --journal "$TMP/A.journal" --fill --region 17920K:2M >/dev/null
one A write:$((40 * MIB + 512)):512
attach_raw A

wire_bytes() { cat /sys/class/net/dmm-b/statistics/tx_bytes; }
junk() { tr '\0' '\125' </dev/zero | dd of=/dev/mapper/B bs=1M count=64 conv=fsync 2>/dev/null; }
compare() {
	echo 3 >/proc/sys/vm/drop_caches	# of devices that others have open
	same_disks /dev/mapper/A-origin /dev/mapper/B
}
# copy RATE: all of it, bytes on the wire in $WIRE, time in $TOOK ms
copy() {
	PORT=$((PORT + 1))
	connect_raw A --write /dev/mapper/B good
	WIRE=$(wire_bytes)
	TOOK=$(now_ms)
	dmm-nl start $dev rate="$1"
	await A 60 "acked_bytes>=$((64 * MIB))" dirty_blocks=0 inflight_bytes=0
	TOOK=$(($(now_ms) - TOOK))
	WIRE=$(($(wire_bytes) - WIRE))
	say "rate $1: $WIRE bytes on the wire, $TOOK ms"
}

junk
CONNS=3 FEATURES=1
copy 0
assert "bytes on the wire" $WIRE -le $((5 * MIB))
assert "bytes shipped" "$(nl A shipped_bytes)" = $((4 * MIB))
assert "bytes of zeros" "$(nl A zero_bytes)" = $((60 * MIB))
assert "blocks of zeros" "$(nl A zero_blocks)" = $((60 * 256))
assert "blocks of data" "$(nl A data_blocks)" = $((4 * 256))
assert "features" "$(nl A features)" = 1
compare

# what was data becomes zeros: as zeros, and by a write of zeros
one A zeroes:18M:$MIB discard:40M:65536 write:20M:4096
dd if=/dev/zero of=$dev bs=4k count=1 seek=4500 conv=fsync,notrunc 2>/dev/null
await_quiet A
assert "blocks of zeros" "$(nl A zero_blocks)" -ge $((60 * 256 + 256))
compare
stop_raw A
await_state A idle

# 64 MiB at 1 MiB/s: the few that are data take 5 s at most
junk
copy $MIB
assert "milliseconds at 1 MiB/s" $TOOK -le 12000
assert "milliseconds at 1 MiB/s" $TOOK -ge 2000
compare
stop_raw A
await_state A idle

junk
FEATURES=0
copy 0
assert "bytes of zeros without the feature" "$(nl A zero_bytes)" = 0
assert "bytes shipped" "$(nl A shipped_bytes)" = $((64 * MIB))
compare
stop_raw A
await_state A idle
refused 1 EOPNOTSUPP dmm-nl attach $dev "fd=tcp:$ADDR_B:$PORT" migration=x disk=0 conn_epoch=9 conn_index=0 features=8
detach_raw A
