# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have two disks share the host's limit: together they keep to it
# within 10 %, each gets half; what one does not use is the other's; a limit of
# its own holds besides, zeros cost nothing, and a freeze is not slowed down.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate
load_module
two_hosts
MIB=1048576
for d in A C; do
	make_disk $d 96
	fill $d
	attach_raw $d
	PORT=$((PORT + 1))
	CONNS=2
	connect_raw $d good
done

# measure SECONDS: bytes/s of both in $A and $C
measure() {
	note_shipped A
	note_shipped C
	sleep "$1"
	ship_rate A
	A=$RATE
	ship_rate C
	C=$RATE
	say "A $A bytes/s, C $C bytes/s"
}
# about WHAT GOT WANT: as a limit has it
about() {
	assert "bytes/s of $1" "$2" -le $(($3 * 110 / 100))
	assert "bytes/s of $1" "$2" -ge $(($3 * 90 / 100))
}
refused 2 'no SOURCE goes with it' dmmigrate throttle --host 8M A
refused 2 'are needed' dmmigrate throttle A
refused 2 'is not a rate' dmmigrate throttle --host fast
refused 1 EINVAL dmm-nl rate host
refused 1 EPERM dmm-nl --no-cap rate host rate=1
dmmigrate throttle --host 8M >/dev/null || fail "throttle --host: exit $?"
assert "limit of the host" "$(nl A host_rate)" = $((8 * MIB))
dmm-nl start /dev/mapper/A
dmm-nl start /dev/mapper/C
usleep 500000
measure 5
about both $((A + C)) $((8 * MIB))
about A "$A" $((4 * MIB))
about C "$C" $((4 * MIB))

# one pauses: the other has it all, and halves again afterwards
dmm-nl pause /dev/mapper/C
usleep 300000
measure 3
about "A alone" "$A" $((8 * MIB))
assert "bytes/s of the one that pauses" "$C" = 0
dmm-nl resume /dev/mapper/C
dmm-nl rate /dev/mapper/A rate=$MIB
usleep 1500000
measure 3
# before each of its extents it awaits its turn at the host's limit, which may come an extent of the other later
assert "bytes/s of A with a limit of its own" "$A" -le $((MIB * 110 / 100))
assert "bytes/s of A with a limit of its own" "$A" -ge $((MIB * 80 / 100))
about both $((A + C)) $((8 * MIB))

# frozen, the limits are lifted for A
dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=15000
await_state A frozen 15
assert "nanoseconds to ship the rest" "$(nl A ship_ns)" -lt 5000000000
dmm-nl thaw /dev/mapper/A epoch=1
dmmigrate throttle --host unlimited >/dev/null || fail "throttle --host unlimited: exit $?"
await_quiet C 30
assert "limit of the host" "$(nl C host_rate)" = 0
for d in A C; do
	stop_raw $d
	await_state $d idle
	detach_raw $d
	checker_verdict /dev/mapper/$d $d
done
