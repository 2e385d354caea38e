# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will shut an open gate while reads are under way, with and without a
# write having passed: what is under way ends before the answer, only an unwritten one is shut with
# if_clean, and a guest that goes on has seen no error; what was cached through the gate
# before is not read again after the volume was written beneath it.
# check-kernels: long
. functions.sh
load_module
requires debug
make_disk B 8 512 cache_size=4
sectors=$(sectors_of B)
fill B
dm_create slow "0 $sectors linear /dev/mapper/B 0"
g=/dev/mapper/G
table="0 $sectors migrate /dev/mapper/slow 8 1 gate"
dm_create G "$table"

fresh_gate() {
	dmsetup remove G
	dm_create G "$table"
}

# read_under_way: begins one, in $reader
read_under_way() {
	local reads
	reads=$(nl G reads)
	dd if=$g of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null & reader=$!
	await G 10 "reads>=$((reads + 1))"
}

# ---- in flight: GATE answers when it has ended, and it has succeeded
dmm-nl gate $g gate=open
dmsetup suspend slow
read_under_way
background shut dmm-nl gate $g gate=shut if_clean
SHUT=$PID
# it has begun when it holds; what it holds fails in the end, what came before it passes
until [ "$(st G held)" -ge 1 ]; do
	dd if=$g of=/dev/null bs=4096 count=1 skip=1 iflag=direct 2>/dev/null &
	usleep 100000
done
usleep 500000
! gone $SHUT || fail "the answer came before the read: $(cat "$TMP/shut.log")"
dmsetup resume slow
wait $SHUT || fail "shutting: $(cat "$TMP/shut.log")"
wait "$reader" || fail "a read that was under way has failed"
# a volume that does not answer: not given back, and whoever waits for it sees no error
dmm-nl gate $g gate=open
dmsetup suspend slow
read_under_way
refused 1 ETIMEDOUT dmm-nl gate $g gate=shut if_clean
assert "gate" "$(st G gate)" = open
dmsetup resume slow
wait "$reader" || fail "a read that was under way has failed"
# shut all the same, and it says so
dmsetup suspend slow
read_under_way
refused 1 ETIMEDOUT dmm-nl gate $g gate=shut
assert "gate" "$(st G gate)" = shut
! dd if=$g of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null || fail "a read passes"
dmsetup resume slow
dmm-nl gate $g gate=shut || fail "asking again, once the volume has answered"
wait "$reader" || fail "a read that was under way has failed"

# ---- given back unwritten, opened again, and never after a write
dmm-nl gate $g gate=open
dmm-nl gate $g gate=shut if_clean || fail "an unwritten gate is not given back"
dmm-nl gate $g gate=reads
refused 1 EINVAL dmm-nl gate $g gate=open if_clean
assert "gate that was only asked about" "$(st G gate)" = reads
dmm-nl gate $g gate=shut if_clean || fail "a gate that only reads have passed is not given back"
assert "writes that failed" "$(st G failed_writes)" = 0
! dmm-load $g --journal "$TMP/no.journal" --op write:0:4096 >/dev/null 2>&1 || fail "a write passes"
dmm-nl gate $g gate=open
dmm-load $g --journal "$TMP/no.journal" --op flush >/dev/null || fail "a flush"
dmm-nl gate $g gate=open if_clean || fail "asked, it says that a write that failed, or a flush, counts as a write that passed"
assert "gate that was only asked about" "$(st G gate)" = open
dmm-nl gate $g gate=shut if_clean || fail "a write that failed, or a flush, counts as a write that passed"
dmm-nl gate $g gate=open
cp "$TMP/B.journal" "$TMP/G.journal"
one G write:1M:512
refused 1 ENOTEMPTY dmm-nl gate $g gate=open if_clean
refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean
assert "gate after a refusal" "$(st G gate)" = open
one G write:1M:4096
dmm-nl gate $g gate=shut
refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean
dmm-nl gate $g gate=open
refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean
checker_verdict $g G
# nor is it by a table that is loaded anew
dm_replace G "$table"
assert "gate of a new table" "$(st G gate)" = shut
refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean
dmm-nl gate $g gate=open
refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean

# ---- the guest goes on through refusals: it sees a delay and no error
start_load G --writers 3 --rate 100
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean
	usleep 50000
done
# stopped right there: all is held meanwhile, reads too
stop_arm in-shut
background shut dmm-nl gate $g gate=shut if_clean
SHUT=$PID
stop_await in-shut
await G 10 "held>=1"
stop_go in-shut
! wait $SHUT || fail "a written gate was given back"
stop_load
assert "writes that failed" "$(st G failed_writes)" = 0
assert "held" "$(st G held)" = 0
checker_verdict $g G

# ---- of a write and a return exactly one wins
won=0 lost=0
for i in 0 1 2 3 4 5 6 7; do
	fresh_gate
	dmm-nl gate $g gate=open
	md5sum <"$(raw_of B)" >"$TMP/before.md5"
	(usleep $((i * 5000)); dmm-load $g --journal "$TMP/G.journal" --op write:2M:4096 --errors-ok >"$TMP/race.out" 2>&1) & pid=$!
	usleep 20000
	if dmm-nl gate $g gate=shut if_clean 2>/dev/null; then
		wait $pid
		grep -q 'errors=1' "$TMP/race.out" || fail "a write succeeded on a gate that was given back clean"
		assert "the volume" "$(md5sum <"$(raw_of B)")" = "$(cat "$TMP/before.md5")"
		won=$((won + 1))
	else
		wait $pid
		grep -q 'errors=0' "$TMP/race.out" || fail "a write failed though the gate stayed open"
		lost=$((lost + 1))
	fi
