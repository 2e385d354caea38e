# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will suspend and resume the target under load in every manner, fail
# to remove it while it is open, remove it by force under I/O, and fail to unload
# the module while a target uses it.
# check-kernels: uml
. functions.sh
load_module
make_disk A 16
fill A
attach_raw A
start_load A
for flags in "" --noflush --nolockfs "--noflush --nolockfs"; do
	for _ in 1 2 3; do
		# shellcheck disable=SC2086
		dmsetup suspend $flags A
		usleep 50000
		dmsetup resume A
		usleep 50000
	done
done
refused 1 'busy' dmsetup remove A
refused 1 '' rmmod dm-migrate
[ -d /sys/module/dm_migrate ] || fail "the module is gone"
stop_load
checker_verdict /dev/mapper/A A
assert "counts agree" "$(st A submitted)" = "$(st A completed)"

# by force: the load sees errors from the error table, and nothing hangs or leaks
background forced dmm-load /dev/mapper/A --journal "$TMP/A.journal" --seconds 60 --errors-ok --rate 400
usleep 500000
dmsetup remove --force A || true
kill "$PID"
wait "$PID" || true
must_wait_for 5 dmsetup remove A
dmsetup remove A-origin
rmmod dm-migrate || fail "the module can't be unloaded without users"
modprobe dm-migrate
checker_verdict /dev/mapper/A-low A
