#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run-long.sh [--list] [--again] [STEP...] - what `make check-long` runs: what takes too long for `make check`, by
# steps, or those whose names match a STEP (a pattern of the shell).  A step that has passed for this very commit is
# not run a second time: a run that was interrupted goes on where it was; --again runs it.  Results are in
# build/check-long/COMMIT; a tree with changes begins anew.
#
# Every VM test on every kernel, the sanitised SMP one among them.  Can the tests fail: rules of core, receiver and
# tool are broken one at a time; `make mutants`.  Then the runner on the other kernels, the module against every kernel
# tree, style, and the demo on both stock kernels.

set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP" || exit 1

list='' again=''
while [ $# -gt 0 ]; do
	case $1 in
	--list)		list=1; shift ;;
	--again)	again=1; shift ;;
	-*)		die "usage: run-long.sh [--list] [--again] [STEP...]" ;;
	*)		break ;;
	esac
done

# lane NAME COMMAND...: the steps of two lanes, the sanitised SMP kernel takes as long as all the rest
steps()
{
	local kernel seed first rules

	cat <<-'EOS'
		smp suite-smp tests/qemu/run --kernel smp
		smp runner-smp tests/qemu/selftest/run smp
	EOS
	for kernel in uml 6.1 6.12; do
		echo "rest suite-$kernel tests/qemu/run --kernel $kernel"
	done
	# each step of module, daemons and tool, cut before and after it: other loads, other cuts
	for kernel in 6.1 6.12; do
		echo "rest steps-module-$kernel env DMM_CYCLES=3 tests/qemu/run --kernel $kernel module-cut-at-every-step"
		for seed in 1 2 3; do
			echo "rest steps-$kernel-$seed env DMM_SEED=$seed tests/qemu/run --kernel $kernel" \
				"daemon-killed-at-every-step tool-killed-at-every-step"
		done
	done
	# every third on the other kernel
	for first in {1..271..30}; do
		kernel=6.1
		[ $((first / 30 % 3)) != 2 ] || kernel=6.12
		echo "rest campaign-$first tests/campaign --kernel $kernel $first-$((first + 29))"
	done
	# 10,000 tries by relays, and 10,000 where the kernels do TLS
	echo "rest attack env DMM_TRIES=10000 tests/native/attack.sh"
	for kernel in 6.1 6.12; do
		for seed in 1 2; do
			echo "rest attack-$kernel-$seed env DMM_TRIES=2500 DMM_SEED=$seed" \
				"tests/qemu/run --kernel $kernel tls-under-attack"
		done
	done
	for kernel in 6.1 6.12; do
		# 20 of them, five a machine
		for first in 1 6 11 16; do
			echo "rest log-writes-$kernel-$first env DMM_SEED=$first DMM_CYCLES=5 tests/qemu/run --kernel $kernel log-writes"
		done
		echo "rest reset-$kernel tests/reset/run --kernel $kernel"
	done
	for rules in can-fail can-fail-lib can-fail-recv can-fail-tool; do
		echo "rest $rules tests/unit/$rules.sh"
	done
	# the checks stop the receiver for a minute
	echo "rest stall env DMM_STALL=600 tests/qemu/run --kernel 6.12 receiver-stopped"
	# what the checks do a hundred times
	for kernel in uml 6.12; do
		echo "rest cycles-$kernel env DMM_CYCLES=1000 tests/qemu/run --kernel $kernel --timeout 2500" \
			"attach-cancel-thousand-times"
	done
	# the session is as slow as the others together
	echo "rest fuzz-ten-million env FUZZ_RUNS=10000000 tests/fuzz/run" \
		"recv_wire kmod_ack kmod_args tool_table tool_journal recv_config"
	# what the checks do three thousand times
	for kernel in 6.1 6.12; do
		echo "rest netlink-million-$kernel env DMM_CYCLES=1000 tests/qemu/run --kernel $kernel --timeout 5400 random-netlink"
	done
	cat <<-'EOS'
		rest model tests/model/run --long
		rest sim tests/sim/run --long
		rest can-fail-sim tests/sim/can-fail.sh
		rest can-fail-fuzz tests/fuzz/can-fail.sh
		rest fuzz-coverage tests/fuzz/coverage
		rest fuzz-million env FUZZ_RUNS=1000000 tests/fuzz/run
		rest fuzz-session env FUZZ_RUNS=10000000 tests/fuzz/run recv_session
		rest mutants scripts/mutants.sh --all
	EOS
	for kernel in 6.1 6.12; do
		echo "rest runner-$kernel tests/qemu/selftest/run $kernel"
		echo "rest demo-$kernel env DEMO_KERNEL=$kernel make -s demo"
	done
	# do the benchmarks still run; their figures mean nothing in that size
	cat <<-'EOS'
		rest bench-packages scripts/install-packages.sh --bench
		rest bench tests/bench/run --quick --json build/check-long/bench.json
		rest dist env DMM_LONG=1 bash tests/native/dist.sh
		rest compat scripts/compat-matrix.sh
		rest style scripts/style.sh
	EOS
}

# wanted NAME
wanted()
{
	local pattern

	[ -n "$PATTERNS" ] || return 0
	for pattern in $PATTERNS; do
		# shellcheck disable=SC2254	# it is one
		case $1 in $pattern) return 0 ;; esac
	done
	return 1
}

# step NAME COMMAND...
step()
{
	local name=$1 began=$SECONDS rc=0
	shift

	if [ -z "$again" ] && grep -qs '^ok ' "$LOGS/$name.said"; then
		flock "$LOGS" cat "$LOGS/$name.said"
		return
	fi
	"$@" > "$LOGS/$name.log" 2>&1 < /dev/null || rc=$?
	if [ "$rc" = 0 ]; then
		echo "ok $name $((SECONDS - began))"
	else
		echo "not ok $name (exit status $rc, all of it: $LOGS/$name.log)"
		{ grep '^not ok' "$LOGS/$name.log" || true; tail -n 20 "$LOGS/$name.log"; } | sed 's/^/    /'
	fi | tee "$LOGS/$name.said" | flock "$LOGS" cat
}

lane()
{
	local which name
	local -a words

	while read -ra words; do
		which=${words[0]} name=${words[1]}
		[ "$which" = "$1" ] || continue
		step "$name" "${words[@]:2}"
	done < "$LOGS/steps"
}

commit=$(git rev-parse --short=12 HEAD 2> /dev/null) && [ -z "$(git status --porcelain -uno)" ] || commit=''
LOGS=$DMM_TOP/build/check-long/${commit:-changed}
[ -n "$commit" ] || rm -rf "$LOGS"
mkdir -p "$LOGS"

set -f
PATTERNS=$*
steps | while read -r which name words; do
	if wanted "$name"; then echo "$which $name $words"; fi
done > "$LOGS/steps"
set +f
[ -s "$LOGS/steps" ] || die "no step has such a name: see run-long.sh --list"
if [ -n "$list" ]; then
	awk '{ print $2 }' "$LOGS/steps"
	exit
fi

lane smp &
lane rest
wait

passed=0 failed=0
while read -r _ name _; do
	case $(head -c 3 "$LOGS/$name.said" 2> /dev/null) in
	"ok ")	passed=$((passed + 1)) ;;
	*)	failed=$((failed + 1)) ;;
	esac
done < "$LOGS/steps"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
