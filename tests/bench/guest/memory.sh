# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: uml-bench
# measures: memory-per-tib
# Memory that the migration of a disk of 1 TiB takes at 4 KiB blocks: bitmap, slots, pages, threads;
# attached and started, against the bitmap alone.
# shellcheck source=bench.sh
. /t/bench.sh
load_module
GIB=1024
node=$(plain_disk null0 $((GIB * 1024)))
sectors=$(blockdev --getsz "$node")

# what is free, in KiB, when all that can be given back is
free_kib() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	usleep 200000
	echo 3 >/proc/sys/vm/drop_caches
	awk '$1 == "MemFree:" { print $2 }' /proc/meminfo
}
# allocated by the module itself, in KiB
vmalloc_kib() { awk '/\[dm_migrate\]/ { sum += $2 } END { print sum / 1024 }' /proc/vmallocinfo; }

listens() { grep -qi ":$(printf %04X $PORT) .* 0A " /proc/net/tcp; }
background phony dmm-phony-recv --listen 127.0.0.1 --port $PORT --raw good
must_wait_for 10 listens

# measure CONNECTIONS: $ATTACHED, $STARTED in KiB
measure() {
	local before i=0
	before=$(free_kib)
	dm_create m "0 $sectors migrate $node 8"
	ATTACHED=$((before - $(free_kib)))
	while [ $i -lt "$1" ]; do
		dmm-nl attach /dev/mapper/m "fd=tcp:127.0.0.1:$PORT" migration=memory disk=0 conn_epoch=1 \
			conn_index=$i conns="$1"
		i=$((i + 1))
	done
	dmm-nl start /dev/mapper/m rate=1
	dmm-nl pause /dev/mapper/m
	usleep 300000
	STARTED=$((before - $(free_kib)))
	note "$GIB GiB, $1 connections: attached $ATTACHED KiB, started $STARTED KiB, of these vmalloc $(vmalloc_kib) KiB"
	dmm-nl stop /dev/mapper/m >/dev/null
	dm_drop m
}
measure 1	# what the kernel itself takes and gives back the first time
measure 16
measure 4
[ "$STARTED" -ge $((GIB * 32)) ] || fail "less than the bitmap: somebody gave memory back meanwhile"
# one bit per 4 KiB
result memory-per-tib "$STARTED" $((GIB * 32)) KiB "the bitmap alone"
drop_raw_disk null0
