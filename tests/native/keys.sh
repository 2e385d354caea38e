#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will make keys, have two hosts trust each other, revoke and install an authority by `dmmigrate keys`,
# and see each pin as openssl computes it, bad input refused by one line, and nothing lost by it.
. "$(dirname "$0")/common"

bin=${DMM_NATIVE_BIN:-$top/build/userland-san}
[ -n "${DMM_NATIVE_BIN:-}" ] || make -s -C "$top/userland" SAN=1 dmmigrate
export ASAN_OPTIONS=abort_on_error=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
a=$tmp/a/keys b=$tmp/b

# is NAME TEST...: as test(1)
is()
{
	local name=$1

	shift
	if test "$@"; then ok "$name"; else bad "$name: $*"; fi
}

# keys DIR ARGUMENT...
keys()
{
	local dir=$1

	shift
	"$bin/dmmigrate" keys "$@" --keys "$dir"
}

# good NAME TEXT DIR ARGUMENT...: it succeeds and prints TEXT (extended regular expression)
good()
{
	local name=$1 text=$2

	shift 2
	if keys "$@" > "$tmp/out" 2>&1 && grep -Eq -- "$text" "$tmp/out"; then
		ok "$name"
	else
		bad "$name: '$text' expected"
		cat "$tmp/out"
	fi
}

# fails NAME CODE TEXT DIR ARGUMENT...: with this exit code and one line that has TEXT, and no file of DIR is another
fails()
{
	local name=$1 code=$2 text=$3 rc=0 before

	shift 3
	before=$(state "$1")
	keys "$@" > "$tmp/out" 2>&1 || rc=$?
	if [ $rc != "$code" ]; then
		bad "$name: exit $rc instead of $code"
		cat "$tmp/out"
	elif ! grep -Eq -- "$text" "$tmp/out" || [ "$(wc -l < "$tmp/out")" != 1 ]; then
		bad "$name: one line with '$text' expected"
		cat "$tmp/out"
	elif [ "$(state "$1")" != "$before" ]; then
		bad "$name: changes something"
	else
		ok "$name"
	fi
}

# state DIR: its files, whatever they are
state()
{
	[ ! -d "$1" ] || (cd "$1" && find . -printf '%p %m\n' -type f -exec cksum {} +) | sort
}

# json KEY: of what was printed
json() { grep -o "\"$1\":\"[^\"]*\"" "$tmp/out" | cut -d'"' -f4; }

# openssl_pin CERTIFICATE
openssl_pin()
{
	openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary |
		base64 | sed 's/^/SHA256:/; s/=$//'
}

# re PIN: as an expression; of what base64 has only + is special
re() { echo "${1//+/[+]}"; }

# --- init, show ---
fails "no key to show" 3 'there is no key in .*keys init --keys' "$a" show
good "a key is made" "^dmmigrate keys trust [^ ]+ SHA256:" "$a" init
pin_a=$(openssl_pin "$a/host.crt")
is "its pin is as openssl has it" "$(head -n 1 "$tmp/out")" = "$pin_a"
is "the key is for its owner only" "$(stat -c %a "$a/host.key")" = 600
is "so is its directory" "$(stat -c %a "$a")" = 700
is "and the one above" "$(stat -c %a "$tmp/a")" = 700
is "key and certificate fit" "$(openssl pkey -in "$a/host.key" -pubout)" = "$(openssl x509 -in "$a/host.crt" -noout -pubkey)"
name=$(uname -n)
openssl x509 -in "$a/host.crt" -noout -text > "$tmp/text"
is "P-256" "$(grep -c 'NIST CURVE: P-256' "$tmp/text")" = 1
is "of this host" "$(openssl x509 -in "$a/host.crt" -noout -ext subjectAltName | sed -n 's/^ *DNS://p')" = "$name"
openssl x509 -in "$a/host.crt" -noout -checkend $((3600 * 24 * 3640)) > /dev/null || bad "not valid for ten years"
! openssl x509 -in "$a/host.crt" -noout -checkend $((3600 * 24 * 3660)) > /dev/null || bad "valid for longer"
openssl verify -CAfile "$a/host.crt" "$a/host.crt" > /dev/null || bad "its signature is wrong"
mv "$tmp/out" "$tmp/init"
good "shown again" "$(re "$pin_a")" "$a" show
is "  the same" "$(cat "$tmp/out")" = "$(cat "$tmp/init")"
if command -v ip > /dev/null; then
	for address in $(ip -o addr show up scope global | awk '{ sub("/.*", "", $4); print $4 }'); do
		grep -qw -- "$address" "$tmp/out" || bad "$address is not among the addresses"
	done
	! grep -Eqw -- '127\.0\.0\.1|fe80:[0-9a-f:]*' "$tmp/out" || bad "an address that no other host can use"
