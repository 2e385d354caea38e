# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will let the receiver write a volume beneath the gate of the migration, and have it
# refused beneath any other holder: an ordinary device, the gate of another migration or disk, and
# its own gate once that lets anything pass.
# check-kernels: uml
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 8
make_disk B 8 512 cache_size=4
fill A
start_receiver
prefix=LVM-DMM00000000000000000000000000000

# an id that is known before the receiver hears of it again
DMM_TOOL_STOP_AT=prepared dmmigrate start --no-gate A "$ADDR_B:/dev/mapper/B" \
	>"$TMP/start.out" 2>&1 || true
id=$(basename /run/dmmigrate/*.json .json)
assert "characters of the id" ${#id} = 32
restart() {
	kill_all "$RECEIVER"
	start_receiver
}
restart
other=$(echo "$id" | tr '0-9a-f' '1-9a-f0')
refused_start() { refused 3 "$1" dmmigrate start A "$ADDR_B:/dev/mapper/B"; }
table="0 $(sectors_of B) migrate /dev/mapper/B 8 1 gate"

for uuid in "" "$prefix$other-gate0" "$prefix$id-gate1" "$prefix$id-gate" "$prefix$id-origin2"; do
	dm_create G "$table" "$uuid"
	refused_start "/dev/mapper/B is .*by \(the gate\|device\) G"
	dmsetup remove G
done
dm_create G "$table" "$prefix$id-gate0"
for gate in reads open; do
	dmm-nl gate /dev/mapper/G gate=$gate
	refused_start 'has a gate above it that is open'
	dmm-nl gate /dev/mapper/G gate=shut
done
dm_create X "0 $(sectors_of B) linear /dev/mapper/B 0"
refused_start 'in use by device X'
dmsetup remove X
background holder sh -c "exec sleep 60 >/dev/mapper/B"
usleep 300000
refused_start 'open for writing by process'
kill "$PID"
wait "$PID" || true

# beneath its own, shut: somebody has the gate open all the time
exec 7<>/dev/mapper/G
start_load A --writers 2 --rate 20 --sizes 512..32K --errors-ok
start_migration
assert "id" "$(basename /run/dmmigrate/*.json .json)" = "$id"
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
! dd if=/dev/mapper/G of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "a read passes while it is received"
cutover --timeout 15000 --verify --hook-start "dmm-nl gate /dev/mapper/G gate=open"
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
checker_verdict /dev/mapper/G A --forbid-pending
# a guest may run there now: nobody writes beneath it any more
restart
cp "$TMP/A.journal" "$TMP/G.journal"
one G write:0:4096 flush
exec 7>&-
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"
checker_verdict "$(raw_of B)" G
