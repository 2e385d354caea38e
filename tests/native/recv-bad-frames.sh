#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will send every kind of bad frame and see each answered by the right negative
# acknowledgement and nothing of it, nor of what follows, written, while
# another connection goes on unharmed.
. "$(dirname "$0")/functions"

# enum dmm_wire_err
protocol=1 crc=3 range=4 notfound=7 limit=13
start_daemon 'handshake_timeout = 1s' 'stall_timeout = 1s' 'ack_timeout = 2s'
img=$tmp/disk.img

# a good connection, busy all the time
truncate -s 8M "$tmp/good.img" "$tmp/good.model"
phony_bg "$tmp/good.out" "$to" 99 model "$tmp/good.model" prepare "$tmp/good.img" 8M attach 1 \
	load 100 8M sleep 3000 load 100 8M sleep 3000 load 300 8M barrier end forget
good=$!

n=0
# frame_is KIND CODE [SIZE]: one good frame, the bad one, and a good one behind it
frame_is()
{
	local kind=$1 code=$2 size=${3:-1M}

	n=$((n + 1))
	rm -f "$img" "$tmp/model"
	truncate -s "$size" "$img" "$tmp/model"
	expect_text "$kind" "status=$code" \
		phony "$to" "1$n" model "$tmp/model" prepare "$img" "$size" attach 1 frame 64K 4K \
		barrier model "$tmp/scrap" corrupt "$kind" frame 128K 4K nack "$code" forget
	expect "$kind: nothing of it was written" cmp "$img" "$tmp/model"
}

frame_is crc $crc
frame_is header $crc
frame_is end-crc $crc
frame_is seq $protocol
frame_is range $range
frame_is edge $range
frame_is misaligned $protocol
frame_is magic $protocol
frame_is flags $protocol
frame_is reserved $protocol
frame_is type $protocol
frame_is control $protocol
frame_is long $protocol
frame_is empty $protocol
frame_is barrier0 $protocol
frame_is barrier-again $protocol

truncate -s 0 "$img"
truncate -s 1M "$img"
expect "a peer that vanishes in the middle of a frame" \
	phony "$to" 200 prepare "$img" 1M attach 1 frame 0 4K drain half
until_true 5 logged 'lost in the middle of a frame' || bad "the loss was not noticed"
expect "its half frame was not written" cmp -n $((1024 * 1024 - 4096)) -i 4096:4096 "$img" /dev/zero
expect_text "a frame that stalls is refused" "status=$protocol" \
	phony "$to" 200 prepare "$img" 1M attach 2 part nack $protocol
truncate -s 1M "$tmp/slow.img" "$tmp/slow.model"
expect "one that comes by and by, for longer than that, is not" \
	phony "$to" 201 model "$tmp/slow.model" prepare "$tmp/slow.img" 1M attach 1 pause 250 \
	frame 64K 64K barrier end forget
expect "but written" cmp "$tmp/slow.img" "$tmp/slow.model"
expect_text "a source that takes no acknowledgements is closed" 'deaf: closed' \
	phony "$to" 200 prepare "$img" 1M attach 3 deaf 60000
expect "the disk is still prepared" phony "$to" 200 attach 4 frame 0 4K barrier end forget

# what comes before and instead of HELLO and requests
expect "garbage instead of HELLO" phony "$to" 201 raw "$(printf '41%.0s' {1..64})" eof
expect "nothing instead of HELLO" phony "$to" 201 raw 44 eof
expect "garbage after HELLO" phony "$to" 201 hello-raw "$(printf '41%.0s' {1..64})" eof
expect "half a request" phony "$to" 201 hello-raw 444d4d31 eof
expect "ATTACH of a disk that nobody prepared" phony "$to" 201 refused $notfound attach 1
expect "QUERY of it" phony "$to" 201 refused $notfound query
expect "disk number 256" phony "$to" 201/256 refused $limit query
expect "migration 0" phony "$to" 0 refused $protocol query
expect "epoch 0" phony "$to" 201 refused $protocol attach 0

if wait $good && cmp "$tmp/good.img" "$tmp/good.model"; then
	ok "the good connection was not disturbed"
else
	bad "the good connection suffered"
	cat "$tmp/good.out"
fi
stop_daemon
finish
