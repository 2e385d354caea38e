# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will offer destinations and sources that must be refused, and see for
# each one line that says why, the right exit code, and nothing changed: signed without
# --yes, mounted, open, too small, not on the allow-list, the source itself; wrong
# hosts, names and sizes.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated mkfs.ext4
load_module
two_hosts
make_disk A 16
make_disk B 16
make_disk small 8
make_disk signed 16
mkfs.ext4 -q /dev/mapper/signed
fill A
start_receiver
remember_devices
md5sum <"$(raw_of signed)" >"$TMP/signed.md5"

# no STATUS TEXT DEST [SOURCE] [options]: refused in one line, nothing changed
no() {
	local status=$1 text=$2 dest=$3 source=${4:-A}
	shift 3
	[ $# = 0 ] || shift
	refused "$status" "$text" dmmigrate start "$@" "$source" "$dest"
	restored "$dest"
}

no 3 'ext4' "$ADDR_B:/dev/mapper/signed"
assert "the signed destination" "$(md5sum <"$(raw_of signed)")" = "$(cat "$TMP/signed.md5")"
no 3 'small' "$ADDR_B:/dev/mapper/small"
no 3 'allow' "$ADDR_B:$(raw_of B)"
no 3 '' "$ADDR_B:/dev/mapper/nowhere"
no 3 '' "$ADDR_B:/dev/mapper/../mapper/B"
no 3 '' "$ADDR_B:/dev/mapper/A" A
no 3 '' "$ADDR_B:/dev/mapper/A-low" A
no 2 '' "$ADDR_B"
no 2 '' "$ADDR_B:relative/path"
no 2 '' "$ADDR_B:0:/dev/mapper/B"
no 2 '' "$ADDR_B:99999:/dev/mapper/B"
no 2 '' ":/dev/mapper/B"
no 4 '' "$ADDR_B:7791:/dev/mapper/B"
no 4 '' "no.such.host.invalid:/dev/mapper/B"
no 3 '' "$ADDR_B:/dev/mapper/B" nowhere
no 3 '' "$ADDR_B:/dev/mapper/B" "$(raw_of A)"
no 2 '' "$ADDR_B:/dev/mapper/B" A --block-size 5000
no 2 '' "$ADDR_B:/dev/mapper/B" A --block-size 2K
no 2 '' "$ADDR_B:/dev/mapper/B" A --bandwidth fast
no 2 '' "$ADDR_B:/dev/mapper/B" A --no-such-option

# mounted and open destinations, even with --yes
mkdir "$TMP/mnt"
mount /dev/mapper/signed "$TMP/mnt"
no 3 'mounted\|in use' "$ADDR_B:/dev/mapper/signed" A --yes
umount "$TMP/mnt"
dm_create holder "0 $(sectors_of B) linear /dev/mapper/B 0"
remember_devices
no 3 'in use\|open' "$ADDR_B:/dev/mapper/B" A --yes
dmsetup remove holder
remember_devices

# tables that can't be swapped
requires target:snapshot
dm_create snap-origin "0 $(sectors_of small) snapshot-origin /dev/mapper/small"
remember_devices
no 3 'snapshot' "$ADDR_B:/dev/mapper/B" snap-origin
dmsetup remove snap-origin
dmsetup suspend small
remember_devices
no 3 'suspended' "$ADDR_B:/dev/mapper/B" small
dmsetup resume small
remember_devices
# a dry run changes nothing and says what would be done
dmmigrate start --dry-run A "$ADDR_B:/dev/mapper/B" >"$TMP/dry.out" || fail "dry run: exit $?"
grep -q 'migrate' "$TMP/dry.out" || fail "the dry run shows no table: $(cat "$TMP/dry.out")"
restored "dry run"

# confirmed, it is overwritten
dmmigrate start --yes A "$ADDR_B:/dev/mapper/signed" >/dev/null || fail "start --yes: exit $?"
# the same again is the same migration, another destination is refused
dmmigrate start --yes A "$ADDR_B:/dev/mapper/signed" >"$TMP/again.out" || fail "start again: exit $?"
grep -q already "$TMP/again.out" || fail "start again said: $(cat "$TMP/again.out")"
refused 3 'already' dmmigrate start A "$ADDR_B:/dev/mapper/B"
await A 20 "sweep_blocks>=4096"
dmmigrate cutover A >"$TMP/cutover.out" 2>&1 || fail "cutover: $(cat "$TMP/cutover.out")"
checker_verdict /dev/mapper/signed A
dmmigrate clean --yes A >/dev/null
