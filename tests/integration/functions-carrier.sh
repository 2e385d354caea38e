# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # CARRIED_BY is for functions.sh
# What encrypts data connections, part of functions.sh: $DMM_CARRIER, which the runner takes from the header "carriers:" of a
# test.  Nothing: as by default, which is the kernel where it can.

case ${DMM_CARRIER:-} in
'')	CARRIED_BY= ;;
kernel | relay) CARRIED_BY="--tls $DMM_CARRIER" ;;
plaintext) CARRIED_BY=--insecure-plaintext ;;
*)	echo "FAILED: no carrier $DMM_CARRIER" >&2
	exit 1 ;;
esac

# carried NAME: what was asked for it is
carried() {
	local want
	case ${DMM_CARRIER:-} in
	'')	return 0 ;;
	plaintext) want=0 ;;
	kernel)	want=1 ;;
	relay)	want=2 ;;
	esac
	assert "security of $1" "$(nl "$1" security)" = $want
}
