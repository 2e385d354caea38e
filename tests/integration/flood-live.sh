# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a busy disk while 1000 strangers are connected to the receiver that say nothing and 1000 that send garbage, each
# coming again a second after it was closed, from another address than the source's: at a pace that the machine could do several
# times over it takes not much longer than the same migration without them, to where it could be cut over, and is cut over. As fast
# as can be, it has to share the processors with what makes the flood: that is measured, too.
# timeout: 600
# kernels: 6.1 6.12
# check-kernels: long
. functions.sh
requires ip flood dmmigrate dmmigrated
load_module
two_hosts
ip addr add 10.77.0.3/24 dev dmm-b
make_disk A 12
make_disk B 12
fill A
start_receiver
start_load A --writers 2 --rate 20 --sizes 512..16K --errors-ok

# copied [options]: $TOOK, in ms, from the first word to the receiver to where there is little left to copy
copied() {
	local begun
	begun=$(now_ms)
	start_migration --yes --connections 4 "$@"
	timeout 200 dmmigrate wait A >"$TMP/wait.out" 2>&1 || fail "not converging: $(cat "$TMP/wait.out")"
	TOOK=$(($(now_ms) - begun))
}
cancelled() { dmmigrate cancel A >"$TMP/cancel.out" 2>&1 || fail "cancel: $(cat "$TMP/cancel.out")"; }
# compared WHAT WITHOUT
compared() {
	say "$1: $TOOK ms with them, $2 ms without: $(awk -v a="$TOOK" -v b="$2" 'BEGIN { printf "%.2f", a / b }') of the time"
}
all_there() { grep -q '^all there' "$TMP/flood.log"; }
PACE='--bandwidth 1M'

# the first one is not counted: it has the programs read
copied
cancelled
copied
cancelled
fast=$TOOK
# shellcheck disable=SC2086
copied $PACE
cancelled
paced=$TOOK

background flood flood 10.77.0.3 $ADDR_B $PORT 1000 1000
FLOOD=$PID
must_wait_for 60 all_there
copied
compared "as fast as can be" "$fast"
cancelled
# shellcheck disable=SC2086
copied $PACE
compared "at that pace" "$paced"
assert "ms with them, of $paced without" "$TOOK" -le $((2 * paced))
dmmigrate throttle A unlimited >/dev/null
finish_migration
forget_there
kill -TERM "$FLOOD"
wait "$FLOOD" || fail "the flood ended before: $(cat "$TMP/flood.log")"
say "$(tail -n 1 "$TMP/flood.log")"
assert "connections made" "$(awk '/ made, / { print $1 }' "$TMP/flood.log")" -ge 2000
