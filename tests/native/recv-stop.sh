#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will stop daemons in the middle of transfers, give them wrong options and
# configurations, and leave disks behind, and see orderly ends, one line
# with the right exit code for each mistake, and orphans released.
. "$(dirname "$0")/functions"

shutdown=15 notfound=7
img=$tmp/disk.img

# SIGTERM in the middle of a transfer, three times
for i in 1 2 3; do
	start_daemon
	truncate -s 64M "$img"
	phony_bg "$tmp/source" "$to" 1 prepare "$img" 64M attach 1 load 1000000 64M nack $shutdown
	source=$!
	phony_bg "$tmp/idle" "$to" 2 raw 44 eof
	idle=$!
	until_true 10 logged 'of epoch 1 attached'
	sleep 0.$i
	stop_daemon
	if wait $source && grep -q "status=$shutdown" "$tmp/source"; then
		ok "the source was told"
	else
		bad "the source was not told"
		cat "$tmp/source"
	fi
	wait $idle || bad "the idle connection was not closed"
	: > "$log"
done

# what was acknowledged before SIGTERM is there
start_daemon
truncate -s 0 "$img" "$tmp/model"
truncate -s 8M "$img" "$tmp/model"
phony_bg "$tmp/source" "$to" 1 model "$tmp/model" prepare "$img" 8M attach 1 load 300 8M drain say drained \
	nack $shutdown
source=$!
until_true 30 grep -q drained "$tmp/source"
stop_daemon
wait $source || bad "the source was not told"
expect "what was acknowledged is there" cmp "$img" "$tmp/model"

# a restart: another instance, which knows nothing
start_daemon
expect "after a restart the disk is not known" phony "$to" 1 refused $notfound attach 2

# second NAME RC TEXT [OPTION...]: one daemon has the journals, and one an address
second()
{
	local name=$1 want=$2 text=$3 rc=0

	shift 3
	"$bin/dmmigrated" --config "$tmp/dmmigrated.conf" --foreground "$@" > "$tmp/second" 2>&1 || rc=$?
	if [ $rc = "$want" ] && grep -q "$text" "$tmp/second"; then
		ok "$name: exit $want"
	else
		bad "$name: exit $rc"
		cat "$tmp/second"
	fi
}
second "a second daemon with the same journals" 5 "another dmmigrated has $tmp/state: process $daemon_pid (dmmigrated, state .): stop it first"
second "a second daemon on the same address" 4 'Address already in use' --state-dir "$tmp/other"
stop_daemon
: > "$log"

# orphans
start_daemon 'orphan_timeout = 1s'
truncate -s 1M "$tmp/o1.img" "$tmp/o2.img" "$tmp/o3.img"
phony_bg "$tmp/alive" "$to" 13 prepare "$tmp/o3.img" 1M sleep 14000 query
alive=$!
phony "$to" 11 prepare "$tmp/o1.img" 1M > /dev/null
phony "$to" 12 prepare "$tmp/o2.img" 1M finish > /dev/null
eventually "an orphan is released" 15 logged 'o1.img released'
expect "it is not known any more" phony "$to" 11 refused $notfound query
expect "a finished disk is no orphan" phony "$to" 12 query
if wait $alive; then ok "nor is one whose control connection lives"; else bad "a living disk was released"; fi
stop_daemon

# options and configuration: one line, exit code 2
# wrong NAME TEXT ARGUMENT...
wrong()
{
	local name=$1 text=$2 rc=0

	shift 2
	timeout 10 "$bin/dmmigrated" "$@" > "$tmp/out" 2>&1 || rc=$?
	if [ $rc = 2 ] && grep -Eq -- "$text" "$tmp/out" && [ "$(wc -l < "$tmp/out")" = 1 ]; then
		ok "$name"
	else
		bad "$name: exit $rc"
		cat "$tmp/out"
	fi
}
conf() { printf '%s\n' "$@" > "$tmp/c"; }
wrong "unknown option" "unknown option '--nonsense'" --nonsense
wrong "option without argument" 'needs an argument' --port
wrong "port" 'not a number from 1 to 65535' --port 70000
wrong "unexpected argument" "unexpected argument 'x'" x
wrong "engine" 'not one of auto, io_uring, libaio, inline' --engine uring
wrong "pattern" 'begin with a slash' --allow 'vg0/*'
wrong "address" 'bracket' --listen '[::1'
wrong "no such file" 'none: No such file' --config "$tmp/none"
conf '[dmmigrated]' '# comment' 'prot = 7790'
wrong "unknown key, with its line" "/c:3: unknown key 'prot'" --config "$tmp/c"
conf '[dmmigrated]' 'buffers = 1K'
wrong "bad value, with its line" '/c:2: buffers = 1K: not a size' --config "$tmp/c"
conf '[other]' 'port = 1'
wrong "unknown section" '/c:2: unknown section \[other\]' --config "$tmp/c"
conf '[dmmigrated]' '' 'listen'
wrong "no value" '/c:3: neither' --config "$tmp/c"
conf '[dmmigrated]' "allow = /$(printf 'x%.0s' {1..300})"
wrong "a line too long" '/c:2: the line is too long' --config "$tmp/c"
conf '[dmmigrated]' 'stall_timeout = never'
wrong "a time" '/c:2: stall_timeout = never: not a time' --config "$tmp/c"
wrong "a directory for a file" 'directory' --config "$tmp"

rc=0
"$bin/dmmigrated" --insecure-plaintext --listen 192.0.2.1 --foreground > "$tmp/out" 2>&1 || rc=$?
if [ $rc = 4 ] && grep -q 'not an address of this host' "$tmp/out"; then
	ok "an address of another host: exit 4"
else
	bad "an address of another host: exit $rc"
	cat "$tmp/out"
fi
expect_text "--help names every option" 'max_sessions = N' "$bin/dmmigrated" --help
expect_text "--version" 'dmmigrated [0-9]' "$bin/dmmigrated" --version
finish
