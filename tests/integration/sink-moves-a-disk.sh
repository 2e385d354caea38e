# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a disk to another one of the same host under a load that goes on all the
# time: copied by the kernel, without a socket, frozen, committed, and the table swapped for one over the new
# disk, which is then what the guest was told; the old one is never written again.  Tables, connections and commands
# that can't be are refused, nobody else gets the sink, and the module stays meanwhile.
# check-kernels: uml
. functions.sh
load_module
requires debug
make_disk A 24
make_disk B 24
make_disk C 16
make_disk D 24 4096
fill A
dev=/dev/mapper/A
sectors=$(sectors_of A)

# ---- tables that can't be ----
dm_create A-origin "$(dmsetup table A)"
cannot() {
	log_mark "$1"
	refused 1 '' dmsetup load A --table "0 $sectors migrate /dev/mapper/A-origin 8 $2"
	must_log "$3" "$1"
}
cannot itself '2 sink /dev/mapper/A-origin' 'the origin device itself'
cannot small '2 sink /dev/mapper/C' 'The sink is smaller'
cannot blocks '2 sink /dev/mapper/D' 'logical block is larger'
cannot none '2 sink /dev/mapper/nowhere' 'Cannot open the sink'
cannot nameless '1 sink' 'Unrecognised feature'
cannot twice '4 sink /dev/mapper/B sink /dev/mapper/B' 'Unrecognised feature'
cannot gate '3 gate sink /dev/mapper/B' 'A gate has no sink'
dmsetup remove A-origin

# ---- commands that can't be ----
attach_raw A
refused 1 EOPNOTSUPP connect_sink A
detach_raw A
attach_sink A B
dmsetup table A | grep -q " 8 2 sink " || fail "the table does not name its sink: $(dmsetup table A)"
refused 1 EINVAL connect_sink A fd=unconnected
refused 1 EINVAL dmm-nl attach $dev "migration=$TEST" disk=0 conn_epoch=1 conn_index=0
refused 1 EOPNOTSUPP dmm-nl attach $dev "migration=$TEST" disk=0 conn_epoch=1 conn_index=0 fd=unconnected
refused 1 ERANGE connect_sink A conns=2
refused 1 ENOTCONN dmm-nl start $dev
connect_sink A
refused 1 EBUSY connect_sink A

# ---- nobody else has it, and the module stays ----
refused 1 '' dmsetup remove B
mkdir "$TMP/mnt"
mount -t ext4 /dev/mapper/B "$TMP/mnt" 2>"$TMP/mount.out" && fail "the sink could be mounted"
grep -qi 'busy' "$TMP/mount.out" || fail "mount: $(cat "$TMP/mount.out")"
refused 1 '' rmmod dm-migrate

# ---- the pace is kept, a pause too ----
start_load A --writers 4 --rate 40 --sizes 512..32K
dmm-nl start $dev rate=4194304
refused 1 '' rmmod dm-migrate
await A 10 "acked_bytes>=4194304"
note_shipped A
usleep $((1500000 * SLOW))
ship_rate A
assert "bytes/s at a rate of 4 MiB/s" "$RATE" -le 5000000
pause_between_extents A
acked=$(nl A acked_bytes)
usleep 300000
assert "acknowledged in a pause" "$(nl A acked_bytes)" = "$acked"
dmm-nl resume $dev
dmm-nl rate $dev rate=0
await A 30 "sweep_blocks>=$((sectors / 8))"
assert "security" "$(nl A security)" = 3

# ---- barriers by the way ----
await A 20 "barrier>=1"

# ---- a freeze that nobody commits leaves the guest where it is ----
dmm-nl freeze $dev epoch=1 timeout_ms="$(freeze_ms 5000)"
await_state A frozen
cmp /dev/mapper/A-origin /dev/mapper/B || fail "frozen, and not the same"
dmm-nl thaw $dev epoch=1
writes=$(nl A writes_completed)
await A 10 "writes_completed>=$((writes + 10))"

# ---- the move: loaded before, so that nothing but the swap is left to do ----
dmsetup load A --table "0 $sectors linear /dev/mapper/B 0"
raw_commit A 2
blockdev --flushbufs "$(raw_of A)"
md5sum <"$(raw_of A)" >"$TMP/old.md5"
dmsetup resume --noflush --nolockfs A
dmsetup table A | grep -q linear || fail "the table is not the new one: $(dmsetup table A)"
usleep 1500000
stop_load
assert "operations of the load" "$(sed -n 's/.*ops=\([0-9]*\).*/\1/p' "$TMP/load-A.log")" -gt 20
one A write:0:4096
assert "the old disk" "$(md5sum <"$(raw_of A)")" = "$(cat "$TMP/old.md5")"
checker_verdict $dev A
checker_verdict /dev/mapper/B A
must_wait_for 5 dmsetup remove A-origin
rmmod dm-migrate || fail "the module can't be unloaded though nothing uses it"
modprobe dm-migrate
