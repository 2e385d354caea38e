# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a guest to a host that has too little memory for it: doctor says so before; and where it is only xl there that
# finds out, the guest stays where it is, with its disk, as right as ever (that it moves after such failures: vm-interrupted).
# timeout: 500
# expect-log: disconnected: the connection broke
. "$(dirname "$0")/../functions.sh"

guest_to_move --rate 8

# another domain has all but 48 MiB of it, of which it uses nothing
free=$(must b "xl info free_memory")
[ "$free" -gt 200 ] || fail "only $free MiB are free at b from the beginning"
cat > "$MY/ballast.cfg" <<-EOS
	name = "ballast"
	type = "pvh"
	kernel = "/guest/vmlinux"
	memory = $((free - 48))
	vcpus = 1
EOS
put b "$MY/ballast.cfg" /etc/xen/ballast.cfg
must b "xl -f create -p /etc/xen/ballast.cfg" > /dev/null
note "$(must b "xl info free_memory") of $free MiB are free at b"

rc=0
on a "dmmigrate doctor b --domain web" > "$MY/doctor" 2>&1 || rc=$?
[ $rc = 3 ] || { cat "$MY/doctor"; fail "doctor: exit status $rc"; }
grep 'web needs [0-9]* MiB of memory, and only [0-9]* MiB are free on b' "$MY/doctor" || { cat "$MY/doctor"; fail "doctor does not say it"; }

LIMIT=250 on a "$VM; echo \"exit \$?\"" > "$MY/vm" 2>&1
cat "$MY/vm"
grep -q '^exit [38]$' "$MY/vm" || fail "dmmigrate vm: not refused"
grep -q 'the source owns the data' "$MY/vm" || fail "dmmigrate vm does not say whose the data are"
must_wait_for 60 on b "! xl list web--incoming > /dev/null 2>&1"
[ "$(guests b)" = "ballast --p---" ] || fail "guests at b: $(guests b)"
must b "xl destroy ballast"
guest_stays
note "no memory there: the guest goes on"
judge_stays
