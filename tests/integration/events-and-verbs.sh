# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will run through the tool's verbs on a live migration: every one
# succeeds, prints JSON when asked, and the kernel multicasts each change of state.
# check-kernels: 6.1
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
background events dmm-nl events 60
EVENTS=$PID
start_load A --writers 2 --rate 20 --sizes 512..16K --errors-ok

# json VERB...: succeeds and prints one object with the schema's version
json() {
	dmmigrate "$@" --json >"$TMP/json.out" 2>&1 || fail "$*: exit $?: $(cat "$TMP/json.out")"
	grep -q '"schema_version": *1' "$TMP/json.out" || fail "$*: no JSON: $(cat "$TMP/json.out")"
}
json version
json list
json start --bandwidth 1M A "$ADDR_B:/dev/mapper/B"
json status A
grep -q '"state": *"copying"' "$TMP/json.out" || fail "status: $(cat "$TMP/json.out")"
json status
json list
json pause A
state_is A paused || fail "$(st A state) after pause"
shipped=$(st A shipped)
usleep 500000
assert "shipped while paused" "$(st A shipped)" = "$shipped"
json resume A
json throttle A 2M
assert "rate" "$(nl A rate)" = 2097152
status=0
command timeout -s INT 3 dmmigrate watch A >"$TMP/watch.out" 2>&1 || status=$?
case $status in
0 | 124 | 130 | 143) ;;
*) fail "watch: exit $status: $(cat "$TMP/watch.out")" ;;
esac
[ -s "$TMP/watch.out" ] || fail "watch printed nothing"
json throttle A 0
json wait A
dmmigrate throttle A 16K >/dev/null	# less than the load writes: something always remains
await A 20 "dirty_blocks>=16"
refused 7 'budget' dmmigrate cutover A --max-pause 0
dmmigrate throttle A 0 >/dev/null
json wait A
json cutover A --timeout 15000
grep -q '"pause_ns"' "$TMP/json.out" || fail "cutover: $(cat "$TMP/json.out")"
usleep 200000
checker_verdict /dev/mapper/B A --forbid-pending
json verify A
json clean
json clean --yes A
kill "$LOAD"
wait "$LOAD" || fail "the load"
kill "$EVENTS"
for change in 'state=copying old_state=idle' 'state=paused old_state=copying' 'state=copying old_state=paused' \
	'state=freezing old_state=copying' 'state=frozen old_state=freezing' \
	'state=committed old_state=frozen' 'state=released old_state=committed'; do
	# the order of the two attributes is the kernel's
	grep -q "${change% *}.*${change#* }\|${change#* }.* ${change% *}" "$TMP/events.log" ||
		fail "no event $change: $(cat "$TMP/events.log")"
done
