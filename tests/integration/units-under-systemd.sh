# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have systemd run the daemon and the boot unit as their units say, in all of their sandbox: disks come to a device by
# io_uring, to a volume that LVM makes and to a file, one is handed over, and the boot unit makes the
# gates of one that is under way, which the daemon takes up again; no error is told on the way.
# kernels: 6.1 6.12
# check-kernels: long
# with: systemd
. functions.sh
. functions-handover.sh
. functions-lvm.sh
requires dmmigrate dmmigrated lvm losetup udevadm
[ -d /proc/sysvipc ] || skip "no System V semaphores, by which udev is waited for"
load_module
# devices are made by udev, as on any host: the daemon may not
unset DM_DISABLE_UDEV
systemd-udevd --daemon
cleanup_fn "udevadm control --exit; rm -rf /run/udev /run/lvm"
must_wait_for 10 test -e /run/udev/control
for d in A B C; do make_disk $d 6; done
fill A
fill C
make_vg vgb other
cleanup_fn "rm -rf /var/lib/dmmigrate /run/dmmigrate"
cleanup_fn "dm_drop A.dmm"
cleanup_fn "dm_drop C.dmm"

# one daemon is both hosts'
TO=127.0.0.1:$PORT
printf '[dmmigrated]\nlisten = %s\nport = %s\nallow = /dev/mapper/*\nallow = /srv/*\nsr = thick lvm:vgb\nengine = io_uring\n' \
	127.0.0.1 "$PORT" >/etc/dmmigrate/dmmigrated.conf
cleanup_fn "rm -f /etc/dmmigrate/dmmigrated.conf"
mkdir -p /srv /lib/systemd/system/dmmigrated.service.d
printf '[Service]\nStandardError=append:/run/daemon.log\n' \
	>/lib/systemd/system/dmmigrated.service.d/log.conf
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n' >/lib/systemd/system/test.target
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cleanup_fn "umount /sys/fs/cgroup"
background systemd env -i container=test PATH=/bin:/sbin unshare --pid --fork --mount --mount-proc \
	/lib/systemd/systemd --system --unit=test.target
must_wait_for 10 pidof systemd >/dev/null
INIT=$(pidof systemd)
cleanup_fn "kill -9 $INIT"	# and all that it has begun
in_systemd() { nsenter -t "$INIT" -p -m -- "$@"; }
must_wait_for 30 in_systemd systemctl is-active --quiet test.target
start_unit() {
	in_systemd systemctl start "$1" || fail "$1: $(in_systemd systemctl status --no-pager "$1" 2>&1) $(cat /run/daemon.log)"
}
shows() { in_systemd systemctl show -P "$2" "$1"; }

start_unit dmmigrated.service
D=$(pidof dmmigrated | tr ' ' '\n' | sort -n | head -n 1)
for line in 'NoNewPrivs:	1' 'Seccomp:	2'; do
	grep -q "^$line" "/proc/$D/status" || fail "not '$line': $(cat "/proc/$D/status")"
done
assert "device policy" "$(shows dmmigrated.service DevicePolicy)" = closed
nsenter -t "$D" -m -- sh -c '[ ! -w /sys/kernel/mm ] && ! echo 1 >/sys/module/dm_migrate/parameters/max_bitmap_mib' 2>/dev/null ||
	fail "it may write to /sys"

# to a device, which it then owns
dmmigrate start A "$TO:/dev/mapper/B" >"$TMP/start.out" 2>&1 || fail "start A: $(cat "$TMP/start.out")"
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
ahead=/sys/dev/block/$(dmsetup info -c --noheadings -o major,minor --separator : A.dmm)/queue/read_ahead_kb
nsenter -t "$D" -m -- sh -c "echo 1000 >$ahead" 2>/dev/null || fail "it may not write to the queue of a device of its own"
cutover --timeout 15000
same_disks /dev/mapper/A-low /dev/mapper/B
grep -q 'attached, by io_uring' /run/daemon.log || fail "not by io_uring: $(cat /run/daemon.log)"

# to a volume that it makes, and to a file
truncate -s 6M /srv/c.img
dmmigrate start C "$TO:/srv/c.img" >"$TMP/start.out" 2>&1 || fail "start C: $(cat "$TMP/start.out")"
timeout 60 dmmigrate wait C >/dev/null || fail "wait C: exit $?"
dmmigrate cancel C >/dev/null || fail "cancel C: exit $?"
dmmigrate start C "$TO:thick" >"$TMP/start.out" 2>&1 || fail "start C: $(cat "$TMP/start.out")"
timeout 60 dmmigrate wait C >/dev/null || fail "wait C: exit $?"
lvm lvs --noheadings -o lv_name vgb 2>/dev/null | grep -q dmm-C-0 || fail "no volume: $(lvm lvs 2>&1)"

# the daemon goes, and the boot unit is begun
in_systemd systemctl stop dmmigrated.service
await C 30 state=disconnected
start_unit dmmigrate-boot.service
assert "result of the boot unit" "$(shows dmmigrate-boot.service Result)" = success
start_unit dmmigrated.service
copies() { dmm-nl get /dev/mapper/C 2>/dev/null | grep -q state=copying; }
wait_for 60 copies || fail "it is not taken up again: $(cat /run/daemon.log)"
dmmigrate cancel C >/dev/null || fail "cancel C: exit $?"
! grep -E '^<[0-3]>' /run/daemon.log || fail "errors: $(cat /run/daemon.log)"
in_systemd systemctl stop dmmigrated.service
assert "result of the daemon" "$(shows dmmigrated.service Result)" = success
