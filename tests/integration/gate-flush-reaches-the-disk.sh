# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will open a gate's device while it is shut, write and flush by that
# descriptor once it is open, and find the write, the flush and the FUA write on the real disk, as many
# as were sent: an error table in its place would have promised write-through, and blkback, which looks
# once, would never flush.
# check-kernels: 6.12
. functions.sh
requires target:log-writes
load_module
make_disk B 8 512 cache_size=4
make_disk LOG 16
sectors=$(sectors_of B)
fill B
dm_create logged "0 $sectors log-writes /dev/mapper/B /dev/mapper/LOG"
dm_create G "0 $sectors migrate /dev/mapper/logged 8 1 gate"
g=/dev/mapper/G
cp "$TMP/B.journal" "$TMP/G.journal"
assert "write cache of the gate" "$(cat "/sys/block/dm-$(dmsetup info -c --noheadings -o minor G)/queue/write_cache")" = "write back"

# the holder: opened while the gate is shut, it writes and flushes when it is told to
mkfifo "$TMP/go"
holder() {
	exec 7<>$g
	echo >"$TMP/opened"
	read -r _ <"$TMP/go"
	# by the same open file; conv=fsync flushes
	dd if=/dev/zero bs=4096 count=1 oflag=direct conv=fsync,notrunc >&7 2>/dev/null
}
background holder holder
HOLDER=$PID
must_wait_for 10 test -e "$TMP/opened"
! dmm-load $g --journal "$TMP/shut.journal" --op flush >/dev/null 2>&1 || fail "a flush passes a gate that is shut"
! dmm-load $g --journal "$TMP/shut.journal" --op fua:0:4096 >/dev/null 2>&1 || fail "a write passes"
dmsetup message logged 0 mark shut
dmm-nl gate $g gate=open
echo go >"$TMP/go"
wait "$HOLDER" || fail "the holder: $(cat "$TMP/holder.log")"
dmsetup message logged 0 mark holder
one G fua:64K:8192 flush write:2M:512
dmsetup message logged 0 mark end
dmsetup remove G
dmsetup remove logged

# the log as in flush-and-fua: a header sector, then entries of 32 bytes in a sector each, and data
log=/dev/mapper/LOG
word() { od -An -t u8 -j "$1" -N 8 $log | tr -d ' '; }
entries=$(word 16)
at=512 i=0 inside=before-shut
while [ $i -lt "$entries" ]; do
	nr=$(word $((at + 8))) flags=$(word $((at + 16))) len=$(word $((at + 24)))
	if [ $((flags & 8)) != 0 ]; then
		inside=after-$(dd if=$log bs=1 skip=$((at + 32)) count="$len" 2>/dev/null)
	else
		echo "sector $(word $at) nr $nr flush $((flags & 1)) fua $((flags >> 1 & 1))" >>"$TMP/$inside.out"
	fi
	[ $((flags & 4)) = 0 ] && at=$((at + nr * 512))
	at=$((at + 512))
	i=$((i + 1))
done
[ ! -s "$TMP/before-shut.out" ] || fail "something reached the disk through a gate that was shut: $(cat "$TMP/before-shut.out")"
count() { grep -c -- "$2" "$TMP/$1.out" || true; }
assert "the holder's write" "$(count after-shut 'sector 0 nr 8 flush 0')" = 1
assert "the holder's flushes" "$(count after-shut 'flush 1')" -ge 1
assert "FUA writes" "$(count after-holder 'sector 128 nr 16 flush 0 fua 1')" = 1
assert "flushes" "$(count after-holder 'flush 1')" -ge 1
# logged with the next flush, which is the last one of all
assert "plain writes" "$(count after-end 'sector 4096 nr 1 flush 0 fua 0')" = 1
