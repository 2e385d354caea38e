# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will cut the link between the hosts in the middle of a guest's move: when the guest is suspended and nothing was given up
# yet, when host a has given its disks up and the token has not left, and when host b owns them.  The first leaves the guest at a by
# itself; of the others `recover` decides, once the link is there again.  It is on one host each time, and loses nothing.
# long
# timeout: 1500
# expect-log: disconnected|connection broke
. "$(dirname "$0")/../functions.sh"

cut() { must a "ip link set eth0 down"; }
heal() { must a "ip link set eth0 up"; }
link_is_there() { on a "ping -c 1 -W 2 b > /dev/null"; }

# the daemon at a waits once it has journalled that it gives up, where it is asked to
cat > "$MY/tell" <<'EOS'
#!/bin/sh
[ "$1" = after-append-relinquished ] && [ -e /tmp/want ] || exit 0
rm /tmp/want
touch /tmp/held
while [ -e /tmp/held ]; do
	usleep 50000
done
EOS
chmod +x "$MY/tell"
put a "$MY/tell" /tmp/tell
daemon_ends a
must a "DMM_DAEMON_TELL=/tmp/tell dom0-start"

guest_to_move

# the guest is suspended, its disks are a's: the freeze ends by itself
vm_held stopped
cut
vm_goes_on
vm_ends 8 'aborted: ' 'the source owns the data'
guests a | says '^web [-r][-b]----' || fail "guests at a: $(guests a)"
guest_goes_on a web
note "cut before anything was given up: the guest goes on, without the link"
heal
must_wait_for 60 link_is_there
must_wait_for 150 no_guests b
guest_stays
mirrors_again

# given up, and nobody has the token; xl resumes the guest, whose disks are held until somebody knows
id=$(on a "ls /var/lib/dmmigrate/source")
must a "touch /tmp/want"
vm_held never
must a "[ ! -e /tmp/want ]"
cut
vm_goes_on
vm_ends 9 "next: dmmigrate recover $id"
rc=0
LIMIT=60 on a "dmmigrate recover $id" > "$MY/recover" 2>&1 || rc=$?
cat "$MY/recover"
[ $rc = 9 ] || fail "recover without the link: exit status $rc"
heal
must_wait_for 60 link_is_there
must_wait_for 100 on a "dmmigrate recover $id"
must_wait_for 150 no_guests b
guest_stays
note "cut when the disks were given up: recover, and the guest goes on"
mirrors_again

# b owns them: xl here has let the guest go, under another name
vm_held finished
cut
vm_goes_on
vm_ends 9 "next: dmmigrate recover $id"
guests a | says '^web--migratedaway ---ss-' || fail "guests at a: $(guests a)"
heal
must_wait_for 60 link_is_there
must_wait_for 100 on a "dmmigrate recover $id"
cat "$MY/waited"
grep -q 'xl had left web suspended: it was resumed here' "$MY/waited" || fail "recover does not say that it resumed the guest"
must_wait_for 150 no_guests b
guest_stays
note "cut when the disks were b's: recover, and the guest goes on"
judge_stays
