#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will give dmm-replay a log as the target log-writes writes it, sound and damaged, and see the disk
# that it makes.
. "$(dirname "$0")/common"

replay=${DMM_TOOLS:-$top/build/tests/tools}/dmm-replay
log=$tmp/log disk=$tmp/disk

# number BYTES VALUE: little-endian
number() {
	local v=$2 i s=''
	for ((i = 0; i < $1; i++)); do
		s+=$(printf '\\x%02x' $((v & 255)))
		v=$((v >> 8))
	done
	printf '%b' "$s"
}
# padded: to a whole sector
padded() { dd bs=512 iflag=fullblock conv=sync status=none; }
entry() { { number 8 "$1"; number 8 "$2"; number 8 "$3"; number 8 ${#4}; printf '%s' "$4"; } | padded; }
data() { head -c $(($2 * 512)) /dev/zero | tr '\0' "$1"; }
super() { { number 8 0x6a736677736872; number 8 "$2"; number 8 "$1"; number 4 512; } | padded; }
whole() {
	super 6 1
	entry 2 2 0 ''; data A 2
	entry 0 0 1 ''
	entry 0 0 8 '1,one,,'
	entry 1 1 18 ''; data B 1
	entry 3 1 4 ''
	entry 0 0 8 dm-log-writes-end
}
# is NAME TEXT: what the disk holds, sector by sector
is() {
	local got
	got=$(tr '\0' '.' <"$disk" | fold -w 512 | cut -c 1 | tr -d '\n')
	if [ "$got" = "$2" ]; then ok "$1"; else bad "$1: $got, wanted $2"; fi
}
fresh() { data x 6 >"$disk"; }
# refuses NAME TEXT ARGS
refuses() {
	local name=$1 text=$2
	shift 2
	if ! "$replay" "$@" >"$tmp/out" 2>&1 && grep -q -- "$text" "$tmp/out"; then
		ok "$name"
	else
		bad "$name: $(cat "$tmp/out")"
	fi
}

whole >"$log"
"$replay" "$log" >"$tmp/list"
printf '%s\n' '0 write 2 2' '1 flush 0 0' '2 mark 0 0 1,one,,' '3 fua+meta 1 1' '4 discard 3 1' \
	'5 mark 0 0 dm-log-writes-end' >"$tmp/want"
if diff "$tmp/want" "$tmp/list"; then ok "the list"; else bad "the list"; fi
fresh; "$replay" "$log" 0 0 "$disk"; is "nothing" xxxxxx
"$replay" "$log" 0 3 "$disk"; is "up to the mark" xxAAxx
"$replay" "$log" 3 6 "$disk"; is "from there" xBA.xx
fresh; "$replay" "$log" 3 4 "$disk"; is "one entry" xBxxxx
refuses "more than there is" 'TO' "$log" 0 7 "$disk"
data x 3 >"$disk"; refuses "a disk that is too small" 'outside the disk' "$log" 0 1 "$disk"
fresh
truncate -s 1536 "$log"; refuses "a log that ends" 'ends within' "$log"
{ super 1 2; entry 0 0 1 ''; } >"$log"; refuses "another version" 'version 1' "$log"
{ super 1 1; entry 0 0 32 ''; } >"$log"; refuses "an unknown flag" 'impossible entry' "$log"
data z 4 >"$log"; refuses "no log" 'no log' "$log"
finish
