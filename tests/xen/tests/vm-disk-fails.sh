# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will move a guest with three disks to a host where one of them fails: full in the middle of the copy, a thin pool that has
# no more; and dead when they change hands.  None is handed over, the guest goes on with all three where it is, and one line says why.
# long
# timeout: 1500
# expect-log: disconnected|connection broke|I/O error|thin: .*(reached low water mark|out of data space|switching pool|error_if_no_space)|device-mapper: thin
. "$(dirname "$0")/../functions.sh"

shared_journal
linear a gdisk /dev/vda 0 32768
linear a gdata /dev/vda 32768 8192
linear a glog /dev/vda 40960 8192
linear b gdest /dev/vdb 0 32768
linear b gdata /dev/vdb 32768 8192
guest_config a web /dev/mapper/gdisk
sed -i 's|,xvdb,w" \]|,xvdb,w", "phy:/dev/mapper/gdata,xvdc,w", "phy:/dev/mapper/glog,xvdd,w" ]|' "$MY/web.cfg"
sed -i 's|memory = 96|memory = 128|' "$MY/web.cfg"
grep -q xvdd "$MY/web.cfg" || fail "no third disk"
put a "$MY/web.cfg" /etc/xen/web.cfg
must a "dd if=/dev/urandom of=/dev/mapper/gdata bs=1M count=4 oflag=direct 2> /dev/null"
must a "dd if=/dev/urandom of=/dev/mapper/glog bs=1M count=4 oflag=direct 2> /dev/null"
must a "xl -f create /etc/xen/web.cfg" > /dev/null
must_wait_for 180 guest_writes a web
VM="$VM --map xvdc=/dev/mapper/gdata --map xvdd=/dev/mapper/glog"

# a pool of 2 MiB, for a disk of 4
must b "modprobe dm-thin-pool"
linear b meta /dev/vdb 49152 4096
linear b data /dev/vdb 57344 4096
must b "dmsetup create pool --table '0 4096 thin-pool /dev/mapper/meta /dev/mapper/data 128 0 1 error_if_no_space'"
must b "dmsetup message pool 0 'create_thin 0'"
must b "dmsetup create glog --table '0 8192 thin /dev/mapper/pool 0'"

LIMIT=400 on a "$VM; echo \"exit \$?\"" > "$MY/vm" 2>&1
cat "$MY/vm"
grep -q '^exit [1-9]' "$MY/vm" || fail "it has moved to a disk that is full"
grep -q 'the source owns the data' "$MY/vm" || fail "dmmigrate vm does not say whose the data are"
grep -q 'glog is failed (destination is full)\|failed at the receiver: .*destination is full.*glog' "$MY/vm" ||
	fail "dmmigrate vm does not say that the disk there is full"
guest_stays
must b "dmmigrate list" > "$MY/list"
! grep -qE 'owned|running' "$MY/list" || { cat "$MY/list"; fail "handed over"; }
note "a full disk there: the guest goes on"

# another disk in its place, which dies when the guest is suspended, and has something to take then
must a "dmmigrate cancel gdisk"
must_wait_for 60 on b "! dmsetup ls | grep -q dmm"
must b "dmsetup remove glog && dmsetup remove pool && dmsetup remove data && dmsetup remove meta"
linear b glog /dev/vdb 57344 8192
vm_held stopped
must b "dmsetup suspend --noflush glog && dmsetup load glog --table '0 8192 error' && dmsetup resume glog"
must a "dd if=/dev/urandom of=/dev/mapper/glog bs=64K count=1 oflag=direct 2> /dev/null"
vm_goes_on
vm_ends 8 'aborted: ' 'the source owns the data'
guest_stays
must b "dmmigrate list" > "$MY/list"
! grep -qE 'owned|running' "$MY/list" || { cat "$MY/list"; fail "handed over"; }
note "a dead disk there when they change hands: the guest goes on"

# all three go, with what is on them
must a "dmmigrate cancel gdisk"
must_wait_for 60 on b "! dmsetup ls | grep -q dmm"
must b "dmsetup suspend --noflush glog; dmsetup load glog --table '0 8192 linear /dev/vdb 57344' && dmsetup resume glog"
LIMIT=400 must a "$VM --yes" > "$MY/vm"
cat "$MY/vm"
guest_has_moved
judge_moved
for name in data log; do
	sums=$( { must a "dd if=/dev/vda bs=512 skip=$([ $name = data ] && echo 32768 || echo 40960) count=8192 iflag=direct 2> /dev/null | md5sum"
		must b "dd if=/dev/mapper/g$name bs=1M iflag=direct 2> /dev/null | md5sum"; } | sort -u)
	[ "$(wc -l <<< "$sums")" = 1 ] || fail "g$name differs: $sums"
done
must a "dmmigrate clean --yes gdisk" > /dev/null
