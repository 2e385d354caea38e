/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gate: a volume that nobody may use yet, under the limits and the claim of the real thing.
 */
#ifndef DMM_GATE_H
#define DMM_GATE_H

#include "dmm.h"

/**
 * dmm_cmd_gate() - Open or shut the gate; contract in include/dmmigrate/uapi.h.
 * @m: of any table.
 * @gate: DMM_GATE_SHUT, _READS or _OPEN.
 * @if_clean: shut it only if no write has passed since the table was made; with OPEN: say whether one has.
 *
 * Context: process, sleeps, up to 10 s on the origin; takes dmm_migration.ctl.
 * Return: 0 or negative errno.
 */
int dmm_cmd_gate(struct dmm_migration *m, enum dmm_gate gate, bool if_clean);

/* Has a write passed, also of gates whose tables came before on this device?  Context: any. */
bool dmm_gate_written(const struct dmm_migration *m);

/* A bio that passed a gate has ended.  Context: any. */
static inline void dmm_gate_returned(struct dmm_migration *m)
{
	this_cpu_inc(m->tracker.counts->returned);
	if (READ_ONCE(m->admit) != DMM_ADMIT_ALL)
		wake_up(&m->wait);
}

#endif
