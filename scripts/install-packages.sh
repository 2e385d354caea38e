#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# install-packages.sh [--bench] - install what scripts/packages lists and is missing, with
# --bench what scripts/packages-bench does, too.  Uses root or sudo for apt, and for nothing
# else.  Silent when all is there.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

lists=("$DMM_TOP/scripts/packages")
case ${1-} in
'')	;;
--bench) lists+=("$DMM_TOP/scripts/packages-bench") ;;
*)	die "usage: install-packages.sh [--bench]" ;;
esac

missing=()
while read -r package _; do
	status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
	[ "$status" = 'install ok installed' ] || missing+=("$package")
done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${lists[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
[ "$codename" = bookworm ] ||
	die "missing packages: ${missing[*]}; install them by hand, only Debian 12 is known here"

root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo > /dev/null ||
		die "missing packages: ${missing[*]}; run this as root or install sudo"
	root=(sudo)
fi

say "installing ${#missing[@]} Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# 6.12 lives in the security suite, which a bare debootstrap has not configured.
if ! grep -rqs "$codename-security" /etc/apt/sources.list /etc/apt/sources.list.d; then
	say "adding $codename-security to apt's sources"
	echo "deb http://deb.debian.org/debian-security $codename-security main" |
		"${root[@]}" tee /etc/apt/sources.list.d/dmmigrate-security.list > /dev/null
fi
if ! { "${root[@]}" apt-get -q update &&
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
		--no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
	tail -n 20 "$log" >&2
	die "apt failed, see above"
fi
