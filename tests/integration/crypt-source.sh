# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will migrate a dm-crypt device, whose key the tool carries from table to table, to
# one with another key, and find the key in no record, message or status.
# check-kernels: long
# kernels: 6.1 6.12 smp
. functions.sh
requires ip dmmigrate dmmigrated target:crypt
load_module
two_hosts
start_receiver
key_a=$(head -c 64 /dev/urandom | xxd -p -c 64)
key_b=$(head -c 64 /dev/urandom | xxd -p -c 64)

# encrypt NAME KEY: the device is a crypt target over its lower one
encrypt() {
	make_disk "$1" 16
	dm_replace "$1" "0 $(sectors_of "$1") crypt aes-xts-plain64 $2 0 /dev/mapper/$1-low 0"
}
encrypt A "$key_a"
encrypt B "$key_b"
fill A
cmp -s -n 65536 /dev/mapper/A "$(raw_of A)" && fail "the source is not encrypted"

# detached again, the key is back in place
dmsetup table --showkeys A >"$TMP/table"
start_migration --bandwidth 1M
grep -rq "$key_a" /run/dmmigrate "$TMP/start.out" && fail "the key leaked"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
dmsetup table --showkeys A | cmp -s - "$TMP/table" || fail "another table: $(dmsetup table A)"

start_load A --discard 0 --errors-ok
start_migration --yes
timeout 60 dmmigrate wait A >/dev/null || fail "not converging"
cutover --timeout 15000
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
dmmigrate verify A >/dev/null || fail "verify: exit $?"
dmmigrate status --json A >"$TMP/status.out" || fail "status: exit $?"
dmmigrate clean --yes A >"$TMP/clean.out" 2>&1 || fail "clean: exit $?: $(cat "$TMP/clean.out")"
grep -q 'put the real one in' "$TMP/clean.out" || fail "$(cat "$TMP/clean.out")"
cat "$TMP"/*.out "$TMP"/*.log /run/dmmigrate/* 2>/dev/null | grep -q "$key_a" && fail "the key leaked"
dmesg | grep -q "$key_a" && fail "the key leaked into the kernel log"
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
