# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will have xl fail in the middle of a guest's move: killed here while the guest is suspended and its disks change hands;
# unable to unpause it there; killed there, or here, at that moment.  Where the disks are host a's again the guest goes on there, resumed by
# dmm-xl-resume where xl could not; where nobody knows, exit code 9, and what people say decides.
# long
# timeout: 900
# expect-log: disconnected: the connection broke
. "$(dirname "$0")/../functions.sh"

guest_to_move

# killed here, and the word "ready" finds nobody
vm_held stopped
guests a | says '^web ---ss-' || fail "not suspended: $(guests a)"
kill_xl a migrate
vm_goes_on
vm_ends 8 'xl migrate was killed by signal 9' 'note: xl had left web suspended: it was resumed here' 'the source owns the data'
guest_stays
note "xl was killed: the guest was resumed"

# the same without the program for it, which the message names
must a "mv /sbin/dmm-xl-resume /tmp/"
mirrors_again
vm_held stopped
kill_xl a migrate
vm_goes_on
vm_ends 8 'note: xl has left web suspended, and dmm-xl-resume is missing on this host' 'the source owns the data'
guests a | says '^web ---ss-' || fail "guests at a: $(guests a)"
must a "mv /tmp/dmm-xl-resume /sbin/"
must a "dmm-xl-resume web"
guest_stays
must a "! dmm-xl-resume web > /tmp/resume 2>&1 && grep -q 'web: it is not suspended' /tmp/resume"
must a "! dmm-xl-resume none > /tmp/resume 2>&1 && grep -q 'no such domain' /tmp/resume"
note "by hand: the guest goes on"

# it owns the disks there, and the domain there cannot be unpaused: another one has its name
mirrors_again
vm_held running
must b "xenstore-write /local/domain/0/name web"
vm_goes_on
vm_ends 8 'xl there could not unpause the domain' 'the source owns the data'
must b "xenstore-write /local/domain/0/name Domain-0"
guest_stays
note "not unpaused there: the guest goes on"

# xl there is killed when it was told to: nobody knows, before somebody has looked
mirrors_again
id=$(on a "ls /var/lib/dmmigrate/source")
vm_held running
kill_xl b migrate-receive
vm_goes_on
vm_ends 9 'may run there, or may not' 'look whether'
guests a | says '^web--migratedaway ---ss-' || fail "guests at a: $(guests a)"
guests b | says '^web--incoming --p---' || fail "guests at b: $(guests b)"
must b "xl destroy web--incoming"
must b "dmmigrate return $id"
LIMIT=100 must a "dmmigrate recover $id" | tee "$MY/recover"
guest_stays
note "xl there was killed: given back, and the guest goes on"

# killed here when the guest may run there: it does, and what is left of it here is named
mirrors_again
vm_held running
kill_xl a migrate
vm_goes_on
vm_ends 0 'note: web--migratedaway is still here, without its disks.*: xl destroy web--migratedaway' 'web runs at b'
must a "xl destroy web--migratedaway"
guest_has_moved
judge_moved
must a "dmmigrate clean --yes gdisk" > /dev/null
