# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: 6.12
# measures: copy-live copy-live-checked cpu-per-gib copy-20ms copy-live-tls copy-live-tls-cpu
# The live copy of a disk against DRBD 8.4's initial sync and dm-mirror onto an nbd device; against
# DRBD with a checksum over its data, crc32c, which no instruction computes here (ours is poly32 then); what
# processor time that takes; what 20 ms of delay do to it; and what TLS does, which the kernels of both ends do, against our own
# plaintext in the same run, and how much of all processors, both ends together, a GiB takes. Everybody reads the same ram disk and
# writes the same ram disk, over the same loopback device, in turn, the best of each counts.
# shellcheck source=bench.sh
. /t/bench.sh
mkdir -p /var/lock /var/run /var/lib/drbd
ln -sf drbdsetup-84 /bin/drbdsetup	# drbdmeta asks it whether the disk is in use
requires ip tc dmmigrate dmmigrated nbdkit nbd-client drbdmeta drbdsetup-84 module:drbd module:nbd target:mirror
load_module
# so much that what ends a copy, and the programs that begin and await it, count for little
MIB=$(quick_or 16 320)
# at least two rounds, or one; more as long as there is time
ROUNDS=$(quick_or 1 2)
SECONDS_EACH=$(quick_or 0 60)
modprobe brd rd_nr=4 rd_size=$((MIB * 1024)) max_part=0
SRC=/dev/ram0 DST=/dev/ram1
sectors=$(blockdev --getsz $SRC)
dm_create A "0 $sectors linear $SRC 0"
dmm-load /dev/mapper/A --journal "$TMP/A.journal" --fill >/dev/null
dd if=/dev/zero of=$DST bs=1M count="$MIB" oflag=direct 2>/dev/null

# jiffies that the processors have worked: user, nice, system, irq, softirq
busy() { awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }
# jiffies of the threads of the sender
sender_jiffies() {
	grep -l '^dmm-' /proc/[0-9]*/comm 2>/dev/null | sed 's/comm$/stat/' |
		xargs sed 's/.*) //' 2>/dev/null | awk '{ sum += $12 + $13 } END { print sum + 0 }'
}

# rounds_begin; while another_round
rounds_begin() {
	ROUND=0
	ROUNDS_END=$(($(now_ms) + SECONDS_EACH * 1000))
}
another_round() {
	ROUND=$((ROUND + 1))
	[ $ROUND -le "$ROUNDS" ] || [ "$(now_ms)" -lt $ROUNDS_END ]
}

