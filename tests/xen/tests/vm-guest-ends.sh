# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will reboot a guest while its disks are copied, which moves all the same; and shut it down, which `vm` says in one line:
# its disks go on being copied, and it is begun again here, or they are handed over without it.
# long
# timeout: 1200
. "$(dirname "$0")/../functions.sh"

guest_to_move

# vm_copies BANDWIDTH: dmmigrate vm, in the background, which has begun to
vm_copies()
{
	must a "rm -f /tmp/vm.rc"
	LIMIT=300 on a "timeout 290 $VM --bandwidth $1 > /tmp/vm.out 2>&1; echo \$? > /tmp/vm.rc" &
	must_wait_for 180 on a "dmmigrate list | grep -q '^gdisk .*\(sweep\|copying\)'"
	on a "[ ! -e /tmp/vm.rc ]" || fail "$(on a 'cat /tmp/vm.out')"
}

vm_copies 200K
must a "xl shutdown -w web" > /dev/null
must_wait_for 30 no_guests a
note "shut down while it was copied"
vm_ends 8 'there is no domain web on this host.*; the disks go on being copied' 'next: dmmigrate cutover gdisk' 'the source owns the data'
no_guests b || fail "guests at b: $(guests b)"
must a "dmmigrate list | grep -q '^gdisk *copying'"
# it is begun here again: its disk is the same, and goes on being copied
must a "xl -f create /etc/xen/web.cfg" > /dev/null
must_wait_for 180 guest_writes a web
before=$(on a "xl domid web")

# a new copy, which takes longer than that
must a "dmmigrate cancel gdisk"
vm_copies 200K
must a "xl reboot web"
must_wait_for 150 on a "id=\$(xl domid web) && [ \$id != $before ]"
note "rebooted while it was copied"
must a "dmmigrate throttle gdisk 0" > /dev/null
vm_ends 0 'web was rebooted while its disks were copied: it moves all the same' 'web runs at b'
guest_has_moved
judge_moved
must a "dmmigrate clean --yes gdisk" > /dev/null
