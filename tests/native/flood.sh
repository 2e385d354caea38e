#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will copy within TLS while 1000 strangers are connected that say nothing, and 1000 that send garbage, each coming again
# a second after it was closed: from another address than the source, and from the same one.  Every copy comes to its end, verified,
# in not much more time than without them; the receiver's memory, threads and log stay within their bounds.
DMM_ENGINE=${DMM_ENGINE:-auto}	# whichever: it is not what is looked at
. "$(dirname "$0")/functions"
. "$(dirname "$0")/copy-functions"

# of a build without sanitisers, whose figures would drown ours
if [ -z "${DMM_NATIVE_BIN:-}" ]; then
	make -s -C "$top/userland" dmmigrated dmmigrate flood
	bin=$top/build/userland
	tool=$bin/dmmigrate
fi
flood=$bin/flood
copies=4 mib=64
max_ratio=10	# of a machine that has other things to do; what it prints is the measure
max_memory=$((32 * 1024))	# kB
max_threads=$((256 + 32 + 16))	# max_sessions, those who leave, and our own
max_lines=20		# of strangers, in ten seconds: of each kind, and of each process

plaintext=no
flood_pid=
trap '[ -z "$flood_pid" ] || kill "$flood_pid" 2> /dev/null || true; cleanup' EXIT
make_self_key "$tool" "$tmp/keys" 127.0.0.1
# shellcheck disable=SC2119 # the script has no arguments
start_daemon
src=$tmp/source.raw img=$tmp/disk.img
random "$src" $((mib * 1048576))
status() { sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$daemon_pid/status"; }

# run_copies NAME: one after the other, into nothing; $ms
run_copies()
{
	local start=$EPOCHREALTIME i

	for ((i = 0; i < copies; i++)); do
		rm -f "$img"
		truncate -s ${mib}M "$img"
		if ! copy --yes --connections 4 "$src" "$to:$img" > "$tmp/out" 2>&1; then
			bad "$1: copy $i fails"
			cat "$tmp/out"
			break
		fi
	done
	ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	same "$1: what was sent is there" "$src" "$img"
}

all_there() { grep -q '^all there' "$tmp/flood"; }

run_copies "without a flood"
without=$ms
idle_memory=$(status VmHWM)
for from in 127.0.0.2 127.0.0.1; do
	"$flood" $from 127.0.0.1 "$port" 1000 1000 > "$tmp/flood" &
	flood_pid=$!
	until_true 30 all_there || bad "the flood from $from does not come"
	run_copies "a flood from $from"
	echo "flood: $(awk "BEGIN { printf \"%.2f\", $ms / $without }") of the time without ($ms ms, $without ms)"
	is "  not much longer" $ms -lt $((max_ratio * without))
	is "  threads" "$(status Threads)" -le $max_threads
	kill -TERM $flood_pid
	wait $flood_pid || bad "the flood ended before"
	flood_pid=
	echo "  $(tail -n 1 "$tmp/flood"), $(($(status VmHWM) - idle_memory)) kB more than without"
	is "  it was one" "$(awk '/ made, / { print $1 }' "$tmp/flood")" -ge 2000
done
is "memory" $(($(status VmHWM) - idle_memory)) -lt $max_memory
lines=$(grep -c 'before HELLO\|too many' "$log")
is "lines about strangers: $lines in $SECONDS s" "$lines" -le $((max_lines * (SECONDS / 10 + 1)))
unsaid() { grep -q "[0-9] more connections .* of which no line tells" "$log"; }
eventually "  and how many were not said" 30 unsaid
stop_daemon
finish
