# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC1091,SC2034,SC2086,SC2154 # no names with blanks here
# What both hosts do at each boot.  /dev/vda is the volume group sr, with the volume web01; /dev/vdb what of a host's root
# filesystem outlives a reset, /var/lib/dmmigrate.

S=/var/lib/dmmigrate
DISK=sr-web01

die() {
	report "FAILED: $*"
	for f in /run/*.log; do tail -n 15 "$f" | sed 's/^/| /' >/run/report; done
	sleep 1
	exit 1
}

# until_ok SECONDS COMMAND...
until_ok() {
	local n=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $n -gt 0 ] || die "waited in vain for: $*"
		n=$((n - 1))
		usleep 100000
	done
}

reads() { dd if="/dev/$1" of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; }
writes() { dd if=/dev/zero of="/dev/$1" bs=4096 count=1 seek=1 oflag=direct conv=notrunc 2>/dev/null; }
both() { reads "$1" && writes "$1"; }
# shut NAME...: nobody gets at them
shut() {
	local d
	for d in "$@"; do
		# what dd makes where there is no node is no device
		[ -b "/dev/$d" ] || continue
		! reads "$d" || die "$1: /dev/$d can be read $when"
		! writes "$d" || die "$1: /dev/$d can be written $when"
	done
}

mark() { lvm lvs --noheadings --binary -o lv_skip_activation,lv_tags sr/web01 2>/dev/null | xargs echo; }
marked() { [ "$(mark)" = "1 dmmigrate-$ID" ]; }
plain() { [ "$(mark)" = 0 ]; }

. /t/functions-journal.sh
# state_of ID ROLE: of the journal's last record
state_of() { journal_state "$S/$2/$1/journal"; }
is() { [ "$(state_of "$ID" "$1")" = "$2" ]; }

# power_cut: nothing is synced
power_cut() {
	usleep 300000	# what was reported is on its way
	echo b >/proc/sysrq-trigger
	sleep 60
}

# boot EXPECTED...: as a host does it; the names that are shut before and after dmmigrated --restore
boot() {
	mkdir -p $S /run/lock/lvm
	modprobe ext4
	modprobe dm-migrate
	if ! mount -t ext4 /dev/vdb $S 2>/dev/null; then
		mkfs.ext4 -q -F /dev/vdb
		mount -t ext4 /dev/vdb $S
		lvm pvcreate -q /dev/vda >/run/lvm.log 2>&1 || die "pvcreate"
		lvm vgcreate -q sr /dev/vda >/run/lvm.log 2>&1 || die "vgcreate"
		lvm lvcreate -q -n web01 -L 8M -Wn -Zn sr >/run/lvm.log 2>&1 || die "lvcreate"
		lvm vgchange -an sr >/run/lvm.log 2>&1
	fi
	lvm vgchange -aay sr >/run/lvm.log 2>&1
	expect=$(cat $S/expect 2>/dev/null || true)
	rm -f $S/expect
	if [ "$expect" = shut ]; then
		when="before dmmigrated --restore"
		! dmsetup info $DISK >/dev/null 2>&1 || die "LVM has activated it"
		shut mapper/$DISK sr/web01 mapper/web01
	fi
	[ "$expect" != open ] || dmsetup info $DISK >/dev/null 2>&1 || die "LVM has not activated what has settled"
	dmmigrated --restore --foreground >/run/restore.log 2>&1 || die "restore: exit $?"
	when="after dmmigrated --restore"
}

# expect WHAT: of the next boot
expect() {
	echo "$1" >$S/expect
	sync $S/expect $S
}
