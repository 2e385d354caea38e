#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run-checks.sh [STEP...] - what `make check` runs, or some of it.  A step is a command
# whose last line is `N passed, N failed, N skipped`; so is ours, with the sums.  A step
# that says nothing of the kind, or runs nothing, counts as failed.

set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP"

LOGS=$DMM_TOP/build/check
rm -rf "$LOGS"
mkdir -p "$LOGS"
# What runs machines or is timed goes in as many lanes as there are processors: a machine goes on polling, and its guests go on
# writing, while it waits for its turn; with twice the lanes the same tests took up to twice the time of processors.  One lane more
# begins with those that wait for two thirds of their time, and one with what only computes, in the time that the others leave.
SUMMARY='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

# step NAME COMMAND... - run it, print its result and, when it failed, its end
step()
{
	local name=$1 log=$LOGS/$1.log began=$SECONDS rc=0 last cpu TIMEFORMAT='%U %S'
	shift

	# also what its children took of the processors: the clock counts whoever else was running
	{ time "$@" > "$log" 2>&1 < /dev/null; } 2> "$LOGS/$name.cpu" || rc=$?
	cpu=$(awk '{ s = $1 + $2 } END { printf "%d", s + 0.5 }' "$LOGS/$name.cpu")
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
		echo "== $name: $last ($((SECONDS - began)) s, $cpu s of CPU)"
		# what was skipped or failed, and a failure's reason, wherever its output ends
		awk '/^(ok|not ok|skip|SKIP) / { failed = /^not ok/; if (!/^ok/) print; next }
			failed && /FAILED|ERROR|told|is not there/ && !/passed,/ { print "    " $0 }' "$log"
		[[ $last =~ \ 0\ failed ]] || { tail -n 60 "$log" | sed 's/^/    /'; echo "    (all of it: $log)"; }
	} > "$LOGS/$name.said"
	flock "$LOGS" cat "$LOGS/$name.said"
}

# The steps that run machines or are timed, the longest first; those of them that mostly wait; those that only compute.
steps()
{
	cat <<-'EOS'
		stock-6.12-1 tests/qemu/run --kernel 6.12 --check --share 1/2
		xen tests/xen/run vm-moves vm-stays vm-no-room
		uml tests/qemu/run --kernel uml --check
		stock-6.12-2 tests/qemu/run --kernel 6.12 --check --share 2/2
		native tests/native/run
		fuzz tests/fuzz/run
		unit tests/unit/run
		reset env DMM_PROCESSORS=1 tests/reset/run relinquished
		runner tests/qemu/selftest/run uml
		kunit tests/qemu/kunit
	EOS
}
waiting_steps()
{
	cat <<-'EOS'
		stock-6.1-1 tests/qemu/run --kernel 6.1 --check --share 1/2
		stock-6.1-2 tests/qemu/run --kernel 6.1 --check --share 2/2
	EOS
}
computing_steps()
{
	cat <<-'EOS'
		sim tests/sim/run
		model tests/model/run
		fuzz-coverage tests/fuzz/coverage
	EOS
}

# lane LIST [COMMAND] - take steps from it until it is empty; COMMAND runs them
lane()
{
	local line
	local -a words

	# shellcheck disable=SC2016	# for the shell that holds the lock
	while line=$(flock "$1.lock" sh -c 'sed -n 1p "$1"; sed -i 1d "$1"' sh "$1"); [ -n "$line" ]; do
		read -ra words <<< "$line"
		step "${words[0]}" "${@:2}" "${words[@]:1}"
	done
}

# once, so that nothing builds it twice at the same time
{ make -s -j2 userland tools docs && make -s -j2 -C userland SAN=1 all && make -s -C userland phony; } > "$LOGS/build.log" 2>&1 ||
	{ tail -n 20 "$LOGS/build.log"; die "userland does not build"; }
all=$(steps; waiting_steps; computing_steps)
for name in "$@"; do
	grep -q "^$name " <<< "$all" || die "no step '$name': $(awk '{ printf "%s ", $1 }' <<< "$all")"
done
for kind in steps waiting_steps computing_steps; do
	"$kind" | awk -v names=" $* " 'names == "  " || index(names, " " $1 " ")' > "$LOGS/$kind"
done
compute() { lane "$LOGS/computing_steps" scripts/in-idle-time; }
for _ in $(seq "$(nproc)"); do
	{ lane "$LOGS/steps"; lane "$LOGS/waiting_steps"; compute; } &
done
{ lane "$LOGS/waiting_steps"; lane "$LOGS/steps"; } &
{ compute; lane "$LOGS/steps"; lane "$LOGS/waiting_steps"; } &
wait

cat "$LOGS"/*.result | awk '
	{ passed += $1; failed += $3; skipped += $5 }
	END {
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit !(failed == 0 && passed > 0)
	}'
