/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hand-over of a group of disks: who owns them, on each of the two hosts, whatever breaks.
 * Pure: no I/O, no lock, no clock.  An event goes in, the next state and an ordered list
 * of actions come out.  doc/handover.rst has the states, the argument why there are never two owners,
 * and what each crash leaves behind.
 *
 *	source	ACTIVE -> FREEZING -> FROZEN -> FENCED -> RELINQUISHED -> RELEASED
 *		  ^------------------------------'             |
 *		  '------------- REFUSED, or force ------------'
 *	dest	RECEIVING -> COMPLETE -> OWNED -> RUNNING -> SETTLED
 *		    '---------- each but SETTLED -> REFUSED -> COMPLETE of a later epoch
 *
 * How a daemon drives it, for each migration:
 *
 *	read the journal; dmm_ho_boot() with its last record; do the actions
 *	then, for whatever its event loop wakes up for:
 *		dmm_ho_event(); do the actions, in their order, before the next event
 *
 * - An action that has a ticket (APPEND, COMMIT, GATES to shut before a return) is answered by an
 *   event with that ticket, at once or, from a thread, later.  One is outstanding at a
 *   time; it is the last of its list.  Until it is answered other events get -EBUSY and change nothing.
 *   A message or a tick can then be dropped, the peer repeats it; a person's request is kept and given again.
 * - Actions are idempotent: those of a boot say once more how things have to be.  They concern all
 *   disks of the group, but for COMMIT, which names one.
 * - Events may come twice, late and in any order.  What has no meaning any more gives 0 and no action.
 * - TICK, every second or so, repeats what the peer may not have heard, and retries.
 * - Nothing is to be done between an action's success and telling it here; lock the journal before COMMIT, and until its
 *   APPEND is answered.
 */
#ifndef DMM_CORE_HANDOVER_H
#define DMM_CORE_HANDOVER_H

#include "env.h"

#define DMM_HO_MAX_DISKS	64u
#define DMM_HO_MAX_ACTIONS	4u
#define DMM_HO_EPOCH_LAST	(~0ull)	/* refusing it refuses all there will ever be */

struct dmm_ho_id {
	u8 b[16];
};

enum dmm_ho_role {
	DMM_HO_SOURCE = 1,
	DMM_HO_DEST = 2,
};

/* Numbers up to SETTLED are in journals and messages: they never change. */
enum dmm_ho_state {
	DMM_HO_LOST = 0,	/* the journal is gone or damaged: either may own the disks */
	/* source */
	DMM_HO_ACTIVE = 1,
	DMM_HO_RELINQUISHED = 2,
	DMM_HO_RELEASED = 3,
	/* destination */
	DMM_HO_RECEIVING = 4,
	DMM_HO_COMPLETE = 5,
	DMM_HO_OWNED = 6,
	DMM_HO_RUNNING = 7,
	DMM_HO_REFUSED = 8,
	DMM_HO_SETTLED = 9,
	/* source, in memory only: in the journal it is ACTIVE */
	DMM_HO_FREEZING = 10,
	DMM_HO_FROZEN = 11,
	DMM_HO_FENCED = 12,
	__DMM_HO_STATE_MAX,
};

