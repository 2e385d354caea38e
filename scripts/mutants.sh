#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh [--list] [N...] - can the tests fail?  Each rule that something like this has broken elsewhere is broken
# here, one at a time (DMM_MUTANT=N, at compile time, never in what is installed), and the cheapest test that is about it
# has to fail: `N killed by TEST`, or `N survived TEST`.  N above 100 is another way to break rule N - 100.
# Last line: `N passed, N failed, N skipped`.  Logs: build/mutants/.

set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP"

LOGS=$DMM_TOP/build/mutants
SUMMARY='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

# N, where the test runs (unit, or a kernel of tests/qemu/run), the test, what is broken
table()
{
	cat <<-'EOT'
		1 6.1 live a block is cleared when it was acknowledged, not before it is read
		2 6.1 live converged without drain, without counting
		4 6.1 live a bit behind the cursor is not looked for, and the end is not by count
		5 6.1 commit-holds-everything the tracker is disarmed by COMMIT
		14 unit test_core_bitmap a mark rounds in
		14 6.1 live a mark rounds in
		115 unit test_recv_parts the receiver writes what overlaps at the same time
		16 unit test_recv_flush a barrier is acknowledged without a flush
		116 unit test_recv_data a barrier flushes while writes are in flight
		17 unit test_lib_parse a frame that was sent in part counts as whole
		18 unit test_recv_epoch a newer epoch does not wait for the older one
		18 6.1 old-connection-slow a newer epoch does not wait for the older one
		22 6.1 commit-is-atomic COMMIT looks first and acts later
		23 unit test_core_handover the gates open at OWNED
		23 uml gate-shut a gate that was just made lets everything pass
		24 unit test_core_handover no question after a reboot
		124 unit test_lib_journal_disk a record counts before it was synced
		124 6.1 log-writes a record counts before it was synced
		29 unit test_core_wire a peer's length is signed
		34 6.1 power-cut what was not flushed is forgotten when the receiver comes back
		16 6.1 log-writes a barrier is acknowledged without a flush
	EOT
}

# What has no code that could be broken, and why.
not_applicable()
{
	cat <<-'EOT'
		6 no page of a guest's bio is ever sent: blocks are read back into pages of the module
		7 the same: there is no code for zero-copy
		8 there is no TLS
		9 nothing is spliced: pages are copied into the socket
		12 a bio is remapped and passed on; none is changed, chained or cloned
		26 no bitmap is kept over a crash of the source: there is nothing that could be believed
		28 nobody logs in: there are no credentials that could expire
		31 there is no TLS
	EOT
}

# unit N TEST: 0 it failed, as it should; 1 it passed; 2 it could not be built
unit()
{
	local out=$DMM_TOP/build/tests/unit-mutant$1

	make -s -j2 -C tests/unit DMM_MUTANT="$1" OUT="$out" "$out/$2" || return 2
	! timeout 300 "$out/$2"
}

# machine N KERNEL TEST: as above, in a virtual machine
machine()
{
	local out rc=0

	share_userland "$1"
	out=$(DMM_MUTANT=$1 tests/qemu/run --kernel "$2" "$3") || rc=$?
	echo "$out"
	[[ $(tail -n 1 <<< "$out") =~ $SUMMARY ]] || return 2
	! grep -q "^skip \|(not run: " <<< "$out" || return 2
	[ $rc != 0 ]
}

# What a mutant does not touch need not be compiled again.
share_userland()
{
	local dir=$DMM_TOP/build/userland-debug

	grep -rqE "DMM_MUTANT (==|!=) $1\b" userland kmod/core && return
	[ ! -e "$dir-mutant$1" ] || return 0
	make -s userland DMM_DEBUG=1
	cp -a "$dir" "$dir-mutant$1"
}

list=''
[ "${1-}" != --list ] || { list=1; shift; }
wanted=" $* "
for n in "$@"; do
	table | grep -q "^$n " || die "no mutant $n: see --list"
done
table | awk -v wanted="$wanted" 'wanted == "  " || index(wanted, " " $1 " ")' > "${TMPDIR:-/tmp}/mutants.$$"
trap 'rm -f "${TMPDIR:-/tmp}/mutants.$$"' EXIT
if [ -n "$list" ]; then
	cat "${TMPDIR:-/tmp}/mutants.$$"
	not_applicable | sed 's/ / not applicable: /'
	exit 0
fi

mkdir -p "$LOGS"
passed=0 failed=0
while read -r n where test what; do
	rc=0 log=$LOGS/$n-$test.log
	case $where in
	unit)	unit "$n" "$test" > "$log" 2>&1 < /dev/null || rc=$? ;;
	*)	machine "$n" "$where" "$test" > "$log" 2>&1 < /dev/null || rc=$? ;;
	esac
	case $rc in
	0)	echo "$n killed by $test ($what)"; passed=$((passed + 1)) ;;
	1)	echo "$n survived $test ($what)"; failed=$((failed + 1)) ;;
	*)	echo "$n not tried: see $log"; tail -n 5 "$log" | sed 's/^/    /'; failed=$((failed + 1)) ;;
	esac
	rm -rf build/{userland,kmod,tests/unit}*-mutant"$n"
done < "${TMPDIR:-/tmp}/mutants.$$"
[ -n "${wanted// /}" ] || not_applicable | sed 's/ / not applicable: /'
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
