#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will copy offline within TLS, by relays, and through a receiver that is killed in between; then see who
# may not: a key that is unknown, another host's, revoked, expired on the way, readable by others; plaintext on one side.
DMM_ENGINE=${DMM_ENGINE:-auto}	# whichever: it is not what is looked at
. "$(dirname "$0")/functions"
. "$(dirname "$0")/copy-functions"

plaintext=no
keys() { "$tool" keys "$1" --keys "$tmp/$2" "${@:3}"; }
pin() { key_pin "$tool" "$tmp/$1"; }

make_self_key "$tool" "$tmp/keys" 127.0.0.1
# shellcheck disable=SC2119 # the script has no arguments
start_daemon
src=$tmp/source.raw img=$tmp/disk.img
random "$src" $((24 * 1048576))
truncate -s 24M "$img"

expect "a copy within TLS" copy --yes --tls relay --connections 3 "$src" "$to:$img"
expect "  arrives whole" cmp "$src" "$img"
expect "  and again" copy --yes "$src" "$to:$img"
expect "  and nothing secret is in the log" sh -c "! grep -q 'BEGIN\|secret' '$log'"

fails() { expect_text "$1" "$2" copy_says "${@:3}"; }
copy_says() { copy "$@" 2>&1 && echo "copied all the same"; true; }

plaintext=yes
fails "plaintext to a receiver with TLS" 'insecure-plaintext' --yes "$src" "$to:$img"
plaintext=no

# a daemon that does not know us, though we know it
keys init stranger > /dev/null
keys trust stranger there "$(pin keys)" 127.0.0.1 > /dev/null
stranger() { "$tool" copy --keys "$tmp/stranger" --yes "$src" "$to:$img" 2>&1 < /dev/null && echo "copied all the same"; true; }
expect_text "a stranger" 'does not trust this host.*keys show' stranger
expect "  is named in the log" grep -qF "keys trust NAME $(pin stranger)" "$log"

# a host of another name, whose key is as good as any
sed -i 's/127\.0\.0\.1/127.0.0.9/' "$tmp/keys/peers"
fails "a host that is not the one asked for" '127.0.0.1 was asked for, and self answers' --yes "$src" "$to:$img"
sed -i 's/127\.0\.0\.9/127.0.0.1/' "$tmp/keys/peers"
expect "the right one" copy --yes "$src" "$to:$img"

# revoked: from the next connection on
keys trust keys stranger "$(pin stranger)" > /dev/null
truncate -s 24M "$tmp/other.img"
expect "a peer that has come to be trusted" "$tool" copy --keys "$tmp/stranger" --yes "$src" "$to:$tmp/other.img"
expect_text "  touches nothing of another" "prepared by another peer" stranger
# the list says for whom
cp "$tmp/dmmigrated.conf" "$tmp/for-all.conf"
sed -i "s|^allow = .*|allow = $tmp/*.img self elsewhere|" "$tmp/dmmigrated.conf"
kill -HUP "$daemon_pid"
eventually "an allow-list with names is read" 10 logged 'reloaded .*: 1 patterns'
expect_text "a volume for other peers" "is not on the allow-list for stranger" \
	sh -c "'$tool' copy --keys '$tmp/stranger' --yes '$src' '$to:$tmp/other.img' 2>&1; true"
expect "  for whom it is" copy --yes "$src" "$to:$img"
cp "$tmp/for-all.conf" "$tmp/dmmigrated.conf"
kill -HUP "$daemon_pid"
sed -i "s|^allow = .*|allow = $tmp/*.img self two,names|" "$tmp/dmmigrated.conf"
expect_text "what is no name of a peer" "behind a pattern come names of peers" \
	sh -c "'$bin/dmmigrated' --config '$tmp/dmmigrated.conf' --foreground 2>&1; true"
cp "$tmp/for-all.conf" "$tmp/dmmigrated.conf"
keys revoke keys stranger > /dev/null
expect_text "and is not any more" 'does not trust this host' stranger
expect_text "  says the log" 'revoked' cat "$log"

chmod 640 "$tmp/keys/host.key"
fails "a key that others may read" 'chmod 600' --yes "$src" "$to:$img"
chmod 600 "$tmp/keys/host.key"
mv "$tmp/keys/host.key" "$tmp/gone"
fails "no key" 'dmmigrate keys init' --yes "$src" "$to:$img"
mv "$tmp/gone" "$tmp/keys/host.key"
fails "a carrier that is none" 'not auto, kernel or relay' --tls much --yes "$src" "$to:$img"
if ! grep -qw tls /proc/sys/net/ipv4/tcp_available_ulp 2> /dev/null; then
	fails "the kernel's TLS where it has none" 'kernel has no TLS' --tls kernel --yes "$src" "$to:$img"
fi

# what a running daemon sees of its key
openssl req -x509 -key "$tmp/keys/host.key" -out "$tmp/keys/host.crt" -subj /CN=x -days 20 2> /dev/null
eventually "a certificate that ends soon is read, and warned of" 15 logged 'certificate of this host expires on .*keys renew'
keys renew keys > /dev/null
expect "  and renewed, while it runs" copy --yes "$src" "$to:$img"
chmod 640 "$tmp/keys/host.key"
eventually "a key that others may read" 15 logged 'chmod 600.*; the key that was read before stays in use'
chmod 600 "$tmp/keys/host.key"

# a receiver without a key does not start
expect_text "a receiver without a key" 'dmmigrate keys init' \
	sh -c "'$bin/dmmigrated' --foreground --keys '$tmp/none' --state-dir '$tmp/s2' --control '$tmp/c2' 2>&1; echo exit \$?"
stop_daemon
finish
