#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run-long.sh - what `make check-long` runs: what takes too long for `make check`. Every
# VM test on every kernel, the sanitised SMP one among them.  Can the tests fail: rules of
# core, receiver and tool are broken one at a time; `make mutants`.  Then the runner on the other kernels, the module against every kernel
# tree, style, and the demo on both stock kernels.

set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP" || exit 1

LOGS=$DMM_TOP/build/check-long
rm -rf "$LOGS"
mkdir -p "$LOGS"

# step NAME COMMAND...
step()
{
	local name=$1 began=$SECONDS rc=0
	shift

	"$@" > "$LOGS/$name.log" 2>&1 < /dev/null || rc=$?
	if [ "$rc" = 0 ]; then
		echo "ok $name $((SECONDS - began))"
	else
		echo "not ok $name (exit status $rc, all of it: $LOGS/$name.log)"
		{ grep '^not ok' "$LOGS/$name.log" || true; tail -n 20 "$LOGS/$name.log"; } | sed 's/^/    /'
	fi | tee "$LOGS/$name.said" | flock "$LOGS" cat
}

# Two lanes: the sanitised SMP kernel takes as long as all the rest.
lane_smp()
{
	step suite-smp tests/qemu/run --kernel smp
	step runner-smp tests/qemu/selftest/run smp
}

lane_rest()
{
	local rules kernel seed first

	for kernel in uml 6.1 6.12; do
		step suite-$kernel tests/qemu/run --kernel $kernel
	done
	# each step of module, daemons and tool, cut before and after it: other loads, other cuts
	for kernel in 6.1 6.12; do
		step "steps-module-$kernel" env DMM_CYCLES=3 tests/qemu/run --kernel $kernel module-cut-at-every-step
		for seed in 1 2 3; do
			step "steps-$kernel-$seed" env DMM_SEED=$seed tests/qemu/run --kernel $kernel \
				daemon-killed-at-every-step tool-killed-at-every-step
		done
	done
	step campaign tests/campaign 1-300
	# 10,000 tries by relays, and 10,000 where the kernels do TLS
	step attack env DMM_TRIES=10000 tests/native/attack.sh
	for kernel in 6.1 6.12; do
		for seed in 1 2; do
			step "attack-$kernel-$seed" env DMM_TRIES=2500 DMM_SEED=$seed \
				tests/qemu/run --kernel $kernel tls-under-attack
		done
	done
	for kernel in 6.1 6.12; do
		# 20 of them, five a machine
		for first in 1 6 11 16; do
			step log-writes-$kernel-$first env DMM_SEED=$first DMM_CYCLES=5 tests/qemu/run --kernel $kernel log-writes
		done
		step reset-$kernel tests/reset/run --kernel $kernel
	done
	for rules in can-fail can-fail-lib can-fail-recv can-fail-tool; do
		step $rules "tests/unit/$rules.sh"
	done
	# the checks stop the receiver for a minute
	step stall env DMM_STALL=600 tests/qemu/run --kernel 6.12 receiver-stopped
	# what the checks do a hundred times
	for kernel in uml 6.12; do
		step "cycles-$kernel" env DMM_CYCLES=1000 tests/qemu/run --kernel $kernel --timeout 2500 \
			attach-cancel-thousand-times
	done
	# what the checks do three thousand times
	for kernel in 6.1 6.12; do
		step "netlink-million-$kernel" env DMM_CYCLES=1000 tests/qemu/run --kernel $kernel --timeout 2500 random-netlink
	done
	step model tests/model/run --long
	step sim tests/sim/run --long
	step can-fail-sim tests/sim/can-fail.sh
	step can-fail-fuzz tests/fuzz/can-fail.sh
	step fuzz-coverage tests/fuzz/coverage
	step fuzz-ten-million env FUZZ_RUNS=10000000 tests/fuzz/run
	step mutants scripts/mutants.sh --all
	for kernel in 6.1 6.12; do
		step "runner-$kernel" tests/qemu/selftest/run $kernel
		step "demo-$kernel" env DEMO_KERNEL=$kernel make -s demo
	done
	# do the benchmarks still run; their figures mean nothing in that size
	step bench-packages scripts/install-packages.sh --bench
	step bench tests/bench/run --quick --json "$LOGS/bench.json"
	step dist env DMM_LONG=1 bash tests/native/dist.sh
	step compat scripts/compat-matrix.sh
	step style scripts/style.sh
}

lane_smp &
lane_rest
wait

passed=$(cat "$LOGS"/*.said | grep -c '^ok ')
failed=$(cat "$LOGS"/*.said | grep -c '^not ok ')
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
