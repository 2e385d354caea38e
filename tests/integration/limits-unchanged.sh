# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will compare every queue limit of a device before and after the
# target is attached to it and detached again: a guest's backend has sampled them.
# check-kernels: 6.1
. functions.sh
load_module

limits() { grep -s '' "/sys/block/dm-$(dmsetup info -c --noheadings -o minor "$1")"/queue/*; }

# try BLOCK-SECTORS WHAT
try() {
	limits A >"$TMP/before"
	attach_raw A "$1"
	limits A >"$TMP/attached"
	detach_raw A
	limits A >"$TMP/detached"
	diff "$TMP/before" "$TMP/attached" >"$TMP/diff" || fail "$2: attaching changed: $(cat "$TMP/diff")"
	diff "$TMP/before" "$TMP/detached" >"$TMP/diff" || fail "$2: detaching changed: $(cat "$TMP/diff")"
	assert "limits compared" "$(wc -l <"$TMP/before")" -gt 20
}

drop_A() {
	dmsetup remove A
	dmsetup remove A-low
	drop_raw_disk A-raw
}

make_disk A 8
try 8 "512-byte sectors, no cache"
try 2048 "blocks of 1 MiB"
drop_A
make_disk A 8 4096 cache_size=4
try 8 "4Kn with a cache"
drop_A
make_disk A 8 512 discard=0 max_sectors=64
try 2048 "no discard, requests of 32 KiB at most, blocks of 1 MiB"
