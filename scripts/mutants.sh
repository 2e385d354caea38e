#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh [--list] [--unit|--all|--by TEST] [N...] - can the tests fail?  Each rule that something like this has broken elsewhere
# is broken here, one at a time (DMM_MUTANT=N, at compile time, never in what is installed), and the cheapest test that
# is about it has to fail.  Prints the table: `N killed by TEST (what was broken)`, or `N survived TEST (...)`.  N above
# 100 is another way to break rule N % 100; 140 to 145 are of no such rule.  --unit: only those that need no virtual machine; --all: the further tests,
# too; --by: only those of TEST.  Last line: `N passed, N failed, N skipped`.  Logs: build/mutants/.

set -euo pipefail
. "$(dirname "$0")/../tests/qemu/lib.sh"
cd "$DMM_TOP"

LOGS=$DMM_TOP/build/mutants
SUMMARY='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

# N, where the test runs (unit, sim: the simulator, or a kernel of tests/qemu/run), the test, what is broken.  The first of an N is the
# cheapest, the others are further tests that have to notice.  campaign:SEED is tests/campaign with the plan of that seed.
table()
{
	cat <<-'EOT'
		1 sim module a block is cleared when it was acknowledged, not before it is read
		1 uml write-races-readback a block is cleared when it was acknowledged, not before it is read
		1 6.1 live a block is cleared when it was acknowledged, not before it is read
		1 6.1 campaign:19 a block is cleared when it was acknowledged, not before it is read
		101 sim module a write marks at submission only
		101 uml write-races-readback a write marks at submission only
		201 uml write-races-readback a write marks at completion only
		2 sim module converged without drain, without counting
		2 6.1 live converged without drain, without counting
		102 uml barriers converged without an acknowledged barrier
		202 unit test_core_state what freezes holds nothing
		3 sim module a block is cleared when it was read, not before
		3 uml write-races-readback a block is cleared when it was read, not before
		4 sim module a bit behind the cursor is not looked for, and the end is not by count
		4 uml live a bit behind the cursor is not looked for, and the end is not by count
		5 sim module the tracker is disarmed by COMMIT
		5 6.1 commit-holds-everything the tracker is disarmed by COMMIT
		5 6.1 campaign:35 the tracker is disarmed by COMMIT
		10 uml origin-read-error a later error replaces the first
		110 unit test_recv_data a destination's later error replaces the first
		11 uml marks-exactly a discard counts as a read
		111 uml unknown-operation an operation of unknown kind marks nothing
		211 6.1 marks-exactly zeroes that the disk writes by itself count as a read
		12 uml flush-and-fua a bio that is remapped loses its FUA
		13 uml table-reload a table that is replaced ends no migration
		113 unit test_tool_record writes that went round the target go unnoticed
		213 unit test_tool_awake a scratch device that saw no write is good enough
		313 unit test_tool_awake a live device that saw no read is good enough
		14 unit test_core_bitmap a mark rounds in
		14 6.1 live a mark rounds in
		15 sim module two copies of a block in flight
		15 uml overlapping-writers two copies of a block in flight
		115 unit test_recv_parts the receiver writes what overlaps at the same time
		16 unit test_recv_flush a barrier is acknowledged without a flush
		16 6.1 log-writes a barrier is acknowledged without a flush
		16 6.1 campaign:258 a barrier is acknowledged without a flush
		116 unit test_recv_data a barrier flushes while writes are in flight
		216 unit test_recv_parts a short write counts as whole
		17 unit test_lib_parse a frame that was sent in part counts as whole
		18 unit test_recv_epoch a newer epoch does not wait for the older one
		18 6.1 old-connection-slow a newer epoch does not wait for the older one
		118 unit test_recv_control an older epoch is served
		19 uml receiver-stopped the guest's writes wait for the network
		20 uml hung-origin no rescuer for a device's work
		21 uml commit-is-atomic the guest's writes wait for a command
		22 6.1 commit-is-atomic COMMIT looks first and acts later
		122 unit test_core_state an error fails the guest's I/O
		23 unit test_core_handover the gates open at OWNED
		23 6.1 campaign:28 the gates open at OWNED
		123 uml gate-shut a gate that was just made lets everything pass
		223 6.12 gate-verbs a gate is not shut once it was open
		24 unit test_core_handover no question after a reboot
		124 unit test_lib_journal_disk a record counts before it was synced
		124 6.1 log-writes a record counts before it was synced
		25 uml unknown-operation START marks nothing
		125 unit test_lib_parse identifiers are the same each time
		27 uml bitmap-limit the bitmap is one piece of physical memory
		28 unit test_recv_tls a key counts more than once
		128 6.1 tls a connection goes on by its key without end
		29 unit test_core_wire a peer's length is signed
		30 uml wrong-sockets any socket is taken
		130 uml wrong-sockets anybody may command
		230 uml wrong-sockets attributes that a command does not know are let through
		31 unit test_lib_tls whoever shows a certificate is trusted
		131 unit test_lib_tls an older version of TLS is taken
		32 uml hung-origin memory is freed under a read that the origin owes
		133 unit test_recv_hostile a connection outlives the receiver's end
		34 sim module what was not flushed is forgotten when the receiver comes back
		34 6.1 power-cut what was not flushed is forgotten when the receiver comes back
		34 6.1 campaign:21 what was not flushed is forgotten when the receiver comes back
		134 unit test_core_unflushed a barrier covers what was acknowledged after it was sent
		140 unit test_core_state a freeze is allowed while both sides are compared
		140 uml compare-marks a freeze is allowed while both sides are compared
		141 uml compare-marks MARK forgets the last block
		142 uml compare-marks what was found equal counts as flushed
		143 uml compare-marks a comparison that was cut off counts
		144 uml compare-marks a bitmap that is not lost is compared away
		145 unit test_core_handover an ACQUIRE that nobody waits for any more hands over
	EOT
}

