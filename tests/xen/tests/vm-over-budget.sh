# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a guest that writes more to its disk than the limit lets through: dmmigrate vm waits, says why, and gives up with
# exit code 7, before the memory and while it is copied, and the guest has not stood still.  Once the limit is lifted it moves.
# long
# timeout: 1500
. "$(dirname "$0")/../functions.sh"

guest_to_move
VM="$VM --max-pause 500 --patience 30"
why='the guest makes .*/s of its disks dirty, .*/s are shipped, and the .* left would take about [0-9]* ms of a pause of at most 500 ms'
next='next: dmmigrate throttle gdisk RATE'

# never_suspended: xl create's process, which a suspended guest loses, is still there
never_suspended()
{
	guest_stays
	on a "busybox ps | grep -q '[x]l .*create.*web'" || { on a "busybox ps | grep xl"; fail "the guest was suspended"; }
}

must a "rm -f /tmp/vm.rc"
LIMIT=300 on a "timeout 290 $VM --bandwidth 256K > /tmp/vm.out 2>&1; echo \$? > /tmp/vm.rc"
vm_ends 7 "not converging: $why" "$next" 'the source owns the data'
! on b "grep 'Loading new save file' /var/log/dmmigrated.log" || fail "memory was copied"
never_suspended
mirrors_again
note "over budget before its memory: it stays"

# and while that is copied
must a "dmmigrate throttle gdisk 0" > /dev/null
must a "rm -f /tmp/vm.rc"
LIMIT=400 on a "timeout 390 $VM > /tmp/vm.out 2>&1; echo \$? > /tmp/vm.rc" &
must_wait_for 200 on b "grep -q 'Loading new save file' /var/log/dmmigrated.log"
must a "dmmigrate throttle gdisk 64K" > /dev/null
vm_ends 7 "memory waits: $why" "aborted: $why" "$next" 'the source owns the data'
never_suspended
mirrors_again
note "over budget while its memory was copied: it stays"

must a "dmmigrate throttle gdisk 0; : > /tmp/vm.out"
must b ": > /var/log/dmmigrated.log"
must a "rm -f /tmp/vm.rc"
LIMIT=400 on a "timeout 390 $VM --patience 300 > /tmp/vm.out 2>&1; echo \$? > /tmp/vm.rc" &
must_wait_for 200 on b "grep -q 'Loading new save file' /var/log/dmmigrated.log"
must a "dmmigrate throttle gdisk 64K" > /dev/null
must_wait_for 100 on a "grep -q 'memory waits' /tmp/vm.out"
guest_goes_on a web
must a "dmmigrate throttle gdisk 0" > /dev/null
vm_ends 0 'web runs at b'
guest_has_moved
judge_moved
must a "dmmigrate clean --yes gdisk" > /dev/null
