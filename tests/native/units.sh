#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# systemd takes our units without a word, and what they leave open, as `systemd-analyze security` counts it, is not more than is
# said, line by line, in doc/security.rst; a line that is shut, or opened, without that is found out.
set -euo pipefail
. "$(dirname "$0")/common"

doc=$top/doc/security.rst
# without its program nothing can be run, and that is no fault of the unit
mkdir -p "$tmp/units"
for unit in dmmigrated dmmigrate-boot; do
	sed 's#/usr/sbin/dmmigrated#/bin/true#' "$top/userland/dmmigrated/$unit.service" > "$tmp/units/$unit.service"
done
command -v systemd-analyze > /dev/null || { echo "systemd-analyze is missing: run scripts/install-packages.sh"; exit 1; }

# open_lines FILE: what systemd-analyze marks as open
open_lines() { systemd-analyze security --offline=true --no-pager "$1" | sed -n 's/^✗ \([^ ]*\) .*/\1/p' | sort; }
# said_lines UNIT: of what the table of the document gives the reason
said_lines()
{
	local of=boot

	[ "$1" = dmmigrate-boot ] || of=daemon
	awk -v of=$of '/^What systemd/ { on = 1 } /^What is not/ { on = 0 } on && /^``[A-Z]/ && ($2 == "both" || $2 == of) { print $1 }' \
		"$doc" | tr -d '`' | sort
}

for unit in dmmigrated dmmigrate-boot; do
	said=$(sed -n "s/^\`\`$unit\`\`: \([0-9]\.[0-9]\)$/\1/p" "$doc")
	if systemd-analyze verify --man=no "$tmp/units/$unit.service" > "$tmp/out" 2>&1 && [ ! -s "$tmp/out" ]; then
		ok "$unit: taken as it is"
	else
		bad "$unit: systemd-analyze verify says: $(cat "$tmp/out")"
	fi
	is=$(systemd-analyze security --offline=true --no-pager "$tmp/units/$unit.service" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
	if [ -n "$is" ] && [ "$is" = "$said" ]; then
		ok "$unit: exposure $is"
	else
		bad "$unit: exposure ${is:-unknown}, and doc/security.rst says ${said:-nothing}"
	fi
	if open_lines "$tmp/units/$unit.service" > "$tmp/open" && said_lines "$unit" > "$tmp/reasons" && [ -s "$tmp/open" ] &&
	   diff "$tmp/reasons" "$tmp/open" > "$tmp/out"; then
		ok "$unit: $(wc -l < "$tmp/open") lines are open, each with its reason"
	else
		bad "$unit: what is open (>) is not what doc/security.rst gives reasons for (<): $(cat "$tmp/out")"
	fi
done
finish