fi
good "and as JSON" '"exit_code":0' "$a" show --json
is "  the pin" "$(json pin)" = "$pin_a"
is "  the command" "$(json command)" = "$(tail -n 1 "$tmp/init")"
fails "another key, unasked" 3 'there is a key .*--yes.*nothing was changed; next: dmmigrate keys show --keys' "$a" init
good "another key" "the old key $(re "$pin_a") is void" "$a" init --yes
old_a=$pin_a
pin_a=$(openssl_pin "$a/host.crt")
is "  is another" "$old_a" != "$pin_a"
good "  and is shown" "^$(re "$pin_a")" "$a" show
good "another certificate for it" "^$(re "$pin_a")" "$a" renew
is "  of the same key" "$(openssl_pin "$a/host.crt")" = "$pin_a"
cp -r "$a" "$tmp/ends"
openssl req -x509 -key "$a/host.key" -out "$tmp/ends/host.crt" -subj /CN=x -days 20 2> /dev/null
good "a certificate that ends soon" 'the certificate expires on .*: dmmigrate keys renew --keys' "$tmp/ends" show
good "  is renewed" "^$(re "$pin_a")" "$tmp/ends" renew
is "  and nothing is said any more" "$(keys "$tmp/ends" show 2>&1 | grep -c 'certificate' || true)" = 0
# as a power cut between the two renames leaves it
cp "$tmp/ends/host.key" "$tmp/old.key"
good "a new key" 'is void.*dmmigrated on this host uses it' "$tmp/ends" init --yes
mv "$tmp/ends/host.key" "$tmp/ends/host.key.new"
mv "$tmp/old.key" "$tmp/ends/host.key"
fails "that came half" 3 "'dmmigrate keys init' was interrupted" "$tmp/ends" show
good "  comes whole" "one of a 'keys init' that was interrupted" "$tmp/ends" init
is "  and is the new one" "$(openssl pkey -in "$tmp/ends/host.key" -pubout)" = "$(openssl x509 -in "$tmp/ends/host.crt" -noout -pubkey)"
good "the other host's" '^SHA256:' "$b" init
pin_b=$(openssl_pin "$b/host.crt")

chmod 640 "$a/host.key"
fails "a key that others may read" 3 "host.key: others may use it: chmod 600 $a/host.key" "$a" show
chmod 600 "$a/host.key"
cp -r "$a" "$tmp/damaged"
cp "$b/host.crt" "$tmp/damaged/host.crt"
fails "another's certificate" 3 'not the certificate of host.key' "$tmp/damaged" show
good "which a new key mends" "^SHA256" "$tmp/damaged" init --yes
head -c 100 "$a/host.key" > "$tmp/damaged/host.key"
fails "half a key" 3 'host.key: damaged' "$tmp/damaged" show
rm "$tmp/damaged/host.key"
good "a certificate alone is no key" "^SHA256" "$tmp/damaged" init

# --- trust, list ---
good "no peers" '^no peers$' "$a" list
good "trust" "^web02 is trusted by its key $(re "$pin_b"), at 10.0.0.2 fd00::2\.$" "$a" trust web02 "$pin_b" 10.0.0.2 fd00::2
is "  is a line" "$(cat "$a/peers")" = "web02 $pin_b 10.0.0.2 fd00::2"
sed -i '1i # storage network' "$a/peers"
echo '# end' >> "$a/peers"
sed -i '/^web02/s/$/ # rack 3/' "$a/peers"
good "other addresses" "at 10.0.0.9" "$a" trust WEB02 "$pin_b" 10.0.0.9
is "  in their place" "$(sed -n 2p "$a/peers")" = "WEB02 $pin_b 10.0.0.9 # rack 3"
good "as before" "at 10.0.0.9" "$a" trust web02 "$pin_b"
fails "another key of the same name" 3 "web02 is trusted by another key, $(re "$pin_b").*next: dmmigrate keys trust --yes web02 $(re "$old_a")" \
	"$a" trust web02 "$old_a"