done
say "given back $won times, written $lost times"

# ---- the volume is written beneath between two openings: the cache of before is not read
fresh_gate
exec 7<$g
first() { dd bs=4096 count=1 skip=100 2>/dev/null <$g | md5sum; }
dmm-nl gate $g gate=reads
before=$(first)
dmm-nl gate $g gate=shut if_clean
! dd if=$g of=/dev/null bs=4096 count=1 skip=100 2>/dev/null || fail "a gate that is shut is read from the cache"
dd if=/dev/urandom of=/dev/mapper/slow bs=4096 seek=100 count=1 oflag=direct 2>/dev/null
want=$(dd if=/dev/mapper/slow bs=4096 count=1 skip=100 iflag=direct 2>/dev/null | md5sum)
# and a buffered write at the gate, which is lost, must not be found afterwards
! dd if=/dev/zero of=$g bs=4096 seek=100 count=1 conv=notrunc,fsync 2>/dev/null || fail "a buffered write passes"
dmm-nl gate $g gate=open
got=$(first)
[ "$got" != "$before" ] || fail "what was cached before the volume was written is read"
assert "contents" "$got" = "$want"
# nor written by and by: nobody has closed the device, so it is in the cache still
dmm-nl gate $g gate=shut
dd if=/dev/zero of=$g bs=4096 seek=100 count=1 conv=notrunc 2>/dev/null || fail "a write into the cache"
dmm-nl gate $g gate=open
sync
got=$(dd if=/dev/mapper/slow bs=4096 count=1 skip=100 iflag=direct 2>/dev/null | md5sum)
assert "the volume after a write that was not let pass" "$got" = "$want"

# ---- a buffered writer at an open gate was told that it is written: it counts, wherever it is
dd if=/dev/zero of=$g bs=4096 seek=100 count=1 conv=notrunc 2>/dev/null || fail "a write into the cache"
refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean
sync
got=$(dd if=/dev/mapper/slow bs=4096 count=1 skip=100 iflag=direct 2>/dev/null | md5sum)
[ "$got" != "$want" ] || fail "the write is lost, though the gate stayed open"

# ---- a volume that hangs hangs nobody who asks: neither what is in the cache nor what is on its way
exec 7<&-
fresh_gate
exec 7<$g
dmm-nl gate $g gate=open
dmsetup suspend slow
dd if=/dev/urandom of=$g bs=4096 seek=100 count=1 conv=notrunc 2>/dev/null || fail "a write into the cache"
began=$(now_ms)
refused 1 ENOTEMPTY dmm-nl gate $g gate=open if_clean
refused 1 ENOTEMPTY dmm-nl gate $g gate=shut if_clean
assert "ms until the refusal" $(($(now_ms) - began)) -lt 5000
background sync dd if=/dev/urandom of=$g bs=4096 seek=101 count=1 conv=notrunc,fsync
writer=$PID
await G 10 "writes_submitted>=1"
refused 1 ETIMEDOUT dmm-nl gate $g gate=shut
refused 1 ETIMEDOUT dmm-nl gate $g gate=reads
assert "gate" "$(st G gate)" = shut
dmsetup resume slow
dmm-nl gate $g gate=shut || fail "once the volume has answered"
! wait "$writer" || fail "a flush at a gate that is shut"
assert "writes that had passed and ended" "$(nl G writes_completed)" = "$(nl G writes_submitted)"
dmm-nl gate $g gate=open

# ---- nor does the gate's own device, suspended with something in its cache
dmsetup suspend --noflush G
dd if=/dev/urandom of=$g bs=4096 seek=102 count=1 conv=notrunc 2>/dev/null || fail "a write into the cache"
refused 1 EBUSY dmm-nl gate $g gate=shut
dmsetup resume G
dmm-nl gate $g gate=shut || fail "once it was resumed"

# ---- nor a suspend that comes while its cache is being written out
# shellcheck disable=SC2016 # the writer's
background cached sh -c 'while :; do dd if=/dev/zero of="$0" bs=64k count=16 conv=notrunc; done 2>/dev/null' $g
cached=$PID
# shellcheck disable=SC2016
background suspended sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do dmsetup suspend --noflush G; usleep 100000; dmsetup resume G; usleep 50000; done'
suspended=$PID
shut=0
while ! gone $suspended; do
	dmm-nl gate $g gate=shut 2>"$TMP/shut.err" && shut=$((shut + 1)) || grep -Eq 'EBUSY|ETIMEDOUT' "$TMP/shut.err" ||
		fail "$(cat "$TMP/shut.err")"
done
wait $suspended || fail "suspend or resume: exit $?"
kill $cached
wait $cached || true
say "shut $shut times meanwhile"
dmm-nl gate $g gate=shut || fail "once nobody suspends it"
exec 7<&-
