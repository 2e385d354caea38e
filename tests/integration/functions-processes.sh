# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# A daemon is several processes: part of functions.sh.

# family PID: it and its descendants
family() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
		{ sub(/\(.*\) /, ""); parent[$1] = $3 }
		END { for (p in parent) { for (q = p; q != root && q in parent; q = parent[q]) ; if (q == root) print p } }'
}

# kill_all PID...: daemons, and waits until none of their processes is left
kill_all() {
	local p all=
	for p in "$@"; do
		all="$all $(family "$p")"
	done
	kill -9 "$@"
	wait "$@" 2>/dev/null || true
	for p in $all; do
		must_wait_for 10 sh -c "! grep -q '^State:.[^ZX]' /proc/$p/status 2>/dev/null"
	done
}

# signal_all SIGNAL PID: a daemon is several processes
signal_all() {
	# shellcheck disable=SC2046
	kill -"$1" $(family "$2")
}
