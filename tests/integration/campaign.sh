# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will break things at random moments of a busy disk's hand-over: the link, either daemon, the tool, either
# disk, the room for journals, that of a thin destination, the memory, the power of either host; and recover is asked for by two people at once,
# or killed.  Never are both sides writable, of one disk here and
# of another there; no command hangs;
# once all is well again the journals agree, and the owner holds of each sector the last completed write or a concurrent
# one, the other is fenced.  Of every other plan the migration has two disks, A to B and C to D.
# DMM_CAMPAIGN_SEEDS: one round each, a seed repeats its plan.  tests/campaign SEED... runs them from the host.  Without it
# these five, for they draw every kind of fault between them (tests/campaign --plan), until the first attempt is over; which
# is seen to at the end:
#   8 a slow origin; reorder, the daemon stopped, the destination's power, and no memory, all in the first attempt
#   97 two disks; connections reset and the daemon killed while copying; receiver and tool killed, disks hang on either side
#   495 two disks, verified; loss, half-open and dribbling links, the receiver killed, no room at the source, its power
#   615 a source that cannot be read; delay, a dribbling link, writes that fail, the tool stopped, a pool that has no room, recover
#   779 everything dropped, the daemon killed; receiver stopped, link slow and cut, no room at the destination, a pool that waits for
#	more, recover; the hook fails
# kernels: 6.1 6.12
# check-kernels: 6.1
# timeout: 900
# expect-log: invoked oom-killer|Out of memory: Killed process .*\(dd\)|oom_reaper|oom-kill:|Call Trace
. functions.sh
. functions-handover.sh
. functions-memory.sh
. functions-campaign.sh
requires ip tc nft unshare dmmigrate dmmigrated module:sch_netem target:flakey target:delay target:thin-pool
load_module
two_hosts
SEEDS=${DMM_CAMPAIGN_SEEDS:-8 97 495 615 779}
KINDS='link- drop- reset half-open dribble loss- delay-[ht] reorder- slow- kill-receiver kill-daemon kill-tool stop-receiver
stop-daemon stop-tool error-[A-D] hang-[AC] hang-[BD] delay-[A-D] flakey-[A-D] full-a full-b power-here power-there memory
nospace- waits- recover-here recover-there converge-twice converge-killed'
BAD='BUG:|WARNING:|INFO:|Oops|general protection|refcount|hung task|Call Trace'
# a guest's write is held until somebody has decided who owns the disk
echo 180 >/proc/sys/kernel/hung_task_timeout_secs
cleanup_fn "echo 60 >/proc/sys/kernel/hung_task_timeout_secs"
cleanup_fn "umount $TMP/state-b; umount /var/lib/dmmigrate; rm -rf /var/lib/dmmigrate"
# memory is taken from somebody else
mkfifo "$TMP/nobody-reads"
exec 7<>"$TMP/nobody-reads"
echo -900 >/proc/self/oom_score_adj
cleanup_fn "echo 0 >/proc/self/oom_score_adj"
echo 0 >/proc/sys/vm/oom_dump_tasks
cleanup_fn "echo 1 >/proc/sys/vm/oom_dump_tasks"

# ---- commands that are judged

note() { echo "$(now_ms) $*" >>"$TMP/events.log"; }

# broken WHAT: seen in the background
broken() {
	note "BROKEN: $*"
	echo "$*" >>"$TMP/broken"
}
not_broken() { [ ! -s "$TMP/broken" ] || fail "seed $SEED: $(cat "$TMP/broken")"; }

# tool NAME SECONDS COMMAND...: ends within SECONDS by an exit code that it has; in $RC
tool() {
	local name=$1 seconds=$2 began pid
	shift 2
	began=$(now_ms)
	command timeout -k 5 "$seconds" "$@" >"$TMP/$name.out" 2>&1 </dev/null &
	pid=$!
	echo $pid >"$TMP/$name.pid"
	RC=0
	wait $pid || RC=$?
	note "$name: $* -> $RC after $(($(now_ms) - began)) ms: $(tail -n 14 "$TMP/$name.out" | tr -s ' \n' ' ')"
	case $RC in
	0 | [2-9] | 10) ;;
	137)	[ -e "$TMP/killed-$pid" ] || broken "$*: killed, or not ended within $seconds s" ;;
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

