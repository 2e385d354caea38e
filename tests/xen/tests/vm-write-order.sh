# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a guest that is a database, too, its log on one disk and its data on another: when the disks are the other host's,
# and after that, there is no data write without its log write.  It goes by a storage network, as --network has it.
# long
# timeout: 900
. "$(dirname "$0")/../functions.sh"

shared_journal
linear a gdisk /dev/vda 0 32768
linear a glog /dev/vda 32768 8192
linear a gdata /dev/vda 40960 8192
linear b gdest /dev/vdb 0 32768
linear b glog /dev/vdb 32768 8192
linear b gdata /dev/vdb 40960 8192
guest_config a web /dev/mapper/gdisk
sed -i -e 's|,xvdb,w" \]|,xvdb,w", "phy:/dev/mapper/glog,xvdc,w", "phy:/dev/mapper/gdata,xvdd,w" ]|' -e 's|panic=-1|& order=100|' "$MY/web.cfg"
# four disks' rings and pages do not fit beside the load otherwise
sed -i 's|memory = 96|memory = 128|' "$MY/web.cfg"
grep -q "order=100.*" "$MY/web.cfg" || fail "no database"
grep -q xvdd "$MY/web.cfg" || fail "no disks for it"
put a "$MY/web.cfg" /etc/xen/web.cfg
must a "xl -f create /etc/xen/web.cfg" > /dev/null
must_wait_for 180 guest_writes a web
# by the network of the disks, in which b has the address that the file of trusted peers knows
VM="$VM --map xvdc=/dev/mapper/glog --map xvdd=/dev/mapper/gdata --network 10.9.0.0/24"

# in_order: by both disks at b, as they are now; $writes: so many
in_order()
{
	must b "dmm-order judge /dev/mapper/glog /dev/mapper/gdata" > "$MY/order"
	writes=$(sed -n 's/^order: OK: \([0-9]*\) .*/\1/p' "$MY/order")
	note "$(cat "$MY/order")"
}

vm_held finished
in_order
# tool and daemon go on by that
must a "dmmigrate list | grep -q '^gdisk .* 10.9.0.2:/dev/mapper/gdest' && grep -rq '\"10.9.0.2\"' /var/lib/dmmigrate/source"
before=$writes
# the moment of here is the same
[ "$(must a "dd if=/dev/vda bs=1M skip=16 count=8 iflag=direct 2> /dev/null | md5sum")" = \
	"$(must b "dd if=/dev/vdb bs=1M skip=16 count=8 iflag=direct 2> /dev/null | md5sum")" ] || fail "the disks of here and there differ"
vm_goes_on
vm_ends 0 'web runs at b'
guest_has_moved
must b "xl shutdown -w web" > /dev/null
in_order
[ "$writes" -gt "$before" ] || fail "the database does not go on at b"
guest_log b web | grep '^order:' && fail "the database has met an error"
judge b /dev/mapper/gdisk.dmm
must a "dmmigrate clean --yes gdisk" > /dev/null
