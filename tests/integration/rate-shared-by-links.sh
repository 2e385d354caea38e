# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will limit the bandwidth of a disk with four connections: all of them get
# their share of it, none waits until the others have nothing more to send.
# check-kernels: long
. functions.sh
requires ip
load_module
two_hosts
make_disk A 32
fill A
dev=/dev/mapper/A
CONNS=4
attach_raw A
connect_raw A good
dmm-nl start $dev rate=3145728
await A 30 "acked_bytes>=$((16 * 1048576))"
dmm-nl stop $dev
await_state A idle
must_wait_for 10 sh -c "[ \$(grep -c '^phony: closed' '$TMP/phony$PORT.log') = 4 ]"
cat "$TMP/phony$PORT.log"
sed -n 's/^phony: closed .* bytes=\([0-9]*\).*/\1/p' "$TMP/phony$PORT.log" | while read -r bytes; do
	assert "bytes of one connection, of $(nl A acked_bytes)" "$bytes" -ge $((2 * 1048576))
	assert "bytes of one connection, of $(nl A acked_bytes)" "$bytes" -le $((7 * 1048576))
done