# start_again: what has lost its connection or has failed, or what the source has forgotten when it lost its power
start_again() {
	local second=''
	if [ -n "$REBOOTED" ]; then
		here start 60 start --resume "$ID" --connections "$CONNECTIONS"
		[ $RC != 0 ] || REBOOTED=
		return 0
	fi
	[ "$DISKS" = 1 ] || second="C $ADDR_B:/dev/mapper/D"
	# shellcheck disable=SC2086
	here start 60 start --yes --bandwidth "$BANDWIDTH" --barrier-interval "$BARRIER" A "$ADDR_B:/dev/mapper/B" \
		--connections "$CONNECTIONS" $second
	know_id
}

no_hook() { [ ! -s "$TMP/hook.pid" ] || ! [ -d "/proc/$(cat "$TMP/hook.pid")" ]; }

# write_passes: what A has there already, in case
write_passes() {
	command timeout -k 5 20 dd if=/dev/mapper/B of="$TMP/first" bs=4096 count=1 iflag=direct 2>/dev/null &&
		command timeout -k 5 20 dd if="$TMP/first" of=/dev/mapper/A.dmm bs=4096 count=1 oflag=direct conv=notrunc 2>/dev/null
}

# hand_over KIND [NAME]: stops at what fails; $RC
hand_over() {
	local name=${2:-attempt} how
	wait_for 20 no_hook || true
	case $1 in
	cutover | verify)
		touch "$TMP/told"
		[ "$1" = verify ] && how='--verify A' || how=$LAST_SOURCE
		# shellcheck disable=SC2086 # words
		here "$name" 120 cutover --timeout 15000 $how --hook-start "sh $TMP/hook"
		[ $RC != 8 ] || rm "$TMP/told" ;;	# it has taken the disks back
	acquire)
		there_ "$name" 60 acquire --timeout 20s "$ID"
		# unless an attempt before this one has told it
		[ $RC != 0 ] || [ -e "$TMP/told" ] || ! write_passes ||
			broken "a write passes the gate of a destination that was not told to run"
		[ $RC = 0 ] || return 0
		touch "$TMP/told"
		there_ "$name" 30 run --unconfirmed "$ID"
		[ $RC = 0 ] || return 0
		if sh "$TMP/hook" >>"$TMP/hook.log" 2>&1; then
			there_ "$name" 30 run "$ID"
		else
			there_ "$name" 30 return "$ID"
			[ $RC != 0 ] || rm "$TMP/told"
		fi ;;
	esac
}

# ---- the watcher

# both sides writable is said at once; what it has seen when it ends
watch() {
	# shellcheck disable=SC2086 # words
	dmm-watch 20 $SOURCES >"$TMP/watch.out" 2>>"$TMP/broken" &
	WATCH=$!
	cleanup_fn "kill $WATCH"
}
end_watch() {
	kill "$WATCH"
	wait "$WATCH" || broken "dmm-watch: exit $?"
	not_broken
}

# ---- a round

