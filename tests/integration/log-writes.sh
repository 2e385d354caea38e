# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will log all writes to the receiver's disk and to the filesystems of both journals (dm-log-writes), and then
# make what a crash would have left at every flush and every FUA write: what the journals say has one owner, whoever of
# both crashed, and no barrier that was acknowledged lacks its data.  At some points the daemons themselves
# start from what is left.
# hazards 16, 24, 34: mutants 16 and 124 fail this.
# kernels: 6.1 6.12
# check-kernels: 6.1
# timeout: 1500
# CYCLES migrations (1), every second one given back once before it is handed over, from number DMM_SEED (1) on.
#
#   S-fs, D-fs: ext4 with the journals of source and destination; B-low: beneath the receiver's disk.  All three
#   over null_blk, each with a log of its own, for a flush of one makes nothing durable on another.
#   What happened between two marks, which are put into all three logs, may have happened at the same time.
. functions.sh
. functions-handover.sh
requires ip od dmmigrate dmmigrated mkfs.ext4 target:log-writes
load_module
requires debug
two_hosts
ROUNDS=${CYCLES:-1}
B_MIB=4 FS_MIB=6
cleanup_fn "umount /proc/sys/kernel/random/boot_id"
cleanup_fn "umount $TMP/state-b; umount /var/lib/dmmigrate; umount $TMP/mnt"
cleanup_fn "for d in \$(dmsetup info -c --noheadings -o name); do dm_drop \$d; done"
mkdir "$TMP/mnt"

# ---- marks

# tell.sh POINT [ACKED]: puts NUMBER,POINT,CLOCK,BAD,CLOCK-OF-THERE into every log.  From then on what had been written by
# CLOCK has to be at the destination in all but BAD sectors, and what was written there by the other clock.
# The daemons run it before and after each action, and wait for it.
cat >"$TMP/tell.sh" <<END
until mkdir $TMP/telling 2>/dev/null; do usleep 5000; done
trap 'rmdir $TMP/telling' EXIT
set -eu
# COMPLETE: all disks are frozen, and their barriers flushed
[ "\$1" != before-append-complete ] || set -- "\$1" 0
clock= there=
[ -z "\${2:-}" ] || clock=\$(dmm-check --clock --journal $TMP/A.journal)
[ "\$1" != written ] || there=\$(dmm-check --clock --journal $TMP/there.journal)
n=\$((\$(cat $TMP/marks) + 1))
echo \$n >$TMP/marks
for d in S-fs D-fs B-low; do
	dmsetup message \$d 0 mark "\$n,\$1,\$clock,\${2:-},\$there"
done
END
tell() { sh "$TMP/tell.sh" "$@" || fail "cannot mark $*"; }

# ---- one migration

# logged NAME: the device beneath it is $TMP/NAME.node; its log begins
logged() {
	local log
	log=$(raw_disk "$1-log" 96)
	echo "$log" >"$TMP/$1.log-node"
	cat "$(cat "$TMP/$1.node")" >"$TMP/$1.base"
	dmsetup create "$1" --table "0 $(blockdev --getsz "$(cat "$TMP/$1.node")") log-writes $(cat "$TMP/$1.node") $log" ||
		fail "dmsetup create $1"
}

