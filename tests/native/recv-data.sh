#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will send extents in random order, overlapping, whole and byte by byte, to a
# file, and see the file equal to a model that got them one after the other; what
# was acknowledged by a barrier has been flushed; repeats and epochs do what
# doc/protocol.rst says.

# shellcheck disable=SC2034 # for functions
more_engines=inline
. "$(dirname "$0")/functions"

start_daemon 'listen = [::1]'
img=$tmp/disk.img model=$tmp/model
same() { cmp "$img" "$model"; }
fresh() { rm -f "$img" "$model"; truncate -s "$1" "$img" "$model"; }

fresh 32M
expect "400 overlapping extents, barriers between" \
	phony "$to" 1 model "$model" prepare "$img" 32M attach 1 load 200 32M barrier \
	load 200 8M barrier-behind load 100 1M barrier end finish forget
expect "the file equals the model" same

fresh 4M
expect "3000 small extents in 256 KiB" \
	phony "$to" 2 model "$model" prepare "$img" 4M attach 1 small 3000 256K barrier end finish forget
expect "the file equals the model" same

fresh 1M
expect "byte by byte" \
	phony "$to" 3 model "$model" prepare "$img" 1M attach 1 dribble 4 load 20 1M barrier end forget
expect "the file equals the model" same

fresh $((1024 * 1024 + 512))
expect "a disk whose last block is partial" \
	phony "$to" 4 model "$model" prepare "$img" $((1024 * 1024 + 512)) attach 1 \
	load 100 $((1024 * 1024 + 512)) frame 1M 512 barrier end forget
expect "the file equals the model" same

fresh 4M
truncate -s 5M "$img"
expect_text "a larger destination is fine" 'size=5242880' \
	phony "$to" 5 prepare "$img" 4M attach 1 load 50 4M barrier end forget
expect "and what lies behind the source's size stays" \
	cmp -n 1048576 "$img" /dev/zero -i $((4 * 1024 * 1024)):0

fresh 1M
expect "over IPv6" phony "[::1]:$port" 6 model "$model" prepare "$img" 1M attach 1 load 50 1M \
	barrier end forget
expect "the file equals the model" same

fresh 1M
expect_text "a repeated PREPARE is the same one; a lost connection leaves it prepared" \
	'received=8192 barrier=1 state=1 conns=0 error=0' \
	phony "$to" 7 prepare "$img" 1M prepare "$img" 1M attach 1 frame 0 4K drain close \
	sleep 300 prepare "$img" 1M attach 2 frame 4K 4K barrier end sleep 300 query
expect "an older epoch is refused" phony "$to" 7 refused 8 attach 1
phony_bg "$tmp/old" "$to" 7 attach 3 frame 0 4K drain sleep 3000 frame 0 4K
old=$!
until_true 10 logged 'of epoch 3 attached'
expect "a newer epoch takes over at once" phony "$to" 7 attach 4 frame 0 4K barrier end forget
expect "the older connection was told" logged 'attached anew or forgotten'
wait $old || true

fresh 1M
expect_text "QUERY: finished" 'state=3' phony "$to" 8 prepare "$img" 1M finish finish query
expect "no data after FINISH" phony "$to" 8 refused 7 attach 9
expect "the destination is free again" phony "$to" 9 prepare "$img" 1M forget
expect "FORGET: the disk is not known any more" phony "$to" 9 refused 7 query

fresh 8M
phony "$to" 10 prepare "$img" 8M attach 1 load 200 8M barrier end digest 0 8M > "$tmp/before"
expect_text "a digest after FINISH is the one before" "$(tail -n 1 "$tmp/before")" \
	phony "$to" 10 finish digest 0 8M
one=$(phony "$to" 10 digest 1M 1536)
dd if="$img" of="$tmp/part" bs=512 skip=2048 count=3 status=none
truncate -s 1536 "$tmp/part.img"
dd if="$tmp/part" of="$tmp/part.img" conv=notrunc status=none
expect_text "a digest of a part is that of a file with its contents" "$one" \
	phony "$to" 11 prepare "$tmp/part.img" 1536 digest 0 1536 forget
printf differs | dd of="$img" bs=1 seek=5000000 conv=notrunc status=none
after=$(phony "$to" 10 digest 0 8M)
if [ "$after" != "$(tail -n 1 "$tmp/before")" ]; then
	ok "a word changed behind its back: another digest"
else
	bad "a changed file has the old digest"
fi
mv "$img" "$img.old"
truncate -s 8M "$img"
expect "no digest of another file of that name" phony "$to" 10 refused 7 digest 0 8M

stop_daemon
finish
