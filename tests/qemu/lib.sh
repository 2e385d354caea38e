# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What run, two-vms and kunit share: building for a kernel, the initrd, booting.
# Every guest is an initrd and nothing else; it reports through a port of its own
# (virtio-serial, or a serial line of UML), never through console text.

. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

# script_header SCRIPT WORD -- the first line `# WORD: ...` of the comment that it begins with, without the word
script_header() { sed -n "/^#/!q; s/^# $2: *//p" "$1" | head -n 1; }
. "$(dirname "${BASH_SOURCE[0]}")/../integration/functions-keys.sh"

QEMU_DIR=$DMM_TOP/tests/qemu
BUILD=$DMM_TOP/build
readonly QEMU_DIR BUILD

# Host programs for the guests; busybox supplies the rest.  Debian's busybox runs its own
# applets where a program of that name is in PATH, hence no shell of its, nor anything of its
# that starts other programs.
GUEST_PROGRAMS=(dash timeout env setsid nohup nice xargs find stat flock
	dmsetup blockdev losetup ip tc ss nft mkfs.ext4 e2fsck lvm udevadm qemu-nbd)
# and of udev's rules what is about disks; udevd itself is started by the tests that want one
UDEV_RULES=(50-udev-default 55-dm 56-lvm 60-block 60-persistent-storage 60-persistent-storage-dm 69-lvm 95-dm-notify)

# Modules of the stock kernels.  "early" ones are loaded by init, with what they
# need; the others wait for `modprobe`, mostly because tests give them parameters.
# aesni_intel is what udev loads where the processor has AES: a tenth of a test's time otherwise is kernel TLS by tables.
EARLY_MODULES=(virtio_pci virtio_console virtio_blk virtio_net dm-mod ext4 loop veth
	configfs crc32c_generic aesni_intel)
LATE_MODULES=(nbd dm-flakey dm-delay dm-zero dm-log-writes dm-snapshot dm-mirror dm-crypt xts aes_generic dm-thin-pool
	dm-multipath brd null_blk scsi_debug sd_mod sch_netem sch_tbf sch_ingress sch_fq_codel
	cls_u32 nf_tables nft_ct nft_limit nft_reject_inet dummy tcp_diag tls gcm ghash_generic ctr cryptd crypto_user)

check_kernel_name()
{
	case $1 in
	6.1|6.12|uml|smp) ;;
	*) die "unknown kernel '$1': give 6.1, 6.12, uml or smp" ;;
	esac
}

# -debug: with the stop points that tests use.  tests/bench has none: it measures what users have,
# in initrds of its own (INITRDS).
FLAVOUR=-debug
INITRDS=''

