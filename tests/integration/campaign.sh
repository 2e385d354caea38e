# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will break things at random moments of a busy disk's hand-over: the link, either daemon, the tool, either
# disk, the room for journals.  Never are both sides writable, of one disk here and of another there; no command hangs;
# once all is well again the journals agree, and the owner holds of each sector the last completed write or a concurrent
# one, the other is fenced.  Of every other plan the migration has two disks, A to B and C to D.
# DMM_CAMPAIGN_SEEDS: one round each, a seed repeats its plan.  tests/campaign SEED... runs them from the host.
# kernels: 6.1
# timeout: 600
. functions.sh
. functions-handover.sh
requires ip tc nft od dmmigrate dmmigrated module:sch_netem target:flakey target:delay
load_module
two_hosts
SEEDS=${DMM_CAMPAIGN_SEEDS:-1 7}
BAD='BUG:|WARNING:|INFO:|Oops|general protection|refcount|hung task|Call Trace'
# a guest's write is held until somebody has decided who owns the disk
echo 180 >/proc/sys/kernel/hung_task_timeout_secs
cleanup_fn "echo 60 >/proc/sys/kernel/hung_task_timeout_secs"
cleanup_fn "umount $TMP/state-b; umount /var/lib/dmmigrate"

# ---- commands that are judged

note() { echo "$(now_ms) $*" >>"$TMP/events.log"; }

# broken WHAT: seen in the background
broken() {
	note "BROKEN: $*"
	echo "$*" >>"$TMP/broken"
}
not_broken() { [ ! -e "$TMP/broken" ] || fail "seed $SEED: $(cat "$TMP/broken")"; }

# tool NAME SECONDS COMMAND...: ends within SECONDS by an exit code that it has; in $RC
tool() {
	local name=$1 seconds=$2 began
	shift 2
	began=$(now_ms)
	rm -f "$TMP/$name.killed"
	command timeout -k 5 "$seconds" "$@" >"$TMP/$name.out" 2>&1 </dev/null &
	echo $! >"$TMP/$name.pid"
	RC=0
	wait $! || RC=$?
	note "$name: $* -> $RC after $(($(now_ms) - began)) ms: $(tail -n 14 "$TMP/$name.out" | tr -s ' \n' ' ')"
	case $RC in
	0 | [2-9] | 10) ;;
	137)	[ -e "$TMP/$name.killed" ] || broken "$*: killed, or not ended within $seconds s" ;;
	*)	broken "$*: exit $RC: $(tail -n 2 "$TMP/$name.out")" ;;
	esac
}

# here NAME SECONDS VERB...: on the source's host; there_ on the destination's
here() {
	local name=$1 seconds=$2
	shift 2
	tool "$name" "$seconds" dmmigrate "$@"
}
there_() {
	local name=$1 seconds=$2 verb=$3
	shift 3
	tool "$name" "$seconds" dmmigrate "$verb" --control "$TMP/control-b" "$@"
}

