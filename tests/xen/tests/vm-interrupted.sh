# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will kill dmmigrate in the middle of a guest's move: once while the memory is copied, once when the destination owns the
# disks and the guest waits for its word.  The guest is there, on host a, and nowhere else; `recover` gives it its disks back where
# they were given up; and nothing that it has written is lost.
# timeout: 600
# expect-log: disconnected: the connection broke
. "$(dirname "$0")/../functions.sh"

guest_to_move

# while it is copied: xl loses its transport, and leaves the guest as it is
on a "timeout 200 $VM > /tmp/vm.out 2>&1" &
must_wait_for 100 on b "grep -q 'Loading new save file' /var/log/dmmigrated.log"
must a "busybox killall -9 dmmigrate"
wait
must_wait_for 60 no_guests b
guests a | says '^web ' || fail "guests at a: $(guests a)"
guest_goes_on a web
note "killed while the memory was copied: the guest goes on"

# it owns the disks there, the word "ready" is held back: xl resumes the guest here, whose disks are held
LIMIT=250 on a "DMM_TOOL_STOP_AT=finished $VM > /tmp/vm.out 2>&1" && fail "it was not killed: $(on a "cat /tmp/vm.out")"
id=$(on a "ls /var/lib/dmmigrate/source")
must a "dmmigrate status gdisk" | tee "$MY/status" | says 'state: committed' || fail "not given up: $(cat "$MY/status")"
grep -q 'action: dmmigrate recover' "$MY/status" || fail "$(cat "$MY/status")"
rc=0
on a "dmmigrate cutover gdisk" > "$MY/cutover" 2>&1 || rc=$?
[ $rc = 9 ] || fail "cutover by itself: exit status $rc: $(cat "$MY/cutover")"
must_wait_for 60 no_guests b
guests a | says '^web ' || fail "guests at a: $(guests a)"
before=$(guest_count a web)
must a "dmmigrate recover $id"
must_wait_for 100 guest_beyond a web $((before + 5))
note "killed when the disks were given up: recover, and the guest goes on"
must_wait_for 30 on a "xl list web | grep -q ' [-r][-b]----'"

# the daemon makes the disk's connections anew
must_wait_for 60 on a "dmmigrate list | grep -q '^gdisk *copying' && ! busybox pidof dmmigrate"
move_guest
judge_moved
must a "dmmigrate clean --yes gdisk" > /dev/null
