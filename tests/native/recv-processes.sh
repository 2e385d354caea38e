#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will see who has a destination: a process of its own for each migration, with a user id of its own and nothing else
# that it could use against its host; the daemon has none.  And one of them, or the daemon, be killed at work.
. "$(dirname "$0")/functions"

# named NAME: processes of the daemon that are called so, in the order in which they began
named()
{
	local pid

	for pid in $(family "$daemon_pid"); do
		! grep -qx "$1" "/proc/$pid/comm" 2> /dev/null || echo "$(cut -d ' ' -f 22 "/proc/$pid/stat") $pid"
	done | sort -n | cut -d ' ' -f 2
}
workers() { named dmm-worker; }
nr_workers() { [ "$(workers | wc -l)" = "$1" ]; }
# has PID FILE: is it open there?
has() { find "/proc/$1/fd" -lname "$2" | grep -q .; }
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

make -s -C "$top/userland" dmmigrated	# not dumpable: a sanitiser's build is
bin=$top/build/userland
for i in 1 2 3; do
	truncate -s 4M "$tmp/$i.img"
done
# shellcheck disable=SC2119 # it has options elsewhere
start_daemon
phony_bg "$tmp/one" "$to" 1 prepare "$tmp/1.img" 4M attach 1 load 50 4M sleep 60000
one=$!
attached() { [ "$(grep -c 'of epoch 1 attached' "$log")" = "$1" ]; }
until_true 20 attached 1 || bad "the first does not attach"
phony_bg "$tmp/two" "$to" 2 prepare "$tmp/2.img" 4M attach 1 sleep 60000
two=$!
until_true 20 attached 2 || bad "they do not attach"
if nr_workers 2; then ok "two migrations, two processes"; else bad "processes: $(workers)"; fi
# shellcheck disable=SC2046
set -- $(workers)
if has "$1" "$tmp/1.img" && ! has "$1" "$tmp/2.img" && has "$2" "$tmp/2.img" && ! has "$2" "$tmp/1.img"; then
	ok "each has its destination, and not the other's"
else
	bad "$(ls -l "/proc/$1/fd" "/proc/$2/fd")"
fi
if has "$daemon_pid" "$tmp/*.img"; then bad "the daemon has a destination"; else ok "the daemon has none"; fi
for pid in "$1" "$2"; do
	if [ "$(id -u)" = 0 ]; then
		if [ "$(stat -c %u "/proc/$pid/comm")" = 0 ] && [ "$(status "$pid" Uid | tr -s '\t' '\n' | sort -u | wc -l)" = 1 ] &&
			[ "$(status "$pid" Uid | cut -f 1)" -gt 1885629695 ]; then
			ok "a user id of its own, and nobody may look into it"
		else
			bad "uid $(status "$pid" Uid), $(stat -c %u "/proc/$pid/comm")"
		fi
	fi
	for what in CapInh:0000000000000000 CapPrm:0000000000000000 CapEff:0000000000000000 NoNewPrivs:1 Seccomp:2 Groups:; do
		if [ "$(status "$pid" "${what%%:*}" | tr -d ' ')" = "${what#*:}" ]; then
			ok "$what"
		else
			bad "${what%%:*}: $(status "$pid" "${what%%:*}")"
		fi
	done
done
if [ "$(id -u)" = 0 ]; then
	if [ "$(status "$1" Uid)" != "$(status "$2" Uid)" ]; then ok "two user ids"; else bad "one user id"; fi
fi

# who listens, and who opens
for name in dmm-acceptor dmm-opener; do
	pid=$(named "$name")
	if [ -n "$pid" ] && [ "$(status "$pid" NoNewPrivs)" = 1 ] && [ "$(status "$pid" Seccomp)" = 2 ] && ! has "$pid" "$tmp/*.img"; then
		ok "$name has no destination, and few system calls"
	else
		bad "$name: $pid"
	fi
done
if [ "$(status "$(named dmm-acceptor)" CapEff)" = 0000000000000000 ]; then ok "dmm-acceptor: no capability"; else bad "dmm-acceptor: capabilities"; fi
# dac_override, sys_ptrace
if [ $((0x$(status "$(named dmm-opener)" CapEff) & ~0x80002)) = 0 ]; then ok "dmm-opener: few"; else bad "dmm-opener: capabilities"; fi
# who looks at what lies on disks, for those who are root
pid=$(named dmm-prober)
for what in CapPrm:0000000000000000 CapEff:0000000000000000 NoNewPrivs:1 Groups:; do
	if [ "$(status "$pid" "${what%%:*}" | tr -d ' ')" = "${what#*:}" ]; then ok "dmm-prober: $what"; else bad "dmm-prober: ${what%%:*}"; fi
done
if [ "$(id -u)" != 0 ] || [ "$(status "$pid" Uid | tr -s '\t' '\n' | sort -u)" = 1885630720 ]; then
	ok "dmm-prober: a user id of its own"
else
	bad "dmm-prober: uid $(status "$pid" Uid)"