# the id may be another one when a start was undone
know_id() {
	local f
	for f in /run/dmmigrate/*.json; do
		[ ! -e "$f" ] || ID=$(basename "$f" | cut -c 1-32)
	done
}

start_again() {
	local second=''
	[ "$DISKS" = 1 ] || second="C $ADDR_B:/dev/mapper/D"
	# shellcheck disable=SC2086
	here start 60 start --yes --bandwidth "$BANDWIDTH" A "$ADDR_B:/dev/mapper/B" --connections "$CONNECTIONS" $second
	know_id
}

no_hook() { [ ! -s "$TMP/hook.pid" ] || ! [ -d "/proc/$(cat "$TMP/hook.pid")" ]; }

# hand_over KIND [NAME]: stops at what fails; $RC
hand_over() {
	local name=${2:-attempt}
	wait_for 20 no_hook || true
	case $1 in
	cutover) here "$name" 120 cutover --timeout 15000 "$LAST_SOURCE" --hook-start "sh $TMP/hook" ;;
	verify) here "$name" 120 cutover --timeout 15000 --verify A --hook-start "sh $TMP/hook" ;;
	acquire)
		there_ "$name" 60 acquire --timeout 20s "$ID"
		[ $RC = 0 ] && there_ "$name" 30 run --unconfirmed "$ID"
		[ $RC = 0 ] || return 0
		if sh "$TMP/hook" >>"$TMP/hook.log" 2>&1; then
			there_ "$name" 30 run "$ID"
		else
			there_ "$name" 30 return "$ID"
		fi ;;
	esac
}

# ---- who runs

runs() { grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null; }

# up WHICH: start it again, the same state directory; not at once if something else is still broken
up() {
	case $1 in
	receiver)
		RECEIVERS=$((RECEIVERS + 1))
		wait_for 10 silent b || true
		background "receiver-b$RECEIVERS" in_ns b dmmigrated --listen "$ADDR_B" --port "$PORT" \
			--allow '/dev/mapper/*' --foreground --state-dir "$TMP/state-b" --control "$TMP/control-b"
		RECEIVER=$PID
		wait_for 10 listens b || note "the receiver does not listen yet" ;;
	daemon)	DAEMONS=$((DAEMONS + 1))
		background "daemon$DAEMONS" dmmigrated --foreground
		DAEMON=$PID
		wait_for 10 answers || note "the daemon does not answer yet" ;;
	esac
}

# all_up: both must be, and only what was killed may have died
all_up() {
	if ! runs "$RECEIVER"; then
		[ "$KILLED_RECEIVER" = "$RECEIVER" ] || broken "the receiver has ended by itself"
		up receiver
		wait_for 10 listens b || fail "seed $SEED: the receiver does not listen"
	fi
	if ! runs "$DAEMON"; then
		[ "$KILLED_DAEMON" = "$DAEMON" ] || broken "the daemon has ended by itself"
		up daemon
	fi
	not_broken
	wait_for 10 answers || fail "seed $SEED: the daemon does not answer"
}

# signal_tool SIGNAL: to dmmigrate, beneath `timeout`
signal_tool() {
	local p
	# shellcheck disable=SC2013 # words
	for p in $(cat "/proc/$(cat "$TMP/attempt.pid")/task/"*/children 2>/dev/null); do
		kill "-$1" "$p" || true
		note "SIG$1 to the tool"
	done
}

# ---- faults

# rules N [CHAIN PORT-FIELD VERDICT]...
rules() {
	local t=campaign$1
	shift
	nft add table inet "$t"
	nft add chain inet "$t" out '{ type filter hook output priority 0; }'
	nft add chain inet "$t" in '{ type filter hook input priority 0; }'
	while [ $# -gt 0 ]; do
		nft add rule inet "$t" "$1" "tcp $2 $PORT $3"
		shift 3
	done
}

# low_is NAME WHAT: the device beneath A, B, C or D
low_is() {
	local n node
	node=$(raw_of "$1")
	n=$(sectors_of "$1-low")
	case $2 in
	hang)	dmsetup suspend --nolockfs "$1-low" ;;
	error)	dm_replace "$1-low" "0 $n error" ;;
	delay)	dm_replace "$1-low" "0 $n delay $node 0 200" ;;
	flakey)	dm_replace "$1-low" "0 $n flakey $node 0 0 1 1 error_writes" ;;
	well)	n="0 $n linear $node 0"
		[ "$1" = A ] || [ "$1" = C ] || n="0 $(sectors_of "$1-low") delay $node 0 0 $node 0 $DISK_MS"
		dm_replace "$1-low" "$n" ;;
	esac
}

# link_is SIDE [NETEM...]: how the link behaves in this direction; usually as the plan has it
link_is() {
	local dev=dmm-b netns=''
	[ "$1" = here ] || dev=eth0 netns="-n b"
	shift
	[ $# != 0 ] || set -- delay "${LINK_MS}ms"
	# shellcheck disable=SC2086
	tc $netns qdisc replace dev $dev root netem "$@" limit 1000
}

begin_fault() {
	local n=$1
	case $2 in
	link-here) ip link set dmm-b down ;;
	link-there) ip -n b link set eth0 down ;;
	drop-there) rules "$n" out dport drop ;;
	drop-back) rules "$n" in sport drop ;;
	drop-both) rules "$n" out dport drop in sport drop ;;
	reset)	rules "$n" out dport "reject with tcp reset" in sport "reject with tcp reset" ;;
	half-open) # connections come about, and nothing more
		rules "$n" out dport "meta length > 60 drop" ;;
	loss-here) link_is here loss 25% ;;
	delay-here) link_is here delay 200ms 100ms ;;
	reorder-here) link_is here delay 30ms reorder 50% ;;
	slow-here) link_is here rate 256kbit ;;
	loss-there) link_is there loss 25% ;;
	slow-there) link_is there rate 64kbit ;;
	kill-receiver) KILLED_RECEIVER=$RECEIVER; kill -9 "$RECEIVER" ;;
	stop-receiver) kill -STOP "$RECEIVER" ;;
	kill-daemon) KILLED_DAEMON=$DAEMON; kill -9 "$DAEMON" ;;
	stop-daemon) kill -STOP "$DAEMON" ;;
	kill-tool) touch "$TMP/attempt.killed"; signal_tool KILL ;;
	stop-tool) signal_tool STOP ;;
	full-a)	dd if=/dev/zero of=/var/lib/dmmigrate/filler bs=4096 2>/dev/null || true ;;
	full-b)	dd if=/dev/zero of="$TMP/state-b/filler" bs=4096 2>/dev/null || true ;;
	*-[A-D]) low_is "${2##*-}" "${2%-*}" ;;
	*)	fail "no fault $2" ;;
	esac
}