begin_round() {
	local d
	rm -rf "$TMP"/*.journal "$TMP"/*.list "$TMP"/*.points "$TMP"/*.said
	echo 0 >"$TMP/marks"
	raw_disk A-raw $B_MIB >"$TMP/A.raw"
	raw_disk B-raw $B_MIB >"$TMP/B-low.node"
	dmsetup create A --table "0 $((B_MIB << 11)) linear $(raw_of A) 0"
	for d in S D; do
		raw_disk $d-raw $FS_MIB >"$TMP/$d-fs.node"
		mkfs.ext4 -q -F -b 1024 -J size=1 -N 64 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard \
			"$(cat "$TMP/$d-fs.node")" || fail "mkfs.ext4"
	done
	for d in S-fs D-fs B-low; do logged $d; done
	dmsetup create B --table "0 $((B_MIB << 11)) linear /dev/mapper/B-low 0"
	mkdir -p /var/lib/dmmigrate "$TMP/state-b"
	mount -t ext4 /dev/mapper/S-fs /var/lib/dmmigrate || fail "mount"
	mount -t ext4 /dev/mapper/D-fs "$TMP/state-b" || fail "mount"
	fill A
	export DMM_DAEMON_TELL="sh $TMP/tell.sh"
	start_daemon
	start_receiver
	unset DMM_DAEMON_TELL
}

kill_daemons() { kill_all "$RECEIVER" "$DAEMON"; }

# end_round: the logs are whole
end_round() {
	local d
	kill_daemons
	umount "$TMP/state-b"
	umount /var/lib/dmmigrate
	rm -f /run/dmmigrate/*.json
	for d in A.dmm A A-dmm-origin B B-low S-fs D-fs; do
		dm_drop $d || fail "$d cannot be removed"
	done
}
forget_round() {
	local d
	for d in S-fs-log D-fs-log B-low-log B-raw A-raw S-raw D-raw; do
		drop_raw_disk $d
	done
}

# quiet: all that was written is acknowledged and flushed, by what the kernel says; the destination's disk must have it
quiet_and_tell() {
	await_quiet A
	await A 10 unflushed_bytes=0	# not in one look with what moves there
	tell quiet 0
}

burst() {
	dmm-load /dev/mapper/A --journal "$TMP/A.journal" --writers 2 --ops 16 --seed "$1" --discard 8 --zeroes 8 --fua 10 \
		--sizes 512..64K >/dev/null
}

migrate() {
	local bad
	start_migration --bandwidth 2M --barrier-interval 200ms
	ID=$(migration_id)
	# in the midst of the first sweep
	await A 20 "barrier>=1"
	pause_between_extents A
	bad=$(($(nl A dirty_blocks) * 8 + $(nl A unflushed_bytes) / 512))
	tell paused $bad
	assert "sectors that are not flushed in the midst of the copy" $bad -gt 0
	dmmigrate resume A >/dev/null || fail "resume: exit $?"
	dmm-nl rate /dev/mapper/A rate=0
	quiet_and_tell
	for i in 1 2; do
		burst "$SEED$i"
		quiet_and_tell
	done
	start_load A --writers 2 --rate 30 --sizes 512..32K --errors-ok --seed "$SEED"
	if [ $((SEED % 2)) = 0 ]; then
		refused 8 'was not started' dmmigrate cutover A --timeout 15000 --hook-start false
		start_migration
		timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
	fi
	cat >"$TMP/hook" <<-END
		dmm-load /dev/mapper/A.dmm --journal $TMP/there.journal --op fua:1M:64K --op write:2M:8K --op flush &&
		sh $TMP/tell.sh written
	END
	dmmigrate cutover A --timeout 15000 --hook-start "sh $TMP/hook" >"$TMP/cutover.out" 2>&1 ||
		fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
	settled() { journal_is source released && journal_is destination settled; }
	must_wait_for 10 settled
	kill "$LOAD"
	wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
	usleep 300000
	tell end
}

# ---- what the logs say

# entries NAME: INDEX KIND SECTOR SECTORS MARK.., without what was never flushed
entries() {
	dmm-replay "$(cat "$TMP/$1.log-node")" >"$TMP/$1.list" || fail "the log of $1 cannot be read"
	grep -q ' mark .* dm-log-writes-end$' "$TMP/$1.list" || fail "the log of $1 has no end: is there room for it?"
	grep -q ' mark .*,end,' "$TMP/$1.list" || fail "the last mark is not in the log of $1"
	sed '/,end,/q' "$TMP/$1.list"
}

# image NAME TO: the disk before entry TO, in $TMP/NAME.img; it only goes on from where it was
image() {
	local node at
	read -r node <"$TMP/$1.log-node"
	read -r at <"$TMP/$1.at"
	dmm-replay "$node" "$at" "$2" "$TMP/$1.img" || fail "the log of $1: up to entry $2"
	echo "$2" >"$TMP/$1.at"
}
image_begin() {
	cp "$TMP/$1.base" "$TMP/$1.img"
	echo 0 >"$TMP/$1.at"
}

# judge_disk WHERE: of $TMP/B-low.img by $clock, $bad and $there
judge_disk() {
	local wrong
	[ -n "$clock" ] || return 0
	set -- "$1" "$TMP/B-low.img" --buffered --journal "$TMP/A.journal" --at "$clock"
	[ ! -e "$TMP/there.journal" ] || set -- "$@" --journal "$TMP/there.journal" --at "${there:-0}"
	where=$1
	shift
	CHECKS=$((CHECKS + 1))
	if ! dmm-check "$@" >"$TMP/check.out" 2>&1; then
		wrong=$(sed -n 's/^dmm-check: FAULTY: [0-9]* sectors, \(.*\);.*/\1/p' "$TMP/check.out" |
			awk -F ', ' '{ for (i = 1; i <= NF; i++) { split($i, w, " "); n += w[2] } print n + 0 }')
		if [ "$wrong" = 0 ] || [ "$wrong" -gt "$bad" ]; then
			cat "$TMP/check.out"
			fail "seed $SEED, $where: $wrong sectors lack what was flushed, not $bad at most"
		fi
	fi
}

