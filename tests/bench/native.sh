# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the benchmarks that run on the host itself: sourced by copy-offline and copy-offline-sparse.
# Files lie on a tmpfs, everything goes over the loopback, every program writes a fresh sparse file.
# Rounds take turns, so that whatever else the host does meets all alike; the best of each counts.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ $# = 1 ] || { echo "usage: $(basename "$0") JSON-FILE (to append to)" >&2; exit 2; }
json=$1
# A group of its own for the scheduler, before all others: what else the host does is kept out, for
# all programs alike.
if [ -z "${DMM_BENCH_GROUP:-}" ] && [ -w /proc/self/autogroup ]; then
	DMM_BENCH_GROUP=1 exec setsid -w "$0" "$@"
fi
echo -20 2>/dev/null > /proc/self/autogroup || true
rounds=7
[ -z "${QUICK:-}" ] || rounds=1
bin=$top/build/userland
dir=$(mktemp -d /dev/shm/dmm-bench.XXXXXX)
pids=()

stop_all()
{
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
	rm -rf "$dir"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

for program in nbdkit nbdcopy qemu-img socat; do
	command -v $program > /dev/null || die "$program is missing: scripts/install-packages.sh"
done
make -s -C "$top/userland" dmmigrate dmmigrated > "$dir/build.log" 2>&1 ||
	{ cat "$dir/build.log" >&2; die "userland does not build"; }

src=$dir/source.img
# a connection a processor: more of them get in each other's way where both ends are one host
conns=$(nproc)
[ "$conns" -le 4 ] || conns=4

free_port()
{
	local port

	while :; do
		port=$((20000 + RANDOM % 20000))
		# nobody answers there
		(exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo $port
}

wait_port()
{
	local i

	for ((i = 0; i < 100; i++)); do
		(exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
		sleep 0.1
	done
	die "nobody listens on port $1: $(cat "$dir"/*.log)"
}

start_servers()
{
	our_port=$(free_port)
	printf '[dmmigrated]\nlisten = 127.0.0.1\nport = %s\nallow = %s/*.img\nstate_dir = %s/state\ninsecure_plaintext = yes\n' "$our_port" "$dir" "$dir" \
		> "$dir/dmmigrated.conf"
	"$bin/dmmigrated" --config "$dir/dmmigrated.conf" --foreground > "$dir/dmmigrated.log" 2>&1 &
	pids+=($!)
	wait_port "$our_port"
	nbd_port=$(free_port)
	: > "$dir/dest.img"
	# opens the file anew for every connection
	nbdkit -f -i 127.0.0.1 -p "$nbd_port" file "$dir/dest.img" > "$dir/nbdkit.log" 2>&1 &
	pids+=($!)
	wait_port "$nbd_port"
}

run_ours() { "$bin/dmmigrate" copy --insecure-plaintext --no-verify --connections "$conns" "$src" "127.0.0.1:$our_port:$dir/dest.img"; }
run_nbdcopy() { nbdcopy --flush "$src" "nbd://127.0.0.1:$nbd_port"; }
run_nbdcopy_zero() { nbdcopy --flush --destination-is-zero "$src" "nbd://127.0.0.1:$nbd_port"; }
run_qemu_img() { qemu-img convert -n -f raw -O raw -W "$src" "nbd://127.0.0.1:$nbd_port"; }
# socat_with OPTION...: bytes and nothing else
socat_with()
{
	local port pid

	port=$(free_port)
	socat -u "$@" "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "OPEN:$dir/dest.img,wronly" &
	pid=$!
	until socat -u "$@" "OPEN:$src" "TCP:127.0.0.1:$port" 2>/dev/null; do sleep 0.002; done
	wait $pid
}
run_socat() { socat_with; }
run_socat_1m() { socat_with -b 1048576; }

declare -A best_us=() name_of=([nbdcopy]='nbdcopy, nbdkit' [nbdcopy_zero]='nbdcopy, nbdkit'
	[qemu_img]='qemu-img, nbdkit' [socat]='socat' [socat_1m]='socat -b 1M')

# `same`: is the destination what it should be?  Who sources this defines it.

# once PROGRAM: with a fresh destination; what it needed, if that is less than ever
once()
{
	local begin us

	rm -f "$dir/dest.img"
	truncate -r "$src" "$dir/dest.img"
	begin=${EPOCHREALTIME/./}
	"run_$1" > "$dir/run.log" 2>&1 || die "$1 failed: $(cat "$dir/run.log")"
	us=$((${EPOCHREALTIME/./} - begin))
	[ -n "${best_us[$1]-}" ] && [ "${best_us[$1]}" -le $us ] || best_us[$1]=$us
	# the first time: has it done what it is measured by?
	if [ "$round" = 1 ]; then
		same || die "$1 did not copy it"
	fi
}

# measure MIB PROGRAM...: ours and these take turns; the table
measure()
{
	local mib=$1 program
	shift

	for ((round = 1; round <= rounds; round++)); do
		for program in ours "$@"; do
			once "$program"
		done
	done
	for program in ours "$@"; do
		printf '  %-14s %8d MiB/s  %8d ms\n' "$program" $((mib * 1000000 / best_us[$program])) \
			$((best_us[$program] / 1000))
	done
}

# report NAME MIB PROGRAM...: an object in $json, ours against the best of these
report()
{
	local name=$1 mib=$2 peer='' program
	shift 2

	for program in "$@"; do
		[ -n "$peer" ] && [ "${best_us[$peer]}" -le "${best_us[$program]}" ] || peer=$program
	done
	awk -v name="$name" -v mib="$mib" -v ours="${best_us[ours]}" -v peer="${best_us[$peer]}" \
		-v peer_name="${name_of[$peer]}" 'BEGIN {
		printf "{\"name\":\"%s\",\"ours\":%.1f,\"peer\":%.1f,\"peer_name\":\"%s\",\"ratio\":%.3f,\"unit\":\"MiB/s\"}\n",
			name, mib * 1e6 / ours, mib * 1e6 / peer, peer_name, peer / ours }' >> "$json"
	tail -n 1 "$json"
}
