# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will lay a gate over volumes of several kinds and see the limits of the
# volume itself, the volume claimed, every operation failed and counted while it is shut, reads
# alone pass at READS, everything once it is open, for who had it open all the time, and nothing
# again once it is shut.  XAPI CA-407033: things went on while the VM started (mutant 123).
# check-kernels: uml
. functions.sh
requires mkfs.ext4
load_module

limits() { (cd "/sys/block/$1/queue" && grep -s '' ./*) | grep -v '^./\(scheduler\|iosched\|nr_requests\|wbt_lat_usec\|read_ahead_kb\|rq_affinity\|io_poll\|nomerges\|add_random\|iostats\)'; }
dm_node() { echo "dm-$(dmsetup info -c --noheadings -o minor "$1")"; }
gate_table() { echo "0 $(sectors_of B) migrate /dev/mapper/B ${1:-8} 1 gate"; }
g=/dev/mapper/G

# ---- limits: those of a linear device over the same volume, which is what comes after the gate
try_limits() {
	dm_create L "0 $(sectors_of B) linear /dev/mapper/B 0"
	limits "$(dm_node L)" >"$TMP/linear"
	dmsetup remove L
	dm_create G "$(gate_table "$1")"
	limits "$(dm_node G)" >"$TMP/gate"
	dmsetup remove G
	diff "$TMP/linear" "$TMP/gate" >"$TMP/diff" || fail "$2: $(cat "$TMP/diff")"
	assert "limits compared" "$(wc -l <"$TMP/gate")" -gt 15
	[ -z "${3:-}" ] || grep -q "$3" "$TMP/gate" || fail "$2: no '$3' in $(cat "$TMP/gate")"
}
drop_B() {
	dmsetup remove B
	dmsetup remove B-low
	drop_raw_disk B-raw
}
make_disk B 8
try_limits 8 "512-byte sectors, no cache" 'write_cache:write through'
drop_B
make_disk B 8 512 discard=0 max_sectors=64
try_limits 2048 "no discard, requests of 32 KiB at most"
drop_B
make_disk B 8 4096 cache_size=4
try_limits 8 "4Kn with a cache" 'write_cache:write back'
drop_B

# ---- the table line
make_disk B 8 512 cache_size=4
mkfs.ext4 -q /dev/mapper/B
for features in "1 gates" "2 gate gate" "2 gate" "1" "0 gate"; do
	refused 1 '' dmsetup create G --table "0 $(sectors_of B) migrate /dev/mapper/B 8 $features"
done
dm_create G "$(gate_table)"
assert "table" "$(dmsetup table G | cut -d ' ' -f 5-)" = "8 1 gate"
assert "state" "$(st G state)" = gated
assert "gate" "$(st G gate)" = shut
assert "gate by netlink" "$(nl G gate)" = shut
# no bitmap: the limit of that is none for a gate
echo 1 >/sys/module/dm_migrate/parameters/max_bitmap_mib
dm_create Z "0 $((1 << 31)) zero"
dm_create GZ "0 $((1 << 31)) migrate /dev/mapper/Z 8 1 gate"
dmsetup remove GZ
dmsetup remove Z
echo 512 >/sys/module/dm_migrate/parameters/max_bitmap_mib

# ---- claimed: nobody else has the volume
mkdir -p "$TMP/mnt"
refused 1 'busy' dmsetup remove B
! mount /dev/mapper/B "$TMP/mnt" 2>/dev/null || fail "the volume could be mounted beside its gate"
! mkfs.ext4 -q /dev/mapper/B 2>/dev/null </dev/null || fail "the volume could be opened exclusively beside its gate"

# ---- no source
for cmd in start pause resume; do
	refused 1 'EINVAL\|ENOTCONN' dmm-nl $cmd $g
done
for cmd in commit reclaim release; do
	refused 1 EINVAL dmm-nl $cmd $g epoch=0
done
refused 1 EINVAL dmm-nl freeze $g epoch=1 timeout_ms=100
refused 1 EOPNOTSUPP dmm-nl attach $g migration=x disk=0 conn_epoch=1 conn_index=0 fd=unix
refused 1 ERANGE dmm-nl gate $g gate=0
refused 1 ERANGE dmm-nl gate $g gate=4
refused 1 ERANGE dmm-nl gate $g gate=reads if_clean
refused 1 EINVAL dmm-nl gate $g gate=open if_clean
refused 1 EINVAL dmm-nl gate $g
refused 1 EINVAL dmm-nl gate $g gate=open epoch=1
refused 1 EPERM dmm-nl --no-cap gate $g gate=open
assert "gate" "$(st G gate)" = shut

# ---- shut: everything fails, and is counted (mutant 123 lets it pass)
journal() { echo "$TMP/G.journal"; }
try() { dmm-load $g --journal "$(journal)" --op "$1" >/dev/null 2>&1; }
all_fail() {
	local op reads writes
	reads=$(st G failed_reads)
	writes=$(st G failed_writes)
	for op in write:0:4096 fua:8192:4096 discard:1M:4096 zeroes:2M:4096 flush; do
		! try $op || fail "$op passes a gate that is $1"
	done
	assert "writes that failed" "$(st G failed_writes)" -ge $((writes + 5))
	if [ "$1" = shut ]; then
		! dd if=$g of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "a read passes"
		assert "reads that failed" "$(st G failed_reads)" -gt "$reads"
	else
		assert "reads that failed" "$(st G failed_reads)" = "$reads"
	fi
}
md5sum <"$(raw_of B)" >"$TMP/before.md5"
all_fail shut
! mount -o ro $g "$TMP/mnt" 2>/dev/null || fail "mounted through a gate that is shut"

# ---- who has it open sees each change at once
exec 7<$g
reads() { dd of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null <&7; }
! reads || fail "a read passes"
dmm-nl gate $g gate=reads
assert "gate" "$(st G gate)" = reads
reads || fail "a read does not pass at READS"
all_fail reads
cmp -n 4194304 $g "$(raw_of B)" || fail "what is read through the gate is not the volume"
dmm-nl gate $g gate=reads || fail "READS again"
dmm-nl gate $g gate=shut
! reads || fail "a read passes again"
all_fail shut
assert "the volume is untouched" "$(md5sum <"$(raw_of B)")" = "$(cat "$TMP/before.md5")"
dmm-nl gate $g gate=open
reads || fail "a read does not pass an open gate"
refused 1 EINVAL dmm-nl gate $g gate=reads
failed=$(nl G failed_writes)
fill G
for op in write:0:4096 fua:8192:4096 discard:1M:4096 zeroes:2M:4096 flush; do
	try $op || fail "$op does not pass an open gate"
done
assert "writes that failed while it was open" "$(nl G failed_writes)" = "$failed"
exec 7<&-

# ---- opening and shutting without an end, and a table loaded anew is shut
for _ in 1 2 3 4 5 6 7 8 9 10; do
	dmm-nl gate $g gate=shut
	dmm-nl gate $g gate=open
done
dm_replace G "$(gate_table)"
assert "gate of a table that was loaded anew" "$(st G gate)" = shut
all_fail shut
refused 1 '' rmmod dm-migrate
dm_replace G "$(gate_table 64)"
assert "gate of another table" "$(st G gate)" = shut
# smaller and larger: as any table
dm_replace G "0 8192 migrate /dev/mapper/B 8 1 gate"
assert "size" "$(blockdev --getsz $g)" = 8192
timeout 5 dmsetup suspend G || fail "suspend"
dmm-nl gate $g gate=open || fail "opened while suspended"
dmsetup resume G
assert "gate after a suspend" "$(st G gate)" = open
dmsetup remove G
rmmod dm-migrate || fail "the module can't be unloaded without users"
modprobe dm-migrate
checker_verdict /dev/mapper/B G