fi
truncate -s 4M "$tmp/4.img"
printf 'QFI\373' | dd of="$tmp/4.img" conv=notrunc status=none
refused_for()
{
	local said

	said=$(phony "$to" 6 prepare "$tmp/4.img" 4M 2>&1) || true
	grep -q "$1" <<< "$said" || { echo "$said"; return 1; }
}
expect "what it sees on a disk is said" refused_for 'carries a signature (qcow2)'
if ss -tlnp 2> /dev/null | grep ":$port " | grep -q "pid=$daemon_pid,"; then bad "the daemon listens"; else ok "the daemon does not listen"; fi
for who in dmm-acceptor dmm-opener; do
	kill -KILL "$(named "$who")"
	back() { pid=$(named "$who") && [ -n "$pid" ] && phony "$to" 5 check prepare "$tmp/3.img" 4M > /dev/null 2>&1; }
	eventually "$who is begun again" 20 back
done
if kill -0 "$1" && kill -0 "$2"; then ok "data connections go on"; else bad "a worker has gone"; fi

# what cannot be looked at is not taken for empty
kill -KILL "$(named dmm-prober)"
expect "without it a disk is refused" refused_for 'look for a signature'
if kill -0 "$daemon_pid" && kill -0 "$1"; then ok "and nothing else ends"; else bad "it has taken others with it"; fi
{ kill -KILL "$daemon_pid"; wait "$daemon_pid"; } 2> /dev/null || true
kill $one $two
: > "$log"
# shellcheck disable=SC2119 # it has options elsewhere
start_daemon
phony_bg "$tmp/one" "$to" 1 prepare "$tmp/1.img" 4M attach 1 load 50 4M sleep 60000
one=$!
until_true 20 attached 1 || bad "the first does not attach"
phony_bg "$tmp/two" "$to" 2 prepare "$tmp/2.img" 4M attach 1 sleep 60000
two=$!
until_true 20 attached 2 || bad "they do not attach"
# shellcheck disable=SC2046
set -- $(workers)

# one dies: the other goes on, and so does the daemon
kill -KILL "$1"
eventually "its migration is not prepared any more" 20 logged '0001\] the process that writes its disks has ended'
kill $one
# what it had in flight may keep the file for a moment
free_again() { phony "$to" 1 check prepare "$tmp/1.img" 4M > /dev/null 2>&1; }
eventually "its destination is free again" 10 free_again
expect "and can be prepared again" \
	phony "$to" 1 model "$tmp/model" prepare "$tmp/1.img" 4M attach 1 load 50 4M barrier end finish
if nr_workers 2 && kill -0 "$2"; then ok "the other one goes on"; else bad "processes: $(workers)"; fi
expect "a finished disk goes by its name" phony "$to" 1 forget
kill $two
expect "and so does the other" phony "$to" 2 forget
eventually "without a disk there is no process" 10 nr_workers 0

# how much they log is the daemon's to say, while they are at work
log_level()
{
	local n

	n=$(grep -c reloaded "$log" || true)
	sed -i '/^log_level/d' "$tmp/dmmigrated.conf"
	echo "log_level = $1" >> "$tmp/dmmigrated.conf"
	kill -HUP "$daemon_pid"
	reloaded() { [ "$(grep -c reloaded "$log" || true)" -gt "$n" ]; }
	until_true 20 reloaded || bad "no reload"
}
phony "$to" 6 prepare "$tmp/3.img" 4M > /dev/null || bad "PREPARE"
log_level notice
expect "a connection while little is logged" phony "$to" 6 attach 2 barrier end
log_level info
expect "and one while more is" phony "$to" 6 attach 3 barrier end
eventually "a process that is at work says what it is to" 20 logged 'of epoch 3 attached'
if logged 'of epoch 2 attached'; then bad "it says what it is not to, too"; else ok "and nothing else"; fi
expect "it is forgotten" phony "$to" 6 forget

busy=8
# one that does not answer: whoever waits for it is told
phony "$to" 7 prepare "$tmp/3.img" 4M attach 1 barrier end > /dev/null || bad "PREPARE"
pid=$(workers)
kill -STOP "$pid"
SECONDS=0
expect_text "nothing is finished by a process that is stopped" 'is it stopped' phony "$to" 7 refused $busy finish
if [ $SECONDS -le 20 ]; then ok "which is said soon"; else bad "which takes $SECONDS s"; fi
kill -CONT "$pid"
expect "and by one that goes on it is" phony "$to" 7 finish
expect "and forgotten" phony "$to" 7 forget

# the daemon dies: its workers before another one begins
phony_bg "$tmp/three" "$to" 3 prepare "$tmp/1.img" 4M attach 1 sleep 60000
three=$!
until_true 20 attached 5 || bad "it does not attach"
pid=$(workers)
{ kill -KILL "$daemon_pid"; wait "$daemon_pid"; } 2> /dev/null || true
: > "$log"
# shellcheck disable=SC2119 # it has options elsewhere
start_daemon
# whom nobody has waited for is dead all the same
if grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$pid/status" 2> /dev/null; then bad "a worker of a daemon that was killed is still there"; else ok "its worker has died with it"; fi
expect "the destination is free" phony "$to" 4 prepare "$tmp/1.img" 4M forget
kill $three
stop_daemon
finish
