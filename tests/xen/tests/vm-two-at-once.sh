# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move two guests at the same time between the same hosts, by two dmmigrate vm that know nothing of each other.
# long
# timeout: 900
# expect-log: disconnected: the connection broke
. "$(dirname "$0")/../functions.sh"

# db, beside web, with what guest_to_move has of that
linear a djournal /dev/vdd $JOURNAL_SECTORS $JOURNAL_SECTORS
linear b djournal /dev/vdd $JOURNAL_SECTORS $JOURNAL_SECTORS
linear a ddisk /dev/vda 32768 32768
linear b ddest /dev/vdb 32768 32768
guest_to_move
guest_config a db /dev/mapper/ddisk
sed -i 's|/dev/mapper/gjournal|/dev/mapper/djournal|' "$MY/db.cfg"
put a "$MY/db.cfg" /etc/xen/db.cfg
must a "xl -f create /etc/xen/db.cfg" > /dev/null
must_wait_for 180 guest_writes a db

rc=0
LIMIT=400 on a "$VM" > "$MY/web" 2>&1 &
web=$!
other=${VM/vm web/vm db}
LIMIT=400 on a "${other/gdest/ddest}" > "$MY/db" 2>&1 &
db=$!
wait $web || rc=$?
wait $db || rc=$?
cat "$MY/web" "$MY/db"
[ $rc = 0 ] || fail "dmmigrate vm: exit status $rc"
no_guests a || fail "guests at a: $(guests a)"
for name in web db; do
	[[ $'\n'$(guests b) == *$'\n'"$name "* ]] || fail "guests at b: $(guests b)"
	guest_goes_on b $name
	must b "xl shutdown -w $name" > /dev/null
	guest_log b $name | says 'the load has ended with exit status 0' || { guest_log b $name | tail; fail "the load of $name"; }
done
judge b /dev/mapper/gdisk.dmm --forbid-pending
must b "dmsetup suspend gjournal && dmsetup load gjournal --table '0 $JOURNAL_SECTORS linear /dev/vdd $JOURNAL_SECTORS' && dmsetup resume gjournal"
judge b /dev/mapper/ddisk.dmm --forbid-pending
must a "dmmigrate clean --yes gdisk && dmmigrate clean --yes ddisk" > /dev/null