# build_for KERNEL -- userland, test tools and the module; sets KDIR, RELEASE, KO
build_for()
{
	local log=$BUILD/build-$1$FLAVOUR.log debug=${FLAVOUR:+1}

	mkdir -p "$BUILD"
	KDIR=$("$DMM_TOP/scripts/kernels.sh" kdir "$1")
	RELEASE=$(sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' "$KDIR/include/generated/utsrelease.h")
	(
		flock 9
		make -C "$DMM_TOP" -s userland tools DMM_DEBUG="$debug" DMM_MUTANT="${DMM_MUTANT-}" &&
			make -C "$DMM_TOP/userland" -s phony fire attack flood dmm-gate DMM_DEBUG="$debug" DMM_MUTANT="${DMM_MUTANT-}" &&
			make -C "$DMM_TOP" -s modules KDIR="$KDIR" DMM_DEBUG="$debug" \
				DMM_MUTANT="${DMM_MUTANT-}" DMM_WERROR=1
	) > "$log" 2>&1 9> "$BUILD/.lock" ||
		{ grep -E 'error|Error|warning' "$log" >&2 || tail -n 20 "$log" >&2; die "the build failed, see $log"; }
	KO=$BUILD/kmod-$RELEASE$FLAVOUR${DMM_MUTANT:+-mutant$DMM_MUTANT}/kmod/dm-migrate.ko
}

# Where libraries are besides the host's own: the root of packages that were unpacked.
LIBRARIES=''

# copy_libraries ROOT FILE -- what FILE needs
copy_libraries()
{
	local root=$1 lib path=${LIBRARIES:+$LIBRARIES/usr/lib/x86_64-linux-gnu:$LIBRARIES/lib/x86_64-linux-gnu}

	# statically linked programs have no libraries, and ldd fails on them
	for lib in $(LD_LIBRARY_PATH=$path ldd "$2" 2>/dev/null | grep -o '/[^ ]*' || true); do
		[ -e "$root${lib#"$LIBRARIES"}" ] && continue
		mkdir -p "$root$(dirname "${lib#"$LIBRARIES"}")"
		cp -L "$lib" "$root${lib#"$LIBRARIES"}"
	done
}

# copy_program ROOT PROGRAM -- with the libraries it needs
copy_program()
{
	local root=$1 path

	path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$2") || die "$2 is missing: run scripts/install-packages.sh"
	rm -f "$root/bin/$(basename "$2")"
	cp -L "$path" "$root/bin/"
	copy_libraries "$root" "$path"
}

# copy_systemd ROOT -- with what it needs to be begun, and our units
copy_systemd()
{
	local root=$1 file target

	mkdir -p "$root/bin" "$root/lib/systemd/system" "$root/etc"
	for file in /lib/systemd/systemd /bin/systemctl; do
		[ -e "$file" ] || die "$file is missing: run scripts/install-packages.sh"
		cp -L "$file" "$root$file"
		copy_libraries "$root" "$file"
	done
	for target in basic sysinit sockets timers paths slices shutdown umount final local-fs swap network-online; do
		cp -L "/lib/systemd/system/$target.target" "$root/lib/systemd/system/"
	done
	cp "$DMM_TOP"/userland/dmmigrated/*.service "$root/lib/systemd/system/"
	: > "$root/etc/machine-id"
}

# For initrds of another kind: functions that are called with the root, and add to it what stays the same, and the rest.
MORE_BASE=:
MORE=:

# What stays the same from run to run: programs of the host, the kernel's modules.
make_base_root()
{
	local root=$1 kernel=$2 tree modules module file name

	mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp,t,mnt,root,files}
	ln -s bin "$root/sbin"
	mkdir "$root/usr"
	ln -s ../bin "$root/usr/bin"
	ln -s ../bin "$root/usr/sbin"
	cp -L "$(command -v busybox)" "$root/bin/busybox"
	for name in $(busybox --list); do
		[ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
	done
	ln -sf dash "$root/bin/sh"
	for name in "${GUEST_PROGRAMS[@]}"; do
		copy_program "$root" "$name"
	done
	cp /etc/mke2fs.conf "$root/etc/"
	mkdir -p "$root"/etc/lvm "$root"/lib/udev/rules.d
	cp /etc/lvm/lvm.conf "$root/etc/lvm/"
	for name in "${UDEV_RULES[@]}"; do
		cp "/lib/udev/rules.d/$name.rules" "$root/lib/udev/rules.d/"
	done
	ln -s udevadm "$root/bin/systemd-udevd"
	echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
	echo 'root:x:0:' > "$root/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n10.77.0.1 a\n10.77.0.2 b\n' > "$root/etc/hosts"

	mkdir -p "$root/lib/modules/$RELEASE/kernel" "$root/lib/modules/$RELEASE/updates"
	ln -s "lib/modules/$RELEASE/updates" "$root/mods"
	: > "$root/etc/early-modules"
	modules=(brd null_blk)
	case $kernel in
	uml*)	tree=$("$DMM_TOP/scripts/kernels.sh" "$kernel") ;;
	smp)	tree=$("$DMM_TOP/scripts/kernels.sh" smp)
		modules+=(scsi_debug) ;;
	*)	tree=$("$DMM_TOP/scripts/kernels.sh" stock "$kernel")
		modules=("${EARLY_MODULES[@]}" "${LATE_MODULES[@]}")
		printf '%s\n' "${EARLY_MODULES[@]}" > "$root/etc/early-modules" ;;
	esac
	cp "$tree/lib/modules/$RELEASE"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$RELEASE/"
	for module in "${modules[@]}"; do
		PATH=$PATH:/sbin modprobe -d "$tree" -S "$RELEASE" --show-depends "$module" ||
			die "kernel $RELEASE has no module $module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
	while read -r file; do
		cp "$file" "$root/lib/modules/$RELEASE/kernel/"
	done
	xz -d -q "$root/lib/modules/$RELEASE/kernel/"*.xz 2>/dev/null || true
	$MORE_BASE "$root"
}

# make_keys DMMIGRATE DIR -- all hosts of the tests are one: it trusts itself, by all of their addresses and names
make_keys()
{
	local keys=$BUILD/test-keys

	if ! "$1" keys list --keys "$keys" 2> /dev/null | grep -q self; then
		rm -rf "$keys"
		make_self_key "$1" "$keys" 10.77.{0,1}.{1,2} 127.0.0.1 ::1 a b localhost
	fi
	rm -rf "$2"
	cp -a "$keys" "$2"
}

# make_initrd KERNEL OUT [PER_BOOT_DIR] -- the cached root, our things, and the
# contents of PER_BOOT_DIR over it
make_initrd()
{
	local kernel=$1 out=$2 extra=${3-} key program
	local mutant=${DMM_MUTANT:+-mutant$DMM_MUTANT}
	local dir=$BUILD/initrd-$1$INITRDS userland=$BUILD/userland$FLAVOUR$mutant

	key=$( { echo "$RELEASE $LIBRARIES"; declare -f make_base_root copy_program copy_libraries
		[ "$MORE_BASE" = : ] || declare -f "$MORE_BASE"
		echo "${UDEV_RULES[*]} ${GUEST_PROGRAMS[*]} ${EARLY_MODULES[*]} ${LATE_MODULES[*]}"
		stat -L -c '%n %s %Y' "$(command -v busybox)" "$(PATH=$PATH:/sbin command -v dmsetup)" \
			/lib/x86_64-linux-gnu/libc.so.6; } | sha256sum)
	mkdir -p "$dir"
	(
		flock 9
		set -e
		if [ "$(cat "$dir/key" 2>/dev/null)" != "$key" ]; then
			rm -rf "$dir/root" "$dir/key"
			make_base_root "$dir/root" "$kernel"
			echo "$key" > "$dir/key"
		fi
		cd "$dir/root"
		rm -rf t
		mkdir t
		cp "${DMM_TESTS:-$DMM_TOP/tests/integration}"/* t/ 2>/dev/null || true
		cp --remove-destination "$QEMU_DIR"/guest/* bin/
		ln -sf bin/init init
		for program in "$userland"/{dmmigrate,dmmigrated,phony,fire,attack,flood,dmm-gate} "$BUILD"/tests/tools/*; do
			case $program in *.[oda]) continue ;; esac
			[ -f "$program" ] && [ -x "$program" ] && copy_program . "$program"
		done
		make_keys "$userland/dmmigrate" etc/dmmigrate
		cp "$DMM_TOP"/userland/dmmigrate/12-dmmigrate.rules lib/udev/rules.d/
		strip --strip-debug -o "lib/modules/$RELEASE/updates/${KO##*/}" "$KO"
		$MORE "$dir/root"
		PATH=$PATH:/sbin depmod -b . "$RELEASE"
		find . -print0 | cpio -o -0 -H newc -R 0:0 --quiet > "$out"
	) 9> "$dir/lock"
	if [ -n "$extra" ]; then
		(cd "$extra" && find . -print0 | cpio -o -0 -H newc -R 0:0 --quiet) >> "$out"
	fi
}

