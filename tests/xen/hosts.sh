# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The hosts of a Xen lab, which is a directory LAB: booted, stopped, told what to do.  In LAB, besides what make_lab
# puts there, for each HOST (a, b): HOST.console, what Xen and dom0 have said; HOST.pid and HOST.port; HOST.disk0 and
# .disk1, .state; and shared.disk.

# Each host's memory, and dom0's part of it, in MiB.
LAB_MEMORY=${LAB_MEMORY:-896}
LAB_DOM0_MEMORY=${LAB_DOM0_MEMORY:-512}

# Xen as a guest of an emulator: without what TCG does not emulate well enough for it (SMAP, SMEP, RDTSCP, AVX, XSAVE, PKU), and
# what CPU_MODEL of tests/qemu/lib.sh leaves out because it is slow.
LAB_CPU=max,-smap,-smep,-rdtscp,-avx,-avx2,-xsave,-pku,-sse4.2,-erms,-fsrm,-la57

# make_disks [--shared MIB] [MIB] -- new, empty ones; by default 32 MiB
make_disks()
{
	local shared='' mib=32 host

	if [ "${1-}" = --shared ]; then
		shared=$2
		shift 2
	fi
	mib=${1:-$mib}
	rm -f "$LAB"/*.disk* "$LAB"/*.state
	for host in a b; do
		truncate -s "${mib}M" "$LAB/$host.disk0" "$LAB/$host.disk1"
		truncate -s 16M "$LAB/$host.state"
		PATH=$PATH:/sbin mkfs.ext4 -q -F "$LAB/$host.state"
	done
	[ -z "$shared" ] || truncate -s "${shared}M" "$LAB/shared.disk"
}

# host_lives HOST -- is there a process, and is it this host's?
host_lives()
{
	local pid

	pid=$(cat "$LAB/$1.pid" 2> /dev/null) && grep -qsF "$LAB/$1.monitor" "/proc/$pid/cmdline"
}

# boot_host HOST -- does not wait until it is up
boot_host()
{
	local host=$1 other=b number=1 disk
	local -a args=()

	[ "$host" = a ] || { other=a; number=2; }
	for disk in "$host.disk0" "$host.disk1" "$host.state" shared.disk; do
		[ -e "$LAB/$disk" ] || continue
		args+=(-drive "if=none,id=$disk,file=$LAB/$disk,format=raw,cache=writeback,discard=unmap,file.locking=off"
			-device "virtio-blk-pci,drive=$disk,share-rw=on")
	done
	rm -f "$LAB/$host".{net,monitor,port,pid}
	: > "$LAB/$host.console"
	# no file is kept open: whoever waits for the end of our output would wait for the hosts
	setsid qemu-system-x86_64 -M q35 -accel tcg,thread=multi,tb-size=256 -cpu "$LAB_CPU" -smp 1 -m "$LAB_MEMORY" \
		-display none -no-reboot -nodefaults -monitor "unix:$LAB/$host.monitor,server=on,wait=off" \
		-serial "file:$LAB/$host.console" -kernel "$LAB/xen" \
		-append "dom0_mem=${LAB_DOM0_MEMORY}M,max:${LAB_DOM0_MEMORY}M dom0_max_vcpus=1 com1=115200 console=com1 xpti=no spec-ctrl=no,eager-fpu" \
		-initrd "$LAB/vmlinux console=hvc0 quiet panic=-1 oops=panic $DMM_KERNEL_OPTIONS log_buf_len=4M rcupdate.rcu_cpu_stall_timeout=120 rootfstype=ramfs rdinit=/bin/dom0-init dmm_host=$host,$LAB/initrd" \
		-netdev "dgram,id=link,local.type=unix,local.path=$LAB/$host.net,remote.type=unix,remote.path=$LAB/$other.net" \
		-device "virtio-net-pci,netdev=link,romfile=,host_mtu=60000,mac=52:54:00:09:00:0$number" \
		-netdev user,id=commands,restrict=on,hostfwd=tcp:127.0.0.1:0-:5000 \
		-device "virtio-net-pci,netdev=commands,romfile=,mac=52:54:00:09:01:0$number" \
		"${args[@]}" > "$LAB/$host.qemu" 2>&1 < /dev/null &
	echo $! > "$LAB/$host.pid"
	# its end is nothing to be told of
	disown $!
	# until the new process has become it
	for _ in {1..100}; do
		! host_lives "$host" || break
		sleep 0.05
	done
}

# await_host HOST [SECONDS] -- until it takes commands; 1 and a word on standard error when it does not
await_host()
{
	local host=$1 seconds=${2:-300} port='' until

	until=$((SECONDS + seconds))
	while ! grep -q "dom0-init: host $host is up" "$LAB/$host.console"; do
		if ! host_lives "$host"; then
			say "host $host ended while it booted: $(tail -n 1 "$LAB/$host.qemu") - see $LAB/$host.console"
			return 1
		fi
		if [ $SECONDS -ge $until ]; then
			say "host $host is not up after $seconds s, see $LAB/$host.console"
			return 1
		fi
		sleep 0.3
	done
	# which port of this machine the emulator has chosen for its
	port=$(echo 'info usernet' | socat -t 5 - "UNIX-CONNECT:$LAB/$host.monitor" |
		awk '/HOST_FORWARD/ { print $4 }')
	[ -n "$port" ] || { say "host $host: the emulator does not say its port"; return 1; }
	echo "$port" > "$LAB/$host.port"
	# it says that it is up, and then begins to listen
	until on "$host" true 2> /dev/null; do
		[ $SECONDS -lt $until ] || { on "$host" true; return; }
		sleep 0.3
	done
}

# stop_host HOST -- as a power cut does; nothing happens to one that is gone
stop_host()
{
	local pid

	if host_lives "$1"; then
		pid=$(cat "$LAB/$1.pid")
		kill -9 -- "-$pid" 2> /dev/null || kill -9 "$pid" 2> /dev/null || true
		while host_lives "$1"; do
			sleep 0.05
		done
	fi
	rm -f "$LAB/$1".{net,monitor,port,pid}
}

# reset_host HOST -- a power cut, and it boots again with its disks as they were
reset_host()
{
	stop_host "$1"
	boot_host "$1"
	await_host "$1"
}

# on HOST COMMAND... -- runs it there by sh, as root, in /tmp; its output, both of it, on ours, its exit status.  124: it took
# longer than LIMIT (120) seconds; 255: the host does not answer.  With INPUT=FILE it reads that, else nothing.
# What goes on in the background must not keep the output open.
on()
{
	local host=$1 limit=${LIMIT:-120} tag=dmm-$RANDOM$RANDOM$RANDOM fd line port until status='' blank='' rc
	shift

	port=$(cat "$LAB/$host.port" 2> /dev/null) || { say "host $host is not up"; return 255; }
	{ exec {fd}<> "/dev/tcp/127.0.0.1/$port"; } 2> /dev/null || { say "host $host does not take commands"; return 255; }
	printf '%s %s %s %s\n' "$tag" "$limit" "$([ -n "${INPUT-}" ] && echo input || echo none)" "$(base64 -w 0 <<< "$*")" >&"$fd"
	[ -z "${INPUT-}" ] || cat "$INPUT" >&"$fd"
	until=$((SECONDS + limit + 60))
	while [ -z "$status" ]; do
		rc=0
		IFS= read -r -t $((until - SECONDS > 0 ? until - SECONDS : 1)) -u "$fd" line || rc=$?
		if [ $rc != 0 ]; then
			exec {fd}<&-
			say "host $host does not answer: $*"
			return 255
		fi
		case $line in
		"$tag "*)	status=${line#* } ;;
		# an empty line is shown with the next one: the last is the agent's
		*)	[ -z "$blank" ] || echo
			blank=''
			if [ -n "$line" ]; then printf '%s\n' "$line"; else blank=1; fi ;;
		esac
	done
	exec {fd}<&-
	return "$status"
}

# put HOST FILE PATH -- copies it there, with its mode
put()
{
	INPUT=$2 on "$1" "head -c $(stat -c %s "$2") > '$3' && chmod $(stat -c %a "$2") '$3'"
}
