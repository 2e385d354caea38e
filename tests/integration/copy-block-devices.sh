# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will copy disks offline, without the module: whole, again with only what differs,
# onto one with 4096-byte blocks that its source has too, and into a file; see those refused
# that are mounted, swap, held, behind a loop device or open for writing, the source
# claimed while it is read; and a writer that comes nevertheless noticed.
# timeout: 300
# check-kernels: long
. functions.sh
requires ip dmmigrate dmmigrated losetup mkfs.ext4
two_hosts
make_disk A 24
make_disk B 32
make_disk A4K 8 4096
make_disk B4K 24 4096
mkdir "$TMP/files"
RECEIVER_OPTIONS="--allow $TMP/files/*"
start_receiver
a=/dev/mapper/A b=/dev/mapper/B to=$ADDR_B
dd if=/dev/urandom of="$a" bs=1M count=10 2>/dev/null
dd if=/dev/urandom of="$a" bs=4k seek=5000 count=3 2>/dev/null
dd if=/dev/urandom of="$b" bs=1M count=32 2>/dev/null
tail=$(tail -c 8388608 "$b" | md5sum)

copy() { dmmigrate copy "$@" >"$TMP/copy.out" 2>"$TMP/copy.err" </dev/null; }
copied() { copy --json "$@" || fail "exit $?: copy $*: $(cat "$TMP/copy.err" "$TMP/copy.out")"; }
number() { sed "s/.*\"$1\":\([0-9]*\).*/\1/" "$TMP/copy.out"; }
same_head() { head -c 25165824 "$b" | cmp - "$a" || fail "$1: they differ"; }

lsmod | grep -q dm_migrate && fail "the module is loaded: this is to work without"

say "over other data"
copied "$a" "$to:$b"
same_head "over other data"
[ "$(tail -c 8388608 "$b" | md5sum)" = "$tail" ] || fail "what lies behind has changed"
[ "$(number shipped_bytes)" -le 10878976 ] || fail "zeros were shipped: $(number shipped_bytes)"
grep -q '"equal":true' "$TMP/copy.out" || fail "not compared"
say "read by $(sed 's/.*"engine":"\([a-z_]*\)".*/\1/' "$TMP/copy.out"), direct $(sed 's/.*"direct":\([a-z]*\).*/\1/' "$TMP/copy.out")"
grep -q '"direct":true' "$TMP/copy.out" || fail "not read directly"

say "again"
copied "$a" "$to:$b"
assert "shipped again" "$(number shipped_bytes)" = 0
assert "zeros again" "$(number zeroed_bytes)" = 0
say "what differs"
dd if=/dev/urandom of="$a" bs=512 seek=7777 count=1 2>/dev/null
dd if=/dev/urandom of="$b" bs=512 seek=45000 count=1 2>/dev/null	# zeros at the source
copied "$a" "$to:$b"
assert "shipped" "$(number shipped_bytes)" = 65536
assert "zeroed" "$(number zeroed_bytes)" = 65536
same_head "what differs"

for engine in libaio sync; do
	say "by $engine, 16 connections"
	dd if=/dev/zero of="$b" bs=1M count=4 2>/dev/null
	copied --engine $engine --connections 16 "$a" "$to:$b"
	same_head "$engine"
done

say "blocks of 4096 bytes"
dd if=/dev/urandom of=/dev/mapper/A4K bs=1M count=8 2>/dev/null
refused 3 'logical blocks of 4096' dmmigrate copy --yes "$a" "$to:/dev/mapper/B4K"
copied /dev/mapper/A4K "$to:/dev/mapper/B4K"
head -c 8388608 /dev/mapper/B4K | cmp - /dev/mapper/A4K || fail "they differ"

say "into a file"
copied --create "$a" "$to:$TMP/files/a.img"
cmp "$a" "$TMP/files/a.img" || fail "the file differs"
[ "$(du -k "$TMP/files/a.img" | cut -f1)" -lt 12000 ] || fail "the file is not sparse"
say "and back"
dd if=/dev/zero of="$b" bs=1M count=24 2>/dev/null
copied "$TMP/files/a.img" "$to:$b"
same_head "from a file"
rm "$TMP/files/a.img"

# refuses NAME TEXT SOURCE
refuses() {
	say "$1"
	refused 3 "$2" dmmigrate copy --yes "$3" "$to:$b"
}
refused 3 'a disk cannot be created' dmmigrate copy --create "$a" "$to:/dev/mapper/none"
[ ! -e /dev/mapper/none ] || fail "a file was made in /dev"
refuses "held by another device" 'in use by device A:' /dev/mapper/A-low
mkdir "$TMP/mnt"
mkfs.ext4 -q -O ^has_journal "$a"
mount "$a" "$TMP/mnt"
refuses "mounted" "mounted on $TMP/mnt" "$a"
umount "$TMP/mnt"
mount -o ro "$a" "$TMP/mnt"
refuses "mounted read-only" "mounted on $TMP/mnt" "$a"
umount "$TMP/mnt"
loop=$(losetup -f)
losetup "$loop" "$a"
cleanup_fn "losetup -d $loop"
refuses "behind a loop device" "in use by $loop" "$a"
losetup -d "$loop"
sleep 60 >>"$a" &
writer=$!
cleanup_fn "kill $writer"
refuses "open for writing" "process $writer (sleep)" "$a"
kill $writer
wait $writer 2>/dev/null || true

say "claimed while it is read"
dd if=/dev/urandom of="$a" bs=1M count=24 2>/dev/null	# mkfs has discarded it
mkfs.ext4 -q -O ^has_journal -E nodiscard "$a"
background copy dmmigrate copy --yes --bandwidth 2M --no-compare "$a" "$to:$b"
copying=$PID
must_wait_for 20 grep -q '^copy' "$TMP/copy.log"
mount "$a" "$TMP/mnt" 2>/dev/null && fail "the source could be mounted"
mount "$b" "$TMP/mnt" 2>/dev/null && fail "the destination could be mounted"
say "written nevertheless"
dd if=/dev/urandom of="$a" bs=4k seek=5500 count=1 conv=fsync 2>/dev/null
rc=0
wait "$copying" || rc=$?
assert "exit code" $rc = 8
grep -q 'was written while it was copied' "$TMP/copy.log" || fail "$(cat "$TMP/copy.log")"
say "and mended by the same again"
copied --yes "$a" "$to:$b"
same_head "mended"
