# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will replace the target's table, and remove the device by force, while
# a freeze is under way and while it holds: what was held goes to the new
# table, nothing is lost, nothing hangs, and the old migration is over.
# check-kernels: 6.1
. functions.sh
requires ip
load_module
requires debug
two_hosts
make_disk A 8
fill A
dev=/dev/mapper/A
phony --raw good good good good good good
attach_raw A
migrate_table=$(dmsetup table A)
linear_table=$(dmsetup table A-origin)

# freeze_in STATE: a migration is there, with writes held
freeze_in() {
	reconnect_raw A
	dmm-nl start $dev
	await A 30 "sweep_blocks>=2048"
	[ "$1" = frozen ] || stop_arm before-barrier
	dmm-nl freeze $dev epoch=1 timeout_ms=15000
	# it stands there until its end aborts it; not reached it would stop the next one
	[ "$1" = frozen ] || stop_await before-barrier
	await_state A "$1"
	await A 5 "held>=1"
}

start_load A --writers 3 --rate 100 --sizes 512..32K
for state in freezing frozen; do
	freeze_in $state
	dm_replace A "$migrate_table"
	assert "state after $state and a reload" "$(st A state)" = idle
	done_before=$(st A completed)
	must_wait_for 5 sh -c "[ \$(dmm-nl get $dev | sed -n 's/^writes_completed=//p') -gt $((done_before + 5)) ]"
	freeze_in $state
	dm_replace A "$linear_table"
	clock=$(dmm-check --clock --journal "$TMP/A.journal")
	must_wait_for 5 sh -c "[ \$(dmm-check --clock --journal $TMP/A.journal) -gt $((clock + 6)) ]"
	dm_replace A "$migrate_table"
done
stop_load
checker_verdict $dev A

# removed by force: an error table takes its place
start_load A --writers 2 --rate 100 --errors-ok
for state in frozen freezing; do
	freeze_in $state
	dmsetup remove --force A || true
	assert "table after a removal by force while $state" "$(dmsetup table A | cut -d ' ' -f 3)" = error
	dm_replace A "$migrate_table"
done
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
checker_verdict $dev A
detach_raw A
