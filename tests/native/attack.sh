#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will stand between a source and a receiver, on control and data connections, and flip, drop, double, swap and cut off
# records, or say all of a session once more: nothing of it is accepted, no byte that was not sent comes to the destination, and
# the next source that nobody disturbs is served.  DMM_TRIES: how often (400), or which, FIRST-LAST, and then just they; DMM_SEED.
DMM_ENGINE=${DMM_ENGINE:-auto}	# whichever: it is not what is looked at
. "$(dirname "$0")/functions"

plaintext=no
tool=$bin/dmmigrate
attack=$top/build/userland/attack
[ -n "${DMM_NATIVE_BIN:-}" ] || { make -s -C "$top/userland" attack && make -s -C "$top/userland" SAN=1 dmmigrate; }
make_self_key "$tool" "$tmp/keys" 127.0.0.1
start_daemon 'handshake_timeout = 1s' 'max_sessions = 1000' 'max_silent = 1000' 'tls = relay'

# tries TRIES: and what came of them; its exit code
tries() { "$attack" "$to" "$tmp/keys" "$tmp/disk.img" "$1" "${DMM_SEED:-1}" > "$tmp/said" 2>&1; }

TRIES=${DMM_TRIES:-400}
how=whole
[ "${TRIES#*-}" = "$TRIES" ] || how=some
if tries "$TRIES"; then ok "$TRIES tries"; else how=failed && bad "$TRIES tries"; fi
cat "$tmp/said"
if [ $how = whole ]; then
	# the record may not be one that is said; of a swap there has to be a next one, besides
	# shellcheck disable=SC2016 # awk's
	for fault in flip:2 drop:2 double:2 swap:4 cut:2 replay:1; do
		expect_text "  of $fault, one of ${fault#*:} came to pass at least" '^enough$' \
			awk -v f="${fault%:*}" -v n="${fault#*:}" '$1 == f && n * $5 >= $2 + 0 && $5 + 0 { print "enough" }' "$tmp/said"
	done
	expect_text "  those that nobody disturbed came to their end" '^none ([0-9]+), of which 0 came to pass, \1 ended' cat "$tmp/said"
	# shellcheck disable=SC2016 # the inner shell's
	expect_text "a flip that flips nothing is found out, and said how it is had again" \
		'flip on the (control|data) connection, record .* bit [0-7]: accepted; once more: DMM_TRIES=([0-9]+)-\2 DMM_SEED=' \
		env DMM_ATTACK_IDLE=1 sh -c '! "$0" "$@"' "$attack" "$to" "$tmp/keys" "$tmp/disk.img" 80 "${DMM_SEED:-1}"
fi
stop_daemon
finish
