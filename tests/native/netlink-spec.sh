#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# doc/netlink/dmmigrate.yaml says what include/dmmigrate/uapi.h says: commands and
# their numbers, attributes in their order and with their types, states and sides,
# what GET answers (marked G there); and each command takes what its policy in
# kmod/netlink_policy.h takes.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
spec=${DMM_SPEC:-$top/doc/netlink/dmmigrate.yaml}
uapi=$top/include/dmmigrate/uapi.h
kmod="$top/kmod/netlink.c $top/kmod/netlink_policy.h"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/dmm-spec.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
bad=0

# same WHAT: $tmp/header against $tmp/spec
same() {
	if [ ! -s "$tmp/header" ]; then
		echo "netlink-spec: $1: nothing found in the sources: this test has gone stale" >&2
		bad=1
	elif ! diff -u "$tmp/header" "$tmp/spec" >"$tmp/diff"; then
		echo "netlink-spec: $1 differ (- sources, + specification):" >&2
		sed 1,2d "$tmp/diff" >&2
		bad=1
	fi
}

# enum NAME PREFIX: its entries, as the specification spells them
enum() {
	sed -n "/^enum $1 {/,/^};/s/^[[:space:]]*$2\\([A-Z][A-Z0-9_]*\\),.*/\\1/p" "$uapi" |
		tr 'A-Z_' 'a-z-'
}

# entries NAME: of a definition
entries() {
	sed -n "/^    name: $1\$/,/entries:/s/.*entries: \\[\\(.*\\)\\]/\\1/p" "$spec" | tr -d ' ' | tr ',' '\n'
}

enum dmm_state DMM_STATE_ >"$tmp/header"
entries state >"$tmp/spec"
same states
enum dmm_side DMM_SIDE_ >"$tmp/header"
entries side >"$tmp/spec"
same sides
enum dmm_gate DMM_GATE_ >"$tmp/header"
entries gate >"$tmp/spec"
same gates
enum dmm_security DMM_SECURITY_ >"$tmp/header"
entries security >"$tmp/spec"
same securities

# attributes: name type
awk '/^enum dmm_attr/, /^};/' "$uapi" | awk '
	match($1, /^DMM_A_[A-Z_]+,$/) && $1 != "DMM_A_UNSPEC," {
		name = tolower(substr($1, 7, length($1) - 7)); gsub(/_/, "-", name)
		type = $3
		sub(/[:,;]$/, "", type)
		if (name == "pad") type = "pad"
		if (type == "NUL") type = "string"
		print name, type
	}' >"$tmp/header"
awk '/^attribute-sets:/ { on = 1 } /^operations:/ { on = 0 }
	on && $1 == "name:" { name = $2 } on && $1 == "type:" { print name, $2 }' "$spec" >"$tmp/spec"
same attributes

# commands: name number
enum dmm_cmd DMM_CMD_ | awk '{ print $1, NR - 1 }' | sed 1d >"$tmp/header"
awk '/^operations:/ { on = 1 } /^mcast-groups:/ { on = 0 }
	on && $1 == "name:" { name = $2 } on && $1 == "value:" { print name, $2 }' "$spec" >"$tmp/spec"
same commands

# the answer to GET
awk '/^enum dmm_attr/, /^};/' "$uapi" | sed -n 's/^[[:space:]]*DMM_A_\([A-Z_]*\),.* G \*\/$/\1/p' |
	tr 'A-Z_' 'a-z-' >"$tmp/header"
awk '/reply: &info/ { on = 1; next } /dump:/ { on = 0 } on && $1 == "-" { print $2 }' "$spec" >"$tmp/spec"
same "attributes that GET answers with"

# what each command takes: command attribute
# shellcheck disable=SC2086 # files
awk '
	/^static const struct nla_policy [a-z]+_policy/ { policy = $5; sub(/\[.*/, "", policy) }
	policy && match($1, /^\[DMM_A_[A-Z_]+\]$/) { takes[policy] = takes[policy] " " $1 }
	/^};/ { policy = "" }
	/DMM_OP\(DMM_CMD_/ || /\.cmd = DMM_CMD_GET/ { line = line $0 }
	/DMM_GENL_OP_POLICY\(.*dev_policy/ { line = line "DMM_OP(DMM_CMD_GET, x, dev_policy)," }
	END {
		n = split(line, ops, "DMM_OP\\(DMM_CMD_")
		for (i = 2; i <= n; i++) {
			split(ops[i], part, /[,)][ ]*/)
			m = split(takes[part[3]], list, " ")
			for (j = 1; j <= m; j++)
				print part[1], substr(list[j], 8, length(list[j]) - 8)
		}
	}' $kmod | tr 'A-Z_' 'a-z-' | sort -u >"$tmp/header"
awk '/^operations:/ { on = 1 } on && $1 == "name:" { name = $2 } /request:/ { request = 1 }
	/reply:|dump:|event:|^    -$/ { request = 0 }
	on && request && $1 == "-" { print name, $2 }' "$spec" | sort -u >"$tmp/spec"
same "attributes of commands"
[ $bad = 0 ] || exit 1
[ -z "${DMM_SPEC:-}" ] || exit 0

# can this test fail?  One thing changed at a time
for change in 's/ comparing\]/]/' 's/name: fd$/name: df/' '0,/type: u64/s//type: u32/' 's/value: 11/value: 12/' \
	'0,/            - size-bytes/{/            - size-bytes/d}' '0,/            - force/{/            - force/d}'; do
	sed "$change" "$spec" >"$tmp/changed.yaml"
	cmp -s "$spec" "$tmp/changed.yaml" && { echo "netlink-spec: '$change' changes nothing" >&2; exit 1; }
	if DMM_SPEC=$tmp/changed.yaml "$0" >/dev/null 2>&1; then
		echo "netlink-spec: '$change' is not noticed" >&2
		exit 1
	fi
done
