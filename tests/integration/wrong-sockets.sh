# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will hand the kernel descriptors of the wrong kind, and commands in
# the wrong state or with wrong attributes: each refused by its own errno, the
# guest unharmed. nbd accepted any socket type.
# check-kernels: uml
. functions.sh
requires ip module:tls
load_module
two_hosts
make_disk A 8
fill A
attach_raw A
dev=/dev/mapper/A
args="migration=x disk=0 conn_epoch=1 conn_index=0"
try() {
	_errno=$1
	shift
	# shellcheck disable=SC2086
	refused 1 "$_errno" dmm-nl attach $dev $args "$@"
}
try ENOTSOCK fd=file
try 'EBADF\|ENOTSOCK' fd=9999
try EPROTONOSUPPORT fd=udp
try EPROTONOSUPPORT fd=unix
try ENOTCONN fd=unconnected
try ENOTCONN fd=listening
try EINVAL fd=none
refused 1 EINVAL dmm-nl attach $dev fd=unix
refused 1 ENODEV dmm-nl get $dev dev=99
refused 1 E dmm-nl get "$(raw_of A)"
refused 1 E dmm-nl get $dev rate=5
refused 1 EINVAL dmm-nl start $dev u8:2=1	# not of this command
refused 1 ENOTCONN dmm-nl start $dev
for cmd in pause resume "freeze epoch=1 timeout_ms=100" "thaw epoch=1" "commit epoch=1" "reclaim epoch=1" "release epoch=1"; do
	# shellcheck disable=SC2086
	set -- $cmd
	_c=$1
	shift
	refused 1 E dmm-nl "$_c" $dev "$@"
done

# another network namespace's socket, here the receiver's
phony good --raw
try ENONET "fd=netns:b:$ADDR_B:$PORT"
# what is not as protected as it is said to be, or is said to be by a relay and is none's
try ENOKEY "fd=tcp:$ADDR_B:$PORT" security=1
try ENOKEY "fd=half-tls:$ADDR_B:$PORT" security=1
try EPROTOTYPE "fd=half-tls:$ADDR_B:$PORT"
try EPROTONOSUPPORT fd=unix security=1
try EPROTONOSUPPORT "fd=tcp:$ADDR_B:$PORT" security=2
try EPROTONOSUPPORT fd=udp security=2
try EINVAL fd=unix security=3	# a sink, which has none
try ERANGE fd=unix security=4
dmm-nl stop $dev || fail "stopping what is not started is no error"
assert "state" "$(st A state)" = idle

# a second connection, and a second start
dmm-nl attach $dev migration=x disk=0 conn_epoch=1 conn_index=0 "fd=tcp:$ADDR_B:$PORT"
# shellcheck disable=SC2086
refused 1 EBUSY dmm-nl attach $dev $args "fd=tcp:$ADDR_B:$PORT"
dmm-nl start $dev
refused 1 EBUSY dmm-nl start $dev
# shellcheck disable=SC2086
refused 1 EBUSY dmm-nl attach $dev $args "fd=tcp:$ADDR_B:$PORT"
dmm-nl stop $dev
dmm-nl stop $dev || fail "a second stop is no error"

# without the capability
for less in --no-cap --userns; do
	[ "$KERNEL $less" = 'uml --userns' ] && continue	# that kernel has none
	for command in "get $dev" "start $dev" "stop $dev" dump "events 1"; do
		# shellcheck disable=SC2086
		refused 1 EPERM dmm-nl $less $command
	done
done
dmm-nl get $dev >/dev/null || fail "get with the capability"
one A write:0:4096
checker_verdict $dev A
detach_raw A
