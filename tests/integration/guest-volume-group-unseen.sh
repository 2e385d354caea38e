# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will run udev and LVM on the source, whose disk holds a guest's volume group: at no
# step of a start, copy, cancel, cutover and clean do pvs, vgchange -ay or udev find it.
# check-kernels: long
# kernels: 6.1 6.12
# timeout: 240
. functions.sh
requires ip dmmigrate dmmigrated lvm udevadm losetup
[ -d /proc/sysvipc ] || skip "no System V semaphores, by which udev is waited for"
load_module
two_hosts

# a host as it is: udev runs, rules activate what they find
unset DM_DISABLE_UDEV
mkdir -p /run/lock/lvm
systemd-udevd --daemon
cleanup_fn "udevadm control --exit; rm -rf /run/udev /run/lvm"
must_wait_for 10 test -e /run/udev/control
settled() { udevadm settle --timeout=30 || fail "udev does not settle"; }
vm() { lvm "$@" >"$TMP/lvm.out" 2>&1 || fail "lvm $*: $(cat "$TMP/lvm.out")"; }
truncate -s 96M "$TMP/sr"
loop=$(losetup -f --show "$TMP/sr")
cleanup_fn "losetup -d $loop"
vm pvcreate "$loop"
vm vgcreate hostvg "$loop"
vm lvcreate -n web01 -L 32M -Wn -Zn hostvg
vm lvcreate -n copy -L 32M -Wn -Zn hostvg
cleanup_fn "lvm vgchange -an hostvg"
# what the guest does, which looks at its own disk
guest="--config devices/scan_lvs=1"
# shellcheck disable=SC2086
{
	vm pvcreate $guest /dev/hostvg/web01
	vm vgcreate $guest guestvg /dev/hostvg/web01
	vm lvcreate $guest -an -Zn -n root -L 8M guestvg
}
settled
# shellcheck disable=SC2086 # several words
pv=$(lvm pvs $guest --noheadings -o pv_uuid -S vg_name=guestvg | tr -d ' ')
assert "the guest's PV" "$pv" != ""

# What is on the volumes themselves udev says on every host, and nobody acts on it.
link=/dev/disk/by-id/lvm-pv-uuid-$pv
nodes=$(for d in web01 copy; do readlink -f /dev/mapper/hostvg-$d; done)
numbers=$(for d in web01 copy; do dmsetup info -c --noheadings --separator : -o major,minor hostvg-$d; done)

# seen: says who saw the guest's volume group
seen() {
	lvm pvs 2>&1 | grep -q guestvg && echo pvs
	lvm vgs -a 2>&1 | grep -q guestvg && echo vgs
	lvm pvscan --cache 2>&1 | grep -q guestvg && echo pvscan
	lvm vgchange -ay 2>&1 | grep -q guestvg && echo vgchange
	lvm vgscan --mknodes 2>&1 | grep -q guestvg && echo vgscan
	dmsetup ls | grep -q guestvg && echo "an active volume"
	[ -e "$link" ] && ! echo "$nodes" | grep -qx "$(readlink -f "$link")" && echo "a link of udev's"
	[ -e /dev/guestvg ] && echo /dev/guestvg
	# shellcheck disable=SC2013 # names without blanks
	for f in $(grep -ls LVM2_member /run/udev/data/b253:*); do
		echo "$numbers" | grep -qx "${f##*/b}" || echo "udev's database"
	done
}
unseen() {
	local who
	# as a change of the disk would have it, whoever closes it after writing
	udevadm trigger --action="${2:-change}" --subsystem-match=block
	settled
	who=$(seen)
	# what has closed the disk is seen by udev, whose rules have the group activated again
	settled
	[ -z "$who" ] || fail "$1: the guest's volume group is seen by: $who"
}

unseen "before"
# can this test fail?  A device without our UUID is found
dmsetup create plain --table "$(dmsetup table hostvg-web01)"
settled
seen >"$TMP/seen"
for who in pvs vgs vgchange "an active volume" "a link of udev's"; do
	grep -qx -- "$who" "$TMP/seen" || fail "not even a plain device is seen by $who: $(cat "$TMP/seen")"
done
# shellcheck disable=SC2086 # several words
lvm vgchange -an $guest guestvg >/dev/null 2>&1 || true
dmsetup info guestvg-root >/dev/null 2>&1 && dmsetup remove --retry guestvg-root
dmsetup remove --retry plain
settled
unseen "after the plain device"

start_receiver
start() { dmmigrate start "$@" hostvg-web01 "$ADDR_B:/dev/mapper/hostvg-copy" --yes >"$TMP/start.out" 2>&1 ||
	fail "start: exit $?: $(cat "$TMP/start.out")"; }
start --bandwidth 4M
await_state hostvg-web01 copying
grep -q 'udev did not answer' "$TMP/start.out" && fail "$(cat "$TMP/start.out")"
unseen "while copying"
unseen "while copying, all devices added again" add
# even where LVM scans logical volumes it takes the volume itself, never what lies below it
# shellcheck disable=SC2086
lvm pvs $guest --noheadings -o pv_name -S vg_name=guestvg | grep -q origin && fail "the origin device is used with scan_lvs=1"
dmmigrate pause hostvg-web01 >/dev/null
unseen "paused"
dmmigrate cancel hostvg-web01 >/dev/null || fail "cancel: exit $?"
unseen "cancelled"
start
await hostvg-web01 60 "sweep_blocks>=8192"
dmmigrate cutover hostvg-web01 --timeout 15s >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
unseen "cut over"
dmmigrate clean --yes hostvg-web01 >"$TMP/clean.out" || fail "clean: exit $?"
unseen "given up"
# the first volume begins behind LVM's own first MiB
dd if="$TMP/sr" bs=1M skip=1 count=32 2>/dev/null | cmp - /dev/mapper/hostvg-copy || fail "the sides differ"
