# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a guest, whose disk both hosts have, by `xl migrate` alone: the plain case that ours is measured against.
# timeout: 600
. "$(dirname "$0")/../functions.sh"

disk_sectors=65536
shared_journal
linear a gdisk /dev/vdd $JOURNAL_SECTORS $disk_sectors
linear b gdisk /dev/vdd $JOURNAL_SECTORS $disk_sectors
create_guest a web /dev/mapper/gdisk
guest_goes_on a web

move_plain
must_wait_for 30 no_guests a
[[ "$(guests b)" = 'web '* ]] || fail "guests at b: $(guests b)"
guest_goes_on b web
pause=$(longest_pause)
note "xl migrate took $took s; no write for $pause ms, by the guest's own clock for $(guest_gap b web) ms"
# what is asked for is that both have seen it: the guest stood still while it moved
[ "$pause" -ge 200 ] || fail "nothing stood still, is this the disk?"
[ "$(guest_gap b web)" -ge 200 ] || fail "the guest has not seen its pause"
must b "xl shutdown -w web" > /dev/null
guest_log b web | says 'the load has ended with exit status 0' || { guest_log b web | tail; fail "the guest's load"; }
judge b /dev/mapper/gdisk --forbid-pending