no_round() {
	KILLED_RECEIVER='' KILLED_DAEMON='' REBOOTED='' ATTEMPT='' ID='' RC=0 LOADS='' EATERS='' RECOVERS=''
	rm -rf "$TMP"/*.log "$TMP"/*.out "$TMP"/*.journal "$TMP"/*.table "$TMP"/broken "$TMP"/written "$TMP"/started \
		"$TMP"/hooked "$TMP"/told "$TMP"/hook.pid "$TMP"/attempt.* "$TMP"/boot-*
}

# the state that a side's journal is in
journal_says() {
	local dir=/var/lib/dmmigrate/source s
	[ "$1" = source ] || dir=$TMP/state-b/destination
	s=$(dmm-owner "$dir/$ID/journal" 2>/dev/null) || true
	echo "${s% *}"
}
settled() { journal_is source released && journal_is destination settled; }

# recover_all: on both hosts; the first time as the plan has it, and then nothing is judged by it
recover_all() {
	local how=$CONVERGE
	CONVERGE=once
	if [ "$how" = once ]; then
		here recover 40 recover "$ID"
		there_ recover 40 recover "$ID"
		return 0
	fi
	echo "converge-$how" >>"$TMP/kinds"
	recover_twice here
	recover_twice there
	if [ "$how" = killed ]; then
		usleep "${KILL_MS}000"
		recover_over '' killed
	fi
	recover_over ''
	not_broken
	return 1
}

# converge: all is well again, and somebody finds out who owns the disk; $OWNER
converge() {
	local until s='' d=''
	know_id
	until=$(($(now_ms) + 90000 * SLOW))
	OWNER=
	while [ -z "$OWNER" ]; do
		[ "$(now_ms)" -lt $until ] || fail "seed $SEED: nobody owns it: source $s, destination $d"
		recover_all || continue
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
			[ ! -e "$TMP/written" ] || PERSON=run
			there_ person 30 "$PERSON" "$ID"
			wait_for 3 settled || true ;;
		active/*) OWNER=source ;;
		*)	usleep 300000 ;;
		esac
	done
	note "owner: $OWNER"
}

no_write() { [ ! -b /dev/mapper/"$1" ] || ! command timeout -k 5 20 dd if=/dev/zero of=/dev/mapper/"$1" bs=4096 count=1 oflag=direct 2>/dev/null; }
no_read() { ! command timeout -k 5 20 dd if=/dev/mapper/"$1".dmm of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; }

judge_source() {
	local d p
	[ ! -e "$TMP/written" ] || fail "seed $SEED: the writer has written at the destination, and the source owns"
	rm -f "$TMP"/dest-*.journal
	for d in $SOURCES; do
		no_read "$d" || fail "seed $SEED: a read passes the gate of $d, whose destination owns nothing"
	done
	for p in $LOADS; do kill -STOP "$p"; done
	usleep 300000
	for d in $SOURCES; do checker_verdict "/dev/mapper/$d" "$d"; done
	for p in $LOADS; do kill -CONT "$p"; done
}

# the source owns it: it goes on from there without a fault, and with less of a load, for it has to converge here
finish() {
	local i
	sources_are_there
	judge_source
	end_loads
	start_loads 2 20 512..16K
	# shellcheck disable=SC2034 # for functions-campaign.sh
	LINK_MS=0 DISK_MS=0
	link_is here
	link_is there
	for i in $DESTINATIONS; do low_is "$i" well; done
	for i in 1 2 3; do
		start_again
		[ $RC != 0 ] || break
		if [ -n "$REBOOTED" ]; then	# what cannot be resumed begins anew
			here cancel 60 cancel A
			[ $RC != 0 ] || REBOOTED=
		fi
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
	touch "$TMP/hooked"	# whose failure none of the attempts has come to, maybe
	hand_over cutover last
	[ $RC = 0 ] || fail "seed $SEED: cannot cut over when all is well: exit $RC: $(cat "$TMP/last.out")"
	wait_for 10 settled || fail "seed $SEED: source $(journal_says source), destination $(journal_says destination)"
	OWNER=destination
}

# volume_of NAME: what its writer uses at the destination; the gate that was settled does not come back after a boot
volume_of() { if has "$1.dmm"; then echo "$1.dmm"; else echo "$1" | tr AC BD; fi; }
plain() { [ "$(dmsetup table "$(volume_of "$1")" | cut -d ' ' -f 3)" = linear ]; }

judge_destination() {
	local d
	for d in $SOURCES; do
		wait_for 10 plain "$d" || fail "seed $SEED: settled, and the gate of $d is still there"
		no_write "$d" || fail "seed $SEED: the source $d that was given up takes a write"
	done
	end_loads
	for d in $SOURCES; do
		# shellcheck disable=SC2046 # words
		checker_verdict "/dev/mapper/$(volume_of "$d")" "$d" \
			$([ ! -e "$TMP/dest-$d.journal" ] || echo --journal "$TMP/dest-$d.journal")
	done
	here clean 60 clean --yes A
	[ $RC = 0 ] || fail "seed $SEED: cannot clean: $(cat "$TMP/clean.out")"
	there_ release 30 release "$ID"
	[ $RC = 0 ] || fail "seed $SEED: cannot release: $(cat "$TMP/release.out")"
	for d in $SOURCES; do
		! has "$d.dmm" || dmsetup remove "$d.dmm" || fail "seed $SEED: the volume of $d stays in use"
	done
}

take_away() {
	local d part
	kill_all "$RECEIVER" "$DAEMON"
	umount "$TMP/state-b"
	umount /var/lib/dmmigrate
	rm -rf /run/dmmigrate/*.json
	[ -z "$RELAY" ] || kill "$RELAY"
	for d in $SOURCES $DESTINATIONS; do
		! has "$d" || wait_for 5 dmsetup remove "$d" || fail "seed $SEED: dmsetup remove $d"
		wait_for 5 dmsetup remove "$d-low" || fail "seed $SEED: dmsetup remove $d-low"
		[ "$d" != "$THIN" ] || for part in thin pool data meta; do
			wait_for 5 dmsetup remove "$d-$part" || fail "seed $SEED: dmsetup remove $d-$part"
		done
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
	SOURCES=A LAST_SOURCE=A DESTINATIONS=B
	[ "$DISKS" = 1 ] || SOURCES='A C' LAST_SOURCE=C DESTINATIONS='B D'
	for d in $SOURCES; do make_disk "$d" "$MIB"; done
	for d in $DESTINATIONS; do
		if [ "$d" = "$THIN" ]; then
			make_thin_disk "$d" "$MIB"
		else
			make_disk "$d" "$MIB" 512 cache_size=64	# and a cache that a power cut loses
		fi
		low_is "$d" well
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
	# the guest at the destination: what it was told is written is on the disk
	cat >"$TMP/hook" <<END
echo \$\$ >$TMP/hook.pid
usleep ${HOOK_MS}000
[ -e $TMP/hooked ] || [ $HOOK = good ] || { touch $TMP/hooked; exit 3; }
status=0
for d in $SOURCES; do
	dmm-load /dev/mapper/\$d.dmm --journal $TMP/dest-\$d.journal --op fua:1M:256K && touch $TMP/written &&
		dmm-load /dev/mapper/\$d.dmm --journal $TMP/dest-\$d.journal --op fua:2M:8K --op discard:3M:64K &&
		touch $TMP/started || status=\$?
done
usleep ${HOOK_MS}000
exit \$status
END
	up relay
	up daemon
	up receiver
	start_loads "$WRITERS" "$RATE" "$SIZES"
	watch
	start_again
	not_broken
	[ $RC = 0 ] || fail "seed $SEED: cannot start: $(cat "$TMP/start.out")"
}

round() {
	log_mark "$SEED"
	begin_round
	# shellcheck disable=SC2153,SC2154 # by the plan
	say "seed $SEED: $(grep -v '^set' "$TMP/plan" | awk '$3 == "begin" { b[$4] = $1 ":" $2 } $3 == "end" {
		printf "%s %s-%s, ", $5, b[$4], $2 }') $ATTEMPT1 $ATTEMPT2 $LAST," \
		"$DISKS disks, hook $HOOK $HOOK_MS, link $LINK_MS ms, disk $DISK_MS ms, recover $CONVERGE"
	faults 1
	for phase in 2 3; do
		# what lost its connection or has failed is started again by somebody
		case " $REBOOTED $(for d in $SOURCES; do st "$d" state; done | tr '\n' ' ')" in
		' 1 '* | *' disconnected '* | *' failed '*) start_again ;;
		*' released '*) [ $phase != 3 ] || break ;;
		esac
		[ $phase = 3 ] || here wait 15 wait A --timeout 10s
		ATTEMPT=$ATTEMPT1
		[ $phase = 2 ] || ATTEMPT=$ATTEMPT2
		{
			# shellcheck disable=SC2153
			usleep $((PAUSE * 1000))
			hand_over "$ATTEMPT"
		} &
		attempt=$!
		faults $phase
		wait $attempt || true
		not_broken
	done
	recover_over ''
	all_up
	converge
	[ "$OWNER" = destination ] || finish
	end_watch
	if [ "$OWNER" = destination ]; then
		judge_destination
	else
		end_loads
		for d in $SOURCES; do checker_verdict "/dev/mapper/$d" "$d"; done
	fi
	take_away
	# one of somebody whose memory was taken
	trace='Call Trace'
	grep -q ' memory$' "$TMP/plan" || trace='^$'
	if log_since "$SEED" | grep -v "$trace" | grep -E "$BAD" >"$TMP/bad"; then
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
if [ -z "${DMM_CAMPAIGN_SEEDS:-}" ]; then
	for kind in $KINDS; do
		grep -q "^$kind" "$TMP/kinds" || fail "no seed has drawn $kind: have busybox awk's random numbers changed?"
	done
fi
