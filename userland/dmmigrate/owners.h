/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hand-over, as the verbs see it: the daemons of both hosts, whose journals say who owns the disks, are asked and
 * told.  Nothing is decided here.
 */
#ifndef DMM_OWNERS_H
#define DMM_OWNERS_H

#include "core/handover.h"
#include "remote.h"
#include "record.h"
#include "standing.h"
#include "tool.h"

#define DMM_STATES(s)	(1u << (s))

/* Is there a daemon on this host, and can it do what is needed of one?  0, or -errno with @r. */
int dmm_owners_find(struct dmm_tool *t, struct dmm_remote *r);

/* One question: the source's status.  0: @ok; -errno: why, exit and code of @here, which is closed in any case. */
int dmm_owners_source_status(struct dmm_tool *t, struct dmm_remote *here, const u8 id[DMM_ID_BYTES],
			     struct dmm_wire_group_ok *ok);

/* What the journal of this host says of the source; asks its daemon. */
enum dmm_journal_says dmm_owners_journal(struct dmm_tool *t, const u8 id[DMM_ID_BYTES]);

/* Who owns the data of a source whose target is in @state; asks only where the kernel cannot tell. */
enum dmm_owner dmm_owners_owner(struct dmm_tool *t, const u8 id[DMM_ID_BYTES], u32 state);

/*
 * Asks the daemon of this host for @verb of its part as @role (0: whichever), or the receiver, and then to wait up to @await_ms for one of @await.
 * Connects when @r is not connected, once more when the connection was lost.  0: @ok is filled, and says what
 * came of it; -errno as dmm_remote_*(), which see.
 */
int dmm_owners_ask_here(struct dmm_tool *t, struct dmm_remote *r, const u8 id[DMM_ID_BYTES],
			enum dmm_ho_role role, enum dmm_wire_group_verb verb, u32 await, u32 await_ms,
			struct dmm_wire_group_ok *ok);
int dmm_owners_ask_there(struct dmm_remote *r, const struct dmm_target *to, const u8 id[DMM_ID_BYTES],
			 enum dmm_wire_group_verb verb, u32 await, u32 await_ms,
			 struct dmm_wire_group_ok *ok);

/* DROP here; @source_gone: a person says that the source waits for nothing.  As dmm_owners_ask_here(). */
int dmm_owners_drop(struct dmm_tool *t, struct dmm_remote *r, const u8 id[DMM_ID_BYTES], enum dmm_ho_role role,
		    bool source_gone, struct dmm_wire_group_ok *ok);

/* CUTOVER, whose freeze lasts at most @freeze_ms; waits until the source has given up, or goes on. */
int dmm_owners_cutover(struct dmm_tool *t, struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 freeze_ms,
		       struct dmm_wire_group_ok *ok);

/* Has the daemon of this host keep a journal of the migration. 0, or -errno with @r. */
int dmm_owners_adopt(struct dmm_tool *t, struct dmm_remote *r, const struct dmm_record *record);

/*
 * A source that is released is needed until the destination has heard so: after a reboot it would wait for an answer
 * for ever.  @ok: what the daemon of this host says.  0: it has settled there; or an exit code, reported.
 */
int dmm_owners_need_settled(struct dmm_tool *t, const u8 id[DMM_ID_BYTES], const struct dmm_wire_group_ok *ok);

/* "relinquished (epoch 3), gates shut": what a daemon's answer says, for people. */
void dmm_owners_describe(const struct dmm_wire_group_ok *ok, char *buf, size_t bytes);

/* Who owns the disks, by what a daemon says of its own part. */
enum dmm_owner dmm_owners_of(const struct dmm_wire_group_ok *ok);

static inline enum dmm_ho_state dmm_owners_state(const struct dmm_wire_group_ok *ok)
{
	return le32_to_cpu(ok->state);
}

static inline bool dmm_owners_is(const struct dmm_wire_group_ok *ok, u32 states)
{
	return states & 1u << dmm_owners_state(ok);
}

/* After RETURN: it was not given back, and not for having been written: that may be asked for again. */
static inline bool dmm_owners_kept(const struct dmm_wire_group_ok *ok)
{
	return dmm_owners_is(ok, DMM_STATES(DMM_HO_RUNNING)) && le32_to_cpu(ok->result) != DMM_GROUP_NOT_NOW &&
	       !(le32_to_cpu(ok->flags) & DMM_GROUP_ACKED);
}

#endif
