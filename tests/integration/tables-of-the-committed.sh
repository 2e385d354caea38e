# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will reload, resize, remove and force the removal of a source that is
# committed or released, and try to unload its module: held bios go to the next table by a
# noflush swap, nothing hangs, and no write of later gets to the origin by the target that gave it up.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8
fill A
dev=/dev/mapper/A
attach_raw A
migrate_table=$(dmsetup table A)
linear_table=$(dmsetup table A-origin)
phony --raw good good good good good good good

# cut_in STATE
cut_in() {
	reconnect_raw A
	dmm-nl start $dev
	await_quiet A
	raw_commit A 1
	[ "$1" = committed ] || dmm-nl release $dev epoch=1
	state_is A "$1" || fail "$(st A state), not $1"
}
# a write that is under way; there is a $TMP/held when it has ended
write_one() {
	rm -f "$TMP/held"
	(dmm-load $dev --journal "$TMP/A.journal" --op write:1M:4096 --errors-ok >"$TMP/one.out"; echo >"$TMP/held") &
}
errors() { sed -n 's/.* errors=\([0-9]*\).*/\1/p' "$TMP/one.out"; }

# replaced while it holds: by noflush the bio goes on with the next table
for table in "$migrate_table" "$linear_table"; do
	cut_in committed
	write_one
	await A 10 "held>=1"
	refused 1 '' rmmod dm-migrate
	refused 1 'busy' dmsetup remove A
	log_mark reload
	dmsetup load A --table "$table"
	dmsetup resume --noflush --nolockfs A
	must_wait_for 10 test -e "$TMP/held"
	assert "errors of the write that was held" "$(errors)" = 0
	must_log 'committed table is gone' reload
	dm_replace A "$migrate_table"
	state_is A idle || fail "$(st A state) of a new table"
done
# by an error table it fails: that is what clean does
cut_in committed
write_one
await A 10 "held>=1"
give_up_raw A
must_wait_for 10 test -e "$TMP/held"
assert "errors of the write that was held" "$(errors)" = 1
dm_replace A "$migrate_table"
# by force
cut_in committed
write_one
await A 10 "held>=1"
timeout 20 dmsetup remove --force A || true
must_wait_for 10 test -e "$TMP/held"
assert "errors of the write that was held" "$(errors)" = 1
! state_is A committed || fail "still committed after a removal by force"
dmsetup remove A 2>/dev/null || true	# an error table, if somebody had it open still
dm_create A "$migrate_table"
# unused, it can be removed, and the module too once nothing uses it
cut_in committed
dmsetup remove A
dm_create A "$migrate_table"

# released: an ordinary table that fails everything
cut_in released
write_one
must_wait_for 10 test -e "$TMP/held"
assert "errors after RELEASE" "$(errors)" = 1
refused 1 '' rmmod dm-migrate
timeout 10 dmsetup suspend A || fail "a suspend after RELEASE"
dmsetup resume A
state_is A released || fail "$(st A state) after a suspend"
# shrunk and grown: a new table, a new target
dm_replace A "0 8192 migrate /dev/mapper/A-origin 8"
state_is A idle || fail "$(st A state) of a new table"
dm_replace A "$migrate_table"
cut_in released
dmsetup remove A
dm_create A "$linear_table"
dmsetup remove A-origin
rmmod dm-migrate || fail "the module can't be unloaded without users"
modprobe dm-migrate
checker_verdict $dev A
