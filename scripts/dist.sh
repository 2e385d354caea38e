#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# dist.sh - what `make dist` runs: build/dmmigrate-VERSION.tar.xz out of what is
# committed.  The same commit gives the same bytes, wherever and by whomever it is
# packed: times are SOURCE_DATE_EPOCH, or the commit's.
#
#	dist.sh --version	print the version only

set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP"

# defined_in FILE MACRO
defined_in()
{
	sed -n "s/^#define $2[[:space:]]*\"\(.*\)\".*/\1/p" "$1"
}

version=$(defined_in userland/dmmigrate/tool.h DMM_TOOL_VERSION)
[ -n "$version" ] || die "userland/dmmigrate/tool.h has no DMM_TOOL_VERSION"
[ "${1-}" = --version ] && { echo "$version"; exit 0; }

for other in "$(defined_in userland/dmmigrated/version.h DMM_VERSION)" \
	"$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)" \
	"$(defined_in include/dmmigrate/uapi.h DMM_MODULE_VERSION)"; do
	[ "$other" = "$version" ] ||
		die "versions differ: tool.h says $version, version.h, dkms.conf or uapi.h '$other'"
done
[ -e .git ] || die "this is no git checkout: there is nothing to make an archive of"
git diff --quiet HEAD || say "what is not committed is not packed"

name=dmmigrate-$version
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p build "$tmp/$name"
git archive HEAD | tar -x -C "$tmp/$name"
find "$tmp/$name" -exec chmod u=rwX,go=rX {} +
tar -c -C "$tmp" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
	--mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" "$name" |
	xz -6 -T1 > "$tmp/xz"
mv "$tmp/xz" "build/$name.tar.xz"
echo "build/$name.tar.xz"