end_fault() {
	case $2 in
	link-here) ip link set dmm-b up ;;
	link-there) ip -n b link set eth0 up ;;
	drop-* | reset | half-open) nft delete table inet "campaign$1" ;;
	*-here)	link_is here ;;
	*-there) link_is there ;;
	kill-receiver) up receiver ;;
	kill-daemon) up daemon ;;
	stop-receiver) kill -CONT "$RECEIVER" ;;
	stop-daemon) kill -CONT "$DAEMON" ;;
	kill-tool) ;;
	stop-tool) signal_tool CONT ;;
	full-a)	rm -f /var/lib/dmmigrate/filler ;;
	full-b)	rm -f "$TMP/state-b/filler" ;;
	*-[A-D]) low_is "${2##*-}" well ;;
	esac
}

# faults PHASE: those of the plan, each at its time
faults() {
	local began now phase at what n kind
	began=$(now_ms)
	while read -r phase at what n kind; do
		[ "$phase" = "$1" ] || continue
		now=$(($(now_ms) - began))
		[ $now -ge "$at" ] || usleep $(((at - now) * 1000))
		note "$what $kind"
		"${what}_fault" "$n" "$kind" 2>"$TMP/fault.out" || broken "$what $kind: $(cat "$TMP/fault.out")"
	done <"$TMP/plan"
}

# ---- the watcher

gates() { for d in $SOURCES; do printf '%s.dmm ' "$d"; done; }

# Of three looks at the sources, the gates, and the sources again: a source lets writes pass in both, and a gate does.
watch() {
	while [ -e "$TMP/watching" ]; do
		# shellcheck disable=SC2046,SC2086 # words
		dmsetup status $SOURCES $(gates) $SOURCES 2>/dev/null | tr '\n' '|'
		echo
		usleep 30000
	done | awk -F '|' -v out="$TMP/broken" -v n="$DISKS" '
	function open(line) { return line !~ / (committed|released) / && line !~ / error *$/ }
	NF > 3 * n {
		looks++
		source = gate = taken = 0
		for (i = 1; i <= n; i++) {
			source += open($i) && open($(i + 2 * n))
			gate += $(i + n) ~ / open *$/
			taken += $(i + n) ~ / (open|linear) *$/
		}
		if (source && taken) {
			print "both sides are writable: " $0 >>out
			fflush(out)
		}
		gates += gate > 0
	}
	END { print looks + 0, "looks, gate open in", gates + 0 }'
}

# ---- a round

