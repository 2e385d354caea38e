# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will commit with reads, writes and flushes under way: all are held and
# none fails, a RECLAIM lets them go and the copy goes on to a later epoch, a lost connection
# counts only then; after a RELEASE all fail and are counted, and the origin is
# never written again.  QEMU 176c36997: writes behind the switch-over were lost.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8 512 cache_size=4	# flushes reach a target only where there is a cache
make_disk B 8
fill A
dev=/dev/mapper/A
phony --raw good --write /dev/mapper/B
phony_once() { PORT=$((PORT + 1)) && phony --raw good --write /dev/mapper/B; }
attach_raw A
reconnect_raw A
dmm-nl start $dev
await_quiet A
refused 1 ESTALE dmm-nl commit $dev epoch=3
refused 1 'EINVAL\|ESTALE' dmm-nl release $dev epoch=0

# note N COMMAND...: its exit code in $TMP/held.N
note() {
	local n=$1 r=0
	shift
	"$@" >/dev/null 2>&1 || r=$?
	echo $r >"$TMP/held.$n"
}
# one of each kind, held
hold_some() {
	note 1 dmm-load $dev --journal "$TMP/A.journal" --op write:1M:4096 &
	note 2 dmm-load $dev --journal "$TMP/flush.journal" --op flush &
	note 3 dd if=$dev of=/dev/null bs=4096 count=1 iflag=direct &
	note 4 dd if=$dev of=/dev/null bs=4096 skip=700 count=1 &
	await A 10 "held>=4"
}
# ended OPERATOR: all of them, with a code that is = or != 0
ended() {
	local i
	for i in 1 2 3 4; do
		must_wait_for 10 test -s "$TMP/held.$i"
		test "$(cat "$TMP/held.$i")" "$1" 0 || fail "held operation $i: exit $(cat "$TMP/held.$i")"
		rm "$TMP/held.$i"
	done
}
nothing_failed() {
	assert "reads that failed" "$(nl A failed_reads)" = 0
	assert "writes that failed" "$(nl A failed_writes)" = 0
}

# ---- held, and reclaimed
raw_commit A 1
hold_some
md5sum <"$(raw_of A)" >"$TMP/origin.md5"
usleep 1500000		# longer than any timer of that freeze would be
dmm-nl commit $dev epoch=1 || fail "a second commit of the same epoch"
for epoch in 0 2; do
	for cmd in commit reclaim release; do
		refused 1 ESTALE dmm-nl $cmd $dev epoch=$epoch
	done
done
refused 1 EBUSY dmm-nl thaw $dev epoch=1
refused 1 EBUSY dmm-nl freeze $dev epoch=2 timeout_ms=1000
refused 1 EBUSY dmm-nl stop $dev
refused 1 EBUSY dmm-nl start $dev
assert "held" "$(nl A held)" -ge 4
! ls "$TMP"/held.* >/dev/null 2>&1 || fail "something has ended though everything is held"
nothing_failed
assert "the origin is untouched" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
same_disks "$(raw_of A)" "$(raw_of B)"
dmm-nl reclaim $dev epoch=1
ended '='
nothing_failed
await_state A copying
assert "freeze result" "$(nl A freeze_result)" = -125	# -ECANCELED
refused 1 EALREADY dmm-nl reclaim $dev epoch=1
refused 1 ETIME dmm-nl commit $dev epoch=1
refused 1 EINVAL dmm-nl release $dev epoch=1
refused 1 ESTALE dmm-nl freeze $dev epoch=1 timeout_ms=1000
# tracking never stopped: what was held, and what came since, is at the destination (mutant 5)
one A write:3M:64K write:0:512
await_quiet A
raw_commit A 2
checker_verdict /dev/mapper/B A --forbid-pending
same_disks "$(raw_of A)" "$(raw_of B)"

# ---- the connection is lost meanwhile: of no interest, until it is reclaimed
kill -9 "$PHONY"
usleep 300000
state_is A committed || fail "$(st A state) after a lost connection"
assert "error while committed" "$(nl A error)" = 0
hold_some
dmm-nl reclaim $dev epoch=2
ended '='
await_state A disconnected
assert "side of the error" "$(nl A error_side)" = 2
one A write:4M:4096
stop_raw A
await_state A idle

# ---- the connections are closed on purpose; an epoch is not used twice, across connections too
phony_once
reconnect_raw A
dmm-nl start $dev
await_quiet A
refused 1 ESTALE dmm-nl freeze $dev epoch=2 timeout_ms=1000
raw_commit A 3
dmm-nl stop $dev force
state_is A committed || fail "$(st A state) after a forced stop"
must_wait_for 5 grep -qi 'end\|closed' "$TMP/phony$PORT.log"
hold_some
dmm-nl stop $dev force || fail "a second forced stop"
dmm-nl reclaim $dev epoch=3
ended '='
await_state A disconnected
stop_raw A
await_state A idle
nothing_failed
checker_verdict $dev A

# ---- released
phony_once
reconnect_raw A
dmm-nl start $dev
await_quiet A
raw_commit A 4
hold_some
md5sum <"$(raw_of A)" >"$TMP/origin.md5"
dmm-nl release $dev epoch=4
assert "held after RELEASE" "$(nl A held)" = 0
ended '!='
assert "reads that failed" "$(nl A failed_reads)" -ge 2
assert "writes that failed" "$(nl A failed_writes)" -ge 2
failed=$(nl A failed_writes)
reads=$(st A failed_reads)
for op in write:0:4096 fua:8192:4096 zeroes:1M:4096 discard:2M:4096 flush; do
	! dmm-load $dev --journal "$TMP/after.journal" --op $op >/dev/null 2>&1 || fail "$op succeeds after RELEASE"
done
assert "writes that failed" "$(st A failed_writes)" -ge $((failed + 5))
! dd if=$dev of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "a read succeeds after RELEASE"
assert "reads that failed" "$(st A failed_reads)" -gt "$reads"
dmm-nl release $dev epoch=4 || fail "a second release"
refused 1 ESTALE dmm-nl release $dev epoch=3
refused 1 EALREADY dmm-nl commit $dev epoch=4
refused 1 EINVAL dmm-nl reclaim $dev epoch=4
refused 1 EINVAL dmm-nl pause $dev
refused 1 EINVAL dmm-nl freeze $dev epoch=5 timeout_ms=100
must_wait_for 5 grep -qi 'end\|closed' "$TMP/phony$PORT.log"
dmm-nl stop $dev || fail "STOP after RELEASE"
state_is A released || fail "$(st A state) after STOP"
assert "the origin is untouched" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/origin.md5")"
same_disks "$(raw_of A)" "$(raw_of B)"
checker_verdict /dev/mapper/B A --forbid-pending
# nothing is held: it can be suspended and replaced like any table
timeout 5 dmsetup suspend A || fail "a suspend after RELEASE"
dmsetup resume A
state_is A released || fail "$(st A state) after a suspend"
detach_raw A
checker_verdict $dev A
