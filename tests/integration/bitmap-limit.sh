# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will give the target huge origins: within max_bitmap_mib it is made
# at once, above it the refusal names the smallest block size that fits, and that
# one is accepted. DRBD 9.3.2: attaching 100 TiB tripped the watchdog.
# check-kernels: 6.1
. functions.sh
requires target:zero ip
modprobe dm-migrate max_bitmap_mib=16
cleanup_fn "rmmod dm-migrate"
tib=2147483648	# sectors
dm_create huge "0 $((16 * tib)) zero"
dm_create big "0 $tib zero"
dm_create live "0 8 zero"

log_mark 4k
dmsetup load live --table "0 $((16 * tib)) migrate /dev/mapper/huge 8" 2>/dev/null &&
	fail "512 MiB of bitmap were accepted with a limit of 16 MiB"
text=$(log_since 4k | sed -n 's/.*at least \([0-9]*\) sectors.*/\1/p')
# a bit per block and a little for the summary: 32 MiB a TiB at 4 KiB
assert "smallest block size named" "$text" = 512
dmsetup load live --table "0 $((16 * tib)) migrate /dev/mapper/huge $((text / 2))" 2>/dev/null &&
	fail "a block size below the one named was accepted"
dmsetup load live --table "0 $((16 * tib)) migrate /dev/mapper/huge $text" ||
	fail "the block size named was refused"
dmsetup resume live
assert "blocks" "$(st live total)" = $((16 * tib / text))
# the far end works
dmm-load /dev/mapper/live --journal "$TMP/journal" --op write:$((16 * tib * 512 - 4096)):4096 >/dev/null ||
	fail "a write to the last block failed"
dmsetup load live --table "0 8 zero"
dmsetup resume live

# while it is loaded: what is out of range is refused, what is in it applies to the next table
param=/sys/module/dm_migrate/parameters/max_bitmap_mib
for bad in 0 2048 -1 4294967297 many ''; do
	! echo "$bad" 2>/dev/null >$param || fail "max_bitmap_mib=$bad was accepted"
done
assert "max_bitmap_mib after the refusals" "$(cat $param)" = 16
echo 1 >$param
log_mark tiny
dmsetup load live --table "0 $((16 * tib)) migrate /dev/mapper/huge 2048" 2>/dev/null &&
	fail "2 MiB of bitmap were accepted with a limit of 1 MiB"
log_since tiny | grep -q 'at any block size' || fail "the refusal names a block size: $(log_since tiny)"
echo 16 >$param
dmsetup load live --table "0 $((16 * tib)) migrate /dev/mapper/huge $text" || fail "refused at 16 MiB again"
dmsetup clear live
dmsetup remove live

rmmod dm-migrate
modprobe dm-migrate max_bitmap_mib=33
dm_create one-tib "0 $tib migrate /dev/mapper/big 8"	# <= 33 MiB a TiB
assert "blocks of a TiB" "$(st one-tib total)" = $((tib / 8))
# marking all of it, finding what is dirty, and stopping take no time to speak of
two_hosts
connect_raw one-tib good
begun=$(now_ms)
dmm-nl start /dev/mapper/one-tib
await one-tib 10 "acked_bytes>=8388608"
assert "ms to mark a TiB and ship the first 8 MiB" $(($(now_ms) - begun)) -lt $((5000 * SLOW))
one_block=$((tib * 512 - 4096))
dmm-load /dev/mapper/one-tib --journal "$TMP/tib.journal" --op write:$one_block:4096 >/dev/null
stop_raw one-tib
dmsetup remove one-tib