# judge_b: at each point of its disk, what was acknowledged is there
judge_b() {
	local index kind mark n=0 clock='' bad=0 there='' c b t
	entries B-low >"$TMP/B-low.entries"
	image_begin B-low
	while read -r index kind _ _ mark; do
		case $kind in
		*mark*)	n=${mark%%,*}
			echo "$n $index" >>"$TMP/B-low.points"
			IFS=, read -r _ _ c b t <<-END
				$mark
			END
			[ -n "$c$t" ] || continue
			[ -z "$c" ] || clock=$c bad=$b
			[ -z "$t" ] || there=$t ;;
		*flush* | *fua*) ;;
		*)	continue ;;
		esac
		image B-low $((index + 1))
		judge_disk "B after entry $index, mark $n"
	done <"$TMP/B-low.entries"
}

# state NAME PART: what $TMP/NAME.img, mounted, holds of the migration: a file with the journal, or "none"
state() {
	local node dir=$TMP/mnt/$2/$ID seen=$TMP/$1.journal-$POINTS
	read -r node <"$TMP/$1.node"
	cat "$TMP/$1.img" >"$node"
	mount -t ext4 "$node" "$TMP/mnt" || fail "seed $SEED, $1: no filesystem at point $POINTS"
	STATE=none
	if [ -e "$dir/journal" ]; then
		cp "$dir/journal" "$seen"
		dmm-owner "$seen" >"$TMP/owner.out" || fail "seed $SEED, $1: $(cat "$TMP/owner.out")"
		STATE=$seen
	elif grep -q '"begun": *1' "$dir/manifest" 2>/dev/null; then
		fail "seed $SEED, $1, point $POINTS: the journal was begun, and is gone"
	fi
	umount "$TMP/mnt"
}

