# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will leave on both hosts what interrupted moves leave, NAME--incoming and NAME--migratedaway: dmmigrate vm names it, and the
# command that removes it, and touches none.  Once it is gone, the guest moves.
# long
# timeout: 1200
# expect-log: disconnected: the connection broke
. "$(dirname "$0")/../functions.sh"

guest_to_move

# idle HOST NAME: a domain there that does nothing
idle()
{
	cat > "$MY/idle.cfg" <<-EOS
		name = "$2"
		type = "pvh"
		kernel = "/guest/vmlinux"
		memory = 96
		vcpus = 1
	EOS
	put "$1" "$MY/idle.cfg" /etc/xen/idle.cfg
	must "$1" "xl -f create -p /etc/xen/idle.cfg" > /dev/null
}
# refused CODE PATTERN NEXT DOMAIN: to move it
refused()
{
	local rc=0

	LIMIT=200 on a "${VM/ web / $4 }" > "$MY/refused" 2>&1 || rc=$?
	cat "$MY/refused"
	[ $rc = "$1" ] || fail "vm: exit status $rc, wanted $1"
	grep -q "$2" "$MY/refused" || fail "vm does not say '$2'"
	grep -q "$3" "$MY/refused" || fail "vm does not say '$3'"
}

idle a web--migratedaway
refused 3 'web--migratedaway is here, too' 'next: xl destroy web--migratedaway' web
refused 3 'is what a move that was interrupted has left' 'next: dmmigrate recover' web--migratedaway
must a "xl rename web web2"
refused 3 'there is no domain web on this host, but web--migratedaway' 'next: dmmigrate recover' web
must a "xl rename web2 web"
must a "dmmigrate list | grep -q 'No migration' || ! dmmigrate list | grep -q gdisk"
must a "xl list web--migratedaway > /dev/null"
must a "xl destroy web--migratedaway"
note "of this host it was named"

for name in web--incoming web; do
	idle b $name
	refused 8 "there is a domain $name already" "xl destroy $name" web
	must b "xl list $name" | grep -q -- '--p---' || fail "$name was touched"
	must b "xl destroy $name"
	guest_stays
	note "$name of the other host was named"
done

move_guest
judge_moved
must a "dmmigrate clean --yes gdisk" > /dev/null