# A machine waits longer than it computes, so there may be more than processors; with many of
# them each only makes the others' clocks run out.  DMM_MACHINES: how many at once.
take_turn()
{
	local slots i

	slots=${DMM_MACHINES:-$((2 * $(nproc) + 1))}
	mkdir -p "$DMM_CACHE"
	while :; do
		for ((i = 0; i < slots; i++)); do
			exec {turn}> "$DMM_CACHE/machine-$i.lock"
			if flock -n "$turn"; then
				export DMM_UML_CPU=$((i % $(nproc)))
				return
			fi
			exec {turn}>&-
		done
		sleep 1
	done
}

# The emulator computes crc32 bit by bit and rep movsb byte by byte: without those instructions everybody
# uses tables and words, as fast as it is able to be.  A fifth level of page tables is one more to walk, and what
# XSAVE keeps is 2.7 KB at each change of threads.
CPU_MODEL=max,-xsave,-avx,-avx2,-mpx,-pku,-sse4.2,-erms,-fsrm,-la57

# boot KERNEL INITRD CONSOLE [QEMU_ARG...] -- in the foreground of its own process
# group; the guest's report is its standard output, the console goes to a file
boot()
{
	local kernel=$1 initrd=$2 console=$3 uml image memory=1G
	shift 3

	if [[ $kernel = uml* ]]; then
		uml=$("$DMM_TOP/scripts/kernels.sh" "$kernel")/linux
		# pinned, or its system calls are ten times slower; /dev/shm is its memory
		TMPDIR=/dev/shm exec setsid taskset -c "${DMM_UML_CPU:-0}" "$uml" mem="${DMM_UML_MEMORY:-1G}" initrd="$initrd" \
			con=null con0=null,fd:2 ssl=null ssl0=null,fd:3 quiet panic=-1 \
			slub_debug=- kasan_multi_shot log_buf_len=1M dmm_kernel=uml \
			3>&1 > "$console" 2>&1 < /dev/null
	fi
	image=$("$DMM_TOP/scripts/kernels.sh" image "$kernel")
	[ "$kernel" != smp ] || memory=2G	# an eighth is KASAN's
	# emulated processors stand still for half a minute when the host is busy, which is no stall of RCU
	exec setsid qemu-system-x86_64 -M q35 -accel "${DMM_QEMU_ACCEL:-tcg,thread=multi}" -cpu "${DMM_QEMU_CPU:-$CPU_MODEL}" \
		-smp "${DMM_PROCESSORS:-2}" -m "${DMM_QEMU_MEMORY:-$memory}" -display none -no-reboot -nodefaults -monitor none \
		-kernel "$image" -initrd "$initrd" \
		-append "console=ttyS0 quiet panic=-1 oops=panic $DMM_KERNEL_OPTIONS kasan_multi_shot log_buf_len=4M rcupdate.rcu_cpu_stall_timeout=120 dmm_kernel=$kernel" \
		-serial "file:$console" \
		-device virtio-serial-pci -chardev file,id=report,path=/dev/stdout \
		-device virtserialport,chardev=report,name=dmm.report \
		"$@" < /dev/null
}
