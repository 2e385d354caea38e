# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have the receiver write a block device by io_uring and by libaio, whole and with
# errors, and see the same contents, barriers and refusals; forbid io_uring, and see `auto` say so
# and go on, and see who insists on it turned away.
# check-kernels: long
# timeout: 240
. functions.sh
requires ip dmmigrated phony
two_hosts
make_disk B 16
b=/dev/mapper/B
disabled=/proc/sys/kernel/io_uring_disabled

speak() {
	command phony "$ADDR_B:$PORT" "$@" >"$TMP/speak.out" 2>&1 ||
		fail "phony $*: $(cat "$TMP/speak.out")"
}
stop_receiver() {
	kill -TERM "$RECEIVER"
	must_wait_for 10 gone "$RECEIVER"
}

dmmigrated --version >"$TMP/version.out"
say "$(sed -n 2p "$TMP/version.out")"
engines=libaio
grep -q '^writes by io_uring' "$TMP/version.out" && engines="io_uring libaio"

m=0
for engine in $engines; do
	m=$((m + 10))
	RECEIVER_OPTIONS="--insecure-plaintext --engine $engine"	# as `phony` speaks
	start_receiver
	say "$engine: overlapping extents, zero runs and barriers"
	rm -f "$TMP/model"
	truncate -s 16M "$TMP/model"
	dd if=/dev/zero of=$b bs=1048576 count=16 2>/dev/null
	speak $m overwrite model "$TMP/model" prepare $b 16M attach 1 load 150 16M barrier mixed 100 4M \
		barrier-behind mixed 100 1M barrier end finish forget
	cmp -s "$TMP/model" $b || fail "$engine: another content"
	grep -q "attached, by $engine" "$TMP"/receiver-b*.log || fail "not by $engine"

	say "$engine: a device that fails"
	speak $((m + 1)) overwrite prepare $b 16M attach 1 load 20 16M barrier
	dm_replace B "0 $(sectors_of B) error"
	speak $((m + 1)) attach 2 frame 0 64K nack 5
	speak $((m + 1)) query
	grep -q 'state=4 conns=0 error=5' "$TMP/speak.out" || fail "$(cat "$TMP/speak.out")"
	speak $((m + 1)) refused 5 finish
	speak $((m + 1)) forget
	dm_replace B "0 $(sectors_of B) linear /dev/mapper/B-low 0"
	# its claim went with it, at once
	dm_create claim "0 8 linear $b 0"
	dmsetup remove claim
	stop_receiver
done

if [ "$engines" = libaio ] || [ ! -e $disabled ]; then
	say "this kernel has no io_uring to forbid"
	exit 0
fi
say "io_uring is forbidden"
before=$(cat $disabled)
cleanup_fn "echo $before >$disabled"
echo 2 >$disabled
got=0
dmmigrated --engine io_uring --foreground >"$TMP/refused.out" 2>&1 </dev/null || got=$?
assert "exit code" $got = 5
grep -q 'engine io_uring: .*io_uring_disabled' "$TMP/refused.out" || fail "$(cat "$TMP/refused.out")"
RECEIVER_OPTIONS=--insecure-plaintext
start_receiver
grep -q 'writing by libaio; no io_uring here: .*io_uring_disabled' "$TMP/receiver-b$RECEIVERS.log" ||
	fail "it was not said: $(cat "$TMP/receiver-b$RECEIVERS.log")"
speak 30 overwrite prepare $b 16M attach 1 load 20 16M barrier end forget
stop_receiver
