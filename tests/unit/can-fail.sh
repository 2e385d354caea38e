#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Break one rule of kmod/core at a time, in a copy, and see its unit test fail.
# A rule whose breaking no test notices is an untested one: exit 1, and its line.
#
# usage: tests/unit/can-fail.sh [PATTERN]	only rules whose line matches
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/dmm-can-fail.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
pattern=${1:-.}
survivors=0 broken=0

# tree TEST: a fresh copy of what TEST is built from
tree() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree/userland/lib" "$tmp/tree/tests/unit"
	cp -r "$top/kmod" "$top/include" "$tmp/tree/"
	cp "$top"/userland/lib/crc32c.[ch] "$tmp/tree/userland/lib/"
	cp -r "$top/tests/vectors" "$tmp/tree/tests/"
	cp "$top/tests/unit/Makefile" "$top"/tests/unit/*_cmocka.h "$top/tests/unit/$1.c" \
		"$tmp/tree/tests/unit/"
}

# rule TEST FILE SED WHAT: with FILE (of kmod/core) changed by SED, TEST has to fail
rule() {
	local test=test_core_$1 file=kmod/core/$2 sed=$3 what=$4 out rc=0 seconds

	grep -q -- "$pattern" <<<"$1 $2 $what" || return 0
	broken=$((broken + 1))
	if [ -n "${CAN_FAIL_MATCH-}" ]; then
		mkdir -p "$tmp/tree/kmod/core"
	else
		tree "$test"
	fi
	sed -E -z "$sed" "$top/$file" >"$tmp/tree/$file"
	if cmp -s "$top/$file" "$tmp/tree/$file"; then
		echo "can-fail: '$what': the expression matches nothing any more: mend it" >&2
		[ -n "${CAN_FAIL_MATCH-}" ] || exit 2
		survivors=$((survivors + 1))
	fi
	if [ -n "${CAN_FAIL_MATCH-}" ]; then
		return
	fi
	out=$tmp/out
	if ! make -s -C "$tmp/tree/tests/unit" WERROR= OUT="$tmp/bin" "$tmp/bin/$test" >"$out" 2>&1; then
		if grep -q 'static assertion failed' "$out"; then
			echo "caught: $1: $what (at build time)"
			return
		fi
		echo "can-fail: '$what': does not build:" >&2
		cat "$out" >&2
		exit 2
	fi
	# races need luck, more of it on a busy machine
	for seconds in 2 20 60; do
		[ $rc = 0 ] || break
		DMM_STRESS_SECONDS=$seconds timeout 200 "$tmp/bin/$test" >"$out" 2>&1 || rc=$?
		[ "$1" = race ] || break
	done
	if [ $rc = 0 ]; then
		echo "SURVIVED: $1: $what"
		survivors=$((survivors + 1))
	else
		echo "caught: $1: $what ($(sed -n 's/^\[  FAILED  \] \([a-z].*\)/\1/p' "$out" |
			sort -u | tr '\n' ' ')rc $rc)"
	fi
}

b='rule bitmap bitmap.c' r='rule race bitmap.c'
$b 's/#if DMM_MUTANT == 14/#if 1/' 'mark rounds in (mutant 14)'
$b 's/(\*first = \(off_bytes >> block_shift\)) \+ !!\(off_bytes & mask\)/\1/' 'clear rounds its head out'
$b 's/end = \(off_bytes \+ len_bytes\) >>/end = (off_bytes + len_bytes + mask) >>/' 'clear rounds its tail out'
$b 's/(end = \(size_bytes >> block_shift\)) \+ !!\(size_bytes & mask\)/\1/' 'the partial last block never counts as covered'
$b 's/off_bytes \+ dmm_min_u64\(len_bytes - 1, ~off_bytes\)/off_bytes + len_bytes - 1/' 'an end beyond 2^64 wraps'
$b 's/\n\tbm_summary_set\(bm, idx >>[^;]*;/\n/' 'mark sets no summary'
$r 's/\tunsigned long old = (dmm_word_fetch_or\(mask, [^;]*;)\n(\n[^\n]*\n)(\tbm_summary_set[^;]*;)/\tunsigned long old;\n\2\3\n\told = \1/' 'summary set before the word'
$r 's/\tdmm_word_fetch_andnot\(bm_summary_bit[^\n]*\n\tif \(bm_chunk_dirty\(bm, chunk\)\)/&(void)0;\n\tif (0)/' 'settle does not look again'
$b 's/\tif \(bm_chunk_dirty\(bm, chunk\)\)\n\t\treturn;\n(\tdmm_word_fetch_andnot\([^;]*;).*\tif \(bm_chunk_dirty[^;]*;\n\}/\1\n}/' 'clear drops the summary of a dirty chunk'
$b 's/\n\t\tfor \(; chunk <= last; chunk\+\+\)\n\t\t\tbm_settle\(bm, chunk\);/\n/' 'clear leaves the summary'
$r 's/\t\tdmm_smp_mb\(\);\n(\t\tif \(dmm_likely)/\1/' 'mark tests without a barrier'
$b 's/return !\(~dmm_read_once\([^)]*\) & mask\);/return false;/' 'marking what is dirty writes'
$b 's/return dmm_popcount\(mask & ~old\)/return dmm_popcount(mask)/' 'mark counts what was dirty'
$r 's/(\t\t\tcounted = nr;\n)\t\t\tdmm_atomic64_add[^;]*;/\1/; s/\tif \(counted != fresh\)\n\t\tdmm_atomic64_sub\(\(s64\)\(counted - fresh\)/\tif (fresh)\n\t\tdmm_atomic64_add((s64)fresh/' 'a range is counted after it is marked'
$b 's/\t\tdmm_atomic64_sub\(\(s64\)cleared[^;]*;/\t\t;/' 'clear does not count'
$b 's/(u64 dmm_bitmap_mark\([^{]*\{.*)nr = bm_clip\(bm, first, nr\);(\n\tif \(!nr\)\n\t\treturn 0;\n\tmask)/\1\2/' 'mark goes beyond the end'
$b 's/\tif \(boundary\)\n\t\troom = [^;]*;/\t(void)boundary;/' 'runs straddle boundaries'
$b 's/boundary -\n\t\t\t\t   \(start/boundary - 1 -\n\t\t\t\t   (start/' 'boundary off by one'
$b 's/\tif \(max_blocks\)\n\t\troom = [^;]*;/\t(void)max_blocks;/' 'runs of any length'
$b 's/room = to - start/room = bm->nr_blocks - start/' 'runs reach beyond the window'
$b 's/bm_next_chunk\(bm, from >> DMM_BM_CHUNK_SHIFT, bm_chunks\(to\)\)/from >> DMM_BM_CHUNK_SHIFT/' 'find does not use the summary'
$b 's/w &= ~0UL << \(from & [^;]*;//' 'find looks before its window'
$b 's/(unit \+ stripe->index - of \+ \(stripe->index < of \? )stripe->of : 0/\10 : 0/' 'a stripe goes back to where it was'
$b 's/return \(unit \+ stripe->index - of/return (unit + 1 + stripe->index - of/' 'a stripe leaves out units'
$b 's/if \(!\*looks \|\| !--\*looks\)/if (0)/' 'a search of a stripe as long as the disk'
$b 's/(!--\*looks\) \{\n\t\t\t\*first = )start/\1from/' 'a search goes on from where it began'
rule race env.h 's/__atomic_fetch_or\(w, mask, __ATOMIC_SEQ_CST\)/*w; __atomic_store_n(w, old | mask, __ATOMIC_RELAXED)/' 'marks are not atomic'
rule race env.h 's/__atomic_fetch_and\(w, ~mask, __ATOMIC_SEQ_CST\)/*w; __atomic_store_n(w, old \& ~mask, __ATOMIC_RELAXED)/' 'clears are not atomic'

w='rule wire wire.c'
$w 's/if \(hdr->magic != [^)]*\)\)/if (0)/' 'any magic'
$w 's/else if \(hdr->flags\)/else if (0)/' 'any flags'
$w 's/hdr->reserved \|\| hdr->pad/hdr->pad/' 'any reserved field'
$w 's/hdr->reserved \|\| hdr->pad/hdr->reserved/' 'any padding'
$w 's/if \(fixed == -EINVAL\)/if (0)/' 'any type'
$w 's/if \(!f->seq\)/if (0)/' 'sequence number 0'
$w 's/!f->payload_bytes \|\| f->payload_bytes >/f->payload_bytes >/' 'empty extents'
$w 's/ \|\| bytes > \(f->type == DMM_MSG_ZERO \? DMM_MAX_ZERO_BYTES : DMM_MAX_EXTENT_BYTES\)//' 'extents of any length'
$w 's/bytes > \(f->type == DMM_MSG_ZERO/bytes >= (f->type == DMM_MSG_ZERO/' 'extents of 1 MiB refused'
$w 's/if \(bytes & \(DMM_SECTOR_BYTES - 1\)\)/if (0)/' 'extents of half sectors'
$w 's/if \(f->offset_bytes & \(DMM_SECTOR_BYTES - 1\)\)/if (0)/' 'offsets unaligned'
$w 's/if \(f->offset_bytes > \(~0ULL >> 1\) - bytes\)/if (f->offset_bytes + bytes < f->offset_bytes)/' 'offsets beyond 2^63'
$w 's/return f->payload_bytes != \(u32\)fixed \?/return f->payload_bytes > DMM_MAX_CONTROL_BYTES ?/' 'control payloads of any size'
$w 's/else if \(f->offset_bytes\)\n/else if (0)\n/' 'offset where there is none'
$w 's/f->type == DMM_MSG_BARRIER && !f->arg/0/' 'barrier number 0'
$w 's/!wire_has_arg\(f->type\) && f->arg/0/' 'argument where there is none'
$w 's/return DMM_WIRE_QUERY_OK_BYTES/return DMM_WIRE_QUERY_OK_BYTES + 8/' 'a wrong size in the table'
$w 's/\t\*f = n;\n\treturn 0;/\tif (f->type != 0x5555)\n\t\t*f = n;\n\treturn 0;/' 'decode gives nothing'
$w 's/dmm_wire_extent_bytes\(f\) > size_bytes - f->offset_bytes/f->offset_bytes + dmm_wire_extent_bytes(f) > size_bytes/; s/f->offset_bytes > size_bytes \|\|\n//' 'the range check overflows'
$w 's/f->offset_bytes > size_bytes \|\|\n//' 'the range check underflows'
p='rule poly32 poly32.c'
$p 's/x = fold\(fold\(x\)\);/x = fold(x);/' 'reduced once'
$p 's/return \(u32\)\(x < DMM_POLY32_P \? x : x - DMM_POLY32_P\);/return (u32)x;/' 'sums beyond P'
$p 's/\(a >> 32\) \* K6/(a >> 32) * K7/' 'two words of one weight'
$p 's/K5 \+ \(b >> 32\)/K5 + (b >> 31)/' 'half a word too far'
$p 's/n >= 4; n -= 4/n >= 4; n = 0/' 'words behind the last eight'
$p 's/bytes \/ 4, power/bytes \/ 8, power/' 'moved on by half'
$p 's/return reduce\(\(u64\)dmm_poly32_shift\(first, second_bytes\) \+ second\);/return dmm_poly32_shift(first, second_bytes) + second;/' 'joined beyond P'
$w 's/hdr->crc = cpu_to_le32\(~crc\)/hdr->crc = cpu_to_le32(crc)/' 'checksum not inverted'
$w 's/crc = dmm_crc32c\(~0u, hdr, offsetof\(struct dmm_wire_hdr, crc\)\)/crc = dmm_crc32c(~0u, hdr, 40)/' 'checksum leaves out a field'
$w 's/crc = dmm_crc32c\(~0u, hdr/crc = dmm_crc32c(0, hdr/' 'checksum begins with 0'
$w 's/hdr->arg = cpu_to_le64\(f->arg\)/hdr->arg = (__le64)__builtin_bswap64(f->arg)/' 'encode in the wrong byte order'
$w 's/n.arg = le64_to_cpu\(hdr->arg\)/n.arg = le64_to_cpu(hdr->offset_bytes)/' 'decode takes the wrong field'
$w 's/wire->magic != cpu_to_le32\(DMM_WIRE_MAGIC\) \|\| wire->reserved/wire->reserved/' 'acks of any magic'
$w 's/ \|\| wire->reserved//' 'acks with a reserved field'
$w 's/if \(wire->crc != [^{;]*\n\t\treturn/if (0)\n\t\treturn/' 'acks of any checksum'
$w 's/!dmm_wire_is_extent\(n.type\) && n.type != DMM_MSG_BARRIER/0/' 'acks of any type'
$w 's/if \(n.status >= DMM_WERR_COUNT\)/if (n.status > DMM_WERR_COUNT)/' 'acks of unknown status'
$w 's/\(!n.seq \|\| /(/' 'positive acks of frame 0'
$w 's/!n.seq \|\| wire_has_arg\(n.type\) != !!n.arg/!n.seq/' 'positive acks with any argument'
$w 's/n.status == DMM_WERR_OK && \(/(/' 'refusals without a number refused'
$w 's/\{ -EBUSY,/{ -EIO,/' 'an errno twice'
$w 's/\tcase -EDQUOT:\n\t\treturn DMM_WERR_NOSPC;\n//' 'an errno forgotten'
$w 's/: -EPROTO;/: 0;/' 'an unknown error is success'

p='rule share share.c'
$p 's/u->served = dmm_max_u64\(u->served, sh->floor\);/;/' 'who comes late gets arrears'
$p 's/ \|\| v->served >= least//' 'anybody is first'
$p 's/ \|\|\n\t\t    now_ns > v->due_ns \+ DMM_SHARE_PATIENCE_NS//' 'the late are waited for'
$p 's/ \|\| !v->due_ns//' 'those who want nothing are waited for'
$p 's/u->served \+= bytes;/u->served++;/' 'by extents, not by bytes'
$p 's/dmm_pacer_take\(&sh->pacer, bytes, now_ns\);/;/' 'no limit at all'
$p 's/\tdmm_pacer_give_back\(&sh->pacer, bytes\);/;/' 'what was not sent is paid for'
p='rule heat heat.c'
$p 's/return \(u & TICK_MASK\) && /return /' 'what was never shipped waits'
$p 's/ \|\| h->idle\)/)/' 'a quiet guest is waited for'
$p 's/ >> h->eager//' 'waits stay long however much is left'
$p 's/level \+= level < DMM_HEAT_MAX_LEVEL/level += 0/' 'hot ones never wait longer'
$p 's/level \+= level < DMM_HEAT_MAX_LEVEL/level += 1/' 'waits grow into the clock'
$p 's/level -= level > 0/level -= 0/' 'nothing ever cools'
$p 's/now \+ TICK_PERIOD - then/now/' 'the clock comes round wrongly'
$p 's/h->eager \+= h->eager < DMM_HEAT_MAX_EAGER/h->eager++/' 'eager without end'
$p 's/h->eager -= h->eager > 0/h->eager -= 0/' 'eager for ever'
$p 's/unit >= h->nr_units\)/unit > h->nr_units)/g' 'a unit too many'
p='rule unflushed unflushed.c'
$p 's/i > u->sealed && /i > 0 \&\& /' 'merged with what a barrier covers'
$p 's/ && u->nr - i < DMM_UNFLUSHED_LOOK//' 'looks through all of the list'
$p 's/if \(first > run->first \+ run->nr \|\| /if (/' 'merged over a gap'
$p 's/ \|\| run->first > first \+ nr\)/)/' 'merged over a gap before it'
$p 's/if \(u->nr == u->max\)/if (0)/' 'written beyond the memory'
$p 's/\tu->nr -= u->sealed;/\tu->nr = 0;/' 'a barrier covers what came after it'
$p 's/\tu->head \+= u->sealed;/\t;/' 'a barrier drops the latest'
$p 's/(\tu->sealed = )0;/\1u->nr;/' 'a lost barrier counts'
$p 's/at < u->max \? at : at - u->max/at/' 'the ring does not come round'
$p 's/head \+ 1 < u->max \? u->head \+ 1 : 0/head + 1/' 'taken from beyond the ring'
rule unflushed unflushed.h 's/return nr <= /return nr < /' 'room for one less'
p='rule pacer pacer.c'
$p 's/room <= 0/0/; s/if \(dt >= pacer_span\(p, room\)\) \{.*\t\}\n\t\/\* dt is/\/* dt is/' 'no burst limit, and an overflow'
$p 's/(p->frac = )gain - bytes \* NS_PER_S/\10/' 'fractions are dropped'
$p 's/\tif \(now_ns <= p->last_ns\)\n\t\treturn;\n//' 'a late reading is ages'
$p 's/\tif \(now_ns <= p->last_ns\)\n\t\treturn;\n\tdt = /\tdt = now_ns <= p->last_ns ? 0 : /' 'what was earned is earned once more'
$p 's/p->last_ns - now_ns \+ (pacer_span)/\1/' 'a late one comes too early'
$p 's/\tif \(p->tokens < -\(s64\)PACER_MAX_BYTES\)\n[^\n]*\n//' 'debts without limit'
$p 's/(\tp->tokens -= bytes;\n\tif \(p->tokens < -\(s64\))PACER_MAX_BYTES\)/\1bytes)/; s/(\t\tp->tokens = -\(s64\))PACER_MAX_BYTES/\1bytes/' 'one of two is for nothing'
$p 's/\tp->tokens -= bytes;/\tp->tokens -= bytes - bytes \/ 20;/' '5 % too fast'
$p 's/\tp->tokens -= bytes;/\tp->tokens -= bytes + bytes \/ 20;/' '5 % too slow'
$p 's/if \(p->tokens >= 0\)/if (p->tokens >= bytes)/' 'waits until it has saved an extent'
$p 's/(pacer_span\(p, -p->tokens\));/\1 \/ 2;/' 'waits half as long as needed'
$p 's/\tif \(p->tokens > pacer_burst\(p\)\) \{.*\n\t\}\n\}/}/' 'savings outlive their rate'
$p 's/\tpacer_refill\(p, now_ns\);\n\tp->rate = rate;/\tp->tokens = 0;\n\tp->rate = rate;/' 'a new rate forgives the debt'
$p 's/\(s64\)dmm_min_u64\(bytes, room\)/0/' 'what was not sent is owed'
$p 's/dmm_min_u64\(bytes, room\)/bytes/' 'what is given back is saved up without end'
$p 's/p->rate && p->rate < DMM_PACER_MAX_RATE/p->rate/' 'rates without limit overflow'
$p 's/return p->rate && /return /' 'divides by zero'
rule pacer pacer.h 's/BURST_MS\t20/BURST_MS\t60/' 'a burst of 60 ms'
rule pacer pacer.h 's/BURST_MS\t20/BURST_MS\t2/' 'a burst of 2 ms'
rule pacer pacer.h 's/1ull << 38/1ull << 40/' 'a limit that overflows'

s='rule state state.c'
cell() { $s "s/(\[DMM_STATE_$1\] = \{[^}]*\[DMM_EV_$2\]\t*= )[^,]*/\1$3/" "$1 + $2 -> $3"; }
cell COPYING COMMIT COMMITTED
cell DISCONNECTED COMMIT COMMITTED
cell FREEZING COMMIT COMMITTED
cell COMMITTED STOP STOPPING
cell COMMITTED THAW COPYING
cell COMMITTED ERROR FAILED
cell COMMITTED LINK_LOST DISCONN
cell COMMITTED COMMIT -EALREADY
cell COMMITTED RECLAIM FROZEN
cell FROZEN RELEASE RELEASED
cell RELEASED RECLAIM COPYING
cell RELEASED STOP STOPPING
cell RELEASED RELEASE -EALREADY
cell GATED START COPYING
cell GATED ERROR FAILED
cell FROZEN LINK_LOST FROZEN
cell FROZEN ERROR FROZEN
cell FROZEN THAW -EBUSY
cell FREEZING CONVERGED COMMITTED
cell PAUSED FREEZE FREEZING
cell FAILED ERROR IDLE
cell FAILED START COPYING
cell STOPPING START COPYING
cell STOPPING ERROR FAILED
cell IDLE CONVERGED FROZEN
cell COPYING STOPPED IDLE
fact() { $s "s/(\[DMM_STATE_$1\]\t* = \{ \"[a-z]*\",\t* *)$2/\1$3/" "$1: $4"; }
fact FROZEN 'true,  false, DMM_ADMIT_HOLD_WRITES' 'false, false, DMM_ADMIT_HOLD_WRITES' 'does not track'
fact FROZEN 'true,  false, DMM_ADMIT_HOLD_WRITES' 'true,  false, DMM_ADMIT_ALL' 'does not hold'
fact FROZEN 'true,  false, DMM_ADMIT_HOLD_WRITES' 'true,  true,  DMM_ADMIT_HOLD_WRITES' 'ships'
fact COMMITTED 'true,  false, DMM_ADMIT_HOLD_ALL' 'true,  false, DMM_ADMIT_HOLD_WRITES' 'lets reads pass'
fact COMMITTED 'true,  false, DMM_ADMIT_HOLD_ALL' 'true,  false, DMM_ADMIT_NONE' 'fails what should be held'
fact COMMITTED 'true,  false, DMM_ADMIT_HOLD_ALL' 'false, false, DMM_ADMIT_HOLD_ALL' 'does not track'
fact RELEASED 'false, false, DMM_ADMIT_NONE' 'false, false, DMM_ADMIT_READS' 'lets reads pass'
fact GATED 'false, false, DMM_ADMIT_NONE' 'false, false, DMM_ADMIT_ALL' 'is made open'
fact PAUSED 'true,  false, ' 'true,  true, ' 'ships'
fact FAILED 'true,  false, ' 'false, false, ' 'does not track'
fact FREEZING 'true,  true, ' 'true,  false, ' 'does not ship'
$s 's/(case DMM_GATE_READS:\n\t\treturn )DMM_ADMIT_READS/\1DMM_ADMIT_ALL/' 'the gate for reads is open'
$s 's/(default:\n\t\treturn )DMM_ADMIT_NONE/\1DMM_ADMIT_READS/' 'a gate that is shut lets reads pass'
h='rule state state.h'
$h 's/op == DMM_OP_READ \|\| op == DMM_OP_FLUSH \? DMM_PASS : DMM_HOLD/op == DMM_OP_READ ? DMM_PASS : DMM_HOLD/' 'a freeze holds flushes'
$h 's/op == DMM_OP_READ \? DMM_PASS : DMM_FAIL/op != DMM_OP_MODIFY ? DMM_PASS : DMM_FAIL/' 'a gate for reads passes flushes'
$s 's/return \(unsigned int\)s < __DMM_STATE_MAX/return (int)s < __DMM_STATE_MAX/' 'negative states'
$s 's/\(unsigned int\)ev >= __DMM_EV_MAX/0/' 'unknown events'

