#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will send zero runs among overlapping extents to files, and see the file equal to a
# model that got them one after the other; that a run of zeros frees what it covers, leaves
# holes alone, costs no time, and never reaches beyond the disk.

# shellcheck disable=SC2034 # for functions
more_engines=inline
. "$(dirname "$0")/functions"

start_daemon "listen = [::1]"
img=$tmp/disk.img model=$tmp/model
same() { cmp "$img" "$model"; }
fresh() { rm -f "$img" "$model"; truncate -s "$1" "$img" "$model"; }
kib() { echo $(($(stat -c %b "$img") / 2)); }

fresh 32M
expect "600 overlapping extents and zero runs, barriers between" \
	phony "$to" 1 model "$model" prepare "$img" 32M attach 1 mixed 300 32M barrier \
	mixed 200 8M barrier-behind mixed 100 1M barrier end finish forget
expect "the file equals the model" same

fresh $((1024 * 1024 + 512))
expect "a disk whose last block is partial, runs up to its end" \
	phony "$to" 2 model "$model" prepare "$img" $((1024 * 1024 + 512)) attach 1 \
	mixed 200 $((1024 * 1024 + 512)) frame 1M 512 zero 512K $((512 * 1024 + 512)) frame 768K 512 \
	barrier end forget
expect "the file equals the model" same

fresh 2G
start=$EPOCHREALTIME
expect_text "2 GiB of zeros in two runs" 'received=2147483648 ' \
	phony "$to" 3 prepare "$img" 2G attach 1 zero 0 1G zero 1G 1G barrier end query forget
ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
if [ $ms -lt 5000 ]; then ok "in $ms ms"; else bad "took $ms ms"; fi
if [ "$(kib)" -lt 1024 ]; then ok "nothing was allocated"; else bad "$(kib) KiB allocated"; fi

fresh 64M
expect "data, then zeros over it but for one block" \
	phony "$to" 4 model "$model" prepare "$img" 64M attach 1 bulk 16 1M drain \
	zero 0 8M zero 8196K 8188K barrier end forget
if [ "$(kib)" -le 64 ]; then ok "$(kib) KiB are left"; else bad "$(kib) KiB are left of 4"; fi
expect "all else is zeros" cmp -n $((8 << 20)) "$img" /dev/zero

fresh 4M
printf 'behind the disk' | dd of="$img" bs=1 seek=4M status=none
expect "a run to the end of the disk, in a larger file" \
	phony "$to" 5 prepare "$img" 4M attach 1 frame 0 1M zero 0 4M barrier end forget
expect_text "leaves alone what lies behind it" '^behind the disk$' tail -c +$((4 * 1024 * 1024 + 1)) "$img"
expect_text "a run beyond the disk is refused" 'nack: type=37 seq=1 status=4' \
	phony "$to" 6 prepare "$img" 4M attach 1 zero 4095K 2K nack 4 forget
expect "and nothing is lost by it" cmp <(tail -c 15 "$img") <(printf 'behind the disk')

expect "in logical blocks of 4096: a run of half a block is refused" \
	phony "$to" 7 lbs-4096 prepare "$img" 4M attach 1 zero 0 512 nack 4

stop_daemon
finish
