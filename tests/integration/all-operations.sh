# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will send every operation through the target, of 512 bytes to
# 1 MiB and of any alignment, discards, zeroes, secure erase, flushes and
# FUA, and see them reach the origin, the data right and no alert raised.
# dattobd cdcbef2, c5577b4: WRITE_ZEROES and discards taken for writes.
# check-kernels: uml 6.1 6.12
. functions.sh
load_module
make_disk A 16
fill A
attach_raw A
before=$(st A completed)

one A write:0:512 write:512:512 write:1536:1024 write:4608:3584 write:10240:1048576 \
	fua:2M:512 fua:3584K:65536 flush discard:4M:1M discard:5632K:512 discard:6145K:7168 \
	zeroes:7M:512K zeroes:7681K:1024 zeroes:8193K:512 write:$((16 * 1048576 - 512)):512
# what the target answers to a secure erase is what the origin answers; most disks do not know it
for dev in A A-low; do
	dmm-load /dev/mapper/$dev --journal "$TMP/A.journal" --op secerase:9M:64K
done | sed 's/ max_latency.*//' >"$TMP/sec.out"
assert "answers to a secure erase" "$(sort -u "$TMP/sec.out" | wc -l)" = 1
after=$(st A completed)
assert "writes seen by the target" $((after - before)) -ge 14
assert "submitted and completed" "$(st A submitted)" = "$after"
start_load A --seconds 3 --writers 6 --rate 2000 --sizes 512..1M
wait "$LOAD" || fail "the load saw an error"
assert "alerts" "$(st A alerts)" = 0
checker_verdict /dev/mapper/A A
checker_verdict /dev/mapper/A-low A
assert "reads were counted" "$(st A reads)" -gt 0

detach_raw A
