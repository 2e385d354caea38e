// SPDX-License-Identifier: GPL-2.0
/*
 * The pre-flight checks of a domain's move.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "vm_doctor.h"

/* Rules about where disks could go, when where they go is said, and checked disk by disk. */
static bool is_settled(const struct dmm_finding *f)
{
	return !strcmp(f->rule, "space") || !strcmp(f->rule, "room");
}

static void say_odd(struct dmm_tool *t, const struct dmm_finding *f)
{
	dmm_note(t, "%s: %s: %s%s%s", f->where, f->rule, f->text, *f->mend ? " -> " : "", f->mend);
}

int dmm_vm_doctor_say(struct dmm_tool *t, const struct dmm_findings *o)
{
	const struct dmm_finding *f, *first = NULL;
	unsigned int i, more = 0;

	for (i = 0; i < o->nr; i++) {
		f = &o->list[i];
		if (f->level == DMM_LEVEL_OK || is_settled(f))
			continue;
		if (f->level == DMM_LEVEL_FAIL && !first) {
			first = f;	/* it has a line of its own, the last */
			continue;
		}
		more += f->level == DMM_LEVEL_FAIL;
		say_odd(t, f);
	}
	if (!first)
		return 0;
	dmm_next(t, "%s", *first->mend ? first->mend : "dmmigrate doctor");
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s: %s: %s%s", first->where, first->rule, first->text,
			more ? " (and there is more in the way, above)" : "");
}

int dmm_vm_doctor(struct dmm_tool *t, const struct dmm_target *to, const char *domain, const char *const *stay, u32 nr_stay)
{
	dmm_autofree struct dmm_checkup *c = malloc(sizeof(*c));
	struct dmm_findings found = { 0 };
	char source[sizeof(t->source)];
	unsigned int i;
	u32 j;
	int ret;

	if (!c)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	memcpy(source, t->source, sizeof(source));	/* which it looks through */
	dmm_doctor_gather(t, to, domain, c);
	memcpy(t->source, source, sizeof(source));
	for (i = 0; i < c->domain.nr_disks; i++) {
		for (j = 0; j < nr_stay; j++)
			c->domain.disks[i].stays |= !strcmp(c->domain.disks[i].vdev, stay[j]);
	}
	dmm_doctor_judge(c, &found);
	ret = dmm_vm_doctor_say(t, &found);
	dmm_findings_clear(&found);
	return ret;
}