fails "or an authority's word" 3 'web02 is trusted by another key' "$a" trust web02 ca
good "if one insists" "$(re "$old_a")" "$a" trust --yes web02 "$old_a"
good "and back" "$(re "$pin_b")" "$a" trust --yes web02 "$pin_b"
good "by an authority" 'there is no ca.crt yet' "$a" trust web03 ca 10.0.0.3
fails "not by a key then" 3 'web03 is trusted by a certificate' "$a" trust web03 "$pin_b"
good "an address twice" '10.0.0.3 is an address of web03, too' "$a" trust web04 "$old_a" 10.0.0.3
fails "another name for a known key" 3 "is trusted as web02, and what .* is web02's.*next: dmmigrate keys trust web02" "$a" trust web22 "$pin_b"
cp "$a/peers" "$tmp/peers"
good "  if one insists" "web02 has the same key: .*the one whose line is first" "$a" trust --yes web22 "$pin_b"
for ((i = 0; i < 200; i++)); do echo -n " 2001:db8:1234:5678::$i"; done > "$tmp/many"
sed -i "/^web22/s/\$/$(cat "$tmp/many")/" "$a/peers"
good "  with 200 addresses" "at 2001:db8:1234:5678::0 .*2001:db8:1234:5678::199\.$" "$a" trust --yes web22 "$pin_b"
is "  none of which is lost" "$(grep ^web22 "$a/peers" | wc -w)" = 202
cp "$tmp/peers" "$a/peers"
good "the list" "^web02 +$(re "$pin_b") +10.0.0.9$" "$a" list
is "  has all" "$(awk '{ print $1 }' "$tmp/out" | xargs)" = "NAME web02 web03 web04"
good "  and as JSON" '{"name":"web03","pin":null,"ca":true,"addresses":\["10.0.0.3"\]}.*"revoked":\[\]' "$a" list --json
is "the comments are there" "$(grep -c '^# storage network$\|^web02 .*# rack 3$\|^# end$' "$a/peers")" = 3

# --- revoke ---
good "revoke a peer" "web02 is no peer any more" "$a" revoke web02
is "  its line is gone" "$(grep -c ^web02 "$a/peers" || true)" = 0
is "  its key is revoked" "$(tail -n 1 "$a/peers")" = "revoked $pin_b"
good "  as the list says" "^revoked $(re "$pin_b")$" "$a" list
fails "trusted again, unasked" 3 "$(re "$pin_b") is revoked here.*next: dmmigrate keys trust --yes" "$a" trust web02 "$pin_b"
good "revoke a key" 'web04 is no peer any more' "$a" revoke "$old_a"
good "revoke it again" "$(re "$old_a") is revoked" "$a" revoke "$old_a"
is "  is one line" "$(grep -c "^revoked $old_a$" "$a/peers")" = 1
good "revoke what an authority has signed" 'is not known here and is not revoked' "$a" revoke web03
is "  which is a peer no more" "$(grep -c ^web03 "$a/peers" || true)" = 0
fails "revoke nobody" 3 "no peer is called 'web09'.*next: dmmigrate keys list" "$a" revoke web09
good "trusted again" "$(re "$pin_b") is not revoked any more" "$a" trust --yes web02 "$pin_b"
is "  and not revoked" "$(grep -c "^revoked $pin_b" "$a/peers" || true)" = 0

