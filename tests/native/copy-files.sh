#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will copy files offline, by every engine and number of connections, and
# see them arrive whole, holes and zeros not shipped, and a second run ship only what differs.
. "$(dirname "$0")/functions"
. "$(dirname "$0")/copy-functions"

MiB=1048576
# shellcheck disable=SC2119 # the script has no arguments
start_daemon
src=$tmp/source.raw img=$tmp/disk.img
# data, a hole, zeros that are written, half a granule at the end
size=$((40 * MiB + 512))
truncate -s $size "$src"
random "$src" $((20 * MiB))
dd if=/dev/zero of="$src" bs=1M seek=24 count=4 conv=notrunc status=none
random "$src" $((3 * MiB)) $((30 * MiB + 4096))
random "$src" 512 $((size - 512))

fresh()
{
	rm -f "$img"
	truncate -s $size "$img"
}

json() { copy --json "$@" > "$tmp/json"; }

for args in '--connections 1 --engine sync' '--connections 3 --engine io_uring' \
	'--connections 16 --engine libaio' ''; do
	fresh
	# shellcheck disable=SC2086 # options
	expect "copies: ${args:-by default}" json $args "$src" "$to:$img"
	same "  whole" "$src" "$img"
	expect "  JSON that a parser takes" perl -MJSON::PP -0 -e 'decode_json(<>)' "$tmp/json"
	is "  all of it" "$(number done_bytes)" = $size
	is "  compares nothing with nothing" "$(number hash_bytes)" = 0
	is "  does not ship holes and zeros" "$(number shipped_bytes)" -le $((23 * MiB + 3 * 65536))
	is "  nor write them" "$(du -k "$img" | cut -f1)" -le $((24 * 1024))
	is "  exit code in the result" "$(number exit_code)" = 0
done
expect "both sides were compared" grep -q '"equal":true' "$tmp/json"

# again
expect "a second run" json "$src" "$to:$img"
is "  ships nothing" "$(number shipped_bytes)" = 0
is "  zeros are headers" "$(number zeroed_bytes)" -le $((20 * MiB))
hashes=$(number hash_bytes)
is "  costs at most 1 % of the size in hashes" $((hashes * 100)) -le $size
is "  but some" "$hashes" -gt 0

printf differs | dd of="$img" bs=1 seek=$((5 * MiB)) conv=notrunc status=none
printf differs | dd of="$src" bs=1 seek=$((11 * MiB + 77)) conv=notrunc status=none
printf differs | dd of="$img" bs=1 seek=$((22 * MiB)) conv=notrunc status=none	# where the source has a hole
printf differs | dd of="$img" bs=1 seek=$((25 * MiB)) conv=notrunc status=none	# and zeros
expect "a third one, after changes on both sides" json "$src" "$to:$img"
is "  ships two granules" "$(number shipped_bytes)" = $((2 * 65536))
same "  and then they agree" "$src" "$img"
expect "--no-compare" json --no-compare "$src" "$to:$img"
is "  ships all data" "$(number shipped_bytes)" -ge $((23 * MiB))
same "  which stays the same" "$src" "$img"

# onto what has data already
random "$img" $size
expect "over other data" json "$src" "$to:$img"
same "  holes and zeros are zeros there, too" "$src" "$img"
random "$img" $size
expect "over other data without comparing or verifying" json --no-compare --no-verify "$src" "$to:$img"
same "  the same" "$src" "$img"
is "  and nothing was verified" "$(grep -c '"verify"' "$tmp/json")" = 0

# a larger destination: what lies behind is left alone
truncate -s $((size + 65536)) "$img"
printf tail | dd of="$img" bs=1 seek=$((size + 100)) conv=notrunc status=none
expect "to a larger one" json "$src" "$to:$img"
is "  of which the rest is left alone" \
	"$(dd if="$img" bs=1 skip=$((size + 100)) count=4 status=none)" = tail

# sizes of their own
for n in 512 4096 65536 66048 $((16 * MiB)) $((16 * MiB + 512)); do
	rm -f "$src" "$tmp/n.img"
	random "$src" "$n"
	expect "$n bytes, created there" json --create "$src" "$to:$tmp/n.img"
	same "  whole" "$src" "$tmp/n.img"
	is "  for its owner alone" "$(stat -c %a "$tmp/n.img")" = 600
done
rm -f "$src" "$tmp/n.img"
truncate -s 3G "$src"
expect "nothing but a hole of 3 GiB" json --create --no-verify "$src" "$to:$tmp/n.img"
is "  ships nothing" "$(number shipped_bytes)" = 0
printf x | dd of="$tmp/n.img" bs=1 seek=$((2500 * MiB)) conv=notrunc status=none
expect "  over a byte that is none" json --no-verify "$src" "$to:$tmp/n.img"
is "  becomes a hole again" "$(number zeroed_bytes)" = $((3072 * MiB))
is "  and the byte a zero" "$(od -An -tx1 -j $((2500 * MiB)) -N1 "$tmp/n.img")" = " 00"

# bandwidth
rm -f "$src"
random "$src" $((8 * MiB))
rm -f "$tmp/n.img"
expect "--bandwidth 4M" json --bandwidth 4M --create --no-verify "$src" "$to:$tmp/n.img"
ms=$(($(number elapsed_ns) / 1000000))
is "  takes its time: $ms ms" "$ms" -ge 1700
is "  and not much more" "$ms" -le 6000

# progress and plain lines
rm -f "$tmp/n.img"
copy --bandwidth 3M --create "$src" "$to:$tmp/n.img" > "$tmp/lines" 2>&1
expect_text "progress, a line each where nobody looks" '^copy [0-9]+\.[0-9]%.*MiB/s.*ETA' cat "$tmp/lines"
expect_text "the last line tells" 'is copied to .*8.0 MiB shipped.*both sides agree' tail -n 1 "$tmp/lines"

stop_daemon
finish
