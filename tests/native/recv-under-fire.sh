#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will send overlapping extents, zero runs and barriers over four connections at once, cut them,
# damage frames, attach anew with the old connections open and stop the receiver in the middle, all at
# random; and see that the destination never holds anything but what the acknowledgements
# allow.  DMM_SEED=N repeats what a run with that seed sent, DMM_FIRE_SECONDS=N goes on for longer.
. "$(dirname "$0")/functions"

make -s -C "$top/userland" SAN=1 fire
seconds=${DMM_FIRE_SECONDS:-3}
seed=${DMM_SEED:-$((RANDOM * 32768 + RANDOM + 1))}

# under_fire NAME PATH SIZE [LINE...]: lines for the configuration
under_fire()
{
	local name=$1 path=$2 size=$3 rc=0 line
	shift 3

	start_daemon "$@"
	rm -f "$tmp/says" "$tmp/hears"
	mkfifo "$tmp/says" "$tmp/hears"
	timeout $((seconds * 3 + 100)) "$bin/fire" "$to" "$path" "$size" "$seconds" "$seed" \
		> "$tmp/says" 2> "$tmp/out" < "$tmp/hears" &
	fire_pid=$!
	exec 3<> "$tmp/hears"	# both, so as not to wait for it
	while read -r line; do
		case $line in
		restart)
			stop_daemon
			start_daemon "$@"
			echo "$to" >&3 ;;
		*)	echo "$name: $line" ;;
		esac
	done < "$tmp/says"
	exec 3>&-
	wait "$fire_pid" || rc=$?
	if [ $rc = 0 ]; then
		ok "$name, seed $seed"
	else
		bad "$name: exit $rc: $(cat "$tmp/out")"
	fi
	stop_daemon
}

truncate -s 3584K "$tmp/disk.img"
under_fire "a sparse file" "$tmp/disk.img" 3584K
# the last block is partial, buffers are scarce, the destination is larger than the source
truncate -s 8M "$tmp/scarce.img"
under_fire "scarce buffers" "$tmp/scarce.img" $((2048 * 1024 + 512)) 'buffers = 9M'

# an export: requests are shipped once more, and end in any order; by an engine of its own
if [ "$DMM_ENGINE" = libaio ]; then
	truncate -s 3M "$tmp/export.raw"
	nbdkit -f -U "$tmp/nbd.sock" file "$tmp/export.raw" > "$tmp/nbdkit.log" 2>&1 &
	nbd_pid=$!
	trap 'kill "$nbd_pid"; cleanup' EXIT
	until_true 10 test -S "$tmp/nbd.sock"
	under_fire "an NBD export" "nbd+unix:///?socket=$tmp/nbd.sock $tmp/export.raw" 3M \
		"allow = nbd+unix:///?socket=$tmp/"
fi

finish