# what is in a journal once its append has been answered
appended() {
	local side=destination
	case ${1#after-append-} in active | relinquished | released) side=source ;; esac
	[ "$side" = "$2" ] || return 0
	[ "$STATE" != none ] || fail "seed $SEED, $1: there is no journal"
	dmm-owner "$STATE" >"$TMP/owner.out"
	grep -q "^${1#after-append-} " "$TMP/owner.out" || fail "seed $SEED, $1: not durable: $(cat "$TMP/owner.out")"
	APPENDS=$((APPENDS + 1))
}

# judge_fs NAME PART: at each point of its filesystem, the journal is none or a good one.  MARK ENTRIES STATE of each
# goes to $TMP/NAME.points.
judge_fs() {
	local index kind nr mark n=0 fresh=1 last=''
	STATE=none
	entries "$1" >"$TMP/$1.entries"
	image_begin "$1"
	while read -r index kind _ nr mark; do
		[ "$nr" = 0 ] || fresh=1
		case $kind in
		*mark*)	n=${mark%%,*} mark=${mark#*,}
			case $mark in after-append-*) appended "${mark%%,*}" "$2" ;; esac ;;
		*flush* | *fua*)
			[ $fresh = 1 ] || continue
			fresh=0
			POINTS=$((POINTS + 1))
			image "$1" $((index + 1))
			last=$STATE
			state "$1" "$2"
			if [ "$last" != none ] && [ "$STATE" != none ] && cmp -s "$last" "$STATE"; then
				STATE=$last
			fi
			;;
		*)	continue ;;
		esac
		echo "$n $((index + 1)) $STATE" >>"$TMP/$1.points"
	done <"$TMP/$1.entries"
}

# ---- who owns it

# owner_is CRASHED MARK SOURCE DESTINATION: one, by its journals; and the destination once its guest has written
owner_is() {
	dmm-owner "$1" "$3" "$4" >"$TMP/owner.out" ||
		fail "seed $SEED, mark $2, $1 crashed: $(cat "$TMP/owner.out")"
	read -r _ _ OWNER <"$TMP/owner.out"
	must_own "$1" "$2"
}

# must_own CRASHED MARK: $OWNER
must_own() {
	case $OWNER in
	destination) ;;
	source)	[ "$2" -lt "$WRITTEN" ] || fail "seed $SEED, mark $2, $1 crashed: what was written there is lost" ;;
	*)	fail "seed $SEED, mark $2, $1 crashed: nobody owns it: $OWNER" ;;
	esac
}

# judge_owners: whatever may have been at the same time
judge_owners() {
	local n crashed
	WRITTEN=$(sed -n 's/.* \([0-9]*\),written,.*/\1/p' "$TMP/D-fs.list")
	[ -n "$WRITTEN" ] || fail "the guest has not written at the destination"
	awk 'NR == FNR { n[FNR] = $1; to[FNR] = $2; state[FNR] = $3; last = FNR; next }
		{ for (i = 1; i <= last; i++)
			if (n[i] == $1 && !seen[state[i], $3, $1 >= written]++)
				print $1, to[i], state[i], $2, $3 }' \
		written="$WRITTEN" "$TMP/S-fs.points" "$TMP/D-fs.points" >"$TMP/pairs"
	awk '{ for (i = split("both source destination", w, " "); i; i--) print w[i], $3, $5, $1 }' "$TMP/pairs" >"$TMP/asked"
	dmm-owner - <"$TMP/asked" >"$TMP/owners" || fail "seed $SEED, of mark and crash" \
		"$(sed -n "$(($(wc -l <"$TMP/owners")))p" "$TMP/asked"): $(tail -n 1 "$TMP/owners")"
	while read -r crashed _ _ n && read -r _ _ OWNER <&8; do
		must_own "$crashed" "$n"
		PAIRS=$((PAIRS + 1))
	done <"$TMP/asked" 8<"$TMP/owners"
}

# ---- the daemons themselves

writable() { [ -b "/dev/mapper/$1" ] && dd if="$TMP/sector" of="/dev/mapper/$1" bs=512 count=1 oflag=direct 2>/dev/null; }
not_both() { ! writable A || ! writable A.dmm || fail "seed $SEED, mark $n: both are writable"; }
recovered() { dmmigrate recover "$ID" >"$TMP/recover.out" 2>&1 && there recover "$ID" >"$TMP/recover-b.out" 2>&1; }

