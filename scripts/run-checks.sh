#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run-checks.sh - what `make check` runs.  A step is a command whose last line is
# `N passed, N failed, N skipped`; so is ours, with the sums.  A step that says
# nothing of the kind, or runs nothing, counts as failed.

set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP"

LOGS=$DMM_TOP/build/check
rm -rf "$LOGS"
mkdir -p "$LOGS"
SUMMARY='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

# step NAME COMMAND... - run it, print its result and, when it failed, its end
step()
{
	local name=$1 log=$LOGS/$1.log began=$SECONDS rc=0 last
	shift

	"$@" > "$log" 2>&1 < /dev/null || rc=$?
	last=$(tail -n 1 "$log")
	if ! [[ $last =~ $SUMMARY ]]; then
		last='0 passed, 1 failed, 0 skipped'
		echo "not ok $name (it did not come to its end, exit status $rc)" >> "$log"
	elif [[ $last =~ ^0\ passed,\ 0\ failed ]] || { [ "$rc" != 0 ] && [[ $last =~ \ 0\ failed ]]; }; then
		last='0 passed, 1 failed, 0 skipped'
		echo "not ok $name (nothing ran, or exit status $rc without a failure)" >> "$log"
	fi
	echo "$last" > "$LOGS/$name.result"
	{
		echo "== $name: $last ($((SECONDS - began)) s)"
		grep -iE '^(skip|not ok) ' "$log" || true
		[[ $last =~ \ 0\ failed ]] || { tail -n 60 "$log" | sed 's/^/    /'; echo "    (all of it: $log)"; }
	} > "$LOGS/$name.said"
	flock "$LOGS" cat "$LOGS/$name.said"
}

# cmocka programs: each case counts
unit_tests()
{
	local program passed=0 failed=0 skipped=0 out rc n
	local -a programs

	make -s -C tests/unit OUT="$DMM_TOP/build/tests/unit" all || return 1
	readarray -t programs < <(make -s --no-print-directory -C tests/unit list)
	for program in "${programs[@]}"; do
		rc=0
		out=$("build/tests/unit/$program" 2>&1) || rc=$?
		n=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' <<< "$out" | awk '{ s += $1 } END { print s + 0 }')
		passed=$((passed + n))
		if [ "$rc" != 0 ] || [ "$n" = 0 ]; then
			echo "not ok $program (exit status $rc)"
			echo "$out"
			failed=$((failed + 1))
		fi
		n=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s).*/\1/p' <<< "$out" | awk '{ s += $1 } END { print s + 0 }')
		[ "$n" = 0 ] || { echo "skip $program:"; grep SKIPPED <<< "$out"; }
		skipped=$((skipped + n))
	done
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

# shell tests on the host itself: each script counts
native_tests()
{
	local test passed=0 failed=0 skipped=0 rc log

	make -s userland tools || return 1
	for test in tests/native/*.sh; do
		log=$LOGS/native-$(basename "$test" .sh).log
		rc=0
		timeout 300 bash "$test" > "$log" 2>&1 || rc=$?
		case $rc in
		0)	echo "ok $test"; passed=$((passed + 1)) ;;
		77)	echo "skip $test $(tail -n 1 "$log")"; skipped=$((skipped + 1)) ;;
		*)	echo "not ok $test (exit status $rc)"; tail -n 40 "$log"; failed=$((failed + 1)) ;;
		esac
	done
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

# Two lanes, for two processors.  Emulation takes most of the time.
lane_native()
{
	step unit unit_tests
	step native native_tests
	step kunit tests/qemu/kunit
	step runner tests/qemu/selftest/run uml
	step uml tests/qemu/run --kernel uml
}

lane_stock()
{
	step stock-6.1 tests/qemu/run --kernel 6.1
	step stock-6.12 tests/qemu/run --kernel 6.12
}

# once, so that the lanes do not wait for each other's locks
make -s userland tools || die "userland does not build"
lane_stock &
lane_native
wait

cat "$LOGS"/*.result | awk '
	{ passed += $1; failed += $3; skipped += $5 }
	END {
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit !(failed == 0 && passed > 0)
	}'
