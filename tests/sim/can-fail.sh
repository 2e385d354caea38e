#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Break one rule at a time, of hazards (DMM_MUTANT) and of kmod/core/handover, in a copy, and see a schedule of the
# simulator go wrong.  A rule whose breaking none notices: exit 1, and its line.
#
# Not here, for another rule stands behind them; tests/unit and tests/model break them, too: one frozen disk counts as
# all (COMMIT refuses), COMPLETE of another epoch and the barrier of one disk (the other side compares as well), an
# epoch used twice (what it freezes is shipped again before it counts).  Nor, for no schedule gets there: with the journal
# lost, an old REFUSED.
#
# usage: tests/sim/can-fail.sh [PATTERN]	only rules whose line matches
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/dmm-can-fail.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
pattern=${1:-.}
survivors=0 broken=0
tree=$tmp/tree

mkdir -p "$tree/userland" "$tree/tests" "$tree/kmod"
cp -r "$top/include" "$tree/"
cp -r "$top/kmod/core" "$tree/kmod/"
cp -r "$top/userland/lib" "$tree/userland/"
cp -r "$top/tests/sim" "$tree/tests/"

# judge WHAT [DMM_MUTANT=n]: the tree as it is now has to fail
judge()
{
	local what=$1 rc=0
	shift

	broken=$((broken + 1))
	if ! make -s -C "$tree/tests/sim" WERROR= "$@" OUT="$tmp/bin" "$tmp/bin/dmm-sim" > "$tmp/out" 2>&1; then
		echo "can-fail: '$what': does not build:" >&2
		cat "$tmp/out" >&2
		exit 2
	fi
	timeout 600 "$tmp/bin/dmm-sim" --runs 200000 > "$tmp/out" 2>&1 || rc=$?
	rm "$tmp/bin/dmm-sim"
	if [ $rc = 0 ]; then
		echo "SURVIVED: $what"
		survivors=$((survivors + 1))
	else
		echo "caught: $what ($(head -n 1 "$tmp/out"))"
	fi
}

# rule FILE SED WHAT: with FILE (of kmod/core) changed by SED
rule()
{
	local file=kmod/core/$1 sed=$2 what=$3

	grep -q -- "$pattern" <<< "$1 $what" || return 0
	sed -E -z "$sed" "$top/$file" > "$tree/$file"
	if cmp -s "$top/$file" "$tree/$file"; then
		echo "can-fail: '$what': the expression matches nothing any more: mend it" >&2
		[ -n "${CAN_FAIL_MATCH-}" ] || exit 2
		survivors=$((survivors + 1))
	fi
	if [ -n "${CAN_FAIL_MATCH-}" ]; then
		broken=$((broken + 1))
		cp "$top/$file" "$tree/$file"
		return
	fi
	judge "$what"
	cp "$top/$file" "$tree/$file"
}

mutant()
{
	grep -q -- "$pattern" <<< "mutant $1 $2" || return 0
	[ -z "${CAN_FAIL_MATCH-}" ] || return 0
	judge "mutant $1: $2" DMM_MUTANT="$1"
}

mutant 1 'a write marks at submission only'
mutant 2 'converged with dirty blocks left'
mutant 3 'a block is read before its bit is cleared'
mutant 14 'marks are rounded in'
mutant 23 'the gates open at OWNED'
mutant 24 'a destination that was running opens after a reboot'
mutant 34 'acknowledged is taken for durable'

f='rule handover_source.c'
$f 's/if \(ho->disk \+ 1 < ho->nr_disks\) \{/if (0) {/' 'the first disk is committed for all'
$f 's/(commit_failed\([^{]*\{\n\t)source_reclaim\(ho, ho->epoch, out\)/\1source_go_on(ho, out)/' 'a commit that failed is not undone on the others'
$f 's/\} else if \(!ho->unsure\) \{/} else {/' 'a token on a record that may not be there'
$f 's/\tcase DMM_HO_FENCED:\n\t\tif \(unsure\) \{/\tcase DMM_HO_FENCED:\n\t\tif (0) {/' 'a failed sync thaws'
$f 's/(ho->take_back = false;\n)\tdmm_ho_append\(ho, out, DMM_HO_RELINQUISHED, ho->epoch\);/\1\tho->state = DMM_HO_RELINQUISHED;\n\tsource_ask_or_offer(ho, out);\n\tdmm_ho_append(ho, out, DMM_HO_RELINQUISHED, ho->epoch);/' 'the token before the record'
$f 's/(case DMM_HO_RELINQUISHED:\n\t\t)if \(ev->epoch >= ho->epoch\)\n\t\t\tdmm_ho_append\(ho, out, DMM_HO_ACTIVE, ev->epoch/\1dmm_ho_append(ho, out, DMM_HO_ACTIVE, ho->epoch/' 'REFUSED of an old epoch'
$f 's/source_reclaim\(ho, 0, out\)/source_reclaim(ho, ho->epoch, out)/' 'after a force, a daemon reclaims what is of an older epoch'
$f 's/\tdmm_ho_do\(out, DMM_HO_DO_FENCE\);/\tdmm_ho_do(out, DMM_HO_DO_RECLAIM);\n\tdmm_ho_do(out, DMM_HO_DO_THAW);/' 'a source that has relinquished boots open'
$f 's/(case DMM_HO_RELINQUISHED:\n\t\tho->take_back = true;\n)/\1\t\tsource_reclaim(ho, ho->epoch, out);\n/' 'an abort after the record'
f='rule handover_dest.c'
$f 's/if \(dmm_ho_id_equal\(instance, &ho->own\)\)/if (1)/' 'a token for another life of the receiver'
$f 's/if \(ho->asking \|\| ho->acked\)/if (ho->asking)/' 'a return after the acknowledgement'
$f 's/\tif \(!ho->written\) \{/\tif (1) {/' 'a return after a write'
$f 's/\t\tif \(ev->state == DMM_HO_ACTIVE && ev->epoch > ho->epoch\) \{/\t\tif (0) {/' 'a force is not heeded'
$f 's/(Its return may have been journalled[^\n]*\n)[^\n]*/\1\t\tdest_gates(ho, DMM_HO_GATE_OPEN, out);/' 'gates open over a return that may be journalled'
$f 's/(dmm_ho_append\(ho, out, DMM_HO_REFUSED, )DMM_HO_EPOCH_LAST/\1ho->epoch/' 'a destination that ran completes again'
$f 's/\tcase DMM_HO_RECEIVING:\n\tcase DMM_HO_COMPLETE:\n\tcase DMM_HO_OWNED:\n\t\tif \(ev->epoch >= ho->epoch\)/\tcase DMM_HO_LOST:\n&/' 'a destination without its journal refuses'
f='rule handover.c'
$f 's/ && ev->ticket == ho->ticket//' 'late answers'
$f 's/if \(ho->wait\)\n\t\treturn -EBUSY;//' 'events while an action is outstanding'

echo "$broken rules broken, $survivors survived"
[ $survivors = 0 ] && [ $broken -gt 0 ]
