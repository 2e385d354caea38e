# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will have a guest's move fail before the disks have changed hands: what it is told it cannot do, the other host's
# daemon killed while the memory comes, a domain that cannot be made there.  Each time the guest goes on at host a, with its disk, and
# nothing of it is left at b (that it moves after such failures: vm-interrupted).
# timeout: 800
# expect-log: disconnected: the connection broke
. "$(dirname "$0")/../functions.sh"

guest_to_move --rate 8
maps='--map xvda=/dev/mapper/gdest --map xvdb=shared'

# refused CODE PATTERN OPTION...: dmmigrate vm web ends with it, and says so in one line
refused()
{
	local code=$1 pattern=$2 rc=0
	shift 2

	LIMIT=200 on a "dmmigrate vm $*" > "$MY/refused" 2>&1 || rc=$?
	cat "$MY/refused"
	[ $rc = "$code" ] || fail "vm $*: exit status $rc, wanted $code"
	grep -q "$pattern" "$MY/refused" || fail "vm $*: not '$pattern'"
}
stays()
{
	guests a | says '^web [-r][-b]----' || fail "guests at a: $(guests a)"
	guest_goes_on a web
	must_wait_for 60 no_guests b
}

refused 3 'no domain web2 on this host' web2 --to b
refused 3 'where the disk xvda .* goes is not said' web --to b --map xvdb=shared
refused 2 'has no such disk' web --to b --map xvdz=/dev/mapper/gdest
# shellcheck disable=SC2086 # words
refused 3 'cannot read the domain.s configuration' web --to b $maps --config /etc/xen/none.cfg
# said to be shared: it is not there, or it is another one
refused 3 'b:7790 has no disk /dev/mapper/gdisk' web --to b --map xvda=shared --map xvdb=shared
linear b gdisk /dev/vdb 32768 8
refused 3 'is another disk on b:7790: it has 16777216 bytes here and 4096 there' web --to b --map xvda=shared --map xvdb=shared
must b "dmsetup remove gdisk"
# what doctor knows is said before anything is done, dry or not
must b "sed -i 's/^guests.*/guests = nobody/' /etc/dmmigrate/dmmigrated.conf"
daemon_ends b
must b dom0-start
# shellcheck disable=SC2086 # words
refused 3 'between: guests: b:7790 lets no guest of this host come' web --to b $maps --dry-run
# shellcheck disable=SC2086 # words
refused 3 'between: guests: b:7790 lets no guest of this host come' web --to b $maps
grep -q 'guests = a in dmmigrated.conf of b:7790' "$MY/refused" || fail "what mends it is not said"
must b "sed -i 's/^guests.*/guests = a/' /etc/dmmigrate/dmmigrated.conf"
daemon_ends b
must b dom0-start
# and whether its configuration could be put in place there
must b "mkdir -p /etc/xen/web.cfg"
# shellcheck disable=SC2086 # words
refused 3 '/etc/xen/web.cfg is no file' web --to b $maps
must b "rmdir /etc/xen/web.cfg"
must a "dmmigrate list | grep -q 'No migration' || ! dmmigrate list | grep -q gdisk"

# the other host's daemon dies while the memory comes
on a "timeout 200 $VM > /tmp/vm.out 2>&1; echo \"exit \$?\" >> /tmp/vm.out" &
must_wait_for 100 on a "grep -q 'memory of web is being copied' /tmp/vm.out"
must_wait_for 60 on b "grep -q 'Loading new save file' /var/log/dmmigrated.log"
daemon_ends b -9
must_wait_for 100 on a "grep -q '^exit' /tmp/vm.out"
wait
must a "cat /tmp/vm.out"
must a "grep -q '^exit 8' /tmp/vm.out && grep -q 'the source owns the data' /tmp/vm.out"
must b dom0-start
stays
note "the daemon there was killed: the guest goes on"

# a disk that is not there for xl: its hotplug script fails, and xl there gives up
must b "mv /etc/xen/scripts/block-dmmigrate /tmp/"
# shellcheck disable=SC2086 # words
refused 8 'xl migrate' web --to b $maps --timeout 15000
must b "mv /tmp/block-dmmigrate /etc/xen/scripts/"
stays
must b "[ ! -e /etc/xen/web.cfg ]"
note "no domain could be made there: the guest goes on, and no configuration of it is left there"

judge_stays
