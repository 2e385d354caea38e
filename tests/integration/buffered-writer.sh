# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will cut over with a writer that went through the page cache and whose
# last close did not flush, since the tool holds the device open: everything it
# wrote is at the destination.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
dd if=/dev/urandom of="$TMP/pattern" bs=64k count=32 2>/dev/null
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
# keeps the kernel from writing it back by itself meanwhile
echo 100000 >/proc/sys/vm/dirty_writeback_centisecs
cleanup_fn "echo 500 >/proc/sys/vm/dirty_writeback_centisecs"
cutover --verify --timeout 15000 \
	--hook-stop "dd if=$TMP/pattern of=/dev/mapper/A bs=64k seek=16 conv=notrunc 2>/dev/null"
dd if="$(raw_of B)" of="$TMP/there" bs=64k skip=16 count=32 iflag=direct 2>/dev/null
cmp "$TMP/pattern" "$TMP/there" || fail "what the writer left in the page cache is not at the destination"
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
