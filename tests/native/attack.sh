#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will stand between a source and a receiver, on control and data connections, and flip, drop, double, swap and cut off
# records, or say all of a session once more: nothing of it is accepted, no byte that was not sent comes to the destination, and
# the next source that nobody disturbs is served.  DMM_TRIES: how often (400); DMM_SEED.
DMM_ENGINE=${DMM_ENGINE:-auto}	# whichever: it is not what is looked at
. "$(dirname "$0")/functions"

plaintext=no
tool=$bin/dmmigrate
attack=$top/build/userland/attack
[ -n "${DMM_NATIVE_BIN:-}" ] || { make -s -C "$top/userland" attack && make -s -C "$top/userland" SAN=1 dmmigrate; }
make_self_key "$tool" "$tmp/keys" 127.0.0.1
start_daemon 'handshake_timeout = 1s' 'max_sessions = 1000' 'max_silent = 1000' 'tls = relay'
expect_text "${DMM_TRIES:-400} tries" 'flip [1-9].*drop [1-9].*double [1-9].*swap [1-9].*cut [1-9].*replay [1-9]' \
	sh -c "'$attack' $to '$tmp/keys' '$tmp/disk.img' ${DMM_TRIES:-400} ${DMM_SEED:-1} | tr '\\n' ' '"
cp "$tmp/out" "$tmp/said"
cat "$tmp/said"
echo
expect_text "  those that nobody disturbed came to their end" 'none ([0-9]+), of which 0 came to pass, \1 ended' cat "$tmp/said"
stop_daemon
finish
