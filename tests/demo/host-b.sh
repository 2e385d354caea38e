# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Host b of the demo: the destination, and the judge of what host a's workload
# was promised.
set -eu
die() {
	report "FAILED: $*"
	exit 1
}

modprobe ext4
modprobe dm-migrate
data=32768
root=$(($(blockdev --getsz /dev/vda) - data))
dmsetup create web01 --table "0 $root linear /dev/vda 0"
dmsetup create web01-data --table "0 $data linear /dev/vda $root"
report "# dmmigrated --listen 10.77.0.2 --allow '/dev/mapper/web01*'"
dmmigrated --foreground --listen 10.77.0.2 --allow '/dev/mapper/web01*' >/run/dmmigrated.log 2>&1 &

n=0
until wget -q -O /run/promised.tar.gz http://a:8080/promised.tar.gz; do
	[ $n -lt 280 ] || die "host a did not come to its end: $(tail -n 2 /run/dmmigrated.log)"
	n=$((n + 1))
	sleep 1
done
tar -C /run -xz -f /run/promised.tar.gz
mkdir /run/www
echo taken >/run/www/taken
busybox httpd -p 10.77.0.2:8080 -h /run/www

e2fsck -fn /dev/mapper/web01.dmm >/run/fsck.log 2>&1 || die "e2fsck: $(tail -n 3 /run/fsck.log)"
mkdir -p /mnt
mount -t ext4 /dev/mapper/web01.dmm /mnt
report "the filesystem is clean and mounted here"
dmm-check /mnt/database --journal /run/promised/a.journal --forbid-pending >/run/check.log 2>&1 ||
	die "the database: $(tail -n 3 /run/check.log)"
report "database: $(tail -n 1 /run/check.log)"
dmm-check /dev/mapper/web01-data.dmm --journal /run/promised/data.journal --forbid-pending >/run/check.log 2>&1 ||
	die "the second disk: $(tail -n 3 /run/check.log)"
report "second disk: $(tail -n 1 /run/check.log)"
acknowledged=$(cat /run/promised/records.acknowledged)
n=0
while read -r word number; do
	n=$((n + 1))
	{ [ "$word" = record ] && [ "$number" = $n ]; } || die "record $n of the log reads '$word $number'"
done </mnt/records
[ $n -ge "$acknowledged" ] || die "$acknowledged records were synced, $n are there"
report "log: all $acknowledged synced records are there"

sh /files/workload.sh start /mnt /run/b.journal
sleep 3
sh /files/workload.sh stop
[ "$(cat /run/records.acknowledged)" -gt $n ] || die "the log does not go on"
dmm-check /mnt/database --journal /run/promised/a.journal --journal /run/b.journal >/run/check.log 2>&1 ||
	die "the database after going on: $(tail -n 3 /run/check.log)"
umount /mnt
e2fsck -fn /dev/mapper/web01.dmm >/run/fsck.log 2>&1 || die "e2fsck: $(tail -n 3 /run/fsck.log)"
report "the workload went on here: $(($(cat /run/records.acknowledged) - n)) more records, $(tail -n 1 /run/check.log)"
report "result workload=yes"
