#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will have the receiver write to exports of NBD servers, by TCP and by a Unix socket,
# and see extents, zero runs, barriers and digests as with a local disk; exports that are not
# allowed, too small, read-only, signed or taken refused; and servers that fail, cannot flush, cannot
# zero, or die, told as what they are.

# the engine is NBD's own
DMM_ENGINE=${DMM_ENGINE:-auto}
. "$(dirname "$0")/functions"

command -v nbdkit > /dev/null || { echo "nbdkit is missing: run scripts/install-packages.sh"; exit 1; }
sock=$tmp/nbd.sock uri="nbd+unix:///?socket=$tmp/nbd.sock" img=$tmp/export.raw model=$tmp/model
nbd_pid=
stop_nbd()
{
	[ -z "$nbd_pid" ] || { kill -KILL "$nbd_pid" && wait "$nbd_pid"; } 2> /dev/null || true
	nbd_pid=
	rm -f "$sock"
}
trap 'stop_nbd; cleanup' EXIT

# nbd ARGUMENT...: a server at $sock
nbd()
{
	stop_nbd
	nbdkit -f -U "$sock" "$@" > "$tmp/nbdkit.log" 2>&1 &
	nbd_pid=$!
	until_true 10 test -S "$sock"
}
fresh() { rm -f "$img" "$model"; truncate -s "$1" "$img" "$model"; }
same() { cmp "$img" "$model"; }

nbd_port=$((10000 + RANDOM % 9000))	# away from what daemons and clients of other tests take
start_daemon "allow = nbd+unix:///?socket=$tmp/" "allow = nbd://127.0.0.1:$nbd_port/"

fresh 16M
nbd file "$img"
expect_text "prepared: size, blocks, no file, can flush" 'size=16777216 lbs=512 flags=0 signature=$' \
	phony "$to" 1 prepare "$uri" 16M forget
expect "400 overlapping extents and zero runs, barriers between" \
	phony "$to" 2 model "$model" prepare "$uri" 16M attach 1 load 100 16M barrier mixed 150 16M barrier \
	mixed 100 4M barrier-behind mixed 50 1M barrier end finish forget
expect "the export equals the model" same
phony "$to" 3 overwrite prepare "$uri" 16M digest 512 15M forget > "$tmp/digests"
cp "$model" "$tmp/local.img"
local_digest=$(phony "$to" 4 overwrite prepare "$tmp/local.img" 16M digest 512 15M forget | tail -n 1)
expect_text "a digest read through it is that of the model" "^$local_digest\$" cat "$tmp/digests"
expect_text "a digest after FINISH, on a connection of its own" "^$local_digest\$" \
	phony "$to" 5 overwrite prepare "$uri" 16M finish digest 512 15M forget

expect "a zero run of all of it" phony "$to" 6 overwrite prepare "$uri" 16M attach 1 zero 0 16M barrier end forget
expect "reads as zeros" cmp -n 16777216 "$img" /dev/zero
if [ "$(stat -c %b "$img")" -lt 64 ]; then ok "and takes no room"; else bad "$(stat -c %b "$img") blocks"; fi

# who is refused
denied=10 notfound=7 busy=8 toosmall=9 signature=11
expect "not on the allow-list" phony "$to" 10 refused $denied prepare nbd://127.0.0.2/x 1M
expect "a host that only begins like an allowed one" \
	phony "$to" 10 refused $denied prepare "nbd://127.0.0.1:${nbd_port}0/x" 1M
expect "not plain: dots" phony "$to" 10 refused $denied prepare "nbd+unix:///?socket=$tmp/../nbd.sock" 1M
expect "not plain: percent" phony "$to" 10 refused $denied prepare "nbd+unix:///?socket=$tmp/%6ebd.sock" 1M
expect "not plain: a second query" phony "$to" 10 refused $denied prepare "$uri&tls=off" 1M
expect "too small" phony "$to" 11 refused $toosmall prepare "$uri" 17M
expect "no server" phony "$to" 11 refused $notfound prepare "nbd+unix:///?socket=$tmp/none.sock" 1M
phony "$to" 12 prepare "$uri" 16M
expect_text "taken by another migration" 'is taken by disk 0' phony "$to" 13 refused $busy prepare "$uri" 16M
expect "the same again is the same" phony "$to" 12 prepare "$uri" 16M forget
mkfs.ext4 -q -F "$img" 2> /dev/null || PATH=$PATH:/sbin mkfs.ext4 -q -F "$img"
expect_text "a signature" 'carries a signature .ext4' phony "$to" 14 refused $signature prepare "$uri" 16M
expect_text "confirmed" 'signature=ext4' phony "$to" 14 overwrite prepare "$uri" 16M forget
nbd -r file "$img"
expect_text "read-only" 'is read-only' phony "$to" 15 refused $denied prepare "$uri" 16M

