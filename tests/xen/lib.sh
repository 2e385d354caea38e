# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The Xen lab: two Xen hosts, a and b, as virtual machines under software emulation; any Linux machine will do.
# Here what they boot: Debian's Xen, unpacked into the cache, dom0's initrd and that of the guests (domUs).
# hosts.sh boots them and runs commands in them.

. "$(dirname "${BASH_SOURCE[0]}")/../qemu/lib.sh"

XEN_DIR=$DMM_TOP/tests/xen
readonly XEN_DIR
XEN_VERSION=4.17
XEN_BIN=/usr/lib/xen-$XEN_VERSION/bin

# dom0's kernel, and the guests'
XEN_KERNEL=6.1

# Nothing of these is installed.  The libraries are those of the programs, whatever the host has.
XEN_PACKAGES=("xen-hypervisor-$XEN_VERSION-amd64" "xen-utils-$XEN_VERSION" xen-utils-common xenstore-utils libxenstore4
	"libxenmisc$XEN_VERSION" libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1
	libxentoolcore1 libxentoollog1 libyajl2 libnl-3-200 libnl-route-3-200 libfdt1)

# Of xen-utils, in XEN_BIN: what is run there by its whole path, and what people run.
XEN_PROGRAMS=(xl libxl-save-helper xenstored xenconsoled xenconsole xen-init-dom0 xenstore-control xen-diag lsevtchn)

# as tests/qemu/lib.sh has it, for its make_initrd
INITRDS=-xen
MORE_BASE=add_xen
MORE=add_ours
GUEST_PROGRAMS+=(bash socat flock realpath expr)
LATE_MODULES+=(virtio_console ext4 veth configfs crc32c_generic nbd xen-netback bridge)
EARLY_MODULES=(virtio_pci virtio_blk virtio_net dm-mod loop xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs xen-blkback aesni_intel)

fetch_xen()
{
	local dir=$1 package

	say "fetching Debian's Xen $XEN_VERSION into the cache"
	mkdir "$dir/packages" "$dir/root"
	cd "$dir/packages"
	apt-get -qq -o APT::Sandbox::User="$(id -un)" download "${XEN_PACKAGES[@]}" ||
		die "cannot download Debian's packages of Xen: run 'apt-get update'"
	for package in *.deb; do
		dpkg -x "$package" "$dir/root"
	done
	cd "$dir"
	rm -rf packages
	# QEMU's loader of multiboot images wants ELF, not compressed
	gzip -d < "root/boot/xen-$XEN_VERSION-amd64.gz" > xen
}

# prints the directory that has xen, the hypervisor, and root, the unpacked packages
xen_packages()
{
	local version

	version=$(LC_ALL=C apt-cache policy "${XEN_PACKAGES[0]}" | sed -n 's/^ *Candidate: *//p')
	case $version in
	''|'(none)') die "apt knows no package ${XEN_PACKAGES[0]}: run 'apt-get update'; only Debian 12 is known here" ;;
	esac
	cached "xen-$version" fetch_xen
}

# What does not change from run to run: Xen's programs and libraries, libgcc for pthread_cancel, scripts and configuration.
add_xen()
{
	local root=$1 name

	mkdir -p "$root$XEN_BIN" "$root/etc/xen" "$root/guest" "$root/var/lib/xen" "$root/var/log/xen/console"
	for name in "${XEN_PROGRAMS[@]}"; do
		copy_program "$root" "$LIBRARIES$XEN_BIN/$name"
		mv "$root/bin/$name" "$root$XEN_BIN/"
		ln -s "$XEN_BIN/$name" "$root/bin/$name"
	done
	for name in "$LIBRARIES"/usr/bin/xenstore{,-exists,-list,-ls,-read,-rm,-write,-chmod,-watch}; do
		copy_program "$root" "$name"
	done
	cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$root/lib/x86_64-linux-gnu/"
	cp -a "$LIBRARIES/etc/xen/." "$root/etc/xen/"
	ln -s /run "$root/var/run"
	ln -s /run/lock "$root/var/lock"
	printf '127.0.0.1 localhost\n::1 localhost\n10.9.0.1 a\n10.9.0.2 b\n' > "$root/etc/hosts"
}

