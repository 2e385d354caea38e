# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will migrate a disk under eight writers of overlapping ranges, of
# 512 bytes to 1 MiB, discards and zeroes among them, hot spots and all, and find
# every sector right at the destination, on disks of 512 and of 4096 bytes a sector.
# DRBD f6acbd375: overlapping requests in flight.
# check-kernels: 6.1
# check-processors: 2
. functions.sh
requires ip
load_module
two_hosts
epoch=0

# round WHAT BLOCK-SECTORS: disks A and B are there
round() {
	epoch=$((epoch + 1))
	fill A
	attach_raw A "$2"
	connect_raw A good --write /dev/mapper/B
	start_load A --writers 8 --seed $epoch --errors-ok --rate 2000 --sizes "$(blockdev --getss /dev/mapper/A)..1M"
	dmm-nl start /dev/mapper/A
	await A 30 "shipped_bytes>=$(($(sectors_of A) * 768))" "resent_blocks>=1"
	assert "$1: alerts" "$(st A alerts)" = 0
	raw_commit A $epoch 15000
	await A 10 "held>=1"	# the writers run into the hold
	checker_verdict /dev/mapper/B A --forbid-pending
	assert "$1: blocks re-sent" "$(st A resent)" -gt 0
	assert "$1: shipped" "$(nl A shipped_bytes)" -gt $(($(sectors_of A) * 512))
	give_up_raw A
	kill "$LOAD"
	wait "$LOAD" || fail "$1: the load"
	checker_verdict /dev/mapper/B A
	kill "$PHONY"
	wait "$PHONY" || true
	grep -q 'BAD\|FAILED\|UNSOUND' "$TMP/phony$PORT.log" && fail "$1: $(cat "$TMP/phony$PORT.log")"
	for d in A A-origin A-low B B-low; do dmsetup remove $d; done
	for d in A B; do drop_raw_disk $d-raw; done
	rm "$TMP/A.journal"
	PORT=$((PORT + 1))
}

make_disk A 8
make_disk B 8
round "4 KiB blocks" 8
make_disk A 8
make_disk B 8
round "1 MiB blocks" 2048
make_disk A 8 4096
make_disk B 8 4096
round "4Kn" 8
