#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh - the kernels that the tests boot, made once and kept in the cache.
#
#   kernels.sh stock 6.1|6.12	Debian's own image for the installed headers
#   kernels.sh uml		sanitised User Mode Linux from linux-source-6.12
#   kernels.sh uml-bench	the same, not sanitised, for benchmarks
#   kernels.sh smp		sanitised x86_64 with two processors, from the same
#   kernels.sh image 6.1|6.12|smp	what an emulator boots of it, a file
#   kernels.sh kdir KERNEL	what `make modules KDIR=` wants for each of them
#   kernels.sh source FILE...	(checkpatch and kin) from the kernel source package
#
# Each but `image` prints one directory.  `stock` has boot/vmlinuz-* and lib/modules; `uml`, `uml-bench` and
# `smp` have linux or bzImage, kdir and lib/modules.  Nothing is installed on the host.

set -euo pipefail
shopt -s inherit_errexit
. "$(dirname "$0")/lib.sh"

readonly SOURCE_TAR=/usr/src/linux-source-6.12.tar.xz
UML_CONFIG=$DMM_TOP/scripts/kconfig/uml.config
UML_PATCH=$DMM_TOP/scripts/kconfig/uml-stacktrace.patch
readonly SMP_CONFIG=$DMM_TOP/scripts/kconfig/smp.config

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

# unpack_image DIR BZIMAGE -- as DIR/vmlinux, which boots as well (PVH): under an emulator it takes seconds to unpack itself.  Where
# what it has packed is, and how much, its header says since version 2.08 of the boot protocol; behind that is its size.
unpack_image()
{
	local dir=$1 image=$2 sectors offset bytes packed=$1/packed

	sectors=$(od -An -t u1 -j $((0x1f1)) -N 1 "$image")
	read -r offset bytes < <(od -An -t u4 -j $((0x248)) -N 8 "$image")
	dd if="$image" of="$packed" iflag=skip_bytes,count_bytes skip=$(((sectors + 1) * 512 + offset)) count=$((bytes - 4)) \
		bs=1M status=none
	case $(od -An -t x1 -N 4 "$packed") in
	' fd 37 7a 58')	xz -dc < "$packed" > "$dir/vmlinux" ;;
	' 28 b5 2f fd')	zstd -qdc < "$packed" > "$dir/vmlinux" ;;
	*)	die "$image is packed by neither xz nor zstd" ;;
	esac
	rm "$packed"
}

do_image()
{
	local dir

	case $1 in
	smp)	dir=$(do_sanitised smp); echo "$dir/bzImage" ;;
	*)	dir=$(do_stock "$1")
		dir=$(cached "vmlinux-$(kernel_release "$1")" unpack_image "$dir"/boot/vmlinuz-*)
		echo "$dir/vmlinux" ;;
	esac
}

source_version()
{
	[ -e "$SOURCE_TAR" ] || die "linux-source-6.12 is missing: run scripts/install-packages.sh"
	dpkg-query -W -f '${Version}' linux-source-6.12
}

# build_sanitised DIR CONFIG ARCH IMAGE -- linux-source-6.12 with allnoconfig and CONFIG:
# DIR/IMAGE, DIR/lib/modules, and in DIR/kdir what building modules needs
build_sanitised()
{
	local dir=$1 config=$2 arch=$3 image=$4 want log

	say "building the kernel of $(basename "$config"), 5 to 15 minutes, once"
	# The tree is built where it stays: objects and Makefiles know their path.
	mkdir "$dir/kdir"
	tar -C "$dir/kdir" -xf "$SOURCE_TAR" --strip-components=1 \
		--exclude='*/drivers/gpu/drm/amd/include' --exclude='*/boot/dts' \
		--exclude='*/Documentation/[a-z]*' --exclude='*/tools/testing/selftests'
	cd "$dir/kdir"
	log=$dir/build.log
	[ "$arch" != um ] || patch -s -p1 < "$UML_PATCH" > "$log" 2>&1 || { cat "$log"; die "$UML_PATCH does not fit"; }
	make -s ARCH="$arch" LOCALVERSION= KCONFIG_ALLCONFIG="$config" allnoconfig > "$log" 2>&1 ||
		{ tail -n 20 "$log"; die "a kernel with $config cannot be configured"; }
	while read -r want; do
		grep -qxF "$want" .config ||
			die "$want did not survive Kconfig: see $config"
	done < <(grep '^CONFIG_' "$config")
	nice make -s ARCH="$arch" LOCALVERSION= -j2 "$(basename "$image")" modules >> "$log" 2>&1 ||
		{ tail -n 20 "$log"; die "the kernel does not build, see $log"; }
	make -s ARCH="$arch" LOCALVERSION= INSTALL_MOD_PATH="$dir" modules_install >> "$log" 2>&1
	rm -f "$dir"/lib/modules/*/{build,source}
	mv "$image" "$dir/"
	rm -f vmlinux
	# what building modules needs stays, and kunit.py
	find . -mindepth 1 -maxdepth 1 ! -name Makefile ! -name Kbuild ! -name Kconfig \
		! -name .config ! -name Module.symvers ! -name scripts ! -name include \
		! -name arch ! -name tools -exec rm -rf {} +
	find arch -mindepth 1 -maxdepth 1 ! -name um ! -name x86 -exec rm -rf {} +
	find tools -mindepth 1 -maxdepth 1 ! -name testing ! -name objtool -exec rm -rf {} +
	find tools/testing -mindepth 1 -maxdepth 1 ! -name kunit -exec rm -rf {} +
	find arch/x86 -mindepth 1 -maxdepth 1 ! -name include ! -name um ! -name 'Makefile*' \
		-exec rm -rf {} +
	find . -name '*.o' ! -path './scripts/*' -delete
	find . -name '*.a' -delete
	find . -name '.*.cmd' ! -path './scripts/*' -delete
}

build_uml()
{
	build_sanitised "$1" "$UML_CONFIG" um linux
	strip --strip-debug "$1/linux"
}

build_smp()
{
	build_sanitised "$1" "$SMP_CONFIG" x86_64 arch/x86/boot/bzImage
}

# do_sanitised uml|uml-bench|smp
do_sanitised()
{
	local key build=build_${1%-bench}

	[ "$1" != uml-bench ] || UML_CONFIG=$DMM_TOP/scripts/kconfig/uml-bench.config
	key=$(source_version)-$( { cat "$DMM_TOP/scripts/kconfig/$1.config" "$UML_PATCH"
		declare -f build_sanitised "$build"; gcc -dumpfullversion; } | sha256sum | cut -c 1-12)
	cached "$1-$key" "$build"
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
	uml|uml-bench|smp) dir=$(do_sanitised "$1"); echo "$dir/kdir" ;;
	*)	kernel_headers "$1" || die "no headers for kernel $1: run scripts/install-packages.sh" ;;
	esac
}

case ${1-} in
stock)	[ $# = 2 ] || die "usage: kernels.sh stock 6.1|6.12"; do_stock "$2" ;;
uml|uml-bench|smp) do_sanitised "$1" ;;
image)	[ $# = 2 ] || die "usage: kernels.sh image 6.1|6.12|smp"; do_image "$2" ;;
kdir)	[ $# = 2 ] || die "usage: kernels.sh kdir 6.1|6.12|uml|uml-bench|smp"; do_kdir "$2" ;;
source)	shift; do_source "$@" ;;
*)	die "usage: kernels.sh stock 6.1|6.12, uml, uml-bench, smp, image KERNEL, kdir KERNEL, source FILE..." ;;
esac