# make_guest_initrd FILE [MODULE...] -- the guest's: busybox, the load of the tests, the disk's driver, and more
make_guest_initrd()
{
	local out=$1 root tree name
	shift

	root=$(mktemp -d "${TMPDIR:-/tmp}/dmm-domu.XXXXXX")
	tree=$("$DMM_TOP/scripts/kernels.sh" stock "$XEN_KERNEL")
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,modules}
	ln -s bin "$root/sbin"
	cp -L "$(command -v busybox)" "$root/bin/busybox"
	for name in $(busybox --list); do
		[ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
	done
	for name in xen-blkfront "$@"; do
		PATH=$PATH:/sbin modprobe -d "$tree" -S "$RELEASE" --show-depends "$name"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r name; do
			cp "$name" "$root/modules/"
			echo "${name##*/}" >> "$root/modules/order"
		done
	cp "$BUILD"/tests/tools/{dmm-load,dmm-order} "$root/bin/"
	cp "$XEN_DIR/domu/busy-fs" "$root/bin/"
	cp "$XEN_DIR/domu/init" "$root/init"
	(cd "$root" && find . -print0 | cpio -o -0 -H newc -R 0:0 --quiet) | gzip -1 > "$out"
	rm -rf "$root"
}

# make_host_keys DMMIGRATE DIR -- DIR/a and DIR/b: each has a key of its own, and trusts itself and the other
make_host_keys()
{
	local tool=$1 keys=$BUILD/test-keys-xen host

	if [ ! -e "$keys/complete" ]; then
		rm -rf "$keys"
		make_self_key "$tool" "$keys/a" 10.9.0.1 a 127.0.0.1 ::1 localhost
		make_self_key "$tool" "$keys/b" 10.9.0.2 b 127.0.0.1 ::1 localhost
		"$tool" keys trust --keys "$keys/a" b "$(key_pin "$tool" "$keys/b")" 10.9.0.2 b > /dev/null
		"$tool" keys trust --keys "$keys/b" a "$(key_pin "$tool" "$keys/a")" 10.9.0.1 a > /dev/null
		touch "$keys/complete"
	fi
	for host in a b; do
		rm -rf "${2:?}/$host"
		cp -a "$keys/$host" "$2/$host"
	done
}

# What is ours, as an admin installs it, but with the stop points; the scripts of tests/xen; and the guests.
add_ours()
{
	local root=$1 userland=$BUILD/userland$FLAVOUR${DMM_MUTANT:+-mutant$DMM_MUTANT} host name log=$BUILD/install-xen.log

	make -C "$DMM_TOP/userland" -s O="$userland" DMM_DEBUG="${FLAVOUR:+1}" DMM_MUTANT="${DMM_MUTANT-}" PREFIX=/usr \
		DESTDIR="$root" install > "$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "make install failed, see $log"; }
	rm -rf "$root"/usr/share/{man,doc}
	find "$root/bin" "$root/usr" -newer "$log" -type f -perm -100 -print 2> /dev/null | while read -r name; do
		copy_libraries "$root" "$name"
	done
	rm -rf "$root/etc/dmmigrate-hosts"
	mkdir -p "$root/etc/dmmigrate-hosts"
	make_host_keys "$userland/dmmigrate" "$root/etc/dmmigrate-hosts"
	for host in a b; do
		cat > "$root/etc/dmmigrate-hosts/$host/dmmigrated.conf" <<-EOS
			[dmmigrated]
			listen = $([ $host = a ] && echo 10.9.0.1 || echo 10.9.0.2)
			allow = /dev/mapper/*
			guests = $([ $host = a ] && echo b || echo a)
			xl = /bin/xl
		EOS
	done
	cp --remove-destination "$XEN_DIR"/dom0/* "$root/bin/"
	cp "$("$DMM_TOP/scripts/kernels.sh" image "$XEN_KERNEL")" "$root/guest/vmlinux"
	make_guest_initrd "$root/guest/initrd"
	make_guest_initrd "$root/guest/initrd-fs" ext4
}

# Two hosts are two machines (take_turn); one lab at a time waits for them, so that no two wait for each other.
take_turns()
{
	mkdir -p "$DMM_CACHE"
	exec {lab_turn}> "$DMM_CACHE/lab.lock"
	flock "$lab_turn"
	take_turn
	[ "${DMM_MACHINES-}" = 1 ] || take_turn
}

# make_lab DIR -- builds what the hosts boot: DIR/xen, DIR/vmlinux, DIR/initrd
make_lab()
{
	local dir=$1 tree

	build_for "$XEN_KERNEL"
	tree=$(xen_packages)
	LIBRARIES=$tree/root
	ln -sf "$tree/xen" "$dir/xen"
	ln -sf "$("$DMM_TOP/scripts/kernels.sh" image "$XEN_KERNEL")" "$dir/vmlinux"
	make_initrd "$XEN_KERNEL" "$dir/initrd.new"
	gzip -1 < "$dir/initrd.new" > "$dir/initrd"
	rm "$dir/initrd.new"
}
