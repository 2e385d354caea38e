# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a running guest that writes all the time, with its disk and its memory, to the other host: dmmigrate vm.  It
# goes on there as if nothing had been, the judge finds every sector of its disk right, and the old copy is nobody's to use.
# timeout: 400
. "$(dirname "$0")/../functions.sh"

guest_to_move

watch_writes
move_guest
[ "$(on b "dmmigrate device /dev/mapper/gdest")" = /dev/mapper/gdisk.dmm ] || fail "no gate above the disk at b"
note "no write for $(longest_pause) ms; by the guest's own clock $(guest_gap b web) ms"
judge_moved
must a "! dd if=/dev/mapper/gdisk of=/dev/null bs=4096 count=1 iflag=direct 2> /dev/null"

# it is begun there by the configuration that was made for there
must a "cat /run/dmmigrate/vm-web.cfg" > "$MY/web.cfg"
put b "$MY/web.cfg" /etc/xen/web.cfg
must b "xl -f create /etc/xen/web.cfg" > /dev/null
must_wait_for 120 guest_writes b web
must b "xl destroy web"
must a "dmmigrate clean --yes gdisk" > /dev/null