# servers with less, and with faults
fresh 16M
nbd --filter=nozero file "$img" zeromode=none
expect "a server that cannot zero: written" \
	phony "$to" 20 model "$model" prepare "$uri" 16M attach 1 load 50 16M mixed 100 16M barrier end forget
expect "the export equals the model" same

# shellcheck disable=SC2016 # for nbdkit's shell
nbd eval get_size='echo 16M' pread='dd if='"$img"' iflag=skip_bytes,count_bytes skip=$4 count=$3 status=none' \
	pwrite='dd of='"$img"' oflag=seek_bytes conv=notrunc seek=$4 status=none' can_write='exit 0' can_flush='exit 3'
expect_text "a server that cannot flush says so" 'flags=8 ' \
	phony "$to" 21 overwrite prepare "$uri" 16M attach 1 frame 0 4K barrier end forget

nbd --filter=error memory 16M error-pwrite=ENOSPC error-pwrite-rate=100%
expect_text "a write that fails" 'nack: type=34 seq=1 status=6' \
	phony "$to" 22 prepare "$uri" 16M attach 1 frame 0 4K nack 6
expect_text "is the disk's end" 'state=4 conns=0 error=6' phony "$to" 22 query
expect "FINISH too" phony "$to" 22 refused 6 finish
phony "$to" 22 forget
nbd --filter=error memory 16M error-zero=EIO error-zero-rate=100%
expect_text "a zero run that fails" 'nack: type=37 seq=1 status=5' \
	phony "$to" 23 prepare "$uri" 16M attach 1 zero 0 1M nack 5
phony "$to" 23 forget
# shellcheck disable=SC2016
nbd eval get_size='echo 16M' pread='head -c $3 /dev/zero' pwrite='cat > /dev/null' can_write='exit 0' \
	can_flush='exit 0' flush='echo EIO >&2; exit 1'
expect_text "a flush that fails" 'nack: type=35 seq=2 status=5' \
	phony "$to" 24 prepare "$uri" 16M attach 1 frame 0 4K drain barrier-only nack 5
phony "$to" 24 forget

# one that dies with writes in flight
nbd --filter=delay memory 16M delay-write=3
phony_bg "$tmp/dies" "$to" 25 prepare "$uri" 16M attach 1 frame 0 4K nack 5
dies=$!
until_true 10 logged '0025/0 .*attached, by NBD'
sleep 0.5
kill -KILL "$nbd_pid"
if wait $dies; then ok "a server that dies: negative acknowledgement"; else bad "a server that dies: $(cat "$tmp/dies")"; fi
nbd memory 16M
expect "its disk stays failed, though the server is back" phony "$to" 25 refused 5 attach 2
phony "$to" 25 forget

# and one that hangs keeps nobody else
nbd --filter=delay memory 16M delay-write=60
truncate -s 1M "$tmp/good.img"
phony_bg "$tmp/hangs" "$to" 26 prepare "$uri" 16M attach 1 frame 0 4K drain
hangs=$!
until_true 10 logged '0026/0 .*attached, by NBD'
expect "a server that hangs does not keep others" \
	phony "$to" 27 prepare "$tmp/good.img" 1M attach 1 load 20 1M barrier end forget
kill $hangs
stop_nbd
until_true 10 logged '0026/0.*the disk has failed' || bad "the death of a hanging server was not noticed"

nbdkit -f -p $nbd_port -i 127.0.0.1 memory 16M > /dev/null 2>&1 &
nbd_pid=$!
sleep 0.5
expect "by TCP" phony "$to" 30 prepare "nbd://127.0.0.1:$nbd_port/" 16M attach 1 load 50 16M barrier end finish forget

stop_daemon
finish
