/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cutover --verify=full: before the freeze, while the copy goes on, the destination reads all of a disk back and compares it
 * with what it received, and this side reads its own and compares the two (doc/protocol.rst, PROVE and COMPARE).
 */
#ifndef DMM_CUTOVER_PROVE_H
#define DMM_CUTOVER_PROVE_H

#include "source.h"
#include "tool.h"

#define DMM_PROVE_WHY	512u

/* What came of it; extents of DMM_PROVE_BYTES. */
struct dmm_proof_result {
	u64 extents;
	u64 agreed;		/* both sides have the same, and it was not written since */
	u64 differ;		/* for now: judged at the freeze, when the source has shipped everything */
	u64 read_bytes;		/* on each side */
	u64 rounds;
	u64 span_ns;
};

/*
 * Proves the disk of @s, which copies.  0; or an exit code with @why, of DMM_PROVE_WHY bytes: the source goes on in any
 * case, and where it is DMM_EXIT_DIFFERENCE the migration is over.
 * Context: signals blocked (dmm_signals_block()); between windows one ends it.
 */
int dmm_cutover_prove(struct dmm_tool *t, const struct dmm_source *s, struct dmm_proof_result *res, char *why);

/* Is that why a hand-over has failed: the destination's disk does not have what it was given?  Then @why says so. */
bool dmm_cutover_disproved(const struct dmm_source *s, char *why);

/* Says what was proved, and what was not, for people and machines. */
void dmm_cutover_proved(struct dmm_tool *t, const struct dmm_proof_result *res);

#endif
