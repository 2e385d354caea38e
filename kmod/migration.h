/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One migration: the object behind one `migrate` target, its states, its
 * commands and the list of live ones.
 */
#ifndef DMM_MIGRATION_H
#define DMM_MIGRATION_H

#include "dmm.h"

struct netlink_ext_ack;
struct dmm_sender;

/* ---- target.c ---- */

/* Takes @origin and @sink, which may be NULL, on success.  Context: constructor.  0 or -ENOMEM. */
int dmm_migration_create(struct dm_target *ti, struct dm_dev *origin, struct dm_dev *sink,
			 unsigned int block_shift, bool gated);
/* Waits for everything that may still touch the origin.  Context: destructor; sleeps. */
void dmm_migration_destroy(struct dmm_migration *m);
/* The table is live: commands find it, an older table of the device is void.  Context: resume. */
void dmm_migration_publish(struct dmm_migration *m);
/* Context: dm's callbacks of the same names; none waits for a command. */
void dmm_migration_presuspend(struct dmm_migration *m, bool noflush);
void dmm_migration_postsuspend(struct dmm_migration *m);
void dmm_migration_unsuspend(struct dmm_migration *m);	/* resume and presuspend_undo */

/* ---- netlink.c: the list of live migrations ---- */

/* Returns a new reference or NULL.  Context: process, sleeps. */
struct dmm_migration *dmm_migration_get_by_dev(dev_t dev);
/* The live migration with the smallest dev above @after, or NULL. New reference. */
struct dmm_migration *dmm_migration_get_next(dev_t after);
void dmm_migration_put(struct dmm_migration *m);

/* ---- netlink.c: commands; contract in include/dmmigrate/uapi.h ---- */

struct dmm_attach_args {
	u8 id[DMM_ID_BYTES];
	u32 disk;
	u64 conn_epoch;
	u32 conn_index;		/* below conns */
	u32 conns;		/* 1 to DMM_MAX_CONNS */
	u64 features;
	struct dmm_peer peer;
	enum dmm_security security;
	int fd;			/* unless .security says that it is the sink */
};

/* 0 or NULL: as before. */
struct dmm_start_args {
	const u64 *rate;
	u64 barrier_bytes;
	u32 barrier_ms;
	bool compare;		/* COMPARE: nothing is dirty yet */
};

/* Context: process, sleep; take dmm_migration.ctl.  0 or negative errno. */
int dmm_cmd_attach(struct dmm_migration *m, const struct dmm_attach_args *a,
		   struct netlink_ext_ack *extack);
int dmm_cmd_start(struct dmm_migration *m, const struct dmm_start_args *a);
int dmm_cmd_mark(struct dmm_migration *m, u64 offset_bytes, u64 length_bytes);
int dmm_cmd_compared(struct dmm_migration *m, u64 conn_epoch);
/* From IDLE without connections: bits from nothing, and nothing is shipped, until STOP.  Context: may sleep. */
int dmm_cmd_track(struct dmm_migration *m);
int dmm_cmd_pause(struct dmm_migration *m, bool pause);
int dmm_cmd_rate(struct dmm_migration *m, u64 rate);
int dmm_cmd_freeze(struct dmm_migration *m, u64 epoch, u32 timeout_ms);
int dmm_cmd_thaw(struct dmm_migration *m, u64 epoch);
int dmm_cmd_commit(struct dmm_migration *m, u64 epoch);
int dmm_cmd_reclaim(struct dmm_migration *m, u64 epoch);
int dmm_cmd_release(struct dmm_migration *m, u64 epoch);
int dmm_cmd_stop(struct dmm_migration *m, bool force);

/* ---- command.c ---- */

/*
 * START after connections were lost: a comparison that was under way then counts for nothing, everything is
 * dirty.  Before anything is shipped.  Context: process, under ctl.
 */
void dmm_compare_void(struct dmm_migration *m);

/* ---- command.c, compare.c, gate.c ---- */

/* Takes ctl; -ENODEV: the table is gone already, -EINTR. */
int dmm_ctl_lock(struct dmm_migration *m);
void dmm_ctl_unlock(struct dmm_migration *m);

/*
 * Move to the next state: lets pass what the new state lets pass, queues the
 * event.  Caller holds dmm_migration.lock.  0 or the errno of dmm_state_next().
 */
int dmm_state_advance_locked(struct dmm_migration *m, enum dmm_event ev);
/* FREEZING or FROZEN -> COPYING with @result; else -EALREADY.  Caller holds the lock. */
int dmm_freeze_abort_locked(struct dmm_migration *m, int result);
/* COMMITTED -> COPYING, and on to where the late news lead.  As dmm_state_advance_locked(). */
int dmm_reclaim_locked(struct dmm_migration *m);

/* ---- sender.c, ack.c, reader.c ---- */

/*
 * The link is gone or something failed: the first one sticks, a freeze ends,
 * the guest goes on.  @reason is a constant text.  Context: any, takes
 * dmm_migration.lock.
 */
void dmm_migration_link_lost(struct dmm_migration *m, int error, const char *reason);
void dmm_migration_fail(struct dmm_migration *m, int error, enum dmm_side side,
			u32 remote_status, const char *reason);
/* FREEZING -> FROZEN, if the freeze of @epoch is still under way.  Context: any. */
void dmm_migration_converged(struct dmm_migration *m, u64 epoch);
/* STOPPING -> IDLE, called when nothing of the sender is left.  Idempotent.  Context: process. */
void dmm_migration_stopped(struct dmm_migration *m);

#endif
