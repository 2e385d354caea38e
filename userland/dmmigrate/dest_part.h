/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this host is the destination of: the directories of its daemon say which migrations, and the daemon how they are.
 */
#ifndef DMM_DEST_PART_H
#define DMM_DEST_PART_H

#include "owners.h"
#include "tool.h"

struct json_object;

struct dmm_dest_part {
	u8 id[DMM_ID_BYTES];
	char hex[DMM_ID_HEX];
	bool answered;			/* the next is filled */
	struct dmm_wire_group_ok ok;
	char why[256];			/* why it is not */
};

/* All of them; the caller frees *parts. 0, or an exit code, reported. */
int dmm_dest_parts(struct dmm_tool *t, struct dmm_dest_part **parts, unsigned int *nr);

/* One of them, by its id: false when this host is the destination of no such. */
bool dmm_dest_part(struct dmm_tool *t, const u8 id[DMM_ID_BYTES], struct dmm_dest_part *p);

/* How it is, in a sentence, and what a person may do about it. */
const char *dmm_dest_part_status(const struct dmm_dest_part *p, const char **action);

/* What status says of it, for people. */
void dmm_dest_part_say(struct dmm_tool *t, const struct dmm_dest_part *p);

/* The same for machines. The caller owns the object. */
struct json_object *dmm_dest_part_json(const struct dmm_dest_part *p);

/* Prints the table of list; nothing where there are none. 0 or -ENOMEM. */
int dmm_dest_parts_table(const struct dmm_dest_part *parts, unsigned int nr);

#endif
