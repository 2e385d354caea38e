# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will mirror a running guest's disk to the other host while it writes, and cut over there: the guest is destroyed here
# by the stop hook and started there, on the gate, by the start hook.
# timeout: 600
. "$(dirname "$0")/../functions.sh"

disk_sectors=32768
shared_journal
linear a gdisk /dev/vda 0 $disk_sectors
linear b gdisk /dev/vdb 0 $disk_sectors
create_guest a web /dev/mapper/gdisk
guest_config b web /dev/mapper/gweb

must a "dmmigrate start gdisk b:/dev/mapper/gdisk --gate gweb"
LIMIT=240 must a "timeout 200 dmmigrate wait gdisk"
note "mirrored"
guest_goes_on a web

# the hook says at b what is done at a, and the other way round: there is no ssh between them
must b "busybox nc -l -p 5002 -e /tmp/start > /dev/null 2>&1 < /dev/null &"
cat > "$MY/start" <<'EOS'
#!/bin/sh
xl create /etc/xen/web.cfg > /tmp/create.log 2>&1 && echo started
EOS
chmod +x "$MY/start"
put b "$MY/start" /tmp/start
watch_writes
must a "xl pause web"
LIMIT=240 must a "dmmigrate cutover gdisk --timeout 15000 --hook-stop 'xl destroy web' \
	--hook-start 'socat -t 60 - TCP:b:5002 < /dev/null | grep started'" > "$MY/cutover"
cat "$MY/cutover"
note "cut over"
no_guests a || fail "guests at a: $(guests a)"
must_wait_for 180 guest_writes b web
guest_goes_on b web
pause=$(longest_pause)
note "no write for $pause ms"
# it was destroyed, and another one begun: that takes seconds, or it was not
[ "$pause" -ge 1000 ] || fail "the guest did not stand still, is this its disk?"
must b "xl shutdown -w web" > /dev/null
guest_log b web | says 'the load has ended with exit status 0' || { guest_log b web | tail; fail "the guest's load"; }
judge b /dev/mapper/gweb
# the source is given up: nobody gets at it by its name, and what lies beneath lacks what was written since
must a "! dd if=/dev/mapper/gdisk of=/dev/null bs=4096 count=1 iflag=direct 2> /dev/null"
if (judge a /dev/vda > "$MY/old" 2>&1); then
	fail "the old copy has what the guest has written at b"
fi
grep -qE 'FAULTY.* (stale|lost) ' "$MY/old" || { cat "$MY/old"; fail "the old copy was not judged"; }
