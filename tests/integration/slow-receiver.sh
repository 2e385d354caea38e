# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will put a slow, lossy link and a slow disk behind the receiver:
# the guest writes as it did before, the migration converges when the
# slowness is over, and a freeze before that thaws.
# check-kernels: 6.1
. functions.sh
requires ip tc dmmigrate dmmigrated target:delay module:sch_netem
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
start_receiver
start_load A --writers 3 --rate 60 --sizes 512..64K --errors-ok
writes() {
	local from
	from=$(nl A writes_completed)
	sleep 2
	echo $(($(nl A writes_completed) - from))
}
start_migration --bandwidth 1M
quick=$(writes)
dm_replace B-low "0 $(sectors_of B) delay $(raw_of B) 0 0 $(raw_of B) 0 200"
tc qdisc add dev dmm-b root netem delay 40ms 10ms loss 1% rate 8mbit limit 100
slow=$(writes)
say "guest writes in 2 s: $quick before, $slow with a slow receiver"
assert "guest writes with a slow receiver" $((slow * 2)) -ge "$quick"
assert "state" "$(st A state)" = copying
dmm-nl freeze /dev/mapper/A epoch=1 timeout_ms=500
await A 5 state=copying
assert "result of a freeze that could not end" "$(nl A freeze_result)" = -62
assert "guest writes after that" "$(writes)" -ge $((quick / 2))
tc qdisc del dev dmm-b root
dm_replace B-low "$(low_table B)"
dmmigrate throttle A 0 >/dev/null
timeout 60 dmmigrate wait A >/dev/null || fail "not converging"
# that epoch was none of the journal's: the next one is larger
refused 8 'freeze' dmmigrate cutover A
finish_migration
