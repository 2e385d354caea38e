#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run-long.sh - what `make check-long` runs: what takes too long for `make check`. Can
# the tests fail: rules of core, receiver and tool are broken one at a time, mutants of
# the module must fail check-live.  Then the runner on the stock kernels, the module
# against every kernel tree, style, and the demo on both kernels.

set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP" || exit 1

LOGS=$DMM_TOP/build/check-long
mkdir -p "$LOGS"
passed=0 failed=0

# step NAME COMMAND...
step()
{
	local name=$1 began=$SECONDS rc=0
	shift

	"$@" > "$LOGS/$name.log" 2>&1 < /dev/null || rc=$?
	if [ "$rc" = 0 ]; then
		echo "ok $name $((SECONDS - began))"
		passed=$((passed + 1))
	else
		echo "not ok $name (exit status $rc, all of it: $LOGS/$name.log)"
		tail -n 20 "$LOGS/$name.log" | sed 's/^/    /'
		failed=$((failed + 1))
	fi
}

# each kernel's test must have run, and failed
mutant()
{
	local kernel

	for kernel in 6.1 6.12; do
		! DMM_MUTANT=$1 tests/qemu/run --kernel $kernel live || return 1
		grep -qE 'FAILED|timed out' "build/test-logs/$kernel-mutant$1/live.log" || return 1
	done
}

for rules in can-fail can-fail-recv can-fail-tool; do
	step $rules "tests/unit/$rules.sh"
done
# what the checks do a hundred times
for kernel in uml 6.12; do
	step "cycles-$kernel" env DMM_CYCLES=1000 tests/qemu/run --kernel $kernel --timeout 2500 attach-cancel-thousand-times
done
step can-fail-fuzz tests/fuzz/can-fail.sh
for n in 1 2 4 14; do
	step "mutant-$n" mutant $n
done
for kernel in 6.1 6.12; do
	step "runner-$kernel" tests/qemu/selftest/run $kernel
	step "demo-$kernel" env DEMO_KERNEL=$kernel make -s demo
done
# do the benchmarks still run; their figures mean nothing in that size
step bench-packages scripts/install-packages.sh --bench
step bench tests/bench/run --quick --json "$LOGS/bench.json"
step compat scripts/compat-matrix.sh
step style scripts/style.sh

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