enum dmm_ho_event_type {
	/* people and toolstack */
	DMM_HO_EV_CUTOVER,	/* source: hand over; again in RELINQUISHED: go on with it */
	DMM_HO_EV_ABORT,	/* source: don't; in RELINQUISHED: ask for the disks back */
	DMM_HO_EV_FORCE,	/* source: the peer is certified to be off (flag) */
	DMM_HO_EV_ACQUIRE,	/* dest: have the source cut over; source: the peer's message */
	DMM_HO_EV_GO,		/* dest: the guest may be unpaused as soon as the gates are open */
	DMM_HO_EV_RUNS,		/* dest: it was */
	DMM_HO_EV_START_FAILED,	/* dest: it was not, or is to go back; before OWNED: is not waited for any more */
	/* kernel and receiver */
	DMM_HO_EV_FROZEN,	/* source: epoch, disk: frozen, converged, its barrier acknowledged */
	DMM_HO_EV_THAWED,	/* source: epoch: a disk's freeze ended by itself, or could not begin */
	DMM_HO_EV_BARRIER,	/* dest: epoch, disk: all of it was written and flushed; flag: by ACQUIRE */
	/* messages of the peer */
	DMM_HO_EV_COMPLETE,	/* to the source: epoch, instance */
	DMM_HO_EV_REFUSED,	/* to the source: epoch */
	DMM_HO_EV_RUNNING_ACK,	/* to the source: epoch, instance of the ASK_REFUSE that it answers */
	DMM_HO_EV_ASK_SOURCE,	/* to the source: instance */
	DMM_HO_EV_TOKEN,	/* to the destination: epoch, instance */
	DMM_HO_EV_ASK_REFUSE,	/* to the destination: epoch, instance */
	DMM_HO_EV_RELEASED,	/* to the destination: epoch */
	DMM_HO_EV_SOURCE,	/* to the destination: answer to ASK_SOURCE: state, epoch, instance */
	DMM_HO_EV_TICK,
	/* answers to actions: ticket */
	DMM_HO_EV_COMMITTED,	/* this disk's kernel holds for good */
	DMM_HO_EV_COMMIT_FAILED, /* -ETIME, any other error, and no answer at all */
	DMM_HO_EV_APPENDED,	/* and file and directory synced */
	DMM_HO_EV_APPEND_UNSURE, /* writing or syncing failed: it may be there or not */
	DMM_HO_EV_APPEND_NOTHING, /* failed before anything was written */
	DMM_HO_EV_APPEND_STALE,	/* somebody else appended meanwhile: read the journal, and boot again */
	DMM_HO_EV_GATES_SHUT,	/* flag: a write passed since they were opened */
	DMM_HO_EV_GATES_KEPT,	/* not all could be shut, and no write is known to have passed */
	__DMM_HO_EV_MAX,
};

struct dmm_ho_event {
	enum dmm_ho_event_type type;
	u32 ticket;
	u32 disk;		/* 0 to nr_disks - 1 */
	enum dmm_ho_state state;
	u64 epoch;
	struct dmm_ho_id instance;
	bool flag;
};

enum dmm_ho_action_type {
	DMM_HO_DO_APPEND = 1,	/* ticket: state, epoch, instance to the journal, compared and synced */
	DMM_HO_DO_SEND,		/* msg with state, epoch, instance to the peer; may be lost */
	/* source's disks */
	DMM_HO_DO_FREEZE,	/* epoch; flag: by ACQUIRE: hold, drain, ship, barrier; then FROZEN or THAWED */
	DMM_HO_DO_COMMIT,	/* ticket: epoch, disk: go on holding, whatever the freeze's timer says */
	DMM_HO_DO_RECLAIM,	/* epoch (0: whichever): undo COMMIT and FENCE, where there were any */
	DMM_HO_DO_THAW,		/* let writes pass */
	DMM_HO_DO_FENCE,	/* let nothing pass: hold, or after a reboot keep the volumes shut */
	DMM_HO_DO_RELEASE,	/* epoch: fail what is held and all that comes */
	/* destination's */
	DMM_HO_DO_GATES,	/* gate; with a ticket: answer whether they are shut, and whether a write passed */
	DMM_HO_DO_SETTLE,	/* the plain volume in place of the gate */
};

enum dmm_ho_gate {
	DMM_HO_GATE_SHUT,
	DMM_HO_GATE_READS,	/* writes fail */
	DMM_HO_GATE_OPEN,
};

struct dmm_ho_action {
	enum dmm_ho_action_type type;
	u32 ticket;		/* 0: needs no answer */
	enum dmm_ho_event_type msg;
	enum dmm_ho_state state;
	enum dmm_ho_gate gate;
	u32 disk;
	u64 epoch;
	struct dmm_ho_id instance;
	bool flag;
};

struct dmm_ho_actions {
	unsigned int nr;
	struct dmm_ho_action a[DMM_HO_MAX_ACTIONS];
};

