# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have somebody between the hosts who flips, drops, doubles, swaps, cuts off and replays what passes, of a disk that
# is moved while its guest writes, and of a copy, where the kernels of both ends do TLS: nothing of it is accepted, the guest's
# writes never fail, and both come to their end once nobody disturbs them.  DMM_TRIES: how often, besides (16).
# timeout: 1500
# check-kernels: 6.1
. functions.sh
. functions-handover.sh
requires ip attack dmmigrate dmmigrated module:tls
load_module
two_hosts
BETWEEN=7791
TRIES=${DMM_TRIES:-16}
DAEMON_OPTIONS='--tls kernel'
RECEIVER_OPTIONS='--tls kernel'
make_disk A 8
make_disk B 8
start_receiver

# what the attack program moves by itself, and what it has moved it to: as small as a disk can be
make_small() {
	make_disk "$1-big" 1
	dm_create "$1" "0 512 linear /dev/mapper/$1-big 0"
}
make_small S
make_small D
make_small C

# tried WHAT TRIES [DEVICE]: so many tries, with both ends of the connections the kernels'
tried() {
	local what=$1 dest=$2 tries=$3 began
	shift 3
	began=$(now_ms)
	attack "$ADDR_B:$PORT" /etc/dmmigrate "/dev/mapper/$dest" "$tries" "${DMM_SEED:-1}" kernel "$@" >"$TMP/attack.out" 2>&1 ||
		fail "$what: $(cat "$TMP/attack.out")"
	say "$what: $(($(now_ms) - began)) ms for $tries: $(tr '\n' ';' <"$TMP/attack.out")"
	grep -q ' 0, of which' "$TMP/attack.out" && fail "$what: not of each kind: $(cat "$TMP/attack.out")"
	assert "$what: faults that came to pass" "$(awk '{ n += $5 } END { print n }' "$TMP/attack.out")" -ge $((tries / 2))
	# shellcheck disable=SC2046 # words
	set -- $(grep '^none ' "$TMP/attack.out")
	assert "$what: undisturbed ones that came to their end" "$9" = "${2%,}"
}
tried copy C $((TRIES / 2))
attach_raw S
start=$(nl S failed_writes)
tried module D $((TRIES / 2)) /dev/mapper/S
assert "writes that failed" "$(nl S failed_writes)" = "$start"
same_disks /dev/mapper/S /dev/mapper/D
detach_raw S

# between FAULTS: whoever connects to $BETWEEN from now on comes to the receiver by way of it
between() {
	background between attack "$ADDR_B:$PORT" between $BETWEEN "$1" "${DMM_SEED:-1}"
	ATTACKER=$PID
	must_wait_for 10 attacks
}
attacks() { grep -qi ":$(printf %04X $BETWEEN) .* 0A " /proc/net/tcp; }
rests() { grep -q 'so many faults have come to pass' "$TMP/between.log"; }
no_more() {
	kill "$ATTACKER"
	wait "$ATTACKER" 2>/dev/null || true
}

# a copy by the tool, which comes back by itself, or is begun again
dd if=/dev/urandom of=/dev/mapper/A bs=1M count=8 2>/dev/null
between 4
tries=0
while ! rests; do
	tries=$((tries + 1))
	[ $tries -lt 30 ] || fail "it never rests"
	dmmigrate copy --yes --tls kernel /dev/mapper/A "127.0.0.1:$BETWEEN:/dev/mapper/B" >"$TMP/copy.out" 2>&1 </dev/null || true
	grep -q '[1-9][0-9]* ranges\? differ' "$TMP/copy.out" && fail "copy: $(cat "$TMP/copy.out")"
	dd if=/dev/urandom of=/dev/mapper/B bs=1M count=8 2>/dev/null
done
dmmigrate copy --yes --tls kernel /dev/mapper/A "127.0.0.1:$BETWEEN:/dev/mapper/B" >"$TMP/copy.out" 2>&1 </dev/null ||
	fail "copy: exit $?: $(cat "$TMP/copy.out")"
same_disks /dev/mapper/A /dev/mapper/B
no_more

# a migration under load, which the daemon takes up again each time
fill A
start_load A --writers 2 --rate 20 --sizes 512..16K
between 4
tries=0
until dmmigrate start --yes --connections 2 --tls kernel A "127.0.0.1:$BETWEEN:/dev/mapper/B" >"$TMP/start.out" 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 10 ] || fail "start: $(cat "$TMP/start.out")"
done
must_wait_for 120 rests
assert "security" "$(nl A security)" = 1
await A 60 state=copying
epoch=$(nl A conn_epoch)
assert "connection epoch" "$epoch" -ge 2
timeout 60 dmmigrate wait A >"$TMP/wait.out" 2>&1 || fail "not converging: $(cat "$TMP/wait.out")"
stop_load
cutover --timeout 15000
checker_verdict /dev/mapper/B A --forbid-pending
give_up
forget_there
