# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have `dmmigrate doctor` look at real devices, a loaded module, two daemons and what a migration left, and see each
# disk of a VM, by an xl that says where they are, judged by its table; nothing of it changed.
# check-kernels: 6.12
. functions.sh
requires ip dmmigrate dmmigrated target:snapshot
load_module
two_hosts
make_disk A 8
make_disk B 8
make_disk C 8
raw=$(raw_of C)
sectors=$(sectors_of C-low)
dm_create broken "0 $sectors snapshot-origin /dev/mapper/C-low"
remember_devices
truncate -s 3M "$TMP/image.raw"

# the VM: what can move; what is no dm device; what no table can be swapped of; a file; an empty drive
mkdir "$TMP/bin"
cat >"$TMP/bin/xl" <<END
#!/bin/sh
case "\$*" in
info)
	echo "xen_version            : 4.17.7"
	echo "total_memory           : 512"
	echo "free_memory            : 256"
	;;
'list -l')
	disk='"format": "raw", "readwrite": 1}'
	cat <<-JSON
	[{"domid": 3, "config": {"c_info": {"type": "pvh", "name": "web01"},
	  "b_info": {"max_vcpus": 1, "max_memkb": 65536, "target_memkb": 65536},
	  "disks": [{"vdev": "xvda", "pdev_path": "/dev/mapper/A", \$disk,
	            {"vdev": "xvdb", "pdev_path": "$raw", \$disk,
	            {"vdev": "xvdc", "pdev_path": "/dev/mapper/broken", \$disk,
	            {"vdev": "xvdd", "pdev_path": "$TMP/image.raw", \$disk,
	            {"vdev": "xvde", "format": "empty", "is_cdrom": 1}]}}]
	JSON
	;;
esac
END
chmod +x "$TMP/bin/xl"
PATH=$TMP/bin:$PATH
start_receiver

# doctor CODE [ARGUMENT...]: its lines are in $TMP/doctor.out
doctor() {
	local code=$1 rc=0
	shift
	dmmigrate doctor "$@" >"$TMP/doctor.out" 2>&1 || rc=$?
	[ $rc = "$code" ] || fail "doctor $*: exit $rc instead of $code: $(cat "$TMP/doctor.out")"
}
# finds LINE: an extended regular expression
finds() { grep -Eq -- "$1" "$TMP/doctor.out" || fail "no '$1' in: $(cat "$TMP/doctor.out")"; }

doctor 0
finds '^OK    here     module +dm-migrate [0-9.]+ is loaded'
finds '^OK    here     netlink '
finds '^OK    here     device-mapper '
finds '^OK    here     daemon '
finds '^OK    here     xen +Xen 4.17.7, 256 of 512 MiB are free'
finds '^OK    here     leftovers '

doctor 0 "$ADDR_B"
finds '^OK    between  reach '
finds '^OK    between  trust '
finds '^OK    between  network .*dmm-b'
finds '^OK    between  allow .*/dev/mapper/\*'
finds '^OK    there    module +dm-migrate [0-9.]+ is loaded'

doctor 3 "$ADDR_B" --domain web01
finds '^OK    domain   disks +xvda \(/dev/mapper/A\) can move, 8 MiB$'
finds "^FAIL  domain   disks +xvdb \($raw\) is a block device of [0-9]+ MiB, but none of device-mapper"
finds "dmsetup create web01-xvdb --table '0 [0-9]+ linear $raw 0'"
finds '^FAIL  domain   disks +xvdc \(/dev/mapper/broken\) cannot be migrated: .*snapshot'
finds '^FAIL  domain   disks +xvdd .*is a file of 3 MiB'
finds '^OK    domain   cdrom '
finds '^OK    between  memory '
restored "nothing but looked at"

# a disk that moves is no leftover, and known for what it is
start_migration --bandwidth 1M
doctor 3 "$ADDR_B" --domain 3
finds '^WARN  domain   disks +xvda \(/dev/mapper/A\) has the migrate target already'
finds '^OK    here     leftovers '
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
restored "cancelled"

# what somebody was interrupted with is
dmsetup create scratch --uuid DMM-canary-of-a-test --table "0 8 error"
doctor 0
finds '^WARN  here     leftovers .*1 leftovers of earlier migrations, the first: scratch device scratch'
finds '^ +-> dmsetup remove scratch$'
dmsetup remove scratch
doctor 0
finds '^OK    here     leftovers '

# the daemon gone
kill_wait() { kill "$1" && must_wait_for 10 sh -c "! kill -0 $1 2>/dev/null"; }
kill_wait "$DAEMON"
doctor 3
finds '^FAIL  here     daemon '
kill_wait "$RECEIVER"
doctor 3 "$ADDR_B"
finds "^FAIL  between  reach .*$ADDR_B"
