# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a guest to a host where its disk is made for it, in a volume group: dmmigrate vm --to-sr.  A repository that there is
# not, or that has no room, refuses it before anything is there; a move that is given up takes the volume away again.  Once it has
# moved, the configuration there names the volume, and xl create begins it from that, also after dmmigrate release.
# long
# timeout: 900
. "$(dirname "$0")/../functions.sh"

must b "mkdir -p /run/lock/lvm && lvm pvcreate /dev/vdb && lvm vgcreate vgsr /dev/vdb" > /dev/null
must b "cp /etc/dmmigrate/dmmigrated.conf /tmp/before.conf && echo 'sr = lab lvm:vgsr' >> /etc/dmmigrate/dmmigrated.conf &&
	kill -HUP \$(busybox pidof dmmigrated | tr ' ' '\n' | sort -n | head -n 1)"
VM='dmmigrate vm web --to b --map xvdb=shared --timeout 15000'
volumes() { on b "lvm lvs --noheadings -o lv_name vgsr" | tr -d ' '; }

# refused SR PATTERN: exit code 3, and nothing there
refused()
{
	local rc=0

	on a "$VM --to-sr $1" > "$MY/refused" 2>&1 || rc=$?
	cat "$MY/refused"
	[ $rc = 3 ] || fail "vm --to-sr $1: exit status $rc, wanted 3"
	grep -q "$2" "$MY/refused" || fail "vm does not say '$2'"
	[ -z "$(volumes)" ] || fail "volumes there: $(volumes)"
	on a "dmmigrate list | grep -q gdisk" && fail "something has begun"
	return 0
}

shared_journal
linear a gdisk /dev/vda 0 32768
create_guest a web /dev/mapper/gdisk
refused attic 'no storage repository attic'
must b "lvm lvcreate -n other -L 16M -Wn -Zn vgsr" > /dev/null
volumes() { on b "lvm lvs --noheadings -o lv_name vgsr" | tr -d ' ' | grep -v '^other$' || true; }
refused lab 'room\|free'
must b "lvm lvremove -qq -y vgsr/other"
note "refused where it has no place"

VM="$VM --to-sr lab"
must a "$VM --dry-run" > "$MY/dry"
[ -z "$(volumes)" ] || fail "a dry run makes $(volumes)"
rc=0
on a "timeout --preserve-status -s INT 20 $VM --bandwidth 100K" > "$MY/vm" 2>&1 || rc=$?
cat "$MY/vm"
[ $rc = 8 ] || fail "interrupted: exit status $rc"
[[ "$(volumes)" =~ ^dmm-web-0-[0-9a-f]{8}$ ]] || fail "volumes there: '$(volumes)'"
must a "dmmigrate cancel gdisk"
no_volumes() { [ -z "$(volumes)" ]; }
must_wait_for 60 no_volumes
note "given up: the volume is gone"

move_guest
volume=$(volumes)
[[ "$volume" =~ ^dmm-web-0-[0-9a-f]{8}$ ]] || fail "volumes there: '$volume'"
grep -q "xvda is /dev/vgsr/$volume at b" "$MY/vm" || fail "vm does not say where the disk is"
must b "grep -q 'target=/dev/vgsr/$volume' /etc/xen/web.cfg" || fail "its configuration there: $(on b 'cat /etc/xen/web.cfg')"
judge_moved
note "it has moved to $volume"

begins_there /etc/xen/web.cfg
must a "dmmigrate clean --yes gdisk" > /dev/null
must b "dmmigrate release \$(ls /var/lib/dmmigrate/destination)" > /dev/null
[ "$(volumes)" = "$volume" ] || fail "volumes there after release: '$(volumes)'"
begins_there /etc/xen/web.cfg
# blkback lets go of the disk when it has time: from then on nothing needs what the gate has become
must_wait_for 30 on b "dmmigrate clean --all --yes > /dev/null; ! dmsetup info gdisk.dmm > /dev/null 2>&1"
must_wait_for 30 on b "lvm vgchange -an vgsr"
must b "rm -rf /dev/vgsr && cp /tmp/before.conf /etc/dmmigrate/dmmigrated.conf"
