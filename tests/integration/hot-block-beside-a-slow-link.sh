# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have one of two connections stand still in the middle of the first sweep, and
# overwrite one block all the time that goes by the other: what is still to be
# copied is no reason to send what is hot more often; and when the guest is quiet the
# block does not wait for the connection that stands still.
# check-kernels: long
. functions.sh
requires ip
load_module
two_hosts
make_disk A 48
make_disk B 48
fill A
dev=/dev/mapper/A
CONNS=2
attach_raw A

# beside OFFSET MODE...: of a block that goes by the connection that is well
beside() {
	local offset=$1 resent dirty
	shift
	connect_raw A --write /dev/mapper/B "$@"
	dmm-nl start $dev
	await A 20 "acked_bytes>=$((24 * 1048576))"
	resent=$(nl A resent_blocks)
	dmm-load $dev --journal "$TMP/A.journal" --seconds 10 --writers 1 --rate 200 --region "$offset:4K" \
		--sizes 4K..4K --align 4K >/dev/null
	dirty=$(nl A dirty_blocks)
	state_is A copying || fail "$(st A state): $(nl A reason)"
	resent=$(($(nl A resent_blocks) - resent))
	say "$*: sent again $resent times"
	assert "times that a block was sent in 10 s" $resent -le 10
	assert "times that a block was sent in 10 s" $resent -ge 1
	# whole units are what the other one has not sent
	await A 3 "dirty_blocks<=$((dirty / 256 * 256))"
	stop_raw A
	await_state A idle
	PORT=$((PORT + 1))
}
beside 64K good noread+3
beside 1088K noread+3 good
