# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # DAEMON and the like are for the tests
# What tests of the hand-over share: sourced after functions.sh.

# shellcheck source=functions-journal.sh
. /t/functions-journal.sh

# journal_says SIDE: the state of the last record of $ID's journal, source or destination
journal_says() {
	local dir=/var/lib/dmmigrate/source
	[ "$1" = source ] || dir=$TMP/state-b/destination
	journal_state "$dir/$ID/journal"
}
journal_is() { [ "$(journal_says "$1")" = "$2" ]; }
source_is() { journal_is source "$1"; }
dest_is() { journal_is destination "$1"; }

# reads, writes, both NAME: what passes the device; it is written with what $TMP/first holds
reads() { dd if="/dev/mapper/$1" of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; }
writes() { dd if="$TMP/first" of="/dev/mapper/$1" bs=4096 count=1 oflag=direct 2>/dev/null; }
both() { reads "$1" && writes "$1"; }

# on_b VERB...: dmmigrate where the receiver's host has its journals
on_b() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m sh -c 'mount --bind "$1" /var/lib/dmmigrate && shift && exec dmmigrate "$@"' - \
		"$TMP/state-b" "$@" --control "$TMP/control-b"
}
# listed_there PATTERN: the line of $ID in its list
listed_there() { on_b list | grep "^$ID" | tr -s ' ' | grep -q "$1" || fail "not '$1': $(on_b list)"; }

# another_boot: what a daemon that starts from now on takes for its host's boot
another_boot() {
	BOOTS=$((${BOOTS:-0} + 1))
	[ $BOOTS != 1 ] || cleanup_fn "umount /proc/sys/kernel/random/boot_id"
	umount /proc/sys/kernel/random/boot_id 2>/dev/null || true
	printf '00000000-0000-4000-8000-%012d\n' $BOOTS >"$TMP/boot-$BOOTS"
	mount --bind "$TMP/boot-$BOOTS" /proc/sys/kernel/random/boot_id
}

# revive: both daemons live from here on
revive() {
	if gone "$DAEMON"; then start_daemon; fi
	if gone "$RECEIVER"; then start_receiver; fi
}

# settle_down: both daemons are gone
settle_down() {
	for d in "$DAEMON" "$RECEIVER"; do
		kill -9 "$d" 2>/dev/null || true
		wait "$d" 2>/dev/null || true
	done
}

# abandoned: forgets what both keep of a start that could not be undone
abandoned() {
	local d
	for d in /var/lib/dmmigrate/source/*; do
		[ ! -d "$d" ] || dmmigrate release "$(basename "$d")" >/dev/null 2>&1 || true
	done
	for d in "$TMP"/state-b/destination/*; do
		[ ! -d "$d" ] || there release "$(basename "$d")" >/dev/null 2>&1 || true
	done
}

# released_there: once it has settled
released_there() { there release "$ID" >"$TMP/release.out" 2>&1; }

# swap_sides: what the destination owns, and nothing uses, goes on as A
swap_sides() {
	local swap d
	dmsetup remove A.dmm
	swap=$(raw_of A)
	dmsetup remove A
	dmsetup remove A-low
	dmsetup remove B
	dmsetup remove B-low
	raw_of B >"$TMP/A.raw.new"
	echo "$swap" >"$TMP/B.raw"
	mv "$TMP/A.raw.new" "$TMP/A.raw"
	for d in A B; do
		dmsetup create $d-low --table "0 $(blockdev --getsz "$(raw_of $d)") linear $(raw_of $d) 0"
		dmsetup create $d --table "0 $(blockdev --getsz "$(raw_of $d)") linear /dev/mapper/$d-low 0"
	done
}
