# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will compare what the live device says was written to it with what
# the target saw: they agree to the byte whatever the writes are; a cutover is refused
# when the device has seen more, and thaws; without statistics (iostats=0) it goes on.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
start_migration
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"

sysfs() { echo "/sys/dev/block/$(dmsetup info -c --noheadings -o major,minor "$1")"; }
device_bytes() { awk '{ print ($7 + $14) * 512 }' "$(sysfs A)/stat"; }
device=$(device_bytes)
target=$(nl A write_bytes)
# small and large, with and without a flush
one A write:512:512 write:4608:3584 write:2M:1M fua:10240:4096 flush:0:0 discard:8M:1M zeroes:4M:64K
wrote=$((512 + 3584 + 1048576 + 4096 + 1048576 + 65536))
assert "what the target saw" $(($(nl A write_bytes) - target)) = $wrote
same() { [ $(($(device_bytes) - device)) = $wrote ]; }
must_wait_for 5 same

# as if 8 MiB had gone round the target since the start
ID=$(migration_id)
manifest=/var/lib/dmmigrate/source/$ID/manifest
# with_manifest FILE: the daemon takes the migration up with that
with_manifest() {
	kill "$DAEMON"
	wait "$DAEMON" || fail "the daemon's end: exit $?"
	cp "$1" "$manifest"
	start_daemon
}
cp "$manifest" "$TMP/manifest"
was=$(sed -n 's/.*"device_bytes": *\([0-9]*\).*/\1/p' "$manifest")
assert "what had been written before the start" "${was:-0}" -ge 16777216
sed "s/\"device_bytes\": *[0-9]*/\"device_bytes\": $((was - 8388608))/; s/\"inflight\": *[0-9]*/\"inflight\": 0/" \
	"$TMP/manifest" >"$TMP/changed"
with_manifest "$TMP/changed"
refused 8 'something went round it' dmmigrate cutover A
state_is A copying || fail "$(st A state) after a cutover that was refused"
with_manifest "$TMP/manifest"
cutover
dmmigrate clean --yes A >/dev/null || fail "clean: exit $?"

# statistics that are not kept any more say nothing
make_disk C 16
make_disk D 16
dmmigrate start C "$ADDR_B:/dev/mapper/D" >"$TMP/start.out" 2>&1 || fail "start: $(cat "$TMP/start.out")"
timeout 60 dmmigrate wait C >/dev/null || fail "wait: exit $?"
echo 0 >"$(sysfs C)/queue/iostats"
dd if=/dev/urandom of=/dev/mapper/C bs=1M count=8 conv=notrunc,fsync 2>/dev/null
dmmigrate cutover --verify --timeout 15000 C >"$TMP/cutover.out" 2>&1 || fail "cutover: $(cat "$TMP/cutover.out")"
dmmigrate clean --yes C >/dev/null || fail "clean: exit $?"
