/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Simulator of the hand-over: source, destination, network, disks and a guest in one thread, with the machine of
 * core/handover, the records of the journal, and the module as they are: kernel.c and shim/kernel.h are the kernel to it.
 * One seed decides everything, and repeats it.
 *
 * What is the daemon's or the destination's beside those is modelled here in its smallest form: source.c (what the daemon
 * does with the module), dest.c (writes, flushes, gates), store.c (a journal that may fail).
 */
#ifndef DMM_SIM_H
#define DMM_SIM_H

#include <stdio.h>

#include <dmmigrate/wire.h>

#include "core/handover.h"
#include "journal_record.h"

#define SIM_DISKS	3u
#define SIM_SECTORS	24u
#define SIM_SECTOR_BYTES	2048u	/* of each the first word counts */
#define SIM_BLOCK_SHIFT	12u		/* two of them */
#define SIM_BLOCKS	(SIM_SECTORS / 2)
#define SIM_WRITES	512u
#define SIM_LIVE	12u
#define SIM_FRAMES	4u
#define SIM_MESSAGES	32u
#define SIM_JOURNAL	(512u * DMM_JOURNAL_RECORD_BYTES)
#define SIM_FREEZE_MS	5000u
#define SIM_TICK_MS	1000u
#define SIM_NEVER	(~0u)

enum { SRC, DST };

/* A write of the guest; its number is what the sectors hold. */
struct sim_write {
	u32 begun, ended;		/* steps; SIM_NEVER: not ended */
	u8 host, disk, first, nr;
	enum { W_NONE, W_HELD, W_SUBMITTED, W_APPLIED, W_ENDED } state;
};

/* The journal's bytes: what a reader sees, and how much of it outlives the host. */
struct sim_store {
	u8 bytes[SIM_JOURNAL];
	u32 len, durable;
	bool lost;
};

struct sim_host {
	struct dmm_ho ho;
	struct sim_store store;
	bool up;
	u32 life;			/* how often it has booted: instance, and whose actions these are */
	u32 boot_id;
	u32 up_at, tick_at;
	struct dmm_ho_event answer;	/* of an append that takes its time */
	u32 answer_at;			/* SIM_NEVER: none */
	struct dmm_ho_event late;	/* an answer that was given, and may come once more */
};

/* On its way to the destination. */
struct sim_frame {
	u16 type;			/* DATA, ZERO, BARRIER, END */
	u64 seq, arg;
	u64 epoch;			/* barrier; 0: not one of a freeze */
	bool acquired;			/* the same: by ACQUIRE */
	u32 first, nr;			/* sectors */
	u32 data[2 * DMM_MAX_EXTENT_BYTES / SIM_SECTOR_BYTES];
};

struct sim_source_disk {
	bool fenced;			/* nobody gets at it, the module included */
	u64 epoch;			/* of the freeze that the daemon wants */
	bool acquired;			/* and whether ACQUIRE began it */
	u64 conn_epoch;
	u32 origin[SIM_SECTORS];
};

struct sim_dest_disk {
	u32 cache[SIM_SECTORS], durable[SIM_SECTORS];
	enum dmm_ho_gate gate;
	bool plain, written;
};

struct sim_message {
	struct dmm_ho_event ev;
	u8 to;
	u32 due;
};

struct sim {
	u64 rnd;
	u32 now, step, nr_disks;
	bool trace, calm, link, connected;
	bool unpaused;			/* the guest, at the destination */
	u32 relink_at;
	u32 faults;			/* of 256: how often each kind of them */
	bool lossy, may_lose_journal, may_force;
	bool once_more;			/* a cutover when there are no more faults */
	u32 waited;			/* of commands, for what has no time limit */
	bool failed;
	char why[256];
	struct sim_host host[2];
	struct sim_source_disk s[SIM_DISKS];
	struct sim_dest_disk d[SIM_DISKS];
	struct sim_message msg[SIM_MESSAGES];
	u32 nr_msg;
	struct sim_write w[SIM_WRITES];
	u32 nr_w;			/* the next number; 0 is nobody's */
	u16 live[SIM_LIVE];		/* those that have not ended */
	u32 nr_live;
	/* truth: of completed writes the latest beginning, or what a force made the truth */
	u32 floor[SIM_DISKS][SIM_SECTORS], base[SIM_DISKS][SIM_SECTORS], base_step[SIM_DISKS][SIM_SECTORS];
	u64 forcing;			/* the epoch that a force is to make */
	u32 cutovers, ran, forced, journals_lost, nines;
};