enum dmm_ho_journal {
	DMM_HO_JOURNAL_NEW,	/* none yet: a migration begins */
	DMM_HO_JOURNAL_LAST,	/* read, and synced since; its last record follows */
	DMM_HO_JOURNAL_LOST,	/* there should be one */
};

struct dmm_ho_config {
	enum dmm_ho_role role;
	u32 nr_disks;			/* 1 to DMM_HO_MAX_DISKS */
	struct dmm_ho_id instance;	/* own: random, new for each boot, not zero */
	enum dmm_ho_journal journal;
	enum dmm_ho_state state;	/* of the last record, as are the next two */
	u64 epoch;
	struct dmm_ho_id record_instance;
	bool rebooted;			/* the host, since that record was written */
};

enum dmm_ho_wait {
	DMM_HO_WAIT_NOTHING,
	DMM_HO_WAIT_APPEND,
	DMM_HO_WAIT_COMMIT,
	DMM_HO_WAIT_SHUT,
};

/* Read only, for whoever is not handover*.c. */
struct dmm_ho {
	/* constant since boot */
	enum dmm_ho_role role;
	u32 nr_disks;
	struct dmm_ho_id own;

	enum dmm_ho_state state;
	u64 epoch;			/* of @state; only grows */
	struct dmm_ho_id instance;	/* source: of the receiver that is COMPLETE */
	bool stale;			/* somebody else has the journal: nothing more until the next boot */

	/* what is outstanding */
	enum dmm_ho_wait wait;
	u32 ticket;			/* of the last action that has one */
	enum dmm_ho_state next_state;	/* WAIT_APPEND: of the record */
	u64 next_epoch;
	u32 disk;			/* WAIT_COMMIT */

	/* source */
	u64 frozen;			/* a bit a disk */
	bool complete;			/* COMPLETE(epoch) was heard */
	bool unsure;			/* RELINQUISHED may not be in the journal: no token */
	bool take_back;			/* rather ask for the disks than offer them */
	bool acquired;			/* the other side has asked for this freeze */

	/* destination */
	u64 barrier_epoch;
	u64 barriers;			/* a bit a disk: flushed up to the barrier of that epoch */
	enum dmm_ho_gate gate;		/* as it was told to be */
	bool asking;			/* gates stay shut until the source answers */
	bool acked;			/* RUNNING_ACK may have been sent: no way back */
	bool written;			/* a return has found that a write had passed: there is none any more */
	bool heard_back;		/* REFUSED: the source has said that it has the disks */
	bool wanted;			/* somebody waits for the disks, since ACQUIRE: in this life only */
};

/*
 * Begins, or begins again after a crash, restart or -ESTALE; forgets what was outstanding.
 * Context: any, serialised by the caller, as everything here.
 * Return: 0, or -EINVAL for what no journal can hold (treat it as a lost one).
 */
int dmm_ho_boot(struct dmm_ho *ho, const struct dmm_ho_config *cfg, struct dmm_ho_actions *out);

/*
 * Return: 0 with the actions to do, maybe none.  Or a refusal, without any:
 *	-EBUSY	an action is outstanding: answer it first
 *	-EALREADY it is so, or on its way
 *	-EPERM	not in this state, or not without the flag
 *	-EAGAIN	the source has to answer first
 *	-EOVERFLOW all epochs were refused (a journal was lost, or a guest that ran there was forced back
 *		here): begin a new migration
 *	-ESTALE	somebody else has the journal: boot again
 *	-EINVAL	no such event for this role, or no such disk
 */
int dmm_ho_event(struct dmm_ho *ho, const struct dmm_ho_event *ev, struct dmm_ho_actions *out);

/* Without the peer's answer nobody can know who owns the disks: exit code 9 if it can't be reached. */
bool dmm_ho_needs_peer(const struct dmm_ho *ho);

/* "relinquished" ... */
const char *dmm_ho_state_name(enum dmm_ho_state s);

/* May a journal of @role hold such a record? */
bool dmm_ho_state_durable(enum dmm_ho_state s, enum dmm_ho_role role);

#endif
