# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will attach to a device under a mounted, busy ext4 and detach from it
# several times, measure the longest gap in the guest's I/O against that
# without, migrate it, and find the filesystem and its files sound at the destination.
# check-kernels: long
# check-processors: 2
. functions.sh
requires ip dmmigrate dmmigrated mkfs.ext4 e2fsck
load_module
two_hosts
make_disk A 32
make_disk B 32
mkfs.ext4 -q /dev/mapper/A
mkdir "$TMP/mnt"
mount /dev/mapper/A "$TMP/mnt"
cleanup_fn "umount $TMP/mnt"
start_receiver

# Two guests: one writes sectors into a file past the page cache, one makes files and syncs them.
dd if=/dev/zero of="$TMP/mnt/disk" bs=1M count=8 2>/dev/null
sync
files() {
	n=0
	while [ ! -e "$TMP/stop" ]; do
		n=$((n + 1))
		mkdir -p "$TMP/mnt/d$((n % 8))"
		echo "file $n" | dd of="$TMP/mnt/d$((n % 8))/f$((n % 40))" conv=fsync 2>/dev/null || exit 1
		echo $n >"$TMP/synced"
	done
}
background files files
FILES=$PID
dmm-load "$TMP/mnt/disk" --journal "$TMP/file.journal" --fill >/dev/null

# load_for NAME SECONDS: with a journal of its own; gap_ms NAME: longest time without a completed operation
load_for() {
	dmm-load "$TMP/mnt/disk" --journal "$TMP/$1.journal" --seconds "$2" --writers 2 --sizes 4096..64K \
		--align 4096 --flush 5 >"$TMP/$1.out" || fail "the load: $(cat "$TMP/$1.out")"
}
gap_ms() { echo $(($(sed -n 's/.*max_gap_us=\([0-9]*\).*/\1/p' "$TMP/$1.out") / 1000)); }

cp "$TMP/file.journal" "$TMP/before.journal"
load_for before 2
cp "$TMP/before.journal" "$TMP/during.journal"
load_for during 5 & pid=$!
for _ in 1 2 3; do
	start_migration --yes --bandwidth 1M
	usleep 300000
	dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
	usleep 200000
done
wait $pid || fail "the load during attach and detach"
say "longest gap: $(gap_ms before) ms without, $(gap_ms during) ms with three attaches and detaches"
assert "longest gap in ms" "$(gap_ms during)" -le $(($(gap_ms before) * 3 + 300))
checker_verdict "$TMP/mnt/disk" during

start_migration --yes
cp "$TMP/during.journal" "$TMP/last.journal"
load_for last 1
timeout 60 dmmigrate wait A >/dev/null || fail "not converging"
cat >"$TMP/stop-hook" <<-HOOK
	touch $TMP/stop
	while kill -0 $FILES; do usleep 10000; done
	umount $TMP/mnt
HOOK
cutover --hook-stop "sh $TMP/stop-hook" --hook-start "mount \$DMM_DEVICE $TMP/mnt"
say "$(grep pause "$TMP/cutover.out")"
! grep -q 'still has' "$TMP/cutover.out" || fail "after umount nobody has it open: $(cat "$TMP/cutover.out")"
checker_verdict "$TMP/mnt/disk" last
n=$(cat "$TMP/synced")
assert "the last file that was synced" "$(cat "$TMP/mnt/d$((n % 8))/f$((n % 40))")" = "file $n"
umount "$TMP/mnt"
e2fsck -fn /dev/mapper/A.dmm >"$TMP/fsck.out" 2>&1 || fail "e2fsck: $(cat "$TMP/fsck.out")"
# by a device of its own: what the raw node has cached may be older than the disk
dm_create view "$(low_table A)"
e2fsck -fn /dev/mapper/view >"$TMP/fsck.out" 2>&1 || fail "e2fsck of the source: $(cat "$TMP/fsck.out")"
dmmigrate clean --yes A >/dev/null
