# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a disk to a volume beneath its gate, open the gate for a guest that
# has had it open all along, and swap the gate for linear under its writes: no operation fails, every
# sector is the last one written. Then a gate fences a source that was given up.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8
make_disk B 8 512 cache_size=4
fill A
sectors=$(sectors_of B)
dm_create G "0 $sectors migrate /dev/mapper/B 8 1 gate"
exec 7<>/dev/mapper/G		# as blkback does: before there is anything to read
start_load A --writers 3 --rate 60 --sizes 512..32K --errors-ok
raw_migration A B good		# the receiver writes beneath the gate
await A 60 "sweep_blocks>=2048"
raw_commit A 1 15000
dmm-nl gate /dev/mapper/G gate=reads
cmp /dev/mapper/G /dev/mapper/B || fail "what is read at READS is not the volume"
dmm-nl gate /dev/mapper/G gate=open
dmm-nl release /dev/mapper/A epoch=1
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
checker_verdict /dev/mapper/G A --forbid-pending

# the guest runs there, and the gate is taken away beneath it
cp "$TMP/A.journal" "$TMP/G.journal"
start_load G --writers 4 --rate 150
usleep 500000
for _ in 1 2 3; do
	dm_replace G "0 $sectors linear /dev/mapper/B 0"
	usleep 300000
	dm_replace G "0 $sectors linear /dev/mapper/B 0"
	usleep 300000
done
assert "table" "$(dmsetup table G | cut -d ' ' -f 3)" = linear
stop_load
exec 7>&-
checker_verdict /dev/mapper/G G
checker_verdict "$(raw_of B)" G

# ---- a source that was given up comes back with its own table: a gate is its fence
dmsetup remove A
sectors=$(sectors_of A-origin)
dmsetup remove A-origin
dm_create A "0 $sectors migrate /dev/mapper/A-low 8 1 gate"
md5sum <"$(raw_of A)" >"$TMP/origin.md5"
! dmm-load /dev/mapper/A --journal "$TMP/late.journal" --op write:0:4096 >/dev/null 2>&1 || fail "the old disk is written"
! dd if=/dev/mapper/A of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "the old disk is read"
assert "the old disk" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
dm_replace A "0 $sectors linear /dev/mapper/A-low 0"
dd if=/dev/mapper/A of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "the old disk cannot be read any more"