no_round() {
	KILLED_RECEIVER='' KILLED_DAEMON='' ID='' RC=0
	rm -rf "$TMP"/*.log "$TMP"/*.out "$TMP"/*.journal "$TMP"/*.table "$TMP"/broken "$TMP"/started "$TMP"/hooked "$TMP"/hook.pid "$TMP"/attempt.*
}

settled() { journal_is source released && journal_is destination settled; }

# converge: all is well again, and somebody finds out who owns the disk; $OWNER
converge() {
	local until s='' d=''
	know_id
	until=$(($(now_ms) + 90000 * SLOW))
	OWNER=
	while [ -z "$OWNER" ]; do
		[ "$(now_ms)" -lt $until ] || fail "seed $SEED: nobody owns it: source $s, destination $d"
		here recover 40 recover "$ID"
		there_ recover 40 recover "$ID"
		not_broken
		s=$(journal_says source) d=$(journal_says destination)
		note "journals: $s $d"
		case $s/$d in
		active/running | active/settled)
			fail "seed $SEED: the source is active, the destination $d" ;;
		released/settled) OWNER=destination ;;
		released/running) usleep 500000 ;;
		relinquished/running)	# only a person can tell whether the writer runs
			wait_for 30 no_hook || fail "seed $SEED: the start hook hangs"
			[ ! -e "$TMP/started" ] || PERSON=run
			there_ person 30 "$PERSON" "$ID"
			wait_for 3 settled || true ;;
		active/*) OWNER=source ;;
		*)	usleep 300000 ;;
		esac
	done
	note "owner: $OWNER"
}

no_write() { ! command timeout -k 5 20 dd if=/dev/zero of=/dev/mapper/"$1" bs=4096 count=1 oflag=direct 2>/dev/null; }
no_read() { ! command timeout -k 5 20 dd if=/dev/mapper/"$1".dmm of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; }

end_loads() { for p in $LOADS; do kill "$p"; wait "$p" || fail "seed $SEED: a load: $(cat "$TMP"/load-*.log)"; done; }

judge_source() {
	local d p
	[ ! -e "$TMP/started" ] || fail "seed $SEED: the writer ran at the destination, and the source owns"
	rm -f "$TMP"/dest-*.journal
	for d in $SOURCES; do
		no_read "$d" || fail "seed $SEED: a read passes the gate of $d, whose destination owns nothing"
	done
	for p in $LOADS; do kill -STOP "$p"; done
	usleep 300000
	for d in $SOURCES; do checker_verdict "/dev/mapper/$d" "$d"; done
	for p in $LOADS; do kill -CONT "$p"; done
}

# the source owns it: it goes on from there without a fault
finish() {
	local i
	judge_source
	for i in 1 2 3; do
		start_again
		[ $RC != 0 ] || break
		sleep 1
	done
	not_broken
	[ $RC = 0 ] || fail "seed $SEED: cannot start again: $(cat "$TMP/start.out")"
	if [ "$LAST" = cancel ]; then
		here cancel 60 cancel A
		[ $RC = 0 ] || fail "seed $SEED: cannot cancel: $(cat "$TMP/cancel.out")"
		for i in $SOURCES; do
			dmsetup table "$i" | cmp -s - "$TMP/$i.table" || fail "seed $SEED: after cancel: $i: $(dmsetup table "$i")"
			dmsetup info "$i.dmm" >/dev/null 2>&1 && fail "seed $SEED: the gate of $i is left behind"
		done
		return 0
	fi
	here throttle 30 throttle "$ID" unlimited
	here wait 90 wait A
	[ $RC = 0 ] || fail "seed $SEED: not converging: $(cat "$TMP/wait.out")"
	hand_over cutover last
	[ $RC = 0 ] || fail "seed $SEED: cannot cut over when all is well: exit $RC: $(cat "$TMP/last.out")"
	wait_for 10 settled || fail "seed $SEED: source $(journal_says source), destination $(journal_says destination)"
	OWNER=destination
}

plain() { [ "$(dmsetup table "$1.dmm" | cut -d ' ' -f 3)" = linear ]; }

judge_destination() {
	local d
	for d in $SOURCES; do
		wait_for 10 plain "$d" || fail "seed $SEED: settled, and the gate of $d is still there"
		no_write "$d" || fail "seed $SEED: the source $d that was given up takes a write"
	done
	end_loads
	for d in $SOURCES; do
		# shellcheck disable=SC2046 # words
		checker_verdict "/dev/mapper/$d.dmm" "$d" $([ ! -e "$TMP/dest-$d.journal" ] || echo --journal "$TMP/dest-$d.journal")
	done
	here clean 60 clean --yes A
	[ $RC = 0 ] || fail "seed $SEED: cannot clean: $(cat "$TMP/clean.out")"
	there_ release 30 release "$ID"
	[ $RC = 0 ] || fail "seed $SEED: cannot release: $(cat "$TMP/release.out")"
	for d in $SOURCES; do
		dmsetup remove "$d.dmm" || fail "seed $SEED: the volume of $d stays in use"
	done
}

take_away() {
	kill -9 "$RECEIVER" "$DAEMON"
	wait "$RECEIVER" "$DAEMON" 2>/dev/null || true
	umount "$TMP/state-b"
	umount /var/lib/dmmigrate
	rm -rf /run/dmmigrate/*.json
	for d in A B $([ "$DISKS" = 1 ] || echo C D); do
		wait_for 5 dmsetup remove "$d" || fail "seed $SEED: dmsetup remove $d"
		wait_for 5 dmsetup remove "$d-low" || fail "seed $SEED: dmsetup remove $d-low"
		drop_raw_disk "$d-raw"
	done
}

begin_round() {
	local word name value d
	no_round
	awk -v seed="$SEED" -f "$(dirname "$0")/campaign.awk" >"$TMP/plan"
	while read -r word name value; do
		[ "$word" != set ] || eval "$name=$value"
	done <"$TMP/plan"
	SOURCES=A LAST_SOURCE=A
	[ "$DISKS" = 1 ] || SOURCES='A C' LAST_SOURCE=C
	for d in A B $([ "$DISKS" = 1 ] || echo C D); do
		make_disk "$d" "$MIB"
		[ "$d" = A ] || [ "$d" = C ] || low_is "$d" well
	done
	for d in $SOURCES; do
		dmsetup table "$d" >"$TMP/$d.table"
		fill "$d"
	done
	link_is here
	link_is there
	mkdir -p "$TMP/state-b" /var/lib/dmmigrate
	mount -t tmpfs -o size=1M,mode=700 tmpfs "$TMP/state-b"
	mount -t tmpfs -o size=1M,mode=700 tmpfs /var/lib/dmmigrate
	cat >"$TMP/hook" <<END
echo \$\$ >$TMP/hook.pid
usleep ${HOOK_MS}000
[ -e $TMP/hooked ] || [ $HOOK = good ] || { touch $TMP/hooked; exit 3; }
status=0
for d in $SOURCES; do
	dmm-load /dev/mapper/\$d.dmm --journal $TMP/dest-\$d.journal --op write:1M:256K --op fua:5M:8K --op discard:3M:64K &&
		touch $TMP/started || status=\$?
done
usleep ${HOOK_MS}000
exit \$status
END
	start_daemon
	start_receiver
	LOADS=
	for d in $SOURCES; do
		start_load "$d" --writers "$WRITERS" --rate $((RATE / DISKS)) --sizes "$SIZES" --errors-ok
		LOADS="$LOADS $PID"
	done
	touch "$TMP/watching"
	watch >"$TMP/watch.out" &
	WATCH=$!
	start_again
	not_broken
	[ $RC = 0 ] || fail "seed $SEED: cannot start: $(cat "$TMP/start.out")"
}

round() {
	log_mark "$SEED"
	begin_round
	# shellcheck disable=SC2154 # by the plan
	say "seed $SEED: $(grep -v '^set' "$TMP/plan" | awk '$3 == "begin" { b[$4] = $1 ":" $2 } $3 == "end" {
		printf "%s %s-%s, ", $5, b[$4], $2 }') $ATTEMPT1 $ATTEMPT2 $LAST," \
		"$DISKS disks, hook $HOOK $HOOK_MS, link $LINK_MS ms, disk $DISK_MS ms"
	faults 1
	for phase in 2 3; do
		# what lost its connection or has failed is started again by somebody
		case " $(for d in $SOURCES; do st "$d" state; done | tr '\n' ' ')" in
		*' disconnected '* | *' failed '*) start_again ;;
		*' released '*) [ $phase != 3 ] || break ;;
		esac
		[ $phase = 3 ] || here wait 15 wait A --timeout 10s
		kind=$ATTEMPT1
		[ $phase = 2 ] || kind=$ATTEMPT2
		{
			usleep $((PAUSE * 1000))
			hand_over "$kind"
		} &
		attempt=$!
		faults $phase
		wait $attempt || true
		not_broken
	done
	all_up
	converge
	[ "$OWNER" = destination ] || finish
	rm "$TMP/watching"
	wait $WATCH || true
	not_broken
	if [ "$OWNER" = destination ]; then
		judge_destination
	else
		end_loads
		for d in $SOURCES; do checker_verdict "/dev/mapper/$d" "$d"; done
	fi
	take_away
	if log_since "$SEED" | grep -E "$BAD" >"$TMP/bad"; then
		fail "seed $SEED: kernel log: $(cat "$TMP/bad")"
	fi
}

cleanup_fn "sed 's/^/# /' $TMP/events.log >&3"	# of a round that fails, too
exec 3>&1
for SEED in $SEEDS; do
	began=$(now_ms)
	round
	sed 's/^/# /' "$TMP/events.log"
	say "seed $SEED ok $((($(now_ms) - began) / 1000)) s: $(tail -n 1 "$TMP/watch.out")"
done
