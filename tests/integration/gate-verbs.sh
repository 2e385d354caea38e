# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will do to a gate all that the daemon does, each of it twice and from a network
# namespace of its own: what stands in the way is refused with what to do, only an open gate is settled, a guest
# does not notice it, and nothing that was settled counts as shut.
# check-kernels: 6.12
# skip-uml: its kernel has no user namespaces
. functions.sh
requires ip dmmigrate dmmigrated dmm-gate
ID=0123456789abcdef0123456789abcdef
NAME=G
VOLUME=/dev/mapper/B
gate() { (in_ns b dmm-gate "$1" "$ID" "$NAME" "$VOLUME"); }
not_now() { refused 1 "$2" gate "$1"; }
waits_for_volume() { awk '{ exit !($1 + $2) }' "/sys/block/dm-$(dmsetup info -c --noheadings -o minor G)/inflight"; }
gate_is() { assert "gate" "$(st "$NAME" gate)" = "$1"; }
two_hosts
! grep -q '^dm_migrate ' /proc/modules || rmmod dm-migrate
not_now possible 'dm-migrate is not loaded: load dm-migrate there, or start without a gate'
not_now make 'EOPNOTSUPP: .* is not loaded'
load_module
make_disk A 8
make_disk B 8 512 cache_size=4
make_disk C 8
fill A
fill B
sectors=$(sectors_of B)
gate possible

# ---- none yet
for verb in shut shut-if-clean reads open settle; do
	not_now $verb ENODEV
done
gate remove

# ---- what stands in the way
dm_create G "0 8 error"
not_now make "EBUSY: the gate's name G is taken by another device-mapper device: remove or rename"
dmsetup remove G
dm_create X "0 $sectors linear /dev/mapper/B 0"
not_now make 'EBUSY: /dev/mapper/B is in use by device X'
dmsetup remove X
background holder sh -c "exec sleep 60 >/dev/mapper/B"
usleep 300000
not_now make 'open for writing by process'
kill "$PID"
wait "$PID" || true
VOLUME=/dev/mapper/none not_now make 'No such file'
VOLUME=$0 not_now make 'no block device: start without a gate'
! dmsetup info G >/dev/null 2>&1 || fail "something was left behind"

# ---- made, found, and shut again
gate make
volume=$(dmsetup info -c --noheadings --separator : -o major,minor B)
assert "table" "$(dmsetup table G)" = "0 $sectors migrate $volume 8 1 gate"
assert "uuid" "$(dmsetup info -c --noheadings -o uuid G)" = "LVM-DMM00000000000000000000000000000$ID-gate0"
for now in shut reads open; do
	gate $now
	gate $now
	gate_is $now
	gate make
	gate_is shut
done
dmsetup rename G H
gate open
assert "gate by another name" "$(st H gate)" = open
gate make
assert "gate by another name" "$(st H gate)" = shut
dmsetup rename H G
VOLUME=/dev/mapper/C not_now make 'EBUSY: the gate G is above another volume'
ID=00000000000000000000000000000001 NAME=G2 not_now make 'by the gate G'
for now in shut reads; do
	gate $now
	not_now settle EINVAL
	gate_is $now
done

# ---- given back only unwritten
gate open
not_now reads EINVAL
assert "shut while clean" "$(gate shut-if-clean)" = ""
gate_is shut
gate open
cp "$TMP/B.journal" "$TMP/G.journal"
one G write:0:4096
assert "shut after a write" "$(gate shut-if-clean)" = written
gate_is open

# ---- taken away beneath a guest
exec 7<>/dev/mapper/G
not_now remove EBUSY
for _ in 1 2 3; do
	start_load G --writers 4 --rate 150
	usleep 300000
	gate settle
	assert "table" "$(dmsetup table G)" = "0 $sectors linear $volume 0"
	gate settle
	usleep 300000
	stop_load
	dm_replace G "0 $sectors migrate /dev/mapper/B 8 1 gate"
	gate_is shut
	gate open
done
checker_verdict /dev/mapper/G G

# ---- not at all while the volume does not answer: it stays the open gate that it was
start_load G --writers 2 --rate 20
usleep 300000
dmsetup suspend B
must_wait_for 10 waits_for_volume
refused 1 'EINTR' gate settle
dmsetup resume B
gate_is open
gate settle
stop_load
checker_verdict /dev/mapper/G G
checker_verdict "$(raw_of B)" G

# ---- settled: open for good
gate open
not_now reads EINVAL
not_now shut EOPNOTSUPP
assert "shut what was settled" "$(gate shut-if-clean)" = written
not_now make 'EBUSY: G was the gate of this very disk'
not_now remove EBUSY
exec 7<&-
gate remove
gate remove
! dmsetup info G >/dev/null 2>&1 || fail "the gate was not removed"

# ---- half made, by a daemon that was killed: nothing has passed
dmsetup create G --notable -u "LVM-DMM00000000000000000000000000000$ID-gate0"
not_now open ENODEV
not_now settle ENODEV
gate make
gate_is shut
dm_replace G "0 $sectors error"
not_now make 'EBUSY: the table of the gate G was changed'
not_now open ENODEV
gate remove

# ---- only who may, and events go where they went
gate make
for how in --no-cap --userns; do
	refused 1 EPERM in_b dmm-nl $how gate /dev/mapper/G gate=open
done
gate_is shut
gate remove

# ---- the receiver writes beneath it
DMM_TOOL_STOP_AT=prepared
export DMM_TOOL_STOP_AT
start_receiver
dmmigrate start --no-gate A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 || true
unset DMM_TOOL_STOP_AT
ID=$(basename /run/dmmigrate/*.json .json)
kill_all "$RECEIVER"
start_receiver
gate make
background events-a dmm-nl events 600
background events-b in_ns b dmm-nl events 600
start_migration
assert "id" "$(basename /run/dmmigrate/*.json .json)" = "$ID"
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
gate_is shut
must_wait_for 10 grep -q 'state=copying' "$TMP/events-a.log"
assert "events in another namespace" "$(cat "$TMP/events-b.log")" = listening
dmmigrate cancel A >/dev/null 2>&1 || fail "cancel: exit $?"
gate remove