# What has no code that could be broken, and why.
not_applicable()
{
	cat <<-'EOT'
		6 no page of a guest's bio is ever sent: blocks are read back into pages of the module, and nothing is mirrored
		7 the same: there is no code for zero-copy
		8 nothing is spliced, under TLS or without: pages are copied into the socket
		9 the same
		26 no bitmap is kept over a crash of the source: there is nothing that could be believed
	EOT
}

# The sources that mutant N changes.
sources()
{
	grep -rlE "DMM_MUTANT [!=]= $1\b" kmod userland --include='*.c'
}

# share N DIR -- DIR, built without it, for mutant N: only what it changes is compiled again
share()
{
	local dir=$2 copy=$2-mutant$1 source

	[ ! -e "$copy" ] || return 0
	cp -a "$dir" "$copy"
	sources "$1" | while read -r source; do
		find "$copy" -path "*/${source%.c}.o" -delete
	done
	# kbuild knows by whole paths what it has built, and how
	grep -rlF --include='.*.cmd' --include='*.mod' --include='*.order' "$dir/" "$copy" |
		xargs -r sed -i "s|$dir/|$copy/|g"
}

# unit N TEST: 0 it failed, as it should; 1 it passed; 2 it could not be built
unit()
{
	local base=$DMM_TOP/build/tests/unit

	flock "$LOGS/.build" make -s -j2 -C tests/unit DMM_MUTANT= OUT="$base" "$base/$2" || return 2
	share "$1" "$base"
	[[ $2 == test_core_* ]] || share "$1" "$DMM_TOP/build/userland-san"
	rm -f "$base-mutant$1/$2"
	make -s -j2 -C tests/unit DMM_MUTANT="$1" OUT="$base-mutant$1" "$base-mutant$1/$2" || return 2
	! timeout 300 "$base-mutant$1/$2"
}