begin() {
	BUSY=$(busy)
	BEGUN=$(now_ms)
}
# end NAME [BYTES-BEFORE]: $RATE, in tenths of MiB/s, and $CPU, in milliseconds a GiB; the best are kept
end() {
	local took best kib
	took=$(($(now_ms) - BEGUN))
	kib=$((MIB * 1024 - ${2:-0} / 1024))
	CPU=$((($(busy) - BUSY) * 10 * 1048576 / kib))
	RATE=$((kib * 10000 / 1024 / took))
	say "$1: $kib KiB in $took ms, $(tenths $RATE) MiB/s, busy $CPU ms/GiB"
	best=$(best "$1")
	echo "$(max $RATE "${best% *}") $(min $CPU "${best#* }")" >"$TMP/$1.best"
}
# best NAME: the largest rate and the least processor time
best() { cat "$TMP/$1.best" 2>/dev/null || echo 0 999999999; }
rate_of() { best "$1" | cut -d ' ' -f 1; }
cpu_of() { best "$1" | cut -d ' ' -f 2; }
# seconds MS
seconds() { awk -v ms="$1" 'BEGIN { printf "%.3f", ms / 1000 }'; }
check_copy() { cmp $SRC $DST || fail "$1 copied wrongly"; }

# listens, in this namespace or the one of $1
here_listens() { grep -qi ":$(printf %04X "$1") .* 0A " /proc/net/tcp; }

# ---- ours ----

# ours NAME CONNECTIONS ADDRESS [MIB]: from when MIB have been acknowledged; with the words of $SECURITY
SECURITY=--insecure-plaintext
ours() {
	local before sender
	# not what the tool does: from the moment that the limit is lifted, and what came before is not counted
	# shellcheck disable=SC2086
	dmmigrate start $SECURITY --yes --connections "$2" --bandwidth 64K A "$3:$DST" >"$TMP/start.out" 2>&1 ||
		fail "$(cat "$TMP/start.out")"
	usleep 300000
	if [ -n "${4-}" ]; then
		dmm-nl rate /dev/mapper/A rate=0
		await A 120 "acked_bytes>=$(($4 * 1048576))"
		before=$(nl A acked_bytes)
		begin
	else
		before=$(nl A acked_bytes)
		begin
		dmm-nl rate /dev/mapper/A rate=0
	fi
	await A 120 dirty_blocks=0 inflight_bytes=0
	end "$1" "$before"
	sender=$(sender_jiffies)
	say "$1: sender's threads $((sender * 10 * 1024 / MIB)) ms/GiB"
	dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: $(cat "$TMP/cancel.out")"
}

# ---- DRBD ----

# waits for /proc/drbd to say it, without a fork a look
drbd_says() {
	local line
	while read -r line; do
		case $line in "$1"*"$2"*) return 0 ;; esac
	done </proc/drbd
	return 1
}
drbd_up() {
	local minor=$1 disk=$2 meta=$3 here=$4 there=$5
	shift 5
	drbdmeta --force "$minor" v08 "$meta" flex-external create-md >"$TMP/meta.out" 2>&1 || fail "drbdmeta: $(cat "$TMP/meta.out")"
	drbdsetup-84 new-resource "r$minor"
	drbdsetup-84 new-minor "r$minor" "$minor" 0
	# no limit of its own: neither by the controller nor by a fixed rate
	drbdsetup-84 attach "$minor" "$disk" "$meta" flexible --c-plan-ahead=0 --resync-rate=4194304k \
		--disk-barrier=no --disk-flushes=no --md-flushes=no
	drbdsetup-84 connect "r$minor" "ipv4:127.0.0.1:$here" "ipv4:127.0.0.1:$there" --protocol=C \
		--max-buffers=16000 --max-epoch-size=16000 --sndbuf-size=4M --rcvbuf-size=4M "$@"
}
# drbd NAME [NET-OPTION...]
drbd() {
	local name=$1
	shift
	dm_drop A
	drbd_up 0 $SRC /dev/ram2 7788 7789 "$@"
	drbd_up 1 $DST /dev/ram3 7789 7788 "$@"
	must_wait_for 20 drbd_says 0: cs:Connected
	begin
	drbdsetup-84 primary 0 --force || fail "drbd: primary"
	until drbd_says 0: UpToDate/UpToDate; do
		usleep 20000
		[ $(($(now_ms) - BEGUN)) -lt 120000 ] || fail "drbd: $(cat /proc/drbd)"
	done
	end "$name"
	drbdsetup-84 down r0
	drbdsetup-84 down r1
	dm_create A "0 $sectors linear $SRC 0"
}

# ---- dm-mirror over nbd ----

mirror_done() { [ "$(dmsetup status mirror | sed -n 's,.* \([0-9]*\)/\1 .*,yes,p')" = yes ]; }
mirror() {
	dm_drop A
	nbdkit -f -p 10809 -i 127.0.0.1 /files/nbdkit-file-plugin.so file=$DST >"$TMP/nbdkit.log" 2>&1 &
	NBDKIT=$!
	must_wait_for 10 here_listens 10809
	nbd-client 127.0.0.1 10809 /dev/nbd0 >"$TMP/nbd.log" 2>&1 || fail "$(cat "$TMP/nbd.log")"
	begin
	dmsetup create mirror --table "0 $sectors mirror core 1 16384 2 $SRC 0 /dev/nbd0 0" || fail "mirror"
	until mirror_done; do
		usleep 50000
		[ $(($(now_ms) - BEGUN)) -lt 120000 ] || fail "mirror: $(dmsetup status mirror)"
	done
	end mirror
	dmsetup remove mirror
	nbd-client -d /dev/nbd0 >/dev/null 2>&1
	kill $NBDKIT
	wait $NBDKIT || true
	sync	# what it wrote is in the page cache still: not the next one's to pay
	dm_create A "0 $sectors linear $SRC 0"
}

# receive_here PORT [OPTION...]
receive_here() {
	local at=$1
	shift
	background "receiver$at" dmmigrated --listen 127.0.0.1 --port "$at" --allow '/dev/ram*' --foreground "$@"
	RECEIVER=$PID
	must_wait_for 10 here_listens "$at"
}