# crash_both MARK SOURCE-ENTRIES STATE DESTINATION-ENTRIES STATE: both hosts come back, from what is left at this moment
crash_both() {
	local n=$1 d i=0
	owner_is both "$n" "$3" "$5"
	for d in "S-fs $2" "D-fs $4" "B-low $(awk -v n="$n" '$1 <= n { to = $2 } END { print to + 0 }' "$TMP/B-low.points")"; do
		image_begin "${d% *}"
		image "${d% *}" "${d#* }"
		cat "$TMP/${d% *}.img" >"$(cat "$TMP/${d% *}.node")"
	done
	mount -t ext4 "$(cat "$TMP/S-fs.node")" /var/lib/dmmigrate
	mount -t ext4 "$(cat "$TMP/D-fs.node")" "$TMP/state-b"
	dmsetup create A --table "0 $((B_MIB << 11)) linear $(raw_of A) 0"
	dmsetup create B --table "0 $((B_MIB << 11)) linear $(cat "$TMP/B-low.node") 0"
	dd if=/dev/mapper/A of="$TMP/sector" bs=512 count=1 2>/dev/null
	another_boot
	dmmigrated --restore --foreground >"$TMP/restore.out" 2>&1 || fail "restore: exit $?: $(cat "$TMP/restore.out")"
	dmmigrated --restore --foreground --state-dir "$TMP/state-b" >"$TMP/restore.out" 2>&1 ||
		fail "restore: exit $?: $(cat "$TMP/restore.out")"
	not_both
	start_receiver
	not_both
	start_daemon
	until recovered; do
		not_both
		i=$((i + 1))
		[ $i -lt 8 ] || fail "seed $SEED, mark $n: $(cat "$TMP/recover.out" "$TMP/recover-b.out")"
	done
	not_both
	if [ "$OWNER" = source ]; then
		must_wait_for 5 writable A
		! writable A.dmm || fail "seed $SEED, mark $n: the destination is writable, not only the source"
	else
		must_wait_for 10 writable A.dmm
		! writable A || fail "seed $SEED, mark $n: the source is writable, not only the destination"
	fi
	say "seed $SEED, mark $n: $(dmm-owner "$3") and $(dmm-owner "$5"): the $OWNER"
	kill_daemons
	umount "$TMP/state-b"
	umount /var/lib/dmmigrate
	for d in A.dmm A $(dmsetup info -c --noheadings -o name | grep '^dmm-') B; do
		dm_drop "$d" || fail "$d cannot be removed"
	done
}

# ---- all of it

CHECKS=0 POINTS=0 APPENDS=0 PAIRS=0 SEED=${DMM_SEED:-1}
last=$((SEED + ROUNDS - 1))
while [ "$SEED" -le $last ]; do
	began=$(now_ms)
	begin_round
	migrate
	end_round
	took=$(now_ms)
	judge_b
	judge_fs S-fs source
	judge_fs D-fs destination
	judge_owners
	judged=$(now_ms)
	# two of them, others each time
	grep -v ' none' "$TMP/pairs" >"$TMP/crashes"
	for i in 1 4; do
		# shellcheck disable=SC2046 # words
		crash_both $(awk -v k=$((SEED * i)) '{ l[NR] = $0 } END { print l[(k * 7) % NR + 1] }' "$TMP/crashes")
	done
	forget_round
	say "seed $SEED ok: $((took - began)) ms, judged in $((judged - took)) ms, crashed in $(($(now_ms) - judged)) ms:" \
		"$CHECKS disks, $POINTS filesystems, $APPENDS appends, $PAIRS pairs"
	SEED=$((SEED + 1))
done
assert "points of disks per migration" $((CHECKS / ROUNDS)) -ge 10
assert "points of filesystems per migration" $((POINTS / ROUNDS)) -ge 20
assert "appends per migration" $((APPENDS / ROUNDS)) -ge 8
