# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will put every kind of bad peer at the other end and see STOP
# return within a second, the guest unharmed, and the first error kept and named.
# check-kernels: 6.1
. functions.sh
requires ip
load_module
two_hosts
make_disk A 8
fill A
attach_raw A
dev=/dev/mapper/A
start_load A --writers 2 --rate 60 --sizes 512..64K

peers="silent:copying noread:copying dribble:copying half:copying close:disconnected close+3:disconnected
	reset:disconnected garbage:failed badcrc:failed badseq:failed badseq+4:failed dup:failed badtype:failed
	badstatus:failed nack=5:failed nack=6+2:failed nack=16:failed badarg+7:failed good:copying"
modes=
for peer in $peers; do modes="$modes ${peer%:*}"; done
# shellcheck disable=SC2086
phony --raw $modes nobarrier

for peer in $peers; do
	mode=${peer%:*} want=${peer#*:}
	reconnect_raw A
	dmm-nl start $dev
	await A 10 "state=$want"
	if [ "$want" = copying ]; then
		usleep 150000
		state_is A copying || fail "$mode: $(st A state)"
	else
		assert "$mode: error" "$(nl A error)" -lt 0
		[ -n "$(nl A reason)" ] || fail "$mode: no reason given"
		say "$mode: $(st A error) $(nl A reason)"
		assert "$mode: dirty blocks are still there" "$(st A dirty)" -gt 0
	fi
	stop_raw A
	state_is A idle || fail "$mode: $(st A state) after the stop"
done

# no word of the barrier: STOP while freezing
reconnect_raw A
dmm-nl start $dev
await A 10 "shipped_bytes>=8388608"
dmm-nl freeze $dev epoch=1 timeout_ms=15000
await A 10 "held>=1"
stop_raw A
state_is A idle || fail "$(st A state) after a stop while freezing"
stop_load
checker_verdict $dev A
detach_raw A
