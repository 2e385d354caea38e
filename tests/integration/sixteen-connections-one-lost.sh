# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will copy over sixteen connections and lose one of them: the disk is
# disconnected, nothing more is sent on the others, the guest goes on, what was
# on its way is dirty again; started again, with a receiver that stays, it is
# moved to the end.
# check-kernels: long
# carriers: relay plaintext
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 64
make_disk B 64
fill A
start_load A --writers 3 --rate 60 --sizes 512..64K --errors-ok

# the sixth is reset at its third frame
attach_raw A
CONNS=16 connect_raw A --write /dev/mapper/B good good good good good reset+2 good
dmm-nl start /dev/mapper/A
await A 20 state=disconnected
assert "connections" "$(nl A conns)" = 16
assert "side" "$(nl A error_side)" = 2
must_wait_for 10 sh -c "[ \$(grep -c '^phony: closed' '$TMP/phony$PORT.log') = 16 ]"
grep -E 'BAD|UNSOUND|FAILED' "$TMP/phony$PORT.log" && fail "the phony receiver complains"
assert "bytes in flight" "$(nl A inflight_bytes)" = 0
assert "dirty blocks" "$(nl A dirty_blocks)" -gt 0
shipped=$(nl A shipped_bytes) before=$(nl A writes_completed)
await A 10 "writes_completed>=$((before + 20))"
assert "bytes shipped since" "$(nl A shipped_bytes)" = "$shipped"
kill "$PHONY"
dmm-nl stop /dev/mapper/A >/dev/null
await_state A idle
detach_raw A

start_receiver
start_migration --connections 16
assert "connections" "$(nl A conns)" = 16
dmmigrate status --json A | grep -q '"connections": *16' || fail "status: $(dmmigrate status --json A)"
finish_migration
