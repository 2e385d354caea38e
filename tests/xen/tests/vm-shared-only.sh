# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a guest all of whose disks both hosts have: not where it begins with its host; in vain, when xl is killed here
# while it is suspended, and when xl is killed there and nobody knows; and then for good.  Its disk is whole.
# long
# timeout: 1200
. "$(dirname "$0")/../functions.sh"

VM='dmmigrate vm web --to b --map xvda=shared --map xvdb=shared --timeout 15000'
disk_sectors=65536
shared_journal
for host in a b; do
	linear $host gdisk /dev/vdd "$JOURNAL_SECTORS" $disk_sectors
done
create_guest a web /dev/mapper/gdisk

# no_journals HOST: of a move that has ended
no_journals() { must_wait_for 20 on "$1" "! ls /var/lib/dmmigrate/*/* > /dev/null 2>&1"; }

# what would begin it here is in the way
must a "mkdir -p /etc/xen/auto && ln -s ../web.cfg /etc/xen/auto/web"
rc=0
LIMIT=100 on a "$VM" > "$MY/vm" 2>&1 || rc=$?
[ $rc = 3 ] || fail "exit status $rc: $(cat "$MY/vm")"
grep -q 'web begins with this host (/etc/xen/auto/web)' "$MY/vm" || fail "$(cat "$MY/vm")"
must a "rm /etc/xen/auto/web"
guest_goes_on a web
no_journals a
no_journals b

# xl here is killed while the guest is suspended
vm_held stopped
guests a | says '^web ---ss-' || fail "not suspended: $(guests a)"
kill_xl a migrate
vm_goes_on
vm_ends 8 'xl migrate was killed by signal 9' 'the source owns the data'
guest_stays
no_journals a
no_journals b
note "xl was killed: the guest was resumed"

# xl there is killed when it was told to unpause: nobody knows, before somebody has looked
vm_held running
id=$(on a "ls /var/lib/dmmigrate/source")
kill_xl b migrate-receive
vm_goes_on
vm_ends 9 'may run there, or may not'
guests a | says '^web--migratedaway ---ss-' || fail "guests at a: $(guests a)"
guests b | says '^web--incoming --p---' || fail "guests at b: $(guests b)"
must b "xl destroy web--incoming"
must b "dmmigrate return $id"
LIMIT=100 must a "dmmigrate recover $id" | tee "$MY/recover"
guest_stays
must a "dmmigrate clean" | tee "$MY/clean" | says "dmmigrate release $id" || fail "clean: $(cat "$MY/clean")"
must a "dmmigrate release $id"
must b "dmmigrate release $id"
no_journals a
no_journals b
note "xl there was killed: given back, and the guest goes on"

# and it moves
move_guest
no_journals a
must b "grep -q 'target=/dev/mapper/gdisk' /etc/xen/web.cfg"
must b "dmmigrate release \$(ls /var/lib/dmmigrate/destination)"
no_journals b
must b "xl shutdown -w web" > /dev/null
guest_log b web | says 'the load has ended with exit status 0' || { guest_log b web | tail; fail "the guest's load"; }
judge b /dev/mapper/gdisk