# --- ca ---
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/ca.key" -out "$tmp/ca.pem" -subj /CN=authority -days 10 2> /dev/null
good "an authority" 'ca.crt has 1 certificate\.' "$a" ca "$tmp/ca.pem"
is "  is installed" "$(cat "$a/ca.crt")" = "$(cat "$tmp/ca.pem")"
cat "$tmp/ca.pem" "$tmp/ca.key" "$tmp/ca.pem" > "$tmp/both.pem"
good "two, with a key by mistake" 'has 2 certificates' "$a" ca "$tmp/both.pem"
is "  which stays away" "$(grep -c PRIVATE "$a/ca.crt" || true)" = 0
fails "no authority's" 3 "host.crt: certificate 1 is not a CA's" "$a" ca "$b/host.crt"
fails "no certificate" 3 'damaged, or no certificates' "$a" ca "$b/host.key"
fails "no file" 3 'none.pem: No such file' "$a" ca "$tmp/none.pem"

# --- bad input ---
fails "no verb" 2 'operands are missing' "$a"
fails "none that there is" 2 "'sho' is none of init, show" "$a" sho
fails "an operand too many" 2 "'x' is one operand too many" "$a" show x
fails "no pin" 2 'trust needs NAME SHA256:PIN' "$a" trust web02
fails "half a pin" 2 "'SHA256:abc' is neither" "$a" trust web05 SHA256:abc
fails "a pin as a name" 2 'is no name of a peer' "$a" trust "$pin_b" web05
fails "a name that is none" 2 'is no name of a peer' "$a" trust 'web 05' "$pin_b"
fails "an address that is none" 2 "'#x' is no address" "$a" trust web05 "$pin_b" '#x'
fails "revoke what is neither" 2 'neither a name nor' "$a" revoke 'web/05'
fails "what to install" 2 'ca needs FILE' "$a" ca
echo 'web09' >> "$a/peers"
n=$(wc -l < "$a/peers")
for verb in list "trust web05 $pin_b" "revoke web02"; do
	# shellcheck disable=SC2086	# words
	fails "a peers file with an error: $verb" 3 "$a/peers:$n: after the name" "$a" $verb
done
sed -i '$d' "$a/peers"
chmod 666 "$a/peers"
fails "a peers file that all may write" 3 "chmod go-w $a/peers" "$a" trust web05 "$pin_b"
chmod 644 "$a/peers"
chmod 777 "$a"
fails "a directory that all may write to" 3 "others may write to it: chmod go-w $a" "$a" trust web05 "$pin_b"
fails "  to have a key there" 3 "others may write to it: chmod go-w $a" "$a" show
chmod 700 "$a"
# who may not write there cannot lock it either
flock "$b" sleep 3 &
good "a directory that somebody has locked" '^no peers$|^NAME' "$b" list
start=$SECONDS
good "  for an edit" 'is trusted' "$b" trust web07 "$old_a"
is "  at once" $((SECONDS - start)) -lt 2
is "the lock is ours" "$(stat -c %a "$b/lock")" = 600
wait
echo > "$tmp/file"
fails "a directory that is none" 5 'cannot use .*: Not a directory' "$tmp/file" init
rm "$tmp/file"
if [ "$(id -u)" = 0 ]; then
	chmod 711 "$tmp"
	mkdir -m 711 "$tmp/bin"
	cp "$bin/dmmigrate" "$tmp/bin"
	nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups env "$@"; }
	mkdir "$tmp/home"
	chown nobody "$tmp/home"
	nobody HOME="$tmp/home" XDG_CONFIG_HOME= "$tmp/bin/dmmigrate" keys init > "$tmp/out" 2>&1 || true
	is "nobody has keys, too" "$(head -n 1 "$tmp/out")" = "$(openssl_pin "$tmp/home/.config/dmmigrate/host.crt")"
	rc=0
	nobody "$tmp/bin/dmmigrate" keys --keys "$b" show > "$tmp/out" 2>&1 || rc=$?
	is "but not ours" $rc = 3
	grep -q 'host.key: Permission denied' "$tmp/out" || { bad "not by permission"; cat "$tmp/out"; }
fi

# many at once lose nothing
for i in 1 2 3 4 5 6 7 8; do
	keys "$b" trust --yes "many$i" "$pin_a" > /dev/null 2>&1 &
done
wait
is "eight at once" "$(grep -c '^many' "$b/peers")" = 8
is "nothing is left behind" "$(find "$a" "$b" -name '*.new' | wc -l)" = 0

finish
