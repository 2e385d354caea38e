# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will ask the receiver for block devices that are mounted, swap, held by
# another device, behind a loop device, open for writing, read-only, too small,
# signed, with larger blocks, or the source itself, and see each refused
# with the reason and exit code 3, nothing changed; and a free one taken, held
# exclusively, and given back.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated losetup mkfs.ext4
load_module
two_hosts
make_disk A 16
make_disk B 16
make_disk SMALL 8
make_disk BIG 16 4096
printf '[dmmigrated]\nallow = /dev/*\n' >"$TMP/receiver.conf"
RECEIVER_OPTIONS="--config $TMP/receiver.conf"
start_receiver
b=/dev/mapper/B

# refuses NAME TEXT DEST: by the real request and by the dry run
refuses() {
	say "$1"
	refused 3 "$2" dmmigrate start --yes A "$ADDR_B:$3"
	refused 3 "$2" dmmigrate start --yes --dry-run A "$ADDR_B:$3"
}
# takes NAME: the dry run is content
takes() {
	say "$1"
	dmmigrate start --dry-run A "$ADDR_B:$b" >"$TMP/dry.out" 2>&1 || fail "$1: $(cat "$TMP/dry.out")"
}
tables() { dmsetup table | sort; }

tables >"$TMP/tables.before"
before=$(md5sum <"$b")
takes "nobody uses it"

refuses "the source itself" 'the source itself\|same' /dev/mapper/A
refuses "what lies beneath the source" 'in use by device A\|the source itself' /dev/mapper/A-low
refuses "too small" 'enlarge it by 8388608' /dev/mapper/SMALL
refuses "larger logical blocks" 'logical blocks of 4096' /dev/mapper/BIG
refuses "held by another device" 'in use by device B:' /dev/mapper/B-low
refuses "a character device" 'neither a block device' /dev/null

mkfs.ext4 -q -b 4096 -O ^has_journal "$b"
say "signed"
refused 3 'ext4' dmmigrate start --dry-run A "$ADDR_B:$b"
mkdir "$TMP/mnt"
mount "$b" "$TMP/mnt"
refuses "mounted" "mounted on $TMP/mnt" "$b"
umount "$TMP/mnt"
dd if=/dev/zero of="$b" bs=64k count=256 2>/dev/null
takes "unmounted and wiped"

if mkswap "$b" >/dev/null 2>&1 && swapon "$b" 2>/dev/null; then
	cleanup_fn "swapoff $b"
	refuses "swap" 'swap space' "$b"
	swapoff "$b"
else
	say "swap: this kernel has none"
fi
dd if=/dev/zero of="$b" bs=64k count=256 2>/dev/null

loop=$(losetup -f)
losetup "$loop" "$b"
cleanup_fn "losetup -d $loop"
refuses "behind a loop device" "in use by $loop" "$b"
losetup -d "$loop"

losetup "$loop" /dev/mapper/A
refuses "a loop device over the source" 'the source itself' "$loop"
losetup -d "$loop"

sleep 60 >>"$b" &
writer=$!
cleanup_fn "kill $writer"
refuses "open for writing" "process $writer (sleep)" "$b"
kill $writer
wait $writer 2>/dev/null || true

blockdev --setro "$b"
refuses "read-only" 'read-only' "$b"
blockdev --setrw "$b"
takes "free again"

tables | cmp -s "$TMP/tables.before" - || fail "tables have changed"
[ "$(md5sum <"$b")" = "$before" ] || fail "the destination has changed"

# taken, it is claimed: nobody else can mount or map it (beneath a gate no other program can, device-mapper can)
start_migration --no-gate
mount "$b" "$TMP/mnt" 2>/dev/null && fail "the destination could be mounted"
if dmsetup create thief --table "0 8 linear $b 0" 2>/dev/null; then
	dmsetup remove thief
	fail "the destination could be mapped by another device"
fi
timeout 60 dmmigrate wait A || fail "it does not converge"
same_disks "$b" /dev/mapper/A
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: $(cat "$TMP/cancel.out")"
takes "given back"