# simulated N: as above, by the simulator, which has the module as it is
simulated()
{
	local out=$DMM_TOP/build/sim-mutant$1

	make -s -C tests/sim DMM_MUTANT="$1" OUT="$out" "$out/dmm-sim" || return 2
	! timeout 300 "$out/dmm-sim" --runs 20000
}

# machine N KERNEL TEST: as above, in a virtual machine
machine()
{
	local out rc=0 ko seed=''

	ko=$(DMM_MUTANT='' && build_for "$2" && echo "$KO") || return 2
	share "$1" "${ko%/kmod/*}"
	share "$1" "$DMM_TOP/build/userland-debug"
	[[ $3 != *:* ]] || seed=${3#*:}
	out=$(DMM_CAMPAIGN_SEEDS=$seed DMM_MUTANT=$1 tests/qemu/run --kernel "$2" "${3%:*}") || rc=$?
	echo "$out"
	[[ $(tail -n 1 <<< "$out") =~ $SUMMARY ]] || return 2
	! grep -q "^skip \|(not run: " <<< "$out" || return 2
	[ $rc != 0 ]
}

list='' which='' by=''
while [[ ${1-} == --* ]]; do
	case $1 in
	--list)		list=1 ;;
	--unit|--all)	which=${1#--} ;;
	--by)		which=by by=${2-}; shift ;;
	*)		die "usage: mutants.sh [--list] [--unit|--all|--by TEST] [N...]" ;;
	esac
	shift
done
wanted=" $* "
for n in "$@"; do
	table | grep -q "^$n " || die "no mutant $n: see --list"
done
work=$(mktemp -d "${TMPDIR:-/tmp}/mutants.XXXXXX")
trap 'rm -rf "$work"' EXIT
table | awk -v wanted="$wanted" -v which="$which" -v by="$by" '
	wanted != "  " && !index(wanted, " " $1 " ") { next }
	which == "unit" && $2 != "unit" { next }
	which == "by" && $3 != by && index($3, by ":") != 1 { next }
	!seen[$1]++ || which == "all"' > "$work/table"
if [ -n "$list" ]; then
	cat "$work/table"
	not_applicable | sed 's/ / not applicable: /'
	exit 0
fi

# N WHERE TEST WHAT: its line of the table
judge()
{
	local n=$1 where=$2 test=$3 what=$4 rc=0 log=$LOGS/$1-$3.log began=$SECONDS line

	exec 8> "$work/lock.$n"
	flock 8		# what is built for it is one test's at a time
	case $where in
	unit)	unit "$n" "$test" > "$log" 2>&1 < /dev/null || rc=$? ;;
	sim)	simulated "$n" > "$log" 2>&1 < /dev/null || rc=$? ;;
	*)	machine "$n" "$where" "$test" > "$log" 2>&1 < /dev/null || rc=$? ;;
	esac
	rm -rf build/{userland,kmod,sim,tests/unit}*-mutant"$n"
	case $rc in
	0)	line="$n killed by $test ($what)" ;;
	1)	line="$n survived $test ($what)" ;;
	*)	line="$n not tried: see $log ($(tail -n 1 "$log"))" ;;
	esac
	echo "$line" >> "$work/results"
	say "$line, $((SECONDS - began)) s"
}

mkdir -p "$LOGS"
: > "$work/results"
while read -r n where test what; do
	# a machine waits as often as it computes
	[ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n
	judge "$n" "$where" "$test" "$what" &
done < "$work/table"
wait
passed=$(grep -c '^[0-9]* killed' "$work/results" || true)
failed=$(($(wc -l < "$work/table") - passed))
[ -n "${wanted// /}" ] || not_applicable | sed 's/ / not applicable: /' >> "$work/results"
awk '{ print $1 % 100, $0 }' "$work/results" | sort -s -n -k 1,1 -k 2,2 | cut -d ' ' -f 2-
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
