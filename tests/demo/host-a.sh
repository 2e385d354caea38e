# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Host a of the demo: the source.  Each claim is checked here or on host b; a
# script that ends early fails the demo.
set -eu
die() {
	report "FAILED: $*"
	exit 1
}
counter() { dmm-nl get /dev/mapper/web01 | sed -n "s/^$1=//p"; }

modprobe ext4
modprobe dm-migrate
dmmigrated --foreground >/run/dmmigrated.log 2>&1 &
data=32768	# sectors of its second disk
root=$(($(blockdev --getsz /dev/vda) - data))
dmsetup create web01 --table "0 $root linear /dev/vda 0"
dmsetup create web01-data --table "0 $data linear /dev/vda $root"
mkfs.ext4 -q -F /dev/mapper/web01
mkdir -p /mnt
mount -t ext4 /dev/mapper/web01 /mnt
report "disks of the virtual machine: web01, $(dmsetup table web01); web01-data, $(dmsetup table web01-data)"

truncate -s 64M /mnt/database
dmm-load /mnt/database --journal /run/a.journal --journal-ops 200000 --fill >/dev/null || die "filling the database"
sh /files/workload.sh start /mnt /run/a.journal
dmm-load /dev/mapper/web01-data --journal /run/data.journal --fill >/dev/null || die "filling the second disk"
sh /files/workload.sh write /dev/mapper/web01-data /run/data.journal
report "ext4 is mounted; a database is being overwritten, a log of records grows; the second disk is written to directly"

report "# dmmigrate start --bandwidth 12M web01 b:/dev/mapper/web01 web01-data b:/dev/mapper/web01-data"
n=0
while :; do
	out=$(dmmigrate start --bandwidth 12M web01 b:/dev/mapper/web01 web01-data b:/dev/mapper/web01-data 2>&1 </dev/null) && break
	# host b may not be up yet
	[ $n -lt 60 ] || die "start: $out"
	n=$((n + 1))
	sleep 1
done
report "$out"
report "its table now: $(dmsetup table web01)"

report "# dmmigrate watch web01"
dmmigrate watch web01 --interval 2s 2>&1 | while read -r line; do report "$line"; done &
timeout 120 dmmigrate wait web01 >/dev/null || die "it does not converge"
# the guest has rewritten a quarter of what had been shipped, and the copy still runs
total=$(($(counter size_bytes) / $(counter block_bytes)))
n=0
while [ $(($(counter redirtied_blocks) * 4)) -lt $total ]; do
	[ $n -lt 60 ] || die "the workload is too slow: $(counter redirtied_blocks) blocks of $total"
	n=$((n + 1))
	sleep 1
done
[ "$(counter state)" = copying ] || die "state $(counter state)"
[ -n "$(cat /run/records.acknowledged)" ] || die "no record was written"

report "# dmmigrate cutover web01 --hook-stop 'stop the workload, umount'"
dmmigrate cutover web01 --hook-stop 'sh /files/workload.sh stop; umount /mnt' >/run/cutover.log 2>&1 ||
	die "cutover: $(cat /run/cutover.log)"
while read -r line; do report "$line"; done </run/cutover.log
pause=$(sed -n 's/^ *pause *\([0-9]*\).*/\1/p' /run/cutover.log)
seconds=$((($(counter hold_ns) - $(counter start_ns)) / 1000000000))

shipped=$(counter shipped_bytes)
before=$((100 * $(counter prehold_bytes) / shipped))
resent=$(counter resent_blocks)
freeze=$((($(counter drain_ns) + $(counter ship_ns) + $(counter barrier_ns)) / 1000000))
report "of $((shipped >> 20)) MiB the module shipped $before % before writes were held; $resent blocks were rewritten" \
	"and sent again; writes were held for $freeze ms"
# what umount writes at last is shipped while nothing is written any more, and TLS is slow in an emulator
[ $before -ge 90 ] || die "only $before % before the hold"
[ "$resent" -gt 0 ] || die "nothing was sent again"
[ $freeze -le 2000 ] || die "the freeze took $freeze ms"

report "# dmmigrate verify web01"
dmmigrate verify web01 >/run/verify.log 2>&1 || die "verify: $(tail -n 2 /run/verify.log)"
report "$(tail -n 1 /run/verify.log)"
report "result mib=$((shipped >> 20)) seconds=$seconds pause_ms=$pause verified=yes"

# what the workload was promised, for host b to judge
mkdir /run/promised /run/www
cp /run/a.journal /run/data.journal /run/records.acknowledged /run/promised/
tar -C /run -cz -f /run/promised.tar.gz promised
mv /run/promised.tar.gz /run/www/
busybox httpd -p 10.77.0.1:8080 -h /run/www
n=0
until wget -q -O /run/taken http://b:8080/taken; do
	[ $n -lt 60 ] || die "host b did not take what was promised"
	n=$((n + 1))
	sleep 1
done
dmmigrate clean --yes web01 >/run/clean.log 2>&1 || die "clean: $(cat /run/clean.log)"
report "the source is given up: $(dmsetup table web01); $(dmsetup table web01-data)"
