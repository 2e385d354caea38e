#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will run 64 migrations at once with bad peers between them, and see that
# none is disturbed, that nobody waits for a peer that dribbles or says
# nothing, and that memory and connections stay within their bounds.
. "$(dirname "$0")/functions"

limit=13
sessions=64
start_daemon 'handshake_timeout = 2s' 'stall_timeout = 2s' 'buffers = 130M' 'max_sessions = 300' \
	'max_disks = 100' 'max_silent = 200'

truncate -s 4M "$tmp/bad.img"
phony "$to" ffff prepare "$tmp/bad.img" 4M > /dev/null
pids=()
for i in $(seq $sessions); do
	truncate -s 2M "$tmp/$i.img" "$tmp/$i.model"
	phony_bg "$tmp/$i.out" "$to" "$i" model "$tmp/$i.model" prepare "$tmp/$i.img" 2M attach 1 \
		load 60 2M barrier load 60 256K barrier end finish
	pids+=($!)
done
# between them: silence, dribble, garbage, half frames
bad_pids=()
for i in $(seq 5); do
	phony_bg "$tmp/bad" "$to" 1 raw 44 eof
	bad_pids+=($!)
	phony_bg "$tmp/bad" "$to" 1 hello-raw 44 eof
	bad_pids+=($!)
	phony_bg "$tmp/bad" "$to" 1 raw "$(printf '00%.0s' {1..400})" eof
	bad_pids+=($!)
done
for kind in crc range seq; do
	phony_bg "$tmp/bad" "$to" ffff attach "1$(printf %d "'${kind:0:1}")" corrupt $kind sleep 200
	bad_pids+=($!)
done
broken=0
for i in $(seq $sessions); do
	if ! wait "${pids[i - 1]}" || ! cmp "$tmp/$i.img" "$tmp/$i.model"; then
		broken=$((broken + 1))
		cat "$tmp/$i.out"
	fi
done
if [ $broken = 0 ]; then ok "$sessions sessions beside bad ones"; else bad "$broken of $sessions sessions suffered"; fi
for pid in "${bad_pids[@]}"; do wait "$pid" || true; done
for i in $(seq $sessions); do phony "$to" "$i" forget > /dev/null; done
rm -f "$tmp"/[0-9]*.img "$tmp"/*.model "$tmp"/*.out

# nobody waits for those who say nothing
for i in $(seq 40); do
	phony_bg "$tmp/loris" "$to" 1 raw 44 eof
done
truncate -s 2M "$tmp/quick.img"
start=$EPOCHREALTIME
expect "a migration beside 40 silent connections" \
	phony "$to" 70 prepare "$tmp/quick.img" 2M attach 1 load 50 2M barrier end forget
ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
if [ $ms -lt 10000 ]; then ok "took $ms ms"; else bad "took $ms ms"; fi
# a few have a line each, the rest are counted
silent_closed()
{
	[ "$(awk '/: closed before HELLO: / { n++ } / more connections were closed before HELLO/ {
		for (i = 2; i <= NF; i++) if ($i == "more") n += $(i - 1) } END { print n + 0 }' "$log")" -ge 40 ]
}
eventually "the silent ones are closed" 60 silent_closed
stop_daemon

# memory: of a build without sanitisers, whose figures would drown ours
make -s -C "$top/userland" dmmigrated
bin=$top/build/userland
: > "$log"
start_daemon 'buffers = 16M' 'max_sessions = 64' 'stall_timeout = 60s' 'handshake_timeout = 60s'
# rss: of all of the daemon's processes, at most
rss()
{
	local pid all=0

	for pid in $(family "$daemon_pid"); do
		all=$((all + $(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")))
	done
	echo $all
}
# the migration, and so its process, stays as long as this disk
truncate -s 16M "$tmp/0.img" "$tmp/9.img"
phony_bg "$tmp/stays" "$to" 1/0 prepare "$tmp/0.img" 16M sleep 60000
stays=$!
eventually "a process for the migration" 20 logged '/0 .*prepared'
idle=$(rss)
flood=()
for i in $(seq 8); do
	truncate -s 16M "$tmp/$i.img"
	phony_bg "$tmp/flood.$i" "$to" "1/$i" prepare "$tmp/$i.img" 16M attach 1 sleep 3000 \
		bulk 200 1M bulk 10 4K end forget
	flood+=($!)
done
eight_attached() { [ "$(grep -c 'of epoch 1 attached' "$log")" = 8 ]; }
until_true 20 eight_attached || bad "8 do not attach"
expect_text "no ninth where 16 MiB are promised to 8" 'all buffers are taken' \
	phony "$to" 1/9 prepare "$tmp/9.img" 16M refused $limit attach 1 forget
for pid in "${flood[@]}"; do
	wait "$pid" || { bad "a flood failed"; cat "$tmp"/flood.*; }
done
used=$(($(rss) - idle))
if [ $used -lt $((16 * 1024 + 8 * 1024)) ]; then
	ok "8 floods through 16 MiB of buffers: $used kB more than idle"
else
	bad "8 floods through 16 MiB of buffers: $used kB more than idle"
fi
kill $stays
# 200 connections of which 64 are served; each sends and says nothing sensible, and stays
# until all have come, however long this machine takes to start them
many=()
for i in $(seq 200); do
	phony_bg "$tmp/many" "$to" 1 raw 444d4d31 sleep 60000
	many+=($!)
done
eventually "too many connections are turned away" 60 logged 'too many connections'
kill "${many[@]}" 2>/dev/null || true
room_again() { phony "$to" 10 prepare "$tmp/9.img" 16M forget > /dev/null 2>&1; }
eventually "and room again when they have gone" 60 room_again
used=$(($(rss) - idle))
if [ $used -lt $((16 * 1024 + 16 * 1024)) ]; then
	ok "after 200 connections: $used kB more than idle"
else
	bad "after 200 connections: $used kB more than idle"
fi
stop_daemon
finish
