#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh - the kernels that the tests boot, made once and kept in the cache.
#
#   kernels.sh stock 6.1|6.12	Debian's own image for the installed headers
#   kernels.sh uml		sanitised User Mode Linux from linux-source-6.12
#   kernels.sh uml-bench	the same, not sanitised, for benchmarks
#   kernels.sh kdir KERNEL	what `make modules KDIR=` wants for 6.1, 6.12, uml, uml-bench
#   kernels.sh source FILE...	(checkpatch and kin) from the kernel source package
#
# Each prints one directory.  `stock` has boot/vmlinuz-* and lib/modules; `uml`, `uml-bench`
# have linux, kdir and lib/modules.  Nothing is installed on the host.

set -euo pipefail
shopt -s inherit_errexit
. "$(dirname "$0")/lib.sh"

readonly SOURCE_TAR=/usr/src/linux-source-6.12.tar.xz
UML_CONFIG=$DMM_TOP/scripts/kconfig/uml.config

fetch_stock()
{
	local dir=$1 release=$2

	say "fetching Debian's linux-image-$release into the cache"
	cd "$dir"
	apt-get -qq -o APT::Sandbox::User="$(id -un)" download "linux-image-$release" ||
		die "cannot download linux-image-$release: run 'apt-get update' and upgrade the" \
		    "linux-headers packages, the archive keeps only the newest"
	# the tests never need what is left out: two thirds of the package
	dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x \
		--exclude='*/kernel/sound' --exclude='*/kernel/drivers/gpu' \
		--exclude='*/kernel/drivers/media' --exclude='*/kernel/drivers/infiniband' \
		--exclude='*/kernel/drivers/net/wireless' --exclude='*/kernel/drivers/net/ethernet' \
		--exclude='*/kernel/drivers/staging' --exclude='*/kernel/drivers/iio' \
		./boot ./lib
	rm -f linux-image-*.deb
	[ -s "boot/vmlinuz-$release" ] || die "linux-image-$release has no boot/vmlinuz-$release"
	depmod -b "$dir" "$release"
}

do_stock()
{
	local release

	release=$(kernel_release "$1") ||
		die "no linux-headers-$1.*-amd64 installed: run scripts/install-packages.sh"
	cached "stock-$release" fetch_stock "$release"
}

source_version()
{
	[ -e "$SOURCE_TAR" ] || die "linux-source-6.12 is missing: run scripts/install-packages.sh"
	dpkg-query -W -f '${Version}' linux-source-6.12
}

build_uml()
{
	local dir=$1 want log

	say "building the sanitised UML kernel, 5 to 10 minutes, once"
	# The tree is built where it stays: objects and Makefiles know their path.
	mkdir "$dir/kdir"
	tar -C "$dir/kdir" -xf "$SOURCE_TAR" --strip-components=1 \
		--exclude='*/drivers/gpu/drm/amd/include' --exclude='*/boot/dts' \
		--exclude='*/Documentation/[a-z]*' --exclude='*/tools/testing/selftests'
	cd "$dir/kdir"
	log=$dir/build.log
	make -s ARCH=um LOCALVERSION= KCONFIG_ALLCONFIG="$UML_CONFIG" allnoconfig > "$log" 2>&1 ||
		{ tail -n 20 "$log"; die "the UML kernel cannot be configured"; }
	while read -r want; do
		grep -qxF "$want" .config ||
			die "$want did not survive Kconfig: see $UML_CONFIG"
	done < <(grep '^CONFIG_' "$UML_CONFIG")
	nice make -s ARCH=um LOCALVERSION= -j2 linux modules >> "$log" 2>&1 ||
		{ tail -n 20 "$log"; die "the UML kernel does not build, see $log"; }
	make -s ARCH=um LOCALVERSION= INSTALL_MOD_PATH="$dir" modules_install >> "$log" 2>&1
	rm -f "$dir"/lib/modules/*/{build,source}
	mv linux "$dir/linux"
	strip --strip-debug "$dir/linux"
	rm -f vmlinux
	# what building modules needs stays, and kunit.py
	find . -mindepth 1 -maxdepth 1 ! -name Makefile ! -name Kbuild ! -name Kconfig \
		! -name .config ! -name Module.symvers ! -name scripts ! -name include \
		! -name arch ! -name tools -exec rm -rf {} +
	find arch -mindepth 1 -maxdepth 1 ! -name um ! -name x86 -exec rm -rf {} +
	find tools -mindepth 1 -maxdepth 1 ! -name testing -exec rm -rf {} +
	find tools/testing -mindepth 1 -maxdepth 1 ! -name kunit -exec rm -rf {} +
	find arch/x86 -mindepth 1 -maxdepth 1 ! -name include ! -name um ! -name 'Makefile*' \
		-exec rm -rf {} +
	find . -name '*.o' ! -path './scripts/*' -delete
	find . -name '*.a' -delete
	find . -name '.*.cmd' ! -path './scripts/*' -delete
}

do_uml()
{
	local key

	key=$(source_version)-$( { cat "$UML_CONFIG"; declare -f build_uml; gcc -dumpfullversion; } |
		sha256sum | cut -c 1-12)
	cached "${1-uml}-$key" build_uml
}

do_uml_bench()
{
	UML_CONFIG=$DMM_TOP/scripts/kconfig/uml-bench.config
	do_uml uml-bench
}

extract_source()
{
	local dir=$1
	shift

	say "taking $* out of linux-source-6.12"
	tar -C "$dir" -xf "$SOURCE_TAR" --strip-components=1 --wildcards "${@/#/*/}"
}

do_source()
{
	cached "source-$(source_version)-$(echo "$*" | sha256sum | cut -c 1-12)" extract_source "$@"
}

do_kdir()
{
	local dir

	case $1 in
	uml)	dir=$(do_uml); echo "$dir/kdir" ;;
	uml-bench) dir=$(do_uml_bench); echo "$dir/kdir" ;;
	*)	kernel_headers "$1" || die "no headers for kernel $1: run scripts/install-packages.sh" ;;
	esac
}

case ${1-} in
stock)	[ $# = 2 ] || die "usage: kernels.sh stock 6.1|6.12"; do_stock "$2" ;;
uml)	do_uml ;;
uml-bench) do_uml_bench ;;
kdir)	[ $# = 2 ] || die "usage: kernels.sh kdir 6.1|6.12|uml"; do_kdir "$2" ;;
source)	shift; do_source "$@" ;;
*)	die "usage: kernels.sh stock 6.1|6.12, uml, uml-bench, kdir KERNEL, source FILE..." ;;
esac
