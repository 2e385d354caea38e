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
