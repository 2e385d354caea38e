# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will give the constructor every kind of wrong table and see each
# refused with a text that says what is wrong, the device left as it was.
# check-kernels: 6.1
. functions.sh
requires dmsetup
load_module
make_disk A 8
sectors=$(sectors_of A-low)
dm_create probe "0 $sectors linear /dev/mapper/A-low 0"

n=0
# bad TEXT TABLE
bad() {
	n=$((n + 1))
	log_mark $n
	if dmsetup load probe --table "$2" 2>/dev/null; then
		fail "accepted: $2"
	fi
	must_log "migrate: $1" $n
}

bad 'Expected <origin device>' "0 $sectors migrate"
bad 'Expected <origin device>' "0 $sectors migrate /dev/mapper/A-low"
bad 'Cannot open the origin device' "0 $sectors migrate /dev/mapper/nowhere 8"
bad 'Cannot open the origin device' "0 $sectors migrate 259:999 8"
bad 'Invalid block size: expected a number' "0 $sectors migrate /dev/mapper/A-low eight"
bad 'Invalid block size: expected a number' "0 $sectors migrate /dev/mapper/A-low 4294967304"
bad 'Invalid block size: expected a number' "0 $sectors migrate /dev/mapper/A-low -8"
for size in 0 1 4 7 12 24 4096; do
	bad 'Invalid block size: a power of two from 8 to 2048' "0 $sectors migrate /dev/mapper/A-low $size"
done
bad 'Invalid number of feature' "0 $sectors migrate /dev/mapper/A-low 8 1"
bad 'Invalid number of feature' "0 $sectors migrate /dev/mapper/A-low 8 some"
bad 'Invalid number of feature' "0 $sectors migrate /dev/mapper/A-low 8 0 trailing"
bad 'Unrecognised feature' "0 $sectors migrate /dev/mapper/A-low 8 1 mirror"
bad 'Origin device is smaller' "0 $((sectors + 8)) migrate /dev/mapper/A-low 8"

# one target covers the whole device: a dev_t names one migration
log_mark singleton
if dmsetup load probe --table "0 1024 migrate /dev/mapper/A-low 8
1024 1024 migrate /dev/mapper/A-low 8" 2>/dev/null; then
	fail "two migrate targets in one table were accepted"
fi
must_log 'must appear alone in table' singleton

# a zoned origin
zoned=$(raw_disk zoned 64 512 zoned=1 zone_size=4)
cleanup_fn "drop_raw_disk zoned"
log_mark zoned
if dmsetup create over-zoned --table "0 $(blockdev --getsz "$zoned") migrate $zoned 8" 2>/dev/null; then
	dmsetup remove over-zoned
	fail "a zoned origin was accepted"
fi
log_since zoned | grep -q 'migrate: Zoned origin' || fail "no text about the zoned origin"

assert "table after all the refusals" "$(dmsetup table probe | cut -d ' ' -f 3)" = linear
# and what is right is accepted, with and without an empty feature list
for ok in "8" "2048" "8 0"; do
	dmsetup load probe --table "0 $sectors migrate /dev/mapper/A-low $ok" || fail "refused: $ok"
	dmsetup clear probe
done
say "$n wrong tables refused"
