# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # DAEMON and the like are for the tests
# What tests of the hand-over share: sourced after functions.sh.

# start_daemon: dmmigrated of the source's host, its pid in $DAEMON; what is started from then on hands
# over as a group, by the journals in /var/lib/dmmigrate and $TMP/state-b
start_daemon() {
	DAEMONS=$((${DAEMONS:-0} + 1))
	[ $DAEMONS != 1 ] || cleanup_fn "rm -rf /var/lib/dmmigrate"
	background "daemon$DAEMONS" dmmigrated --foreground
	DAEMON=$PID
	must_wait_for 10 answers
}

# Does the source's daemon?
answers() { dmmigrate recover 00000000000000000000000000000001 2>&1 | grep -q 'not known here'; }

# there VERB...: dmmigrate on the receiver's host
there() {
	verb=$1
	shift
	dmmigrate "$verb" --control "$TMP/control-b" "$@"
}

# journal_says SIDE: the state of the last record of $ID's journal, source or destination
journal_says() {
	local dir=/var/lib/dmmigrate/source
	[ "$1" = source ] || dir=$TMP/state-b/destination
	tail -c 256 "$dir/$ID/journal" | od -A n -t u2 | awk '{ for (i = 1; i <= NF; i++) w[n++] = $i }
		END { split("active relinquished released receiving complete owned running refused settled", s, " ")
			print s[w[41]] }'
}
journal_is() { [ "$(journal_says "$1")" = "$2" ]; }

# migration_id: of the only migration there is
migration_id() { basename /run/dmmigrate/*.json .json; }