if wanted copy-live || wanted copy-live-checked || wanted cpu-per-gib; then
	receive_here $PORT --insecure-plaintext
	rounds_begin
	while another_round; do
		ours ours1 1 127.0.0.1
		[ $ROUND -gt 1 ] || check_copy ours1
		ours ours4 4 127.0.0.1
		drbd drbd
		[ $ROUND -gt 1 ] || check_copy drbd
		drbd checked --data-integrity-alg=crc32c
		[ $ROUND -gt 1 ] || check_copy checked
		mirror
		[ $ROUND -gt 1 ] || check_copy mirror
	done
	peer=$(max "$(rate_of drbd)" "$(rate_of mirror)")
	peer_name="DRBD 8.4's initial sync"
	[ "$peer" = "$(rate_of drbd)" ] || peer_name="dm-mirror onto nbd"
	note "MiB/s: 1 connection $(tenths "$(rate_of ours1)"), 4 connections $(tenths "$(rate_of ours4)")," \
		"DRBD $(tenths "$(rate_of drbd)"), with checksums $(tenths "$(rate_of checked)"), dm-mirror onto nbd $(tenths "$(rate_of mirror)"); $((ROUND - 1)) rounds"
	note "processor time of the whole machine, ms/GiB: 1 connection $(cpu_of ours1), 4 connections $(cpu_of ours4)," \
		"DRBD $(cpu_of drbd), dm-mirror onto nbd $(cpu_of mirror)"
	ours=$(tenths "$(max "$(rate_of ours1)" "$(rate_of ours4)")")
	! wanted copy-live || result copy-live "$ours" "$(tenths "$peer")" MiB/s "$peer_name"
	! wanted copy-live-checked || result copy-live-checked "$ours" "$(tenths "$(rate_of checked)")" MiB/s \
		"DRBD 8.4's, data-integrity-alg crc32c"
	! wanted cpu-per-gib || result cpu-per-gib "$(min "$(cpu_of ours1)" "$(cpu_of ours4)")" "$(cpu_of drbd)" \
		ms/GiB "DRBD 8.4's initial sync"
	kill "$RECEIVER"
fi

if wanted copy-live-tls || wanted copy-live-tls-cpu; then
	modprobe tls
	receive_here $PORT --insecure-plaintext
	plain=$RECEIVER
	receive_here $((PORT + 1)) --tls kernel --state-dir "$TMP/state-tls" --control "$TMP/control-tls"
	rounds_begin
	while another_round; do
		for conns in 1 4; do
			ours plain$conns $conns 127.0.0.1
			[ $ROUND -gt 1 ] || check_copy plain$conns
			SECURITY='--tls kernel'
			ours tls$conns $conns 127.0.0.1:$((PORT + 1))
			[ $ROUND -gt 1 ] || check_copy tls$conns
			SECURITY=--insecure-plaintext
		done
	done
	note "MiB/s: TLS, 1 connection $(tenths "$(rate_of tls1)"), 4 connections $(tenths "$(rate_of tls4)"); plaintext" \
		"$(tenths "$(rate_of plain1)") and $(tenths "$(rate_of plain4)"); $((ROUND - 1)) rounds"
	! wanted copy-live-tls || result copy-live-tls "$(tenths "$(max "$(rate_of tls1)" "$(rate_of tls4)")")" \
		"$(tenths "$(max "$(rate_of plain1)" "$(rate_of plain4)")")" MiB/s "the same in plaintext"
	! wanted copy-live-tls-cpu || result copy-live-tls-cpu "$(seconds "$(min "$(cpu_of tls1)" "$(cpu_of tls4)")")" \
		"$(seconds "$(min "$(cpu_of plain1)" "$(cpu_of plain4)")")" s/GiB "the same in plaintext"
	kill "$RECEIVER" "$plain"
fi

if wanted copy-20ms; then
	two_hosts
	# shellcheck disable=SC2034	# start_receiver's
	RECEIVER_OPTIONS="--allow $DST --insecure-plaintext"
	start_receiver
	# a long copy's throughput: TCP's slow start is over when the clock starts
	start=$((MIB / 4))
	rounds_begin
	while another_round; do
		ours near 4 $ADDR_B $start
		tc qdisc add dev dmm-b root netem delay 20ms limit 100000
		ours far 4 $ADDR_B $start
		tc qdisc del dev dmm-b root
	done
	check_copy far
	result copy-20ms "$(tenths "$(rate_of far)")" "$(tenths "$(rate_of near)")" MiB/s "the same without delay"
fi
