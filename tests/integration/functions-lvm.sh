# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Volume groups on files: sourced after functions.sh.

mkdir -p /run/lock/lvm

vm() { lvm "$@" >"$TMP/lvm.out" 2>&1 || fail "lvm $*: $(cat "$TMP/lvm.out")"; }
# make_vg VG LV
make_vg() {
	truncate -s 64M "$TMP/$1"
	loop=$(losetup -f --show "$TMP/$1")
	cleanup_fn "losetup -d $loop"
	# without udev it stays, and no other group can be called so
	cleanup_fn "rm -rf /dev/$1"
	vm pvcreate "$loop"
	vm vgcreate "$1" "$loop"
	vm lvcreate -n "$2" -L 8M -Wn -Zn "$1"
	cleanup_fn "lvm vgchange -an $1"
}
