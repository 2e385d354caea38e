# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # EATER and EATERS are for the tests
# Taking the machine's memory away: sourced after functions.sh.

# available: MiB
available() { awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo; }

# eat MIB ADJ: until it is killed, the one with the highest ADJ first; what dd has read it can't get rid of, for nobody
# reads at the other end of descriptor 7.  Its pid in $EATER, those of all in $EATERS.
eat() {
	(echo "$2" >/proc/self/oom_score_adj && exec dd if=/dev/zero bs="$1M" count=1) >&7 2>/dev/null &
	EATER=$!
	EATERS="${EATERS:-} $!"
}
