# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a disk in use to a network block device, which its client has open, and nobody else may; whose server is
# killed in the middle: the guest is not affected, the move ends and says why, and cancel leads back; with a server that lives it
# moves, and every sector is at the server.
# check-kernels: 6.12
# kernels: 6.1 6.12
# expect-log: nbd0
# timeout: 300
. functions.sh
requires dmmigrate qemu-nbd module:nbd
load_module
cleanup_fn "modprobe -r nbd"
make_disk A 8
fill A
remember_devices
cleanup_fn "rm -rf /var/lib/dmmigrate"
mkdir -p /var/lock
truncate -s 8M "$TMP/export"

ready() { [ "$(blockdev --getsize64 /dev/nbd0 2>/dev/null)" = $((8 << 20)) ]; }
gone_there() { [ "$(cat /sys/block/nbd0/size)" = 0 ] && [ ! -e /sys/block/nbd0/pid ]; }
# serve: /dev/nbd0, by a process $SERVER; with --verbose it stays one
serve() {
	background server qemu-nbd --verbose --connect=/dev/nbd0 --format=raw --cache=writeback --discard=unmap "$TMP/export"
	SERVER=$PID
	must_wait_for 20 ready
}

start_load A --writers 3 --rate 20 --sizes 512..32K

say "the server dies"
serve
# its client has it open, and nobody else may
sleep 60 9<>/dev/nbd0 &
WRITER=$!
refused 3 'open for writing by process .* (sleep)' dmmigrate vdi A --to /dev/nbd0 --yes
kill $WRITER
wait $WRITER 2>/dev/null || true
background vdi dmmigrate vdi A --to /dev/nbd0 --yes --bandwidth 1M
VDI=$PID
must_wait_for 20 state_is A copying
await A 10 "acked_bytes>=1048576"
kill -9 $SERVER
r=0
wait $VDI || r=$?
assert "exit code" $r = 6
grep -q 'writing to the sink failed.*next: dmmigrate cancel A' "$TMP/vdi.log" || fail "$(cat "$TMP/vdi.log")"
state_is A failed || fail "state: $(st A state)"
writes=$(nl A writes_completed)
await A 10 "writes_completed>=$((writes + 20))"
dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: exit $?: $(cat "$TMP/cancel.out")"
restored "cancelled"
must_wait_for 20 gone_there

say "the server lives"
serve
dmmigrate vdi A --to /dev/nbd0 --yes >"$TMP/vdi.out" 2>&1 || fail "vdi: exit $?: $(cat "$TMP/vdi.out")"
say "$(grep pause "$TMP/vdi.out")"
dmsetup table A | grep -q " linear 43:0 0\$" || fail "the table: $(dmsetup table A)"
usleep 700000
stop_load
checker_verdict /dev/mapper/A A
blockdev --flushbufs /dev/mapper/A
dmsetup suspend A
dmsetup load A --table "0 16384 linear /dev/mapper/A-low 0"
dmsetup resume A
qemu-nbd --disconnect /dev/nbd0 >/dev/null || fail "disconnect: exit $?"
must_wait_for 20 gone "$SERVER"
checker_verdict "$TMP/export" A --buffered
