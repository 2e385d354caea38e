#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will kill the receiver in the middle of an offline copy, put an empty file in the
# place of the half-written one, start it again, and see the copy notice and end whole; and
# take the file away under a receiver that runs, and see the copy fail.

# any engine will do: it is about files
DMM_ENGINE=${DMM_ENGINE:-auto}
. "$(dirname "$0")/functions"
. "$(dirname "$0")/copy-functions"

# shellcheck disable=SC2119	# no lines for its configuration
start_daemon
src=$tmp/source.raw img=$tmp/disk.img
random "$src" $((40 << 20))
truncate -s 48M "$src"	# a hole, which is not shipped

fresh()
{
	rm -f "$img"
	truncate -s 48M "$img"
}
arrived() { [ "$(du -k "$img" | cut -f1)" -ge "$1" ]; }
more_than() { [ "$(grep -c "$2" "$log")" -gt "$1" ]; }

fresh
copy_bg "$tmp/first" --no-verify --connections 1 --bandwidth 10M "$src" "$to:$img"
first=$!
until_true 30 arrived 24576
kill -KILL "$daemon_pid"
wait "$daemon_pid" 2>/dev/null || true
until_true 10 grep -q 'trying again' "$tmp/first"
fresh
before=$(grep -c 'listening on' "$log")
"$bin/dmmigrated" --config "$tmp/dmmigrated.conf" --foreground >> "$log" 2>&1 &
daemon_pid=$!
until_true 10 more_than "$before" 'listening on'
rc=0
wait $first || rc=$?
is "the destination was made anew meanwhile: the copy goes on" $rc = 0
same "  and ends whole" "$src" "$img"

fresh
copy_bg "$tmp/first" --no-verify --connections 1 --bandwidth 10M "$src" "$to:$img"
first=$!
until_true 30 arrived 24576
rm "$img"
rc=0
wait $first || rc=$?
is "the destination was removed meanwhile: the copy fails" $rc != 0
expect_text "  and says so" 'removed, renamed or replaced' cat "$tmp/first"

stop_daemon
finish
