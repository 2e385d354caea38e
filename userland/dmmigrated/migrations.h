/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All migrations that hand over as a group and have a part here, source or destination.  Each has a directory with
 * manifest and journal, a group (group.h) that drives it once all of its disks are known, and what that acts by:
 * gates and the receiver's disks at the destination, the kernel's netlink family and a link at the source.
 *
 * Locks, in order: migrations.rooms > migration.change > migrations.lock; migration.lock is a leaf.  `change` is held while a
 * migration begins or is dropped, which writes files and makes gates; nothing is waited for with the others.
 */
#ifndef DMM_MIGRATIONS_H
#define DMM_MIGRATIONS_H

#include <pthread.h>

#include "ctlmsg.h"
#include "freezer.h"
#include "group.h"
#include "guest_config.h"
#include "guest_gate.h"
#include "handover.h"
#include "list.h"
#include "local.h"
#include "log.h"
#include "manifest.h"
#include "marks.h"
#include "reconnect.h"
#include "registry.h"

#define DMM_MAX_MIGRATIONS	256u

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
	bool retry;			/* could not be taken up: tried again */

	pthread_mutex_t change;		/* one begins, adds to or drops it at a time */
	/* protected by change; its disks become known one by one, and are constant once they all are, statistics apart */
	struct dmm_manifest *manifest;

	/* set once, all disks being known, under both locks, and constant afterwards */
	struct dmm_group *group;
	struct dmm_link *link;		/* source */
	struct dmm_freezer *freezer;	/* source */
	struct dmm_reconnect *reconnect;	/* source */
	struct dmm_marks *marks;	/* NULL: no disk is a logical volume */

	pthread_mutex_t lock;
	/* protected by lock */
	struct dmm_list outboxes;	/* destination: of connections; the source listens on the newest, which is the first */
	bool guest_pending;		/* a guest's configuration is staged, and not done (migration_guest.c) */
	char guest_why[DMM_GUEST_CONFIG_WHY];	/* it was tried, and has failed */

	struct dmm_guest_gate guest_gate;	/* destination, no disks; its lock is a leaf */
	pthread_mutex_t guest;		/* one stages it or puts it in place at a time; before lock */
};

#define DMM_MAX_PROOFS	DMM_MAX_GROUP	/* no group has to wait for others of its own disks */

struct dmm_migrations {
	/* constant after init */
	char dirs[DMM_HO_DEST + 1][256];	/* by role: of manifests and journals */
	struct dmm_registry *registry;	/* borrowed */
	struct dmm_ho_id instance;
	u8 boot[DMM_ID_BYTES];
	int stop_fd;			/* borrowed */
	bool by_hand;			/* lost data connections are not made anew */
	const struct dmm_tls_client *tls;	/* borrowed: to other daemons; NULL: plaintext */
	bool offline;			/* nobody is connected to: gates and fences only */
	const char *guest_configs;	/* borrowed: directory of the toolstack's configurations */
	u32 nr_unreadable;		/* directories whose manifest cannot be read */
	char control[DMM_LOCAL_PATH];	/* socket of this daemon */
	pthread_mutex_t rooms;		/* from finding room for a volume until that is on record */
	/* protected by lock */
	pthread_mutex_t lock;
	struct dmm_list list;
	u32 nr;
	u32 nr_proofs;			/* threads that read a disk back (migration_proof.c), DMM_MAX_PROOFS at most */
	pthread_cond_t proved;		/* one has ended */
};

/*
 * Takes up every migration that has a directory in @dir/source or @dir/destination; its gates and holds are as its journal says when this
 * returns, or owed.  What cannot be read is logged, and kept.  @tls: to other daemons.  @control: where the tool finds this daemon.
 * @by_hand: lost data connections are not made anew.  @guest_configs: directory of the configurations of guests; borrowed.
 * 0 or -errno: the directory itself cannot be read.
 */
int dmm_migrations_init(struct dmm_migrations *ms, const char *dir, struct dmm_registry *registry,
			const u8 instance[DMM_ID_BYTES], const u8 boot[DMM_ID_BYTES], int stop_fd,
			const struct dmm_tls_client *tls, const char *control, bool by_hand, const char *guest_configs);
/* Waits until nobody reads a disk back any more, which stop_fd ends soon unless the disk hangs. 0 or -ETIMEDOUT. */
int dmm_migrations_await_proofs(struct dmm_migrations *ms, u64 timeout_ms);
/* All references have been put, and no proof is under way. States, gates and holds stay as they are. */
void dmm_migrations_exit(struct dmm_migrations *ms);

/*
 * NULL: none by that id.  The reference is the caller's.  From one storage repository of a host to another both parts are
 * here: the first function takes the destination's then.  @role 0: whichever.
 */
struct dmm_migration *dmm_migrations_get(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES]);
struct dmm_migration *dmm_migrations_get_part(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES],
					      enum dmm_ho_role role);
void dmm_migration_put(struct dmm_migration *m);	/* accepts NULL */

/* All of them, for dmm_migrations_put_all(). -ENOMEM. */
int dmm_migrations_get_all(struct dmm_migrations *ms, struct dmm_migration ***list, u32 *nr);
void dmm_migrations_put_all(struct dmm_migration **list, u32 nr);

/*
 * A disk is about to be prepared here, and has been checked: enters it in the manifest, makes its gate if it is to have one
 * (@gate), and begins the group with the last of them.  0, or -errno with @r filled; what was entered stays until
 * it is dropped.
 */
