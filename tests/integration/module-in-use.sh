# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will fail to unload the module while a table, a migration or a
# loaded but not yet live table uses it, and unload it when nothing does.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8
fill A
busy() {
	refused 1 '' rmmod dm-migrate
	[ -d /sys/module/dm_migrate ] || fail "the module is gone while $1"
}
dm_create A-origin "$(dmsetup table A)"
dmsetup load A --table "0 $(sectors_of A) migrate /dev/mapper/A-origin 8"
busy "a table is loaded"
dmsetup resume --nolockfs A
busy "a table is live"
connect_raw A good
busy "a connection is attached"
dmm-nl start /dev/mapper/A
busy "it is copying"
dmm-nl stop /dev/mapper/A >/dev/null
busy "it is idle"
one A write:0:4096
background events dmm-nl events 30
detach_raw A
rmmod dm-migrate || fail "the module can't be unloaded though nothing uses it"
# and again, many times: nothing is left behind
for _ in 1 2 3 4 5; do
	modprobe dm-migrate
	rmmod dm-migrate
done
modprobe dm-migrate
checker_verdict /dev/mapper/A A
