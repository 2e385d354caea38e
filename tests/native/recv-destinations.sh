#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will ask for destinations that must not be had, and see each refused with
# the right code and a line that names it, nothing changed.

# any engine will do: it hardly writes
DMM_ENGINE=${DMM_ENGINE:-auto}
. "$(dirname "$0")/functions"

denied=10 notfound=7 busy=8 toosmall=9 signature=11 samedisk=12 range=4 unsupported=14 limit=13
mkdir "$tmp/sub" "$tmp/links"
start_daemon 'max_disks = 3' "allow = $tmp/links/*"
img=$tmp/disk.img
truncate -s 1M "$img"

# refuse NAME CODE TEXT PHONY-ARGUMENT...
refuse()
{
	local name=$1 code=$2 text=$3

	shift 3
	expect_text "$name" "refused: .*$text" phony "$to" 1 refused "$code" "$@"
}

refuse "not absolute" $notfound 'absolute' prepare disk.img 1M
refuse "not there" $notfound 'does not exist' prepare "$tmp/none.img" 1M
refuse "not on the allow-list" $denied 'allow-list' prepare /etc/passwd 512
refuse "not on the allow-list, nor there: not told" $denied 'allow-list' prepare /etc/none 512
refuse "a directory deeper than the pattern" $denied 'allow-list' prepare "$tmp/sub/x.img" 512
refuse "a way round the pattern" $denied 'without' prepare "$tmp/sub/../disk.img" 1M
ln -s /etc/passwd "$tmp/links/passwd"
refuse "a link that leads off the list" $denied 'leads to' prepare "$tmp/links/passwd" 512
ln -s "$img" "$tmp/links/good"
expect "a link that leads to what is allowed" phony "$to" 1 prepare "$tmp/links/good" 1M forget
mkdir "$tmp/dir.img"
refuse "a directory" $notfound 'neither' prepare "$tmp/dir.img" 512
mkfifo "$tmp/fifo.img"
refuse "a fifo" $notfound 'neither' prepare "$tmp/fifo.img" 512
refuse "too small" $toosmall 'enlarge it by 512' prepare "$img" $((1024 * 1024 + 512))
refuse "a size of no whole blocks" $range 'whole' prepare "$img" 1000
refuse "size 0" $range 'whole' prepare "$img" 0
refuse "a block size that is no power of two" $unsupported 'power of two' block-5000 prepare "$img" 1M
refuse "a block size too large" $unsupported 'power of two' block-2097152 prepare "$img" 1M
[ "$(stat -c %s "$img")" = 1048576 ] || bad "the file was extended"

if [ "$(id -u)" != 0 ]; then
	chmod 400 "$img"
	refuse "read-only" $denied 'read-only' prepare "$img" 1M
	chmod 600 "$img"
fi

refuse "the source itself" $samedisk 'is the source itself' identity "$img" prepare "$img" 1M
ln "$img" "$tmp/other.img"
refuse "the source itself by another name" $samedisk 'is the source itself' identity "$tmp/other.img" \
	prepare "$img" 1M
refuse "a file with two names" $denied '2 names' prepare "$img" 1M
rm "$tmp/other.img"
cp "$img" "$tmp/copy.img"
expect "a file beside the source" phony "$to" 1 identity "$tmp/copy.img" prepare "$img" 1M forget

# in use
sleep 60 >> "$img" &
writer=$!
refuse "open for writing elsewhere" $busy "process $writer" prepare "$img" 1M
kill $writer
wait $writer 2>/dev/null || true
(exec 9< "$img"; flock 9; sleep 60) &
locker=$!
until_true 5 sh -c "! flock -n '$img' true"
refuse "locked" $busy 'locked' prepare "$img" 1M
pkill -P $locker || true
wait $locker 2>/dev/null || true
until_true 5 flock -n "$img" true
expect "open for reading elsewhere is fine" sh -c "exec 9< '$img'; '$phony_bin' $to 1 prepare '$img' 1M forget"