int dmm_migrations_prepare(struct dmm_migrations *ms, const struct dmm_prepare *p, bool gate,
			   struct dmm_refusal *r);

/* The same of a migration without disks: of a guest all of whose disks stay where they are. */
int dmm_migrations_prepare_guest(struct dmm_migrations *ms, const struct dmm_prepare *p, struct dmm_refusal *r);

/* May the trusted peer of this name ("": no TLS) ask about a migration whose destination is here?  0, or -errno with @r filled. */
int dmm_migration_check_peer(struct dmm_migration *m, const char *peer, struct dmm_refusal *r);

/* The same for a disk whose source is here; for one that is known, what may change of it. */
int dmm_migrations_adopt(struct dmm_migrations *ms, const struct dmm_adopt *a, struct dmm_refusal *r);

/*
 * A volume for a disk that is to be prepared: enters it in the manifest, and makes it in @sr, or finds the one that was made.  With CHECK only
 * looks whether it could be made.  0, or -errno with @r filled; what was entered stays until it is dropped, and goes with the migration
 * unless that was handed over.
 */
int dmm_migrations_volume(struct dmm_migrations *ms, const struct dmm_volume_request *rq, const struct dmm_sr *sr,
			  struct dmm_volume *v, u64 *room_bytes, struct dmm_refusal *r);
/* Is its destination a volume that was made for this very disk, of this peer's? */
bool dmm_migrations_made(struct dmm_migrations *ms, const struct dmm_prepare *p);

/* A disk is to be prepared without a group: not one that has a group here, and a gate that nobody would ask. */
int dmm_migrations_refuse_known(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES], struct dmm_refusal *r);

/* May a data connection to this disk begin?  Not before the group has. 0 or -errno with @r filled. */
int dmm_migrations_may_attach(struct dmm_migrations *ms, const struct dmm_disk_name *name,
			      struct dmm_refusal *r);

/*
 * Forgets a migration: its journal, and the gates above what was never owned here.  @local: not the other host asks; @source_gone: and a
 * person has said that the source waits for no answer.
 * 0, or -errno with @r filled, and it goes on: a disk's owner depends on it, data comes, or a gate is in use.
 */
int dmm_migration_drop(struct dmm_migration *m, bool local, bool source_gone, struct dmm_refusal *r);

/* NULL: not all disks are known yet. Constant once it is there; the caller has a reference to @m. */
struct dmm_group *dmm_migration_group(struct dmm_migration *m);

/* Are not all of its disks known yet?  Then it has never begun. */
bool dmm_migration_incomplete(struct dmm_migration *m);

/* Source: how long the next freeze lasts at most, and whether the other daemon can be heard. */
void dmm_migration_freeze_ms(struct dmm_migration *m, u32 ms);
void dmm_migration_link(struct dmm_migration *m, struct dmm_link_status *st);
/* Source, begun: can it be heard, or within @timeout_ms?  Blocks for so long. */
bool dmm_migration_reaches(struct dmm_migration *m, u64 timeout_ms);
/* Source: a line on which disk has lost its connection and does not go on; empty: none. */
void dmm_migration_lost(struct dmm_migration *m, char why[DMM_RECONNECT_WHY]);
/* Has LVM yet to be told whether to activate the disks?  Then @why says what, and nobody has to wait for it. */
bool dmm_migration_unmarked(struct dmm_migration *m, char why[DMM_LV_WHY]);
/* Waits for that, as long as nothing has failed.  Context: the group's state is a last one, no guest stands still. */
void dmm_migration_await_marks(struct dmm_migration *m, u64 timeout_ms);
/*
 * A guest whose disks are this migration's: what waits for the end of the hand-over.  Destination: @text is its configuration; source: where
 * that is.  0, or -errno with @r filled.
 */
int dmm_migration_guest_stage(struct dmm_migration *m, const char *name, bool autostart, const char *text, struct dmm_refusal *r);
int dmm_migration_guest_status(struct dmm_migration *m, struct dmm_wire_guest_config_ok *ok, struct dmm_refusal *r);
/* It is over, and that could not be done yet: why. */
bool dmm_migration_unplaced(struct dmm_migration *m, char why[DMM_GUEST_CONFIG_WHY]);
/* Destination: is the source connected? */
bool dmm_migration_heard(struct dmm_migration *m);
/* How the other host and the first disk here are called, cut to fit, as text fields of the wire. */
void dmm_migration_names(struct dmm_migration *m, u8 *peer, size_t peer_cap, u8 *device, size_t device_cap);

/* How many could not be taken up, or owe an action: their disks may not be as they have to be. */
u32 dmm_migrations_owing(struct dmm_migrations *ms);

/* Tries again what could not be taken up. Every now and then. */
void dmm_migrations_tick(struct dmm_migrations *ms);

/* A message of the other daemon.  Context: the connection's thread. */
void dmm_migration_message(struct dmm_migration *m, const struct dmm_handover_msg *msg);

/* Destination: a connection on which it is heard from now on; and its end, after which the one before is. */
void dmm_migration_add_outbox(struct dmm_migration *m, struct dmm_outbox *o);
void dmm_migration_remove_outbox(struct dmm_migration *m, struct dmm_outbox *o);

/* Was it not dropped?  Any thread. */
bool dmm_migration_listed(struct dmm_migration *m);

#endif
