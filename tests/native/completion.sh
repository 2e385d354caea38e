#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will press Tab: bash's completion function is called as bash calls it, and a
# real zsh completes on a pseudo-terminal; every verb and option of --help must be offered,
# and values and devices where they belong.
. "$(dirname "$0")/common"

out=$top/build/userland
make -s -C "$top/userland" all docs

# what `dmmigrate list --json` prints where migrations run
mkdir "$tmp/bin"
cat > "$tmp/bin/dmmigrate" <<'EOF'
#!/bin/sh
[ "$1" = list ] && echo '{"migrations":[{"migration":"00112233445566778899aabbccddeeff","source":"vg0-web01",' \
	'"source_device":"attached","destination":{"host":"b","path":"/dev/x"}},{"source":"vg0-web02"}]}'
EOF
chmod +x "$tmp/bin/dmmigrate"
PATH=$tmp/bin:$PATH

# tab PROGRAM WORD...: what bash offers for the last word; loaded within a function, as
# bash-completion does it, where a plain `declare` would be forgotten
tab()
{
	bash -c '
		set -u
		load() { . "$1"; }
		load "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		complete -p "$1" > /dev/null || exit 1
		f=$(complete -p "$1" | sed "s/.*-F \([^ ]*\).*/\1/")
		"$f" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' tab "$out/docs/$1.bash" "$@" 2>&1
}

# offers EXPECTED PROGRAM WORD...: exactly these words
offers()
{
	local want=$1 got

	shift
	got=$(tab "$@" | sort | xargs)
	want=$(tr " " "\n" <<< "$want" | sort | xargs)
	[ "$got" = "$want" ] ||
		bad "'$*': offered '$got', wanted '$want'"
}

verbs=$("$out/dmmigrate" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' | xargs)
[ "$(wc -w <<< "$verbs")" -ge 13 ] || bad "only these verbs in --help: $verbs"
offers "$verbs --help --version" dmmigrate ''
for verb in $verbs; do
	options=$("$out/dmmigrate" "$verb" --help |
		sed -n '/^Options:/,/^$/s/^  \(--[a-z-]*\).*/\1/p' | xargs)
	offers "$options" dmmigrate "$verb" --
done
offers 'start status' dmmigrate sta
offers '--bandwidth' dmmigrate start --ban
offers '100M 10M 1G' dmmigrate start --bandwidth 1
offers '100M 10M 1G' dmmigrate start --bandwidth = 1
offers '4K 8K 16K 32K 64K 128K 256K 512K 1M' dmmigrate start x --block-size ''
offers 'vg0-web01 vg0-web02' dmmigrate cutover vg
offers '00112233445566778899aabbccddeeff' dmmigrate cancel --json 0
offers 'vg0-web01 vg0-web02' dmmigrate cutover --hook-stop true vg
offers 'unlimited' dmmigrate throttle vg0-web01 u
offers '' dmmigrate cutover vg0-web01 ''
offers '' dmmigrate nonsense ''
offers 'init renew show list trust revoke ca' dmmigrate keys ''
offers 'show' dmmigrate keys --json s
touch "$tmp/image"
offers "$tmp/image" dmmigrate start "$tmp/im"
offers "$tmp/image" dmmigrate keys ca "$tmp/im"
offers "$tmp/bin" dmmigrate keys --keys "$tmp/b"

options=$("$out/dmmigrated" --help | sed -n 's/^  \(-.\), \(--[a-z-]*\).*/\1 \2/p' | xargs)
offers "$options" dmmigrated -
offers 'error warning notice info debug' dmmigrated --log-level ''
offers 'error warning notice info debug' dmmigrated -L ''
engines=$({ "$out/dmmigrated" --engine nonsense 2>&1 || true; } | sed "s/.*: //; s/not one of//; s/,/ /g")
offers "$engines" dmmigrated -e ''
offers "$tmp/image" dmmigrated --config "$tmp/im"

# --- zsh: does it parse, and what does it offer? ---
zsh -n "$out/docs/_dmmigrate" "$out/docs/_dmmigrated" || bad "zsh cannot parse it"
cat > "$tmp/press" <<'EOF'
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; fpath=($1 \$fpath); PATH=$2; autoload -U compinit; compinit -u -d $3"
zpty -w z 'zstyle ":completion:*" list-separator "--"; bindkey "^I" complete-word; LISTMAX=10000'
zpty -w z 'TERM=dumb; COLUMNS=200; setopt no_beep; print REA''DY'
zpty -r z line '*READY*'
zpty -n -w z "$4"$'\t\t'
sleep 0.2
zpty -n -w z $'\C-u'
zpty -w z 'print DO''NE'
zpty -r z line '*DONE*'
print -r -- $line
zpty -d z
EOF
# zsh_offers LINE WORD...: each is offered for LINE
zsh_offers()
{
	local line=$1 word

	shift
	timeout 60 zsh -f "$tmp/press" "$out/docs" "$PATH" "$tmp/dump" "$line" > "$tmp/zsh" 2>&1 || true
	for word; do
		grep -qE -- "(^|[^-a-z])$word([^-a-z]|\$)" "$tmp/zsh" ||
			{ bad "zsh, '$line': no $word"; cat "$tmp/zsh"; return; }
	done
}
# shellcheck disable=SC2086	# words
zsh_offers 'dmmigrate ' $verbs
for verb in start cutover throttle; do
	# shellcheck disable=SC2046
	zsh_offers "dmmigrate $verb --" $("$out/dmmigrate" $verb --help |
		sed -n '/^Options:/,/^$/s/^  \(--[a-z-]*\).*/\1/p')
done
zsh_offers 'dmmigrate keys ' init show list trust revoke ca
zsh_offers 'dmmigrate cancel ' vg0-web01 vg0-web02
zsh_offers 'dmmigrated --log-level ' error warning debug

finish
