# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will attach, connect, start and take away again, $CYCLES times (10; 1000 in check-long),
# and find as many kernel objects and as much memory in use as before; on UML kmemleak has the
# last word.
# check-kernels: uml
# timeout: 2400
. functions.sh
requires ip
load_module
two_hosts
make_disk A 4
CYCLES=${CYCLES:-10}
phony --raw good
table=$(dmsetup table A)
dmsetup create A-origin --table "$table"
cleanup_fn "dm_drop A-origin"

# as the tool does, but for what lies outside the kernel
cycle() {
	dmsetup load A --table "0 $(sectors_of A) migrate /dev/mapper/A-origin 8"
	dmsetup resume --nolockfs A
	dmm-nl attach /dev/mapper/A "fd=tcp:$ADDR_B:$PORT" migration="$TEST" disk=0 conn_epoch="$1" conn_index=0 >/dev/null
	dmm-nl start /dev/mapper/A >/dev/null
	if [ $(($1 % 4)) = 0 ]; then	# sometimes something has been sent
		dd if=/dev/zero of=/dev/mapper/A bs=4k count=4 oflag=direct 2>/dev/null
	fi
	dmm-nl stop /dev/mapper/A >/dev/null
	dmsetup load A --table "$table"
	dmsetup resume --nolockfs A
}

# kilobytes that nobody gives back: page cache does not count, nor do objects that only wait to be freed
kernel_kb() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(SUnreclaim|KernelStack|PageTables|VmallocUsed|Percpu):/ { kb += $2 } END { print kb }' /proc/meminfo
}
# areas of the module (its bitmaps), threads, sockets, descriptors
areas() { grep -c 'dm_migrate' /proc/vmallocinfo || true; }
# shellcheck disable=SC2009 # kernel threads: in brackets
threads() { ps | grep -c '\[dmm' || true; }
sockets() { awk '/^TCP:/ { print $3 }' /proc/net/sockstat; }

i=0
while [ $i -lt 8 ]; do	# caches of the kernel's own fill once
	i=$((i + 1))
	cycle $i
done
kb=$(kernel_kb) areas=$(areas) threads=$(threads) sockets=$(sockets)
end=$((i + CYCLES))
while [ $i -lt $end ]; do
	i=$((i + 1))
	cycle $i
done
after=$(kernel_kb)
say "$CYCLES cycles: $kb kB before, $after kB after"
assert "areas of the module" "$(areas)" = "$areas"
assert "threads" "$(threads)" -le "$threads"	# one that was ending may have been counted at first
assert "TCP sockets" "$(sockets)" = "$sockets"
# what a cycle has at the least: a target, a connection, a bitmap of a page; a tenth of that each would show
assert "kB more than before" $((after - kb)) -lt $((CYCLES * 2 / 5 + 1024))
if [ -w /sys/kernel/debug/kmemleak ]; then
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	grep -A 20 'dmm\|migrate' /sys/kernel/debug/kmemleak && fail "kmemleak has something to say"
fi
rmmod dm-migrate 2>/dev/null || fail "the module is still in use"
modprobe dm-migrate
