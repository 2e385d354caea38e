/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What migrations have left on this host.  Looking changes nothing; what may be removed the tool has removed, by DROP or itself.
 */
#ifndef DMM_LEFTOVERS_H
#define DMM_LEFTOVERS_H

#include "leftover.h"
#include "migrations.h"
#include "sr.h"

struct dmm_leftovers_who {
	bool local;			/* the host itself: nothing is kept from it, and its tool looks for origin devices and records */
	const char *peer;		/* else: only destinations of this one; and what is of no migration that is known here */
	const struct dmm_sr *srs;	/* that who asks may use; those that are directories are looked at */
	u32 nr_srs;
	const u8 *migration;		/* NULL, or only of this: its source's part, too, since who knows the id has to do with it */
};

/* What a migration's part is for a person who cleans up.  @known: for what belongs to it. */
struct dmm_leftover_part {
	u8 id[DMM_ID_BYTES];
	enum dmm_ho_role role;
	enum dmm_ho_state state;	/* of one without a group: LOST */
	bool live;			/* it is at work: no leftover */
	bool alone;			/* of a guest no disk of which moves */
	bool linked;			/* the other daemon is heard */
	enum dmm_wire_leftover_fate fate;
	char guest[64];			/* whose disks they are; "": not known */
};

/*
 * Adds what is found.  May run lvm and xl, whose answers are kept for a moment.  0 or -errno: out of memory, device-mapper does not answer.
 * Context: any thread that may wait for some seconds.
 */
int dmm_leftovers_find(struct dmm_migrations *ms, const struct dmm_leftovers_who *who, struct dmm_leftovers *l);

/* What `lvm lvs --nameprefixes` and `xl list` have printed, by the parts that are known.  Pure. */
void dmm_leftovers_lvs(struct dmm_leftovers *l, const char *text, const struct dmm_leftover_part *parts, u32 nr);
void dmm_leftovers_domains(struct dmm_leftovers *l, const char *text, const struct dmm_leftover_part *parts, u32 nr);

/* Files of migrations that are not known, in those of @srs that are directories. */
void dmm_leftovers_files(struct dmm_leftovers *l, const struct dmm_sr *srs, u32 nr_srs, const struct dmm_leftover_part *parts, u32 nr);

/* What a part in this state is, for one that is not live. Pure. */
void dmm_leftovers_judge(struct dmm_leftovers *l, struct dmm_leftover_part *p, const struct dmm_group_status *st, const char *name);

#endif
