# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will replace the target's table with the same and with another
# origin and with another size, under I/O, and see data and counts right: a new
# table begins its tracking anew, and a running migration ends in FAILED, never in silence.
# VMware KB 2090639: a resize lost changes.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 16
make_disk C 32
fill A
attach_raw A
start_load A --region 0:16M

# the same origin
for i in 1 2 3; do
	dm_replace A "$(dmsetup table A)"
	assert "state after reload $i" "$(st A state)" = idle
	usleep 200000
done
# another block size
dm_replace A "0 $(sectors_of A) migrate /dev/mapper/A-origin 64"
assert "block size" "$(st A block_sectors)" = 64
stop_load
checker_verdict /dev/mapper/A A

# while a migration runs: the old one ends with a reason, the new one is idle
background events dmm-nl events 60
EVENTS=$PID
said_to_have_failed() { grep ' state=failed ' "$TMP/events.log" | grep -q ' error=-19 '; }	# -ENODEV
must_wait_for 5 grep -q listening "$TMP/events.log"
connect_raw A silent
dmm-nl start /dev/mapper/A
await_state A copying
dm_replace A "$(dmsetup table A)"
assert "state after reloading under a migration" "$(st A state)" = idle
must_wait_for 10 grep -q closed "$TMP/phony$PORT.log"
must_wait_for 5 said_to_have_failed
kill "$EVENTS"
refused 1 ENOTCONN dmm-nl start /dev/mapper/A

# another origin: what is there is what is read
fill C
dm_replace A "0 $(sectors_of A) migrate /dev/mapper/C 8"
dmm-check /dev/mapper/A --journal "$TMP/C.journal" --initial any >"$TMP/c.out" || true
assert "first sector comes from C" "$(od -An -t u4 -j 28 -N 4 /dev/mapper/A)" = "$(od -An -t u4 -j 28 -N 4 /dev/mapper/C)"

# larger and smaller: the device follows, so do its blocks
dm_replace A "0 $(sectors_of C) migrate /dev/mapper/C 8"
assert "size after growing" "$(blockdev --getsize64 /dev/mapper/A)" = $((32 * 1048576))
assert "blocks after growing" "$(st A total)" = 8192
checker_verdict /dev/mapper/A C
cp "$TMP/C.journal" "$TMP/grown.journal"
dmm-load /dev/mapper/A --journal "$TMP/grown.journal" --op write:33553920:512 --op write:24M:64K >/dev/null
checker_verdict /dev/mapper/C grown
dm_replace A "0 8192 migrate /dev/mapper/C 8"
assert "size after shrinking" "$(blockdev --getsize64 /dev/mapper/A)" = $((4 * 1048576))
dm_replace A "$(dmsetup table A-origin)"
dmsetup remove A-origin
checker_verdict /dev/mapper/A A
