#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will compare the manual pages, as man(1) shows them, with what the programs say of
# themselves: every verb, option and exit code of --help has its entry, and every key of
# the receiver's configuration, and none that is not there.
. "$(dirname "$0")/common"

out=$top/build/userland
make -s -C "$top/userland" all docs

# page NAME: as text, one line a paragraph; what groff complains about fails
page()
{
	MANWIDTH=1000 man --warnings=w -P cat -l "$out/docs/$1" > "$tmp/$1" 2> "$tmp/$1.err"
	sed -i 's/.\x08//g' "$tmp/$1"
	[ ! -s "$tmp/$1.err" ] || { bad "$1: groff complains"; cat "$tmp/$1.err"; }
}
for p in dmmigrate.8 dmmigrated.8 dmmigrated.conf.5; do
	page $p
done

# section FILE TITLE INDENT: the lines below a heading, up to the next of its kind
section()
{
	awk -v title="$2" -v indent="$3" '
		{ match($0, /^ */); }
		inside && RLENGTH <= indent && NF { exit }
		inside { print }
		RLENGTH == indent && substr($0, indent + 1) == title { inside = 1 }' "$1"
}

# --- the tool ---
"$out/dmmigrate" --help > "$tmp/help"
verbs=$(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$tmp/help")
[ "$(wc -w <<< "$verbs")" -ge 13 ] || bad "only these verbs in --help: $verbs"
section "$tmp/dmmigrate.8" VERBS 0 | sed -n 's/^   \([a-z]*\)$/\1/p' > "$tmp/verbs"
diff <(tr ' ' '\n' <<< "$verbs") "$tmp/verbs" || bad "verbs differ: --help (<), manual page (>)"
for verb in $verbs; do
	"$out/dmmigrate" "$verb" --help > "$tmp/help"
	sed -n '/^Options:/,/^$/s/^  \(--[a-z-]*\).*/\1/p' "$tmp/help" | grep -vx -- --help | sort > "$tmp/a"
	section "$tmp/dmmigrate.8" "$verb" 3 > "$tmp/section"
	sed -n 's/^       \(--[a-z-]*\).*/\1/p' "$tmp/section" | sort > "$tmp/b"
	diff "$tmp/a" "$tmp/b" || bad "$verb: options differ: --help (<), manual page (>)"
	# usage, word by word
	usage=$(sed -n 's/^Usage: \(.*[^ ]\) *$/\1/p' "$tmp/help")
	grep -qxF "       $usage" "$tmp/section" || bad "$verb: no '$usage' in its section"
	grep -qxF "       $usage" <(section "$tmp/dmmigrate.8" SYNOPSIS 0) || bad "$verb: no '$usage' in the synopsis"
done
sed -n '/^Exit codes:/,$s/^ *\([0-9]*\)  .*/\1/p' "$tmp/help" > "$tmp/a"
section "$tmp/dmmigrate.8" 'EXIT STATUS' 0 | sed -n 's/^       \([0-9]*\)$/\1/p' > "$tmp/b"
[ "$(wc -l < "$tmp/a")" = 10 ] || bad "not ten exit codes in --help"
diff "$tmp/a" "$tmp/b" || bad "exit codes differ: --help (<), manual page (>)"

# --- the receiver ---
"$out/dmmigrated" --help > "$tmp/help"
sed -n 's/^  \(-.\), \(--[a-z-]*\).*/\1, \2/p' "$tmp/help" | sort > "$tmp/a"
section "$tmp/dmmigrated.8" OPTIONS 0 | sed -n 's/^       \(-., --[a-z-]*\).*/\1/p' | sort > "$tmp/b"
[ "$(wc -l < "$tmp/a")" -ge 10 ] || bad "too few options in --help"
diff "$tmp/a" "$tmp/b" || bad "options of dmmigrated differ: --help (<), manual page (>)"
{
	sed -n 's/^  \([a-z_]*\) = .*/\1/p' "$tmp/help"
	# the long options but for these are keys, too
	sed 's/.*--//; s/-/_/g' "$tmp/a" | grep -vxE 'config|foreground|restore|help|version'
} | sort > "$tmp/keys"
section "$tmp/dmmigrated.conf.5" KEYS 0 | sed -n 's/^       \([a-z_]*\) = .*/\1/p' | sort > "$tmp/b"
diff "$tmp/keys" "$tmp/b" || bad "keys differ: --help (<), manual page (>)"
sed -n 's/^#\([a-z_]*\) = .*/\1/p' "$top/userland/dmmigrated/dmmigrated.conf" | sort -u |
	diff "$tmp/keys" - || bad "keys differ: --help (<), the configuration file that is installed (>)"

finish
