# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will cut the power of either host in the middle of a guest's move: while it is copied, when it is suspended, when the disks
# were given up, when they are the other host's, and when it runs there.  What the journals say, and `recover`, has it on one host or
# on none, never on two, and its disk is whole.  The configuration that came with it outlives b's power, and begins it there.
# long
# timeout: 2400
# expect-log: disconnected|connection broke
. "$(dirname "$0")/../functions.sh"

# both have their disks when they boot
cat > "$MY/disks" <<'EOS'
dmsetup create gdisk --table '0 32768 linear /dev/vda 0'
dmsetup create gjournal --table '0 8192 linear /dev/vdd 0'
EOS
sed -e 's/gdisk/gdest/; s/vda/vdb/' "$MY/disks" > "$MY/disks.b"
put_disks()
{
	put a "$MY/disks" /var/lib/dmmigrate/disks
	put b "$MY/disks.b" /var/lib/dmmigrate/disks
	# /etc of these hosts is in memory; b's part of it is not
	must b "mkdir /var/lib/dmmigrate/etc-xen && cp -a /etc/xen/. /var/lib/dmmigrate/etc-xen/ &&
		mount --bind /var/lib/dmmigrate/etc-xen /etc/xen"
	must a sync
	must b sync
}
put_disks

# power_cut HOST: and it is up again
power_cut()
{
	note "host $1 loses its power"
	reset_host "$1" || fail "host $1 does not boot again"
}
id() { on a "ls /var/lib/dmmigrate/source"; }
recovers() { LIMIT=60 on "$1" "dmmigrate recover $(id)"; }
# begins_again: the guest, at a, where it was lost with its host
begins_again()
{
	put a "$MY/web.cfg" /etc/xen/web.cfg
	must a "xl -f create /etc/xen/web.cfg" > /dev/null
	must_wait_for 180 guest_writes a web
}
# goes_on_there: at b, by the configuration that came with it, with the disk that has moved
goes_on_there()
{
	must_wait_for 60 on b "grep -q 'script=block-dmmigrate,target=/dev/mapper/gdest' /etc/xen/web.cfg"
	must b "xl -f create /etc/xen/web.cfg" > /dev/null
	must_wait_for 180 guest_writes b web
}
# and a new migration, or the old one, with both disks compared
forget_it()
{
	must_wait_for 60 on a "dmmigrate cancel gdisk || dmmigrate release \$(ls /var/lib/dmmigrate/source)"
	must_wait_for 100 on b "! ls /var/lib/dmmigrate/destination/* > /dev/null 2>&1 || dmmigrate release \$(ls /var/lib/dmmigrate/destination)"
}

guest_to_move

# a, while the memory is copied
LIMIT=400 on a "timeout 390 $VM > /tmp/vm.out 2>&1" &
must_wait_for 200 on b "grep -q 'Loading new save file' /var/log/dmmigrated.log"
power_cut a
must_wait_for 150 no_guests b
must_wait_for 60 recovers a
grep -q 'the source owns the disks' "$MY/waited" || { cat "$MY/waited"; fail "recover"; }
begins_again
note "a lost its power while the guest was copied: it begins again there"
forget_it

# b, when the guest is suspended, and nothing was given up
vm_held stopped
power_cut b
vm_goes_on
vm_ends 8 'aborted: ' 'the source owns the data'
guest_stays
mirrors_again
note "b lost its power when the guest was suspended: it goes on at a"

# a, when it has given the disks up
vm_held committed
power_cut a
# fenced since it booted, until b has refused, which it does as soon as it is asked
must a "grep -q 'relinquished, epoch' /var/log/dmmigrated.log"
must_wait_for 150 no_guests b
must_wait_for 60 recovers a
grep -q 'the source owns the disks' "$MY/waited" || { cat "$MY/waited"; fail "recover"; }
begins_again
note "a lost its power when it had given up: given back, and the guest begins again there"
forget_it

# b, when it owns them, and the guest waits there to be let go
vm_held finished
power_cut b
vm_goes_on
vm_ends 8 'the source owns the data'
must_wait_for 60 recovers a
guest_stays
mirrors_again
note "b lost its power when it owned the disks: refused, and the guest goes on at a"

# b, when it may run there, and was not told yet: only who has looked knows
vm_held running
id=$(id)
power_cut b
vm_goes_on
vm_ends 9 'may run there, or may not' "dmmigrate run $id there"
no_guests b || fail "guests at b: $(guests b)"
guests a | says '^web--migratedaway ---ss-' || fail "guests at a: $(guests a)"
must_wait_for 60 recovers a
cat "$MY/waited"
grep -q 'the destination owns the disks' "$MY/waited" || fail "recover"
grep -q 'web--migratedaway is still here.*xl destroy web--migratedaway' "$MY/waited" || fail "recover does not name what is left"
must a "xl destroy web--migratedaway"
goes_on_there
judge_moved
note "b lost its power when the guest might run: it begins there"

# a, when the guest runs at b; then b, which begins it again
must a dom0-clean
must b dom0-clean
put_disks
guest_to_move
vm_held handed-over
power_cut a
no_guests a || fail "guests at a: $(guests a)"
guest_goes_on b web
must_wait_for 60 recovers a
grep -q 'the destination owns the disks' "$MY/waited" || { cat "$MY/waited"; fail "recover"; }
must a "! dd if=/dev/mapper/gdisk of=/dev/null bs=4096 count=1 iflag=direct 2> /dev/null"
guest_goes_on b web
note "a lost its power when the guest ran at b: it goes on there"
power_cut b
goes_on_there
judge_moved