/* world.c */
u32 sim_random(struct sim *sim, u32 below);
bool sim_chance(struct sim *sim, u32 of_256);		/* of a fault; never while calm */
void sim_fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_say(const struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_give(struct sim *sim, u32 host, const struct dmm_ho_event *ev);
void sim_boot(struct sim *sim, u32 host, bool rebooted);
void sim_crash(struct sim *sim, u32 host);
bool sim_run(struct sim *sim, u64 seed, bool trace);	/* whether nothing was wrong */

/* store.c */
enum dmm_ho_event_type sim_store_append(struct sim *sim, u32 host, const struct dmm_ho_action *a);
void sim_store_crash(struct sim *sim, u32 host);
/* What is in it for sure: the last record's state. */
enum dmm_ho_state sim_store_says(struct sim *sim, u32 host);
/* What a boot finds. */
void sim_store_read(struct sim *sim, u32 host, struct dmm_ho_config *cfg);

/* source.c, dest.c: the kernel's part of an action; @answer: the event that answers it, if any */
void sim_source_act(struct sim *sim, const struct dmm_ho_action *a, struct dmm_ho_event *answer);
void sim_dest_act(struct sim *sim, const struct dmm_ho_action *a, struct dmm_ho_event *answer);
void sim_source_begin(struct sim *sim);
void sim_source_crash(struct sim *sim);
void sim_dest_crash(struct sim *sim);
void sim_source_step(struct sim *sim, u32 disk);	/* one thing that a disk can do */
bool sim_source_answers(struct sim *sim);		/* the origin, some read; false: none is owed */
/* The guest's write of that number: false: it is held, or fails; it was done; it is gone. */
bool sim_source_write(struct sim *sim, u32 write);
void sim_source_wrote(struct sim *sim, u32 write);
void sim_source_forget(struct sim *sim, u32 write);
bool sim_source_admits(const struct sim *sim, u32 disk);	/* everything */
bool sim_source_is_given_up(const struct sim *sim, u32 disk);
bool sim_source_copies(const struct sim *sim);			/* all disks do, and nothing is left to do */
void sim_connect(struct sim *sim);
void sim_disconnect(struct sim *sim);
void sim_dest_apply(struct sim *sim, u32 disk, const struct sim_frame *f);

/* kernel.c */
void sim_kernel_boot(struct sim *sim);			/* nothing is left of what was */
void sim_kernel_run(struct sim *sim, u32 slices);	/* threads go on, as long as one can */

/* guest.c */
void sim_guest_issue(struct sim *sim, u32 host);
void sim_guest_step(struct sim *sim);			/* some write gets on */
void sim_guest_passes(struct sim *sim, u32 write);	/* a write that was held at the source */
void sim_guest_fails(struct sim *sim, u32 write);	/* the same: it never was */
void sim_guest_drain(struct sim *sim, u32 disk);	/* the destination's */
void sim_guest_dies(struct sim *sim, u32 host);
void sim_truth_is(struct sim *sim, u32 host);		/* a person has said so */
void sim_check(struct sim *sim, u32 host);		/* it holds the last completed write of each sector, or a concurrent one */
void sim_check_owners(struct sim *sim);

static inline bool sim_source_open(const struct sim *sim, u32 disk)
{
	return sim->host[SRC].up && sim_source_admits(sim, disk);
}

static inline bool sim_dest_open(const struct sim *sim, u32 disk)
{
	return sim->host[DST].up && sim->d[disk].gate == DMM_HO_GATE_OPEN;
}

#endif
