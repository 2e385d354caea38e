#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will pack the sources twice and get the same bytes, then build, install and uninstall
# from the archive without git.  With DMM_LONG=1 (make check-long) the module, too: by `make install`, and by DKMS
# from what install-dkms leaves.
# timeout: 900
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/dmm-dist.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
cd "$top"
[ -e .git ] || { echo "no git checkout"; exit 77; }

fail()
{
	echo "FAILED: $1"
	exit 1
}

archive=$(scripts/dist.sh 2> "$tmp/said")
version=$(scripts/dist.sh --version)
[ "$archive" = "build/dmmigrate-$version.tar.xz" ] || fail "made '$archive'"
cp "$archive" "$tmp/first.tar.xz"
sleep 1		# another time of day
(umask 077; TZ=Asia/Tokyo LC_ALL=C scripts/dist.sh) > /dev/null 2>&1
cmp "$archive" "$tmp/first.tar.xz" || fail "packed twice, the archives differ"
SOURCE_DATE_EPOCH=1000000000 scripts/dist.sh > /dev/null 2>&1
tar -tvf "$archive" --utc | awk '{ print $4 }' | sort -u | grep -qx 2001-09-09 || fail "SOURCE_DATE_EPOCH is not obeyed"
[ "$(tar -tvf "$archive" --utc | awk '{ print $4 }' | sort -u | wc -l)" = 1 ] || fail "several times in one archive"
cp "$tmp/first.tar.xz" "$archive"

# --- by itself: no git, no build tree of ours ---
mkdir "$tmp/bin" "$tmp/src"
printf '#!/bin/sh\necho "git is not to be used: $*" >&2\nexit 1\n' > "$tmp/bin/git"
chmod +x "$tmp/bin/git"
PATH=$tmp/bin:$PATH
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES
tar -x -C "$tmp/src" -f "$archive"
cd "$tmp/src/dmmigrate-$version"
what=(userland docs) install=install-userland
[ -z "${DMM_LONG:-}" ] || what=(all) install=install
make -s -j2 CFLAGS=-O0 "${what[@]}" > "$tmp/log" 2>&1 || { tail -n 20 "$tmp/log"; fail "the archive does not build"; }
make -s CFLAGS=-O0 PREFIX=/usr DESTDIR="$tmp/root" $install >> "$tmp/log" 2>&1 ||
	{ tail -n 20 "$tmp/log"; fail "the archive does not install"; }
cd "$tmp/root"
find . -type f | sort | sed 's|/lib/modules/[^/]*/|/lib/modules/KERNEL/|' > "$tmp/files"
if [ -n "${DMM_LONG:-}" ]; then
	grep -qx ./lib/modules/KERNEL/updates/dm-migrate.ko "$tmp/files" || fail "the module is not installed"
	sed -i '\|/dm-migrate.ko$|d' "$tmp/files"
fi
diff - "$tmp/files" <<'EOF' || fail "installed (>) is not what is expected (<)"
./etc/dmmigrate/dmmigrated.conf
./etc/xen/scripts/block-dmmigrate
./usr/lib/systemd/system/dmmigrate-boot.service
./usr/lib/systemd/system/dmmigrated.service
./usr/lib/udev/rules.d/12-dmmigrate.rules
./usr/sbin/dmm-xl-resume
./usr/sbin/dmmigrate
./usr/sbin/dmmigrated
./usr/share/bash-completion/completions/dmmigrate
./usr/share/bash-completion/completions/dmmigrated
./usr/share/doc/dmmigrate/README.md
./usr/share/doc/dmmigrate/design.rst
./usr/share/doc/dmmigrate/dm-migrate.rst
./usr/share/doc/dmmigrate/handover.rst
./usr/share/doc/dmmigrate/platforms.rst
./usr/share/doc/dmmigrate/protocol.rst
./usr/share/doc/dmmigrate/security.rst
./usr/share/doc/dmmigrate/vdi.rst
./usr/share/man/man5/dmmigrated.conf.5
./usr/share/man/man8/dmmigrate.8
./usr/share/man/man8/dmmigrated.8
./usr/share/zsh/site-functions/_dmmigrate
./usr/share/zsh/site-functions/_dmmigrated
EOF
usr/sbin/dmmigrate --help > /dev/null || fail "the installed tool does not run"
usr/sbin/dmmigrated --version | grep -qx "dmmigrated $version" || fail "the installed receiver does not run"
grep -qx 'ExecStart=/usr/sbin/dmmigrated' usr/lib/systemd/system/dmmigrated.service || fail "unit and receiver do not meet"
grep -qx 'ExecStart=/usr/sbin/dmmigrated --restore' usr/lib/systemd/system/dmmigrate-boot.service ||
	fail "the boot unit and the receiver do not meet"
[ "$(stat -c %a etc/dmmigrate/dmmigrated.conf)" = 600 ] || fail "the configuration is for others to read"
# reproducible: no date of today, no path of the build, in what is read
! grep -rlF "$tmp" usr/share usr/lib || fail "a path of the build is installed"

# an admin's configuration outlives both
echo '# mine' >> etc/dmmigrate/dmmigrated.conf
cd "$tmp/src/dmmigrate-$version"
make -s CFLAGS=-O0 PREFIX=/usr DESTDIR="$tmp/root" install-userland >> "$tmp/log" 2>&1 || fail "cannot install again"
make -s CFLAGS=-O0 PREFIX=/usr DESTDIR="$tmp/root" uninstall >> "$tmp/log" 2>&1 || fail "cannot uninstall"
[ "$(find "$tmp/root" -type f)" = "$tmp/root/etc/dmmigrate/dmmigrated.conf" ] ||
	{ find "$tmp/root" -type f; fail "uninstall leaves files behind"; }
grep -q '^# mine' "$tmp/root/etc/dmmigrate/dmmigrated.conf" || fail "the admin's configuration was overwritten"

# --- DKMS ---
make -s DESTDIR="$tmp/root" install-dkms || fail "install-dkms"
dkms_tree=$tmp/root/usr/src/dmmigrate-$version
grep -qx "PACKAGE_VERSION=\"$version\"" "$dkms_tree/dkms.conf" || fail "dkms.conf and its directory do not meet"
diff -r kmod "$dkms_tree/kmod" || fail "install-dkms leaves sources behind"
[ -n "${DMM_LONG:-}" ] || exit 0
. "$top/scripts/lib.sh"
kdir=$(kernel_headers 6.1)
release=$(kernel_release 6.1)
mkdir "$tmp/dkms"
rm -rf "$tmp/src"	# it has all it needs
dkms build "dmmigrate/$version" --dkmstree "$tmp/dkms" --sourcetree "$tmp/root/usr/src" \
	-k "$release" --kernelsourcedir "$kdir" > "$tmp/dkms.log" 2>&1 ||
	{ cat "$tmp/dkms.log" "$tmp"/dkms/dmmigrate/*/build/make.log; fail "DKMS does not build it"; }
find "$tmp/dkms" -name 'dm-migrate.ko*' -path "*/module/*" | grep -q . || fail "DKMS built no module"
