# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a running guest that writes all the time, with its disk and its memory, to the other host: dmmigrate vm.  It
# goes on there as if nothing had been, its flushes reach the disk, the judge finds every sector of that right, and the old copy is
# nobody's to use.  Its configuration is there, too: xl create begins it with the disk that has moved, and so does that host when it
# boots, but not the old one; also after dmmigrate release.
# timeout: 500
. "$(dirname "$0")/../functions.sh"

guest_to_move --rate 8
must a "mkdir -p /etc/xen/auto && ln -s /etc/xen/web.cfg /etc/xen/auto/10-web"
# another one of that name was there some time
must b "echo '# old' > /etc/xen/web.cfg"

on a "$VM --dry-run" > "$MY/dry" 2>&1 || { cat "$MY/dry"; fail "a dry run"; }
grep -q 'configuration of web is to be /etc/xen/web.cfg at b' "$MY/dry" || { cat "$MY/dry"; fail "a dry run does not say where"; }
grep -q 'with this one no more: /etc/xen/auto/10-web goes' "$MY/dry" || fail "a dry run does not say what begins it"
[ "$(on b "cat /etc/xen/web.cfg; ls -A /etc/xen/auto; ls /var/lib/dmmigrate/destination 2> /dev/null")" = '# old' ] || fail "a dry run changes host b"

watch_writes
move_guest
# its flushes go through blkback and the gate to the disk
flushes() { on b "awk '{ print \$16 }' /sys/block/vdb/stat"; }
flushed() { [ "$(flushes)" -gt "$before" ]; }
before=$(flushes)
must_wait_for 60 flushed
[ "$(on b "dmmigrate device /dev/mapper/gdest")" = /dev/mapper/gdisk.dmm ] || fail "no gate above the disk at b"
note "no write for $(longest_pause) ms; by the guest's own clock $(guest_gap b web) ms"
grep -q 'xvdb (/dev/mapper/gjournal) stays where it is: whether it is the same disk on b:7790 nobody can know' "$MY/vm" ||
	fail "the tool does not say that it cannot know whether a disk is shared"
grep -q 'web runs at b.  Its configuration there is /etc/xen/web.cfg, and the one that was there /etc/xen/web.cfg.before' "$MY/vm" ||
	fail "the tool does not say where the configuration is"
must b "[ \"\$(cat /etc/xen/web.cfg.before-dmmigrate-*)\" = '# old' ]"
must a "[ -z \"\$(ls /etc/xen/auto)\" ] && grep -q mapper/gdisk, /etc/xen/web.cfg && [ ! -e /run/dmmigrate/vm-web.cfg ]"
must b "dmmigrate recover" > "$MY/recover"
! grep -q configuration "$MY/recover" || fail "recover: $(cat "$MY/recover")"
judge_moved
must a "! dd if=/dev/mapper/gdisk of=/dev/null bs=4096 count=1 iflag=direct 2> /dev/null"

must a "dmmigrate clean --yes gdisk" > /dev/null
must b "dmmigrate release \$(ls /var/lib/dmmigrate/destination)" > /dev/null
# by what xendomains would begin when host b boots (before the release: vm-host-reset, vm-to-sr)
begins_there /etc/xen/auto/web.cfg
