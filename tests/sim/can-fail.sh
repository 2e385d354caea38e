#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Break one rule at a time, of hazards (DMM_MUTANT), of kmod/core/handover and of the module, in a copy, and see a schedule of
# the simulator go wrong.  A rule whose breaking none notices: exit 1, and its line.
#
# Not here, for another rule stands behind them; tests/unit and tests/model break them, too: one frozen disk counts as
# all (COMMIT refuses), COMPLETE of another epoch and the barrier of one disk (the other side compares as well), an
# epoch used twice (what it freezes is shipped again before it counts), a look at what is dirty after the barrier of a freeze (nothing
# passes that could dirty it), COMMIT before FROZEN (it is asked for after), the epoch of a RECLAIM after a force (a daemon takes
# back whatever is committed).  Nor, for no schedule gets there: with the journal lost, an old REFUSED.
#
# usage: tests/sim/can-fail.sh [PATTERN]	only rules whose line matches; DMM_RUNS: of how many schedules each (200000)
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/dmm-can-fail.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
pattern=${1:-.}
survivors=0 broken=0
tree=$tmp/tree

mkdir -p "$tree/userland" "$tree/tests" "$tree/kmod"
cp -r "$top/include" "$tree/"
cp -r "$top"/kmod/*.[ch] "$top/kmod/core" "$tree/kmod/"
cp -r "$top/userland/lib" "$tree/userland/"
cp -r "$top/tests/sim" "$tree/tests/"

# judge WHAT [DMM_MUTANT=n]: the tree as it is now has to fail
judge()
{
	local what=$1 rc=0 bin=$tmp/bin
	shift

	[ $# = 0 ] || bin=$tmp/bin-mutant	# whose objects are of no use to others

	broken=$((broken + 1))
	if ! make -s -j2 -C "$tree/tests/sim" WERROR= "$@" OUT="$bin" "$bin/dmm-sim" > "$tmp/out" 2>&1; then
		echo "can-fail: '$what': does not build:" >&2
		cat "$tmp/out" >&2
		exit 2
	fi
	timeout 600 "$bin/dmm-sim" --runs "${DMM_RUNS:-200000}" > "$tmp/out" 2>&1 || rc=$?
	rm -rf "$bin/dmm-sim" "$tmp/bin-mutant"
	if [ $rc = 0 ]; then
		echo "SURVIVED: $what"
		survivors=$((survivors + 1))
	elif ! grep -q '^not ok' "$tmp/out"; then
		echo "can-fail: '$what': no verdict (exit status $rc): $(head -n 1 "$tmp/out")" >&2
		exit 2
	else
		echo "caught: $what ($(head -n 1 "$tmp/out"))"
	fi
}

# rule FILE SED WHAT: with FILE (of kmod) changed by SED
rule()
{
	local file=kmod/$1 sed=$2 what=$3

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
mutant 101 'a write does not mark when it completes'
mutant 2 'converged with dirty blocks left'
mutant 3 'a block is read before its bit is cleared'
mutant 4 'converged when the sweep has come to its end'
mutant 5 'COMMIT ends tracking'
mutant 14 'marks are rounded in'
mutant 15 'a block is shipped while an earlier copy of it is on its way'
mutant 23 'the gates open at OWNED'
mutant 24 'a destination that was running opens after a reboot'
mutant 34 'acknowledged is taken for durable'

f='rule freeze.c'
$f 's/READ_ONCE\(m->ship\.inflight_bytes\) \|\| (dmm_tracker_dirty)/\1/' 'converged with copies on their way'
$f 's/if \(!dmm_tracker_drained\(&m->tracker\)\)/if (0)/' 'converged before the writes have drained'
$f 's/dmm_admit_settle\(\);/;/; s/\(dmm_barrier_pending\(s\) \|\| !all_shipped\(s\)\)/(!all_shipped(s))/' 'a barrier while another is under way'
f='rule link.c'
$f 's/\t\tdmm_bitmap_mark\(&m->tracker\.bitmap, slot->first_block, slot->nr_blocks\);\n//' 'what was lost on its way is not dirty again'
$f 's/\t\tif \(ours\)\n\t\t\tlist_del\(&slot->list\);/\t\tours = ours \&\& slot->state == DMM_SLOT_SENT;\n&/' 'what was lost before it was sent is not dirty again'
f='rule barrier.c'
$f 's/\t\t\tdmm_tracker_mark\(&m->tracker, first, nr\);\n//' 'what a receiver had not flushed is forgotten'
f='rule ack.c'
$f 's/WARN_ON_ONCE\(!dmm_unflushed_add\(&m->unflushed, slot->first_block, slot->nr_blocks\)\)/0/' 'acknowledged is durable'
$f 's/if \(slot->seq != a->seq \|\| slot->acked\)/if (slot->acked)/' 'an acknowledgement is of whichever frame'
$f 's/(\tspin_lock_irqsave\(&m->lock, flags\);\n)\tnow = (ktime_get_ns\(\);)[^\n]*\n(\tsince = )/\tnow = \2\n\1\3/' 'a peer is silent since what is yet to come'
f='rule admit.c'
$f 's/\t\t\t\tdmm_target_count\(m, bio, op\);/\t\t\t\t;/' 'what was held is not tracked when it passes'
$f 's/\tif \(m->nr_held\)\n\t\tqueue_work\(m->wq, &m->release_work\);\n//' 'what was held is never let go'
f='rule command.c'
$f 's/\t\tdmm_barrier_resume\(m, &s->peer\);/\t\t;/' 'whoever receives is who did'
$f 's/dmm_tracker_arm\(&m->tracker, !compare\)/dmm_tracker_arm(\&m->tracker, false)/' 'what is there at the start is not copied'
f='rule migration.c'
$f 's/\tif \(late\.error\) \{/\tif (0) {/' 'connections that were lost after COMMIT are taken for good when it is reclaimed'
$f 's/\t\tr = dmm_freeze_abort_locked\(m, -ETIME\);/\t\tr = -EALREADY;/' 'a freeze has no end of its own'
f='rule sender.c'
$f 's/\t\tif \(s->links\[i\]\.slots\)\n\t\t\tdmm_link_dirty_again\(&s->links\[i\]\);/\t\t;/' 'what was read when the connections went is not dirty again'

f='rule core/handover_source.c'
$f 's/if \(ho->disk \+ 1 < ho->nr_disks\) \{/if (0) {/' 'the first disk is committed for all'
$f 's/(commit_failed\([^{]*\{\n\t)source_reclaim\(ho, ho->epoch, out\)/\1source_go_on(ho, out)/' 'a commit that failed is not undone on the others'
$f 's/\} else if \(!ho->unsure\) \{/} else {/' 'a token on a record that may not be there'
$f 's/\tcase DMM_HO_FENCED:\n\t\tif \(unsure\) \{/\tcase DMM_HO_FENCED:\n\t\tif (0) {/' 'a failed sync thaws'
$f 's/(ho->take_back = false;\n)\tdmm_ho_append\(ho, out, DMM_HO_RELINQUISHED, ho->epoch\);/\1\tho->state = DMM_HO_RELINQUISHED;\n\tsource_ask_or_offer(ho, out);\n\tdmm_ho_append(ho, out, DMM_HO_RELINQUISHED, ho->epoch);/' 'the token before the record'
$f 's/(case DMM_HO_RELINQUISHED:\n\t\t)if \(ev->epoch >= ho->epoch\)\n\t\t\tdmm_ho_append\(ho, out, DMM_HO_ACTIVE, ev->epoch/\1dmm_ho_append(ho, out, DMM_HO_ACTIVE, ho->epoch/' 'REFUSED of an old epoch'
$f 's/\tdmm_ho_do\(out, DMM_HO_DO_FENCE\);/\tdmm_ho_do(out, DMM_HO_DO_RECLAIM);\n\tdmm_ho_do(out, DMM_HO_DO_THAW);/' 'a source that has relinquished boots open'
$f 's/(case DMM_HO_RELINQUISHED:\n\t\tho->take_back = true;\n)/\1\t\tsource_reclaim(ho, ho->epoch, out);\n/' 'an abort after the record'
f='rule core/handover_dest.c'
$f 's/if \(dmm_ho_id_equal\(instance, &ho->own\)\)/if (1)/' 'a token for another life of the receiver'
$f 's/if \(ho->asking \|\| ho->acked\)/if (ho->asking)/' 'a return after the acknowledgement'
$f 's/\tif \(!ho->written\) \{/\tif (1) {/' 'a return after a write'
$f 's/\t\tif \(ev->state == DMM_HO_ACTIVE && ev->epoch > ho->epoch\) \{/\t\tif (0) {/' 'a force is not heeded'
$f 's/(Its return may have been journalled[^\n]*\n)[^\n]*/\1\t\tdest_gates(ho, DMM_HO_GATE_OPEN, out);/' 'gates open over a return that may be journalled'
$f 's/(dmm_ho_append\(ho, out, DMM_HO_REFUSED, )DMM_HO_EPOCH_LAST/\1ho->epoch/' 'a destination that ran completes again'
$f 's/\tcase DMM_HO_RECEIVING:\n\tcase DMM_HO_COMPLETE:\n\tcase DMM_HO_OWNED:\n\t\tif \(ev->epoch >= ho->epoch\)/\tcase DMM_HO_LOST:\n&/' 'a destination without its journal refuses'
f='rule core/handover.c'
$f 's/ && ev->ticket == ho->ticket//' 'late answers'
$f 's/if \(ho->wait\)\n\t\treturn -EBUSY;//' 'events while an action is outstanding'

echo "$broken rules broken, $survivors survived"
[ $survivors = 0 ] && [ $broken -gt 0 ]
