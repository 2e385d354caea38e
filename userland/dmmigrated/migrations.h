/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All migrations that hand over as a group and have a part here, source or destination.  Each has a directory with
 * manifest and journal, a group (group.h) that drives it once all of its disks are known, and what that acts by:
 * gates and the receiver's disks at the destination, the kernel's netlink family and a link at the source.
 *
 * Locks, in order: migrations.lock > migration.lock; both are leaves to everything else, and none is held
 * while anything is waited for.  A migration is referenced by whoever uses it.
 */
#ifndef DMM_MIGRATIONS_H
#define DMM_MIGRATIONS_H

#include <pthread.h>

#include "group.h"
#include "handover.h"
#include "list.h"
#include "log.h"
#include "manifest.h"
#include "registry.h"

struct dmm_migration {
	/* constant */
	struct dmm_migrations *all;
	u8 id[DMM_ID_BYTES];
	enum dmm_ho_role role;
	u32 nr_disks;
	struct dmm_log_id log_id;

	/* protected by all->lock */
	u32 refs;
	bool listed;
	struct dmm_list node;

	/* protected by lock */
	pthread_mutex_t lock;
	struct dmm_manifest *manifest;	/* its disks become known one by one, constant once they all are */
	struct dmm_outbox *outbox;	/* destination: of the connection that the source listens on, or NULL */
	u32 freeze_ms;			/* source: of the next freeze */

	/* set once, when all disks are known, under lock; constant afterwards */
	struct dmm_group *group;
	struct dmm_link *link;		/* source */
	struct dmm_watch *watch;	/* source: what became of a freeze */
};

struct dmm_migrations {
	/* constant after init */
	char dir[256];			/* of manifests and journals */
	struct dmm_registry *registry;	/* borrowed */
	struct dmm_ho_id instance;
	u8 boot[DMM_ID_BYTES];
	int stop_fd;			/* borrowed */
	/* protected by lock */
	pthread_mutex_t lock;
	struct dmm_list list;
	u32 nr;
};

/*
 * Takes up every migration that has a directory in @dir; its gates and holds are as its journal says when this
 * returns, or owed.  What cannot be read is logged, and kept.  0 or -errno: the directory itself cannot be read.
 */
int dmm_migrations_init(struct dmm_migrations *ms, const char *dir, struct dmm_registry *registry,
			const u8 instance[DMM_ID_BYTES], const u8 boot[DMM_ID_BYTES], int stop_fd);
/* All references have been put. States, gates and holds stay as they are. */
void dmm_migrations_exit(struct dmm_migrations *ms);

/* NULL: none by that id. The reference is the caller's. */
struct dmm_migration *dmm_migrations_get(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES]);
void dmm_migration_put(struct dmm_migration *m);	/* accepts NULL */

/*
 * A disk was prepared here (its gate is not made yet): enters it in the manifest, makes its gate when one was asked for,
 * and begins the group with the last of them.  0, or -errno with @r filled: then nothing has changed.
 */
int dmm_migrations_prepare(struct dmm_migrations *ms, const struct dmm_prepare *p,
			   struct dmm_refusal *r);

/* May a data connection to this disk begin?  Not before the group has. 0 or -errno with @r filled. */
int dmm_migrations_may_attach(struct dmm_migrations *ms, const struct dmm_disk_name *name,
			      struct dmm_refusal *r);

/* A message of the other daemon.  Context: the connection's thread. */
void dmm_migration_message(struct dmm_migration *m, const struct dmm_handover_msg *msg);

/* Destination: from now on what it has to say goes there; NULL: nowhere, if it was @old until now. */
void dmm_migration_set_outbox(struct dmm_migration *m, struct dmm_outbox *now, struct dmm_outbox *old);

#endif
