# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a running guest's disks, one of them with a mounted filesystem that is in use, from logical volumes to those of another
# volume group of the same host: it notices nothing, and reboots on the new ones; and its host loses its power before the move and after
# it: its configuration then has the data that is right, or is refused, and never has the old disk silently.
# long
# timeout: 1500
. "$(dirname "$0")/../functions.sh"

# LVM's own activation, at boot
cat > "$MY/disks" <<'EOS'
mkdir -p /run/lock/lvm
lvm vgchange -aay vga vgb
dmsetup create gjournal --table '0 8192 linear /dev/vdd 0'
cp -a /var/lib/dmmigrate/xen/. /etc/xen/
EOS
make_vg()
{
	must a "lvm pvcreate /dev/$2 && lvm vgcreate $1 /dev/$2 && lvm lvcreate -n web -L 16M -Wn -Zn $1 &&
		lvm lvcreate -n data -L 8M -Wn -Zn $1" > /dev/null
}
must a "mkdir /var/lib/dmmigrate/xen"
make_vg vga vda
make_vg vgb vdb
linear a gjournal /dev/vdd 0 $JOURNAL_SECTORS
put a "$MY/disks" /var/lib/dmmigrate/disks

# power_cut: of the host, whose /etc/xen is no file of memory only
power_cut()
{
	must a "cp -a /etc/xen/web.cfg* /var/lib/dmmigrate/xen/ && sync"
	reset_host a || fail "the host does not boot again"
	note "the host has lost its power"
}
active() { on a "dmsetup info vga-web > /dev/null 2>&1"; }
# lives: of the guest since the host's boot; writes_again LIVES: it has begun once more than that, and writes
lives() { guest_log a web | grep -c '^guest: up' || true; }
writes_again()
{
	guest_log a web | awk -v before="$1" '/^guest: up/ { lives++; n = 0 } /^load: / { n = $2 } END { exit !(lives > before && n > 0) }'
}
# begins: the guest, by the configuration that there is
begins()
{
	local before

	before=$(lives)
	must a "xl -f create /etc/xen/web.cfg" > /dev/null
	must_wait_for 180 writes_again "$before"
}
# refused FILE: the guest does not begin by it
refused()
{
	if on a "xl -f create $1" > "$MY/create" 2>&1; then
		fail "it begins by $1"
	fi
	grep -q '/dev/vga/web' "$MY/create" || { cat "$MY/create"; fail "another reason"; }
	must_wait_for 60 no_guests a
}
names() { on a "grep -o '/dev/vg./[a-z]*' /etc/xen/web.cfg | xargs echo"; }
# fs_count: of files that it has written in the life that it has now
fs_count() { guest_log a web | awk '/^guest: up/ { n = 0 } /^fs: .* written/ { n = $2 } END { print n + 0 }'; }
fs_beyond() { [ "$(fs_count)" -gt "$1" ]; }
# all_goes_on: both disks
all_goes_on()
{
	local files

	files=$(fs_count)
	guest_goes_on a web
	must_wait_for 60 fs_beyond "$files"
	! guest_log a web | grep 'fs: WRONG' || fail "its filesystem"
}
# shut_down: in order, and nothing was wrong with either disk
shut_down()
{
	must a "xl shutdown -w web" > /dev/null
	guest_log a web | tail -n 8 | says 'the load has ended with exit status 0' || { guest_log a web | tail; fail "the guest's load"; }
	guest_log a web | tail -n 8 | says 'its filesystem has ended with exit status 0' || { guest_log a web | tail; fail "its filesystem"; }
}
move() { LIMIT=300 must a "timeout 280 dmmigrate vdi vga-$1 --to /dev/vgb/$1 --yes" | tee "$MY/vdi"; }

must a "mkfs.ext4 -q /dev/vga/data"
guest_config a web /dev/vga/web
sed -i -e 's|,xvdb,w" \]|,xvdb,w", "phy:/dev/vga/data,xvdc,w" ]|' -e 's|panic=-1|& fs=xvdc|' -e 's|initrd"|initrd-fs"|' \
	-e 's|memory = 96|memory = 128|' "$MY/web.cfg"
for word in xvdc,w fs=xvdc initrd-fs 'memory = 128'; do
	grep -q "$word" "$MY/web.cfg" || fail "no $word in its configuration"
done
put a "$MY/web.cfg" /etc/xen/web.cfg
begins
must_wait_for 60 fs_beyond 0

note "before the swap"
LIMIT=300 on a "DMM_TOOL_STOP_AT=new-table-loaded dmmigrate vdi vga-web --to /dev/vgb/web" > "$MY/vdi" 2>&1 && fail "vdi was not killed"
all_goes_on
on a "dmmigrate list" | tee "$MY/list"
power_cut
! active || fail "the old volume is activated with its mark"
[ "$(names)" = '/dev/vga/web /dev/vga/data' ] || fail "the configuration names $(names)"
refused /etc/xen/web.cfg
must a "dmmigrate cancel vga-web"
active || fail "the old volume is not activated"
begins
note "it goes on at the old one, after cancel"

note "it moves"
move web
move data
all_goes_on
[ "$(names)" = '/dev/vgb/web /dev/vgb/data' ] || fail "the configuration names $(names)"
for name in web data; do
	must a "dmsetup table vga-$name | grep \" linear \$(stat -L -c %Hr:%Lr /dev/vgb/$name) 0\""
done
before=$(lives)
must a "xl reboot web"
must_wait_for 180 writes_again "$before"
all_goes_on
guest_log a web | grep '^fs: mounted' | tail -n 1 | grep -qv ' 0 files' || fail "its files are not there after it has rebooted"
note "it has rebooted, on the new ones"
shut_down
begins
note "and begins, by its configuration"

note "after the swap"
power_cut
! active || fail "the old volume is activated after the move"
kept=$(on a "grep -l /dev/vga/web /etc/xen/web.cfg.before-dmmigrate-*")
refused "$kept"
begins
all_goes_on
shut_down
judge a /dev/vgb/web
must a "e2fsck -fn /dev/vgb/data" > /dev/null
# dmmigrate has its own word on it
on a "dmmigrate list" | tee "$MY/list"
ids=$(on a "ls /var/lib/dmmigrate/vdi" | sed 's/\.json//')
[ "$(wc -l <<< "$ids")" = 2 ] || fail "records of vdi: $ids"
for id in $ids; do
	must a "dmmigrate release $id"
done
old=$(on a "lvm lvs --noheadings -o lv_name vga" | tr -d ' ' | grep '^web' || true)
[[ "$old" =~ ^web\.moved-[0-9a-f]{8}$ && $'\n'"$ids" == *$'\n'"${old#web.moved-}"* ]] || fail "the old volume is called $old"
must a "lvm lvchange -ay -K vga/$old" > /dev/null
if (judge a "/dev/vga/$old" > "$MY/old" 2>&1); then
	fail "the old volume has what the guest has written since"
fi
grep -qE 'FAULTY.* (stale|lost) ' "$MY/old" || { cat "$MY/old"; fail "the old volume was not judged"; }
must a "lvm vgchange -an vga vgb && rm -rf /dev/vga /dev/vgb" > /dev/null
