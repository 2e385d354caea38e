# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What `run` needs of a benchmark in a virtual machine: its kernel, its initrd, its boot.
# Without stop points and sanitisers, what is measured is what users have.

. "$(dirname "${BASH_SOURCE[0]}")/../qemu/lib.sh"

# shellcheck disable=SC2034	# for tests/qemu/lib.sh
FLAVOUR='' INITRDS=-bench
readonly BENCH_DIR=$DMM_TOP/tests/bench
GUEST_PROGRAMS+=(/lib/drbd/drbdsetup-84 drbdmeta nbd-client nbdkit cmp)
LATE_MODULES+=(drbd nbd)

# build_module -- ours with the atomics of several processors, and the loop that measures it; sets KO
build_module()
{
	local log=$BUILD/build-bench.log out=$BUILD/bench-$RELEASE/tests/bench/kmod

	make -C "$DMM_TOP" -s bench-module KDIR="$KDIR" DMM_WERROR=1 > "$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "the benchmark's module does not build, see $log"; }
	KO=$out/dm-migrate.ko
	# what smp.h is for: without it there is none
	objdump -d "$KO" | grep 'lock cmpxchg' > /dev/null || die "$KO has no locked instructions: see smp.h"
}

# build_once KERNEL -- what its guests run; sets KDIR, RELEASE, KO
declare -A BUILT=()
build_once()
{
	if [ -z "${BUILT[$1]-}" ]; then
		build_for "$1"
		[ "$1" != uml-bench ] || build_module
		BUILT[$1]="$KDIR|$RELEASE|$KO"
	fi
	# shellcheck disable=SC2034	# KDIR: build_module's
	IFS='|' read -r KDIR RELEASE KO <<< "${BUILT[$1]}"
}

# guest SCRIPT KERNEL QUICK NAME... -- runs it in a machine of its own; what it reports is
# printed, the rest is in build/bench-logs.  $work: a directory of the caller.
guest()
{
	local script=$1 kernel=$2 quick=$3 name guest log tenth
	shift 3
	name=$(basename "$script" .sh)
	log=$BUILD/bench-logs/$name

	build_once "$kernel"
	mkdir -p "$BUILD/bench-logs"
	# shellcheck disable=SC2154	# the directory of the caller
	guest=$work/$name
	mkdir -p "$guest/boot"/{etc/dmm,files,t}
	if [ "$kernel" = uml-bench ]; then
		cp "$BUILD/bench-$RELEASE/tests/bench/kmod/dmm-bench.ko" "$guest/boot/files/"
	else
		cp "$(nbdkit --dump-config | sed -n 's/^plugindir=//p')/nbdkit-file-plugin.so" "$guest/boot/files/"
	fi
	cp "$BENCH_DIR"/guest/*.sh "$guest/boot/t/"
	echo script > "$guest/boot/etc/dmm/mode"
	printf 'export WANTED="%s" QUICK="%s"\n' "$*" "$quick" > "$guest/boot/etc/dmm/env"
	# shellcheck disable=SC2016	# for the guest to expand
	printf 'sh /t/%s.sh > /run/bench.log 2>&1\nstatus=$?\nsed "s/^/log /" /run/bench.log > /run/report\nexit $status\n' \
		"$name" > "$guest/boot/etc/dmm/script"
	make_initrd "$kernel" "$guest/initrd" "$guest/boot"
	(DMM_UML_MEMORY=3G DMM_UML_CPU=$(($(nproc) - 1)) DMM_QEMU_MEMORY=2G \
		boot "$kernel" "$guest/initrd" "$log.console") > "$log.log" 2> "$log.err" &
	GUEST_PID=$!
	for ((tenth = 0; tenth < 6000; tenth++)); do
		kill -0 "$GUEST_PID" 2> /dev/null || break
		sleep 0.1
	done
	kill -9 -- "-$GUEST_PID" 2> /dev/null || true
	GUEST_PID=''
	rm -rf "$guest"
	sed -i 's/\r$//' "$log.log"
	grep -E '^(result|note) ' "$log.log" || true
	grep -qx 'exit 0' "$log.log" && return
	{ grep '^log ' "$log.log" | tail -n 40 || tail -n 20 "$log.console"; } >&2
	say "$name failed, see $log.log and $log.console"
	return 1
}
