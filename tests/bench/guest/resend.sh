# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: uml-bench
# measures: resend
# Bytes shipped by a whole migration, cutover included, under writes skewed by Zipf's law, against
# the least that can do: the used bytes, and each block once more that was rewritten meanwhile.
# timeout: 150
# shellcheck source=bench.sh
. /t/bench.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
MIB=$(quick_or 16 256)
make_disk A "$MIB"
make_disk B "$MIB"
fill A
start_receiver
# ten seconds of copying, in which the guest writes a tenth of what the link carries
start_load A --writers 4 --rate "$(quick_or 400 700)" --align 4096 --sizes 4096..4096 --zipf --discard 0 \
	--zeroes 0 --hot 0 --errors-ok
from=$(dmm-check --clock --journal "$TMP/A.journal")
dmmigrate start --yes --bandwidth "$(quick_or 8M 25M)" A "$ADDR_B:/dev/mapper/B" >"$TMP/start.out" 2>&1 ||
	fail "$(cat "$TMP/start.out")"
dmmigrate wait A >"$TMP/wait.out" 2>&1 || fail "not converging: $(cat "$TMP/wait.out")"
cutover --timeout 15000
to=$(dmm-check --clock --journal "$TMP/A.journal")
usleep 200000
shipped=$(nl A shipped_bytes) resent=$(nl A resent_blocks)
checker_verdict /dev/mapper/B A --forbid-pending --distinct 4096 --from "$from" --to "$to"
distinct=$(sed -n 's/.*distinct=\([0-9]*\).*/\1/p' "$TMP/check.out")
[ "$distinct" -gt 0 ] || fail "nothing was rewritten"
dmmigrate clean --yes A >"$TMP/clean.out" || fail "clean: exit $?"
kill "$LOAD"
wait "$LOAD" || fail "the load: $(cat "$TMP/load-A.log")"
note "shipped $shipped bytes, $resent blocks again; $distinct distinct blocks rewritten;" \
	"$(sed -n 's/.*\(writes [0-9]*\).*/\1/p' "$TMP/check.out")"
result resend "$shipped" $((MIB * 1048576 + distinct * 4096)) bytes "used bytes and distinct blocks rewritten"
