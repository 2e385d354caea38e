# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will see both hosts up, module and daemon there, and a disk that is copied from one to the other and given back.
# timeout: 240
. "$(dirname "$0")/../functions.sh"

for host in a b; do
	must $host "xl list | grep -q '^Domain-0 '"
	must $host "grep -q '^dm_migrate ' /proc/modules && dmsetup targets | grep '^migrate'"
	must $host "grep 'listening on' /var/log/dmmigrated.log"
done
must a "ping -c 1 -W 5 b > /dev/null"

linear a gdisk /dev/vda 0 16384
linear b gdisk /dev/vda 0 16384
must a "dd if=/dev/urandom of=/dev/mapper/gdisk bs=1M count=8 oflag=direct 2> /dev/null"
must a "dmmigrate start gdisk b:/dev/mapper/gdisk"
must a "timeout 60 dmmigrate wait gdisk"
sums=$(for host in a b; do must $host "dd if=/dev/vda bs=1M count=8 iflag=direct 2> /dev/null | md5sum"; done | sort -u)
[ "$(wc -l <<< "$sums")" = 1 ] || fail "the disks differ after the copy: $sums"
must a "dmmigrate cancel gdisk"
must a "[ \"\$(dmsetup table gdisk)\" = '0 16384 linear 254:0 0' ] || { dmsetup table gdisk; exit 1; }"
must b "[ \"\$(dmsetup table gdisk)\" = '0 16384 linear 254:0 0' ] || { dmsetup table gdisk; exit 1; }"
# and neither knows of a migration any more
for host in a b; do
	must $host "[ -z \"\$(ls /var/lib/dmmigrate/source /var/lib/dmmigrate/destination 2> /dev/null | grep -v :)\" ]"
done
