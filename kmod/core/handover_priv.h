/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between handover.c and its two sides, handover_source.c and handover_dest.c.
 */
#ifndef DMM_CORE_HANDOVER_PRIV_H
#define DMM_CORE_HANDOVER_PRIV_H

#include "handover.h"

/* Adds an action that needs no answer; its other fields are zero. */
struct dmm_ho_action *dmm_ho_do(struct dmm_ho_actions *out, enum dmm_ho_action_type type);

/* The same with a ticket, and waits for the answer. */
struct dmm_ho_action *dmm_ho_do_wait(struct dmm_ho *ho, struct dmm_ho_actions *out,
				     enum dmm_ho_action_type type, enum dmm_ho_wait wait);

void dmm_ho_append(struct dmm_ho *ho, struct dmm_ho_actions *out, enum dmm_ho_state s, u64 epoch);

/* Of state and epoch as they are; the instance is zero. */
struct dmm_ho_action *dmm_ho_send(const struct dmm_ho *ho, struct dmm_ho_actions *out,
				  enum dmm_ho_event_type msg);

static inline bool dmm_ho_id_equal(const struct dmm_ho_id *a, const struct dmm_ho_id *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static inline u64 dmm_ho_all_disks(const struct dmm_ho *ho)
{
	return ~0ull >> (DMM_HO_MAX_DISKS - ho->nr_disks);
}

/* Each side: an event that is not an answer, while nothing is outstanding. */
int dmm_ho_source_event(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			struct dmm_ho_actions *out);
/* Nobody waits for what this barrier ends. */
bool dmm_ho_dest_unwanted(const struct dmm_ho *ho, const struct dmm_ho_event *ev);
int dmm_ho_dest_event(struct dmm_ho *ho, const struct dmm_ho_event *ev, struct dmm_ho_actions *out);

/* The answers. @appended: the record of next_state and next_epoch is in the journal. */
void dmm_ho_source_appended(struct dmm_ho *ho, struct dmm_ho_actions *out);
void dmm_ho_dest_appended(struct dmm_ho *ho, struct dmm_ho_actions *out);
void dmm_ho_source_append_failed(struct dmm_ho *ho, bool unsure, struct dmm_ho_actions *out);
void dmm_ho_source_committed(struct dmm_ho *ho, struct dmm_ho_actions *out);
void dmm_ho_source_commit_failed(struct dmm_ho *ho, struct dmm_ho_actions *out);
void dmm_ho_dest_shut(struct dmm_ho *ho, bool written, struct dmm_ho_actions *out);
void dmm_ho_dest_kept(struct dmm_ho *ho, struct dmm_ho_actions *out);

/* What the last record asks for. */
void dmm_ho_source_boot(struct dmm_ho *ho, bool rebooted, struct dmm_ho_actions *out);
void dmm_ho_dest_boot(struct dmm_ho *ho, bool rebooted, struct dmm_ho_actions *out);

#endif
