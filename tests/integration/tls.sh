# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a busy disk within TLS, encrypted by the kernel and by relays, which outlive the tool; have the link lost
# in the middle and a key used up, and the connections made anew; and then be a peer that is not trusted, was revoked, speaks plaintext, or is asked to.
# kernels: 6.1 6.12 smp
# check-kernels: 6.12
. functions.sh
. functions-handover.sh
. functions-keys.sh
requires ip ss dmmigrate dmmigrated module:tls
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
KEYS=/etc/dmmigrate
cp -a $KEYS "$TMP/keys"
cleanup_fn "rm -rf $KEYS; cp -a $TMP/keys $KEYS"

# ciphers: of the connections to the receiver, as the kernel tells
ciphers() { ss -tHnie dst "$ADDR_B:$PORT" | grep -c 'tcp-ulp-tls.*1.3.*aes-gcm-128.*rxconf: sw txconf: sw' || true; }
# by the name that a process has given itself, of which busybox's pgrep does not know
relay_pids() {
	local f
	grep -ls '^dmmigrate-tls' /proc/[0-9]*/comm | while read -r f; do
		f=${f#/proc/}
		echo "${f%/comm}"
	done
}
relays() { relay_pids | wc -l; }

start_receiver
start_load A --writers 2 --rate 20 --sizes 512..16K --errors-ok
for how in kernel relay; do
	start_migration --yes --connections 2 --bandwidth 2M --tls $how
	dmmigrate status --json A >"$TMP/status.json"
	if [ $how = kernel ]; then
		assert "security" "$(nl A security)" = 1
		assert "connections that the kernel encrypts" "$(ciphers)" -ge 2
		grep -q '"security": *"TLS by the kernel"' "$TMP/status.json" || fail "status: $(cat "$TMP/status.json")"
		assert "relays" "$(relays)" = 0
	else
		assert "security" "$(nl A security)" = 2
		assert "relays" "$(relays)" = 2
		dmmigrate status A | grep -q 'TLS by relays' || fail "status: $(dmmigrate status A)"
	fi
	# a lost link, and new keys
	await A 20 'acked_bytes>=1000000'
	if [ $how = kernel ]; then
		ss -K dst "$ADDR_B" dport = $PORT >/dev/null
		await A 30 'conn_epoch>=2'
		await A 30 state=copying
		# what was sent by one key is enough
		echo 1500000 >"${STOP%/*}/key_bytes"
		cleanup_fn "echo $((1 << 38)) >${STOP%/*}/key_bytes"
		await A 30 'conn_epoch>=3'
		echo $((1 << 38)) >"${STOP%/*}/key_bytes"
		dmesg | grep -q 'disconnected: .*(-127)' || fail "nothing of an expired key in the log"
	else
		# shellcheck disable=SC2046 # words
		kill -9 $(relay_pids)
	fi
	await A 30 'conn_epoch>=2'
	await A 30 state=copying
	[ $how = kernel ] || break
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: $(cat "$TMP/cancel.out")"
done
dmmigrate throttle A unlimited >/dev/null
finish_migration
forget_there
no_relay() { [ "$(relays)" = 0 ]; }
must_wait_for 10 no_relay

# ---- who may not

# refused_by WHAT TEXT COMMAND...: a start of A fails, and says so
refused_start() {
	local text=$1
	shift
	! dmmigrate start --yes "$@" A "$ADDR_B:/dev/mapper/B" >"$TMP/refused.out" 2>&1 || fail "started, though: $text"
	grep -q -- "$text" "$TMP/refused.out" || fail "expected '$text': $(cat "$TMP/refused.out")"
}
refused_start 'started with --insecure-plaintext, too' --insecure-plaintext
PIN=$(key_pin dmmigrate $KEYS)
dmmigrate keys revoke self >/dev/null
refused_start revoked
rm -rf $KEYS
cp -a "$TMP/keys" $KEYS
rm -rf "$TMP/other"
dmmigrate keys init --keys "$TMP/other" >/dev/null
dmmigrate keys trust --keys "$TMP/other" b "$PIN" $ADDR_B >/dev/null
# not in place of the others, which b's daemon may read anew at any time
refused_start 'does not trust this host' --keys "$TMP/other"
chmod 644 $KEYS/host.key
refused_start 'chmod 600'
rm -rf $KEYS
cp -a "$TMP/keys" $KEYS
kill "$RECEIVER"
RECEIVER_OPTIONS=--insecure-plaintext
start_receiver
refused_start 'insecure-plaintext'
grep -q 'insecure-plaintext' "$TMP"/receiver-b*.log || fail "a receiver in plaintext does not say so"
