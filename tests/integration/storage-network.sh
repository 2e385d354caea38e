# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will migrate by --network from a host whose kernel would take another one of its addresses: the tool's connections come from
# the one in that network, and so do those that are made anew when they were lost, a later verb's, which nobody has told of it, and the hand-over's,
# which is the daemon's.
# check-kernels: uml
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 8
make_disk B 8
fill A
ip addr add 10.77.0.9/24 dev dmm-b
ip route change 10.77.0.0/24 dev dmm-b proto kernel scope link src 10.77.0.9
assert "what the kernel takes" "$(ip route get $ADDR_B | sed -n 's/.* src \([0-9.]*\).*/\1/p')" = 10.77.0.9
start_receiver

# came_from EPOCH: the address of its data connections
came_from() {
	sed -n "s/.* \([0-9.]*\):[0-9]*\] data connection [0-9]* of epoch $1 attached.*/\1/p" "$TMP"/receiver-b*.log | sort -u
}
connected() { [ "$(came_from "$1")" != "" ]; }

refused 3 'this host has no address in the network 10.78.0.0/24' dmmigrate start --network 10.78.0.0/24 A "$ADDR_B:/dev/mapper/B"
dmmigrate start --network 10.77.0.0/24 A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
assert "the first connections come from" "$(came_from 1)" = 10.77.0.1
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"

# as /proc/net/tcp has it, established
from_there() { awk '$4 == "01" { print $2 }' /proc/net/tcp | grep -c "^$1:"; }
journalled() { dmmigrate list | grep -q . && [ "$(from_there 01004D0A)" -gt 0 ]; }
must_wait_for 20 journalled
assert "connections from the kernel's choice" "$(from_there 09004D0A)" = 0

# by the source's daemon, which runs the tool
kill -9 "$RECEIVER"
start_receiver
must_wait_for 60 connected 2
assert "those after they were lost come from" "$(came_from 2)" = 10.77.0.1
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"

# a record of another life of this host
sed -i 's/"from": *"10.77.0.1"/"from": "192.0.2.77"/' /run/dmmigrate/*.json
grep -q 192.0.2.77 /run/dmmigrate/*.json || fail "no address in the record: $(cat /run/dmmigrate/*.json)"
refused 4 "the address that --network had it come from is not this host's any more" timeout 60 dmmigrate cutover A
sed -i 's/192.0.2.77/10.77.0.1/' /run/dmmigrate/*.json
timeout 100 dmmigrate cutover A >"$TMP/cutover.out" 2>&1 || fail "cutover: exit $?: $(cat "$TMP/cutover.out")"
