# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have a receiver that has the keys send records of TLS that are no acknowledgements - alerts, what belongs to a
# handshake, unknown types, damaged, cut off, too long - and see each end its connection, for a reason that is told; the guest goes
# on, and so does the copy, where it was, by the next connection. Records without any data end nothing.
# check-kernels: 6.1
. functions.sh
requires ip module:tls
load_module
requires debug
two_hosts
make_disk A 8
make_disk B 8
fill A
attach_raw A
dev=/dev/mapper/A
FD=tls
SECURITY=1
start_load A --writers 2 --rate 20 --sizes 512..16K

# -74: EBADMSG, -5: EIO; "any" for a header that is wrong, and for an end: the kernel notices as it comes, and tells whoever asks
# first, who may be sending
peers="tls-notify+2:-5 tls-alert:-5 tls-acked+2:-5 tls-keyupdate+2:-5 tls-ticket:-5 tls-heartbeat:-5 tls-unknown+2:-5 tls-typeless:-74
	tls-badtag+2:-74 tls-baddata:-74 tls-twice:-74 tls-cut+2:any tls-clear:any tls-ccs:any tls-huge+2:any tls-tiny:any
	tls-version:any"
modes=
for peer in $peers; do modes="$modes ${peer%:*}"; done
# shellcheck disable=SC2086
phony --raw --tls --write /dev/mapper/B $modes tls-part+2 tls-empty+2 garbage+2 tls-empties+2 good

# ended NR: so many connections have; what was sent by them changes B no more
ended() { [ "$(grep -c '^phony: closed' "$TMP/phony$PORT.log")" -ge "$1" ]; }
# next_connection: by which the copy begins, or goes on
CONN_EPOCH=0
next_connection() {
	must_wait_for 10 ended $CONN_EPOCH
	CONN_EPOCH=$((CONN_EPOCH + 1))
	reconnect_raw A
	dmm-nl start $dev
}
# lost WHAT ERRNO: it has ended for that reason, and the guest goes on
lost() {
	local before
	await_state A disconnected 15
	say "$1: $(st A error) $(nl A reason)"
	[ "$2" = any ] || assert "$1: error" "$(nl A error)" = "$2"
	[ "$2" != any ] || assert "$1: error, which is no lack of time" "$(nl A error)" != -110
	assert "$1: side of the error" "$(nl A error_side)" = 2
	assert "$1: bytes in flight" "$(nl A inflight_bytes)" = 0
	assert "$1: dirty blocks" "$(nl A dirty_blocks)" -gt 0
	before=$(nl A writes_completed)
	await A 10 "writes_completed>=$((before + 2))"
}

for peer in $peers; do
	next_connection
	lost "${peer%:*}" "${peer#*:}"
done

# half a record, and nothing more
echo $((1000 * SLOW)) >"${STOP%/*}/ack_timeout_ms"
next_connection
lost tls-part -110
echo $((30000 * SLOW)) >"${STOP%/*}/ack_timeout_ms"

# no data is none that is wrong
next_connection
await A 20 "acked_bytes>=$(($(nl A acked_bytes) + 6 * 1048576))"
state_is A copying || fail "tls-empty: $(st A state)"
stop_raw A

# data that is no acknowledgement
next_connection
await_state A failed
say "garbage: $(st A error) $(nl A reason)"
stop_raw A

# and who says nothing, over and over, is silent
echo $((1000 * SLOW)) >"${STOP%/*}/ack_timeout_ms"
next_connection
lost tls-empties -110
nl A reason | grep -q 'sends without end' || fail "reason: $(nl A reason)"
echo $((30000 * SLOW)) >"${STOP%/*}/ack_timeout_ms"

next_connection
stop_load
await_quiet A
assert "writes that failed" "$(nl A failed_writes)" = 0
raw_commit A 1
checker_verdict /dev/mapper/B A --forbid-pending
give_up_raw A
