# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have the kernels of both ends encrypt and decrypt in the background (cryptd), where a send returns before its
# record has gone, move a busy disk by sixteen connections, lose them and make them anew, hand it over, and find every sector there.
# (6.1 does not take it: its own self-test of a cryptd above gcm fails.)
# kernels: 6.12
# check-kernels: 6.12
. functions.sh
. functions-handover.sh
requires ip ss dmm-alg dmmigrate dmmigrated module:tls module:cryptd module:crypto_user
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
DAEMON_OPTIONS='--tls kernel'
RECEIVER_OPTIONS='--tls kernel'
start_receiver

# driver_of NAME: what the kernel takes for it
driver_of() {
	awk -v name="$1" '$1 == "name" { n = $0; sub(/^name *: /, "", n) }
		$1 == "driver" { d = $0; sub(/^driver *: /, "", d) }
		$1 == "priority" && n == name && $3 > best { best = $3; driver = d }
		END { print driver }' /proc/crypto
}
# What uses the processor's instructions goes through cryptd by itself, where it finds them taken, and cannot be beneath another one.
if [ -d /sys/module/aesni_intel ]; then
	modprobe -r aesni_intel || fail "aesni_intel is in use"
	cleanup_fn "modprobe aesni_intel"
fi
# it is there once it was used
modprobe gcm
dmmigrate copy --dry-run --yes --tls kernel /dev/mapper/A "$ADDR_B:/dev/mapper/B" >/dev/null 2>&1 || true
plain=$(driver_of 'gcm(aes)')
[ -n "$plain" ] || fail "no gcm(aes): $(cat /proc/crypto)"
dmm-alg new "cryptd($plain)" || fail "no cryptd($plain)"
cleanup_fn "dmm-alg del 'cryptd($plain)'"
assert "what TLS takes" "$(driver_of 'gcm(aes)')" = "cryptd($plain)"

start_load A --writers 2 --rate 20 --sizes 512..64K --errors-ok
start_migration --yes --connections 16 --tls kernel
assert "security" "$(nl A security)" = 1
assert "users of it" "$(awk -v d="cryptd($plain)" '$1 == "driver" && $3 == d { f = 1 } f && $1 == "refcnt" { print $3; exit }' /proc/crypto)" -ge 32
await A 20 'acked_bytes>=8000000'
ss -K dst "$ADDR_B" dport = $PORT >/dev/null
await A 30 'conn_epoch>=2'
await A 30 state=copying
finish_migration
forget_there
