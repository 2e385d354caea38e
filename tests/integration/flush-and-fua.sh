# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will count flushes and FUA writes sent to the target and find
# exactly as many, in order, at the origin: none lost, none invented.
# check-kernels: 6.1
. functions.sh
requires target:log-writes
load_module
make_disk A 8
make_disk LOG 16
sectors=$(sectors_of A-low)
fill A
dm_create logged "0 $sectors log-writes /dev/mapper/A-low /dev/mapper/LOG"
dm_create under "0 $sectors linear /dev/mapper/logged 0"

# the same operations without the target and with it, between marks in the log
cp "$TMP/A.journal" "$TMP/under.journal"
for with in linear migrate; do
	[ $with = linear ] || attach_raw under
	dmsetup message logged 0 mark $with
	one under write:0:4096 fua:4096:512 flush write:8192:4096 fua:64K:8192 fua:1M:64K flush \
		write:2M:512 flush discard:3M:64K fua:5120:512
	dmsetup message logged 0 mark end
done
dmsetup remove under
dmsetup remove under-origin
dmsetup remove logged

# The log: a header sector (magic, version, entries), then entries of 32 bytes in a sector each,
# followed by their data unless they discard: sector, sectors, flags, length of data.
log=/dev/mapper/LOG
word() { od -An -t u8 -j "$1" -N 8 $log | tr -d ' '; }
entries=$(word 16)
at=512 i=0 inside=end
while [ $i -lt "$entries" ]; do
	nr=$(word $((at + 8))) flags=$(word $((at + 16))) len=$(word $((at + 24)))
	if [ $((flags & 8)) != 0 ]; then	# LOG_MARK_FLAG
		inside=$(dd if=$log bs=1 skip=$((at + 32)) count="$len" 2>/dev/null)
	else
		echo "sector $(word $at) nr $nr flush $((flags & 1)) fua $((flags >> 1 & 1)) discard $((flags >> 2 & 1))" \
			>>"$TMP/$inside.out"
	fi
	[ $((flags & 4)) = 0 ] && at=$((at + nr * 512))
	at=$((at + 512))
	i=$((i + 1))
done
count() { grep -c -- "$1" "$TMP/migrate.out" || true; }
assert "FUA writes at the origin" "$(count 'fua 1')" = 4
assert "their places" "$(grep 'fua 1' "$TMP/migrate.out" | cut -d ' ' -f 2 | tr '\n' ' ')" = "8 128 2048 10 "
assert "flushes at the origin" "$(count 'flush 1')" -ge 3
assert "discards at the origin" "$(count 'discard 1')" -ge 1
assert "plain writes at the origin" "$(count 'flush 0 fua 0 discard 0')" = 3
diff "$TMP/linear.out" "$TMP/migrate.out" || fail "other operations reach the origin than without the target"
checker_verdict /dev/mapper/A under