# taken by another migration
phony_bg "$tmp/holder" "$to" 5 prepare "$img" 1M say held sleep 60000
holder=$!
until_true 10 grep -q held "$tmp/holder"
refuse "taken by another migration" $busy 'taken by disk 0 of migration 0*5' prepare "$img" 1M
expect_text "prepared again with another size" 'refused: .*prepared already' \
	phony "$to" 5 refused $busy prepare "$img" 512K
kill $holder
wait $holder 2>/dev/null || true
expect "a peer that went leaves it prepared" phony "$to" 5 query
expect "until it is forgotten" phony "$to" 5 forget

# signatures
mkfs=$(command -v mkfs.ext4 || echo /sbin/mkfs.ext4)
truncate -s 8M "$tmp/fs.img"
"$mkfs" -q -F "$tmp/fs.img"
before=$(cksum "$tmp/fs.img")
refuse "a filesystem on it" $signature 'ext4' prepare "$tmp/fs.img" 8M
expect_text "a filesystem that may be overwritten" 'signature=ext4' \
	phony "$to" 6 overwrite prepare "$tmp/fs.img" 8M forget
printf '\x55\xaa' | dd of="$tmp/copy.img" bs=1 seek=510 conv=notrunc status=none
printf '\x80\0\0\0\x83\0\0\0\x01\0\0\0\xff\x03\0\0' | dd of="$tmp/copy.img" bs=1 seek=446 conv=notrunc status=none
refuse "a partition table on it" $signature 'dos' prepare "$tmp/copy.img" 1M
truncate -s 0 "$tmp/copy.img"
truncate -s 1M "$tmp/copy.img"
printf conectix | dd of="$tmp/copy.img" conv=notrunc status=none
refuse "a virtual disk's image" $signature 'vhd' prepare "$tmp/copy.img" 1M
[ "$(cksum "$tmp/fs.img")" = "$before" ] || bad "looking has changed the file"

# only a check
expect_text "a check alone" 'prepared: size=1048576' phony "$to" 7 check prepare "$img" 1M
expect "leaves nothing behind" phony "$to" 7 refused $notfound query
refuse "and refuses alike" $toosmall 'enlarge' check prepare "$img" 2M

# bounds
for i in 1 2 3; do
	truncate -s 4K "$tmp/n$i.img"
	phony "$to" "5$i" prepare "$tmp/n$i.img" 4K > /dev/null
done
refuse "one disk too many" $limit 'max_disks' prepare "$img" 1M
phony "$to" 51 finish > /dev/null
refuse "a bad one, while a finished one could make room" $denied 'allow-list' prepare /etc/passwd 1K
expect "does not cost the finished one its record" phony "$to" 51 query
expect "a finished one makes room" phony "$to" 1 prepare "$img" 1M
expect "and is forgotten" phony "$to" 51 refused $notfound query

# the allow-list while running
sed -i "s#^allow = .*#allow = $tmp/sub/*.img#" "$tmp/dmmigrated.conf"
kill -HUP "$daemon_pid"
until_true 5 logged 'reloaded' || bad "no reload"
phony "$to" 52 forget > /dev/null
phony "$to" 1 forget > /dev/null
refuse "no longer allowed after a reload" $denied 'allow-list' prepare "$tmp/n2.img" 4K
truncate -s 4K "$tmp/sub/new.img"
expect "allowed after a reload" phony "$to" 60 prepare "$tmp/sub/new.img" 4K forget
echo 'nonsense' >> "$tmp/dmmigrated.conf"
kill -HUP "$daemon_pid"
until_true 5 logged 'the old one stays' || bad "a bad reload was not reported"
expect "a bad configuration does not replace the good one" \
	phony "$to" 61 prepare "$tmp/sub/new.img" 4K forget

stop_daemon
finish
