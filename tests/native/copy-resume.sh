#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will kill the tool and the receiver in the middle of offline copies, damage what
# has arrived, and see the copy go on, end whole, or say that it did not.
. "$(dirname "$0")/functions"
. "$(dirname "$0")/copy-functions"

MiB=1048576
# shellcheck disable=SC2119 # the script has no arguments
start_daemon
src=$tmp/source.raw img=$tmp/disk.img
random "$src" $((24 * MiB))

fresh()
{
	rm -f "$img"
	truncate -s 24M "$img"
}

# arrived KIB: so much lies at the destination
arrived() { [ "$(du -k "$img" | cut -f1)" -ge "$1" ]; }

kill_daemon()
{
	kill -KILL "$daemon_pid"
	wait "$daemon_pid" 2>/dev/null || true
}

# at the same port
restart_daemon()
{
	local before

	before=$(grep -c 'listening on' "$log")
	"$bin/dmmigrated" --config "$tmp/dmmigrated.conf" --foreground >> "$log" 2>&1 &
	daemon_pid=$!
	until_true 10 more_than "$before" 'listening on'
}

more_than() { [ "$(grep -c "$2" "$log")" -gt "$1" ]; }

# the tool is killed
fresh
copy_bg "$tmp/first" --bandwidth 8M "$src" "$to:$img"
first=$!
until_true 30 arrived 8192
kill -KILL $first
wait $first 2>/dev/null || true
cmp -s "$src" "$img" && bad "the first run came to its end: nothing is tested"
expect "the tool was killed: the same again" copy --json "$src" "$to:$img"
cp "$tmp/out" "$tmp/json"
same "  makes it whole" "$src" "$img"
shipped=$(number shipped_bytes)
is "  and ships no more than was missing ($((shipped / 1024)) KiB)" "$shipped" -le $((17 * MiB))
is "  but that" "$shipped" -gt 0

# the receiver is killed, and comes back
fresh
copy_bg "$tmp/first" --bandwidth 8M "$src" "$to:$img"
first=$!
until_true 30 arrived 8192
kill_daemon
until_true 10 grep -q 'trying again' "$tmp/first"
restart_daemon
rc=0
wait $first || rc=$?
is "the receiver was killed: the copy goes on" $rc = 0
same "  and ends whole" "$src" "$img"
expect_text "  having said so" 'connection [0-9] was (lost|ended by the receiver).*trying again in 1 s' cat "$tmp/first"

# the same with a comparison under way
printf x | dd of="$img" bs=1 seek=$((20 * MiB)) conv=notrunc status=none
random "$img" $((12 * MiB)) $((8 * MiB))
copy_bg "$tmp/first" --bandwidth 4M "$src" "$to:$img"
first=$!
until_true 30 grep -q '^compare and copy' "$tmp/first"
kill_daemon
until_true 10 grep -q 'trying again' "$tmp/first"
restart_daemon
rc=0
wait $first || rc=$?
is "the receiver was killed while comparing: it goes on" $rc = 0
same "  and ends whole" "$src" "$img"

# it stops orderly, too
fresh
copy_bg "$tmp/first" --bandwidth 8M --connections 2 "$src" "$to:$img"
first=$!
until_true 30 arrived 8192
stop_daemon
restart_daemon
rc=0
wait $first || rc=$?
is "the receiver was stopped and started: the copy goes on" $rc = 0
same "  and ends whole" "$src" "$img"

# what was written is not what lies there
fresh
copy_bg "$tmp/first" --bandwidth 6M --connections 1 "$src" "$to:$img"
first=$!
until_true 30 arrived 8192
printf damage | dd of="$img" bs=1 seek=$((2 * MiB + 100)) conv=notrunc status=none
rc=0
wait $first || rc=$?
is "damage is found by the comparison: exit code 10" $rc = 10
expect_text "  which says where" "differ at bytes $((2 * MiB)) to $((3 * MiB - 1))" cat "$tmp/first"
expect_text "  and what to do" 'next: dmmigrate copy --yes' cat "$tmp/first"
expect "  the same again" copy --json "$src" "$to:$img"
cp "$tmp/out" "$tmp/json"
is "  ships what differs" "$(number shipped_bytes)" = 65536
same "  and ends whole" "$src" "$img"
expect "without a comparison" copy --no-verify "$src" "$to:$img"

# the receiver does not come back
fresh
copy_bg "$tmp/first" --bandwidth 8M "$src" "$to:$img"
first=$!
until_true 30 arrived 8192
kill_daemon
rc=0
wait $first || rc=$?
is "the receiver is gone for good: exit code 4" $rc = 4
expect_text "  after some tries" 'trying again in 16 s' cat "$tmp/first"
expect_text "  with a line that says how to go on" 'not complete' cat "$tmp/first"
expect_text "  namely" 'source owns the data; next: dmmigrate copy --yes .*goes on' cat "$tmp/first"
restart_daemon
expect "  which goes on" copy "$src" "$to:$img"
same "  to the end" "$src" "$img"

stop_daemon
finish