h='rule handover handover_source.c'
$h 's/if \(ho->disk \+ 1 < ho->nr_disks\) \{/if (0) {/' 'the first disk is committed for all'
$h 's/(commit_failed\([^{]*\{\n\t)source_reclaim\(ho, ho->epoch, out\)/\1source_go_on(ho, out)/' 'a commit that failed is not undone on the others'
$h 's/\} else if \(!ho->unsure\) \{/} else {/' 'a token on a record that may not be there'
$h 's/\tcase DMM_HO_FENCED:\n\t\tif \(unsure\) \{/\tcase DMM_HO_FENCED:\n\t\tif (0) {/' 'a failed fsync thaws'
$h 's/if \(unsure\)	\/\* never used again \*\//if (0)/' 'an epoch is used again'
$h 's/ho->frozen == dmm_ho_all_disks\(ho\)/ho->frozen/' 'one frozen disk is all'
$h 's/\tif \(ho->state != DMM_HO_FREEZING \|\| ev->epoch != ho->epoch\)/\tif (ho->state != DMM_HO_FREEZING)/' 'a freeze of another epoch'
$h 's/\tif \(ev->epoch != ho->epoch\)\n\t\treturn;\n//' 'COMPLETE of another epoch'
$h 's/ho->state != DMM_HO_RELINQUISHED \|\| !certified/ho->state != DMM_HO_RELINQUISHED/' 'a blind force'
$h 's/(certified\)\n.*EOVERFLOW;\n\tdmm_ho_append\(ho, out, DMM_HO_ACTIVE, ho->epoch) \+ 1/\1/' 'a force in the same epoch'
$h 's/(case DMM_HO_RELINQUISHED:\n\t\tif \(ev->epoch >= ho->epoch\))/\1 {}\n\t\tif (1)/' 'REFUSED of an old epoch'
$h 's/if \(ev->epoch == DMM_HO_EPOCH_LAST\)/if (1)/' 'with the journal lost, an old REFUSED'
$h 's/if \(dmm_ho_id_equal\(&ev->instance, &ho->own\)\)/if (1)/' 'with the journal lost, an old acknowledgement'
$h 's/\tdmm_ho_do\(out, DMM_HO_DO_FENCE\);\n//' 'no fence at boot'
$h 's/if \(unsure && ho->next_state == DMM_HO_ACTIVE\)/if (0)/' 'on with the token, though the journal may say active'
$h 's/source_reclaim\(ho, 0, out\)/source_reclaim(ho, ho->epoch, out)/' 'after a force, a daemon reclaims what is of an older epoch'
$h 's/ho->epoch >= DMM_HO_EPOCH_LAST - 1/0/g' 'epochs that come round'
h='rule handover handover_dest.c'
$h 's/if \(ho->gate != DMM_HO_GATE_SHUT\)\n\t\tdest_gates/dest_gates/' 'a return that cannot be repeated opens over the first'
$h 's/\} else if \(ho->gate == DMM_HO_GATE_SHUT\) \{/} else if (0) {/' 'what is written opens over a return that may be journalled'
$h 's/#if DMM_MUTANT == 23/#if 1/' 'gates open at OWNED (mutant 23)'
$h 's/#if DMM_MUTANT == 24/#if 1/' 'no question at boot (mutant 24)'
$h 's/if \(dmm_ho_id_equal\(instance, &ho->own\)\)/if (1)/' 'a token for another life of the receiver'
$h 's/ho->barriers == dmm_ho_all_disks\(ho\)/ho->barriers/' 'the barrier of one disk'
$h 's/ho->barrier_epoch > ho->epoch/ho->barrier_epoch >= ho->epoch/' 'an epoch that was refused completes'
$h 's/if \(ho->asking \|\| ho->acked\)/if (ho->asking)/' 'a return after the acknowledgement'
$h 's/\tif \(!ho->written\) \{/\tif (1) {/' 'a return after a write'
$h 's/bool fresh = ho->asking && [^;]*;/bool fresh = ho->asking;/' 'an old answer to the question at boot'
$h 's/(case DMM_HO_OWNED:\n\t\tif \()rebooted/\10/' 'OWNED outlives a reboot'
$h 's/\t\tif \(ev->state == DMM_HO_ACTIVE && ev->epoch > ho->epoch\) \{/\t\tif (0) {/' 'a force is not heeded'
$h 's/(dmm_ho_append\(ho, out, DMM_HO_REFUSED, )DMM_HO_EPOCH_LAST/\1ho->epoch/' 'a destination that ran completes again'
$h 's/(Its return may have been journalled[^\n]*\n)[^\n]*/\1\t\tdest_gates(ho, DMM_HO_GATE_OPEN, out);/' 'gates open over a return that may be journalled'
h='rule handover handover.c'
$h 's/if \(ho->wait\)\n\t\treturn -EBUSY;//' 'events while an action is outstanding'
$h 's/ && ev->ticket == ho->ticket//' 'late answers'
$h 's/ho->stale = true;	\/\* it never began \*\//;/' 'a migration without a journal'

echo "$broken rules broken, $survivors survived"
[ $survivors = 0 ] && [ $broken -gt 0 ]
