// SPDX-License-Identifier: GPL-2.0
/*
 * The source's kernel, a disk at a time: holding, committing, and shipping what is dirty.  As in the module, a
 * bit is cleared before its block is read, one copy of a block is in flight until it is acknowledged, and converged is:
 * held, drained, nothing dirty, nothing in flight, and then a barrier acknowledged.
 */
#include "sim.h"

static void mark_all(struct sim_source_disk *s)
{
	dmm_bitmap_mark(&s->dirty, 0, SIM_BLOCKS);
	dmm_bitmap_clear(&s->unflushed, 0, SIM_BLOCKS);
}

void sim_source_begin(struct sim *sim)
{
	u32 disk;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		struct sim_source_disk *s = &sim->s[disk];

		dmm_bitmap_init(&s->dirty, SIM_BLOCKS, &s->words[0], &s->words[1]);
		dmm_bitmap_init(&s->unflushed, SIM_BLOCKS, &s->words[2], &s->words[3]);
		mark_all(s);
	}
}

static void thaw(struct sim *sim, u32 disk)
{
	sim->s[disk].freeze = FR_NONE;
	sim->s[disk].k = K_OPEN;
	sim_guest_let_go(sim, disk);
}

/* The freeze of a disk ended by itself. */
static void thaw_by_itself(struct sim *sim, u32 disk)
{
	struct dmm_ho_event ev = { .type = DMM_HO_EV_THAWED, .epoch = sim->s[disk].epoch, .disk = disk };

	sim_say(sim, "disk %u thaws by itself", disk);
	thaw(sim, disk);
	sim_give(sim, SRC, &ev);
}

void sim_source_act(struct sim *sim, const struct dmm_ho_action *a, struct dmm_ho_event *answer)
{
	struct sim_source_disk *s;
	u32 disk;

	if (a->type == DMM_HO_DO_COMMIT) {
		s = &sim->s[a->disk];
		answer->type = DMM_HO_EV_COMMIT_FAILED;
		if (s->k == K_HELD && s->freeze == FR_FROZEN && s->epoch == a->epoch) {
			s->k = K_COMMITTED;
			if (!sim_chance(sim, sim->faults / 4))	/* else the answer is lost */
				answer->type = DMM_HO_EV_COMMITTED;
		}
		return;
	}
	for (disk = 0; disk < sim->nr_disks; disk++) {
		s = &sim->s[disk];
		switch (a->type) {
		case DMM_HO_DO_FREEZE:
			s->k = K_HELD;
			s->freeze = FR_SHIP;
			s->epoch = a->epoch;
			s->acquired = a->flag;
			s->deadline = sim->now + SIM_FREEZE_MS;
			break;
		case DMM_HO_DO_RECLAIM:
			if (s->k == K_FENCED || (s->k == K_COMMITTED && (!a->epoch || a->epoch == s->epoch)))
				s->k = K_HELD;
			s->freeze = FR_NONE;
			break;
		case DMM_HO_DO_THAW:
			if (s->k == K_COMMITTED || s->k == K_FENCED)
				sim_fail(sim, "disk %u is thawed while committed", disk);
			thaw(sim, disk);
			break;
		case DMM_HO_DO_FENCE:
			if (s->k == K_OPEN || s->k == K_HELD)
				s->k = K_FENCED;
			break;
		default:	/* RELEASE */
			s->k = K_RELEASED;
			sim_guest_let_go(sim, disk);
		}
	}
	if (a->type == DMM_HO_DO_FREEZE && !sim->connected)
		thaw_by_itself(sim, 0);
}

/* The bitmap dies with the host: both disks are compared when it comes back, all counts as different. */
void sim_source_crash(struct sim *sim)
{
	u32 disk;

	sim_guest_dies(sim, SRC);
	sim_disconnect(sim);
	for (disk = 0; disk < sim->nr_disks; disk++) {
		mark_all(&sim->s[disk]);
		sim->s[disk].freeze = FR_NONE;
		sim->s[disk].k = K_FENCED;	/* nothing writes before the boot unit has run */
	}
}

void sim_source_timers(struct sim *sim)
{
	u32 disk;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		if (sim->s[disk].k == K_HELD && sim->s[disk].freeze && sim->now >= sim->s[disk].deadline)
			thaw_by_itself(sim, disk);
	}
}

/* What was not acknowledged is dirty again.  A freeze is void; a commit is not. */
void sim_disconnect(struct sim *sim)
{
	struct sim_source_disk *s;
	u32 disk, i;

	if (!sim->connected)
		return;
	sim->connected = false;
	sim_say(sim, "disconnected");
	for (disk = 0; disk < sim->nr_disks; disk++) {
		s = &sim->s[disk];
		for (i = 0; i < s->nr_frames; i++) {
			if (!s->frames[i].barrier)
				dmm_bitmap_mark(&s->dirty, s->frames[i].block, 1);
		}
		s->nr_frames = 0;
	}
	for (disk = 0; disk < sim->nr_disks; disk++) {
		if (sim->host[SRC].up && sim->s[disk].k == K_HELD && sim->s[disk].freeze)
			thaw_by_itself(sim, disk);
	}
}

/* Another life of the destination: what it had not flushed may be gone. */
void sim_connect(struct sim *sim)
{
	u32 disk, block;

	sim->connected = true;
	sim_say(sim, "connected");
	if (sim->conn_life == sim->host[DST].life)
		return;
	sim->conn_life = sim->host[DST].life;
#if DMM_MUTANT != 34
	for (disk = 0; disk < sim->nr_disks; disk++) {
		for (block = 0; block < SIM_BLOCKS; block++) {
			if (dmm_bitmap_clear(&sim->s[disk].unflushed, block, 1))
				dmm_bitmap_mark(&sim->s[disk].dirty, block, 1);
		}
	}
#else
	(void)disk;
	(void)block;
#endif
}

static bool in_flight(const struct sim_source_disk *s, u32 block)
{
	u32 i;

	for (i = 0; i < s->nr_frames; i++) {
		if (!s->frames[i].barrier && s->frames[i].block == block)
			return true;
	}
	return false;
}

static void send_barrier(struct sim_source_disk *s, u64 epoch)
{
	s->frames[s->nr_frames++] = (struct sim_frame){ .stage = F_SENT, .barrier = true, .epoch = epoch,
						.acquired = s->acquired };
}

static void read_block(const struct sim_source_disk *s, struct sim_frame *f)
{
	f->data[0] = s->origin[2 * f->block];
	f->data[1] = s->origin[2 * f->block + 1];
}

/* What was taken in one step is read in another. */
static void finish_block(struct sim_source_disk *s, struct sim_frame *f)
{
#if DMM_MUTANT == 3
	dmm_bitmap_clear(&s->dirty, f->block, 1);
#else
	read_block(s, f);
#endif
	f->stage = F_SENT;
}

/* Takes the next dirty block, from anywhere. */
static void take(struct sim *sim, struct sim_source_disk *s)
{
	u64 block, nr;

	if (dmm_bitmap_find(&s->dirty, sim_random(sim, SIM_BLOCKS), SIM_BLOCKS, 1, 0, &block, &nr) &&
	    dmm_bitmap_find(&s->dirty, 0, SIM_BLOCKS, 1, 0, &block, &nr))
		return;
	if (in_flight(s, (u32)block))
		return;
	s->frames[s->nr_frames++] = (struct sim_frame){ .stage = F_CLEARED, .block = (u32)block };
#if DMM_MUTANT == 3
	read_block(s, &s->frames[s->nr_frames - 1]);
#else
	dmm_bitmap_clear(&s->dirty, block, 1);
#endif
}

static void acknowledged(struct sim *sim, u32 disk)
{
	struct sim_source_disk *s = &sim->s[disk];
	struct sim_frame f = s->frames[0];
	struct dmm_ho_event ev = { .type = DMM_HO_EV_FROZEN, .epoch = f.epoch, .disk = disk };

	memmove(&s->frames[0], &s->frames[1], --s->nr_frames * sizeof(f));
	if (!f.barrier) {
		dmm_bitmap_mark(&s->unflushed, f.block, 1);
		return;
	}
	dmm_bitmap_clear(&s->unflushed, 0, SIM_BLOCKS);
	if (s->freeze == FR_BARRIER && f.epoch == s->epoch) {
		s->freeze = FR_FROZEN;
		sim_say(sim, "disk %u is frozen", disk);
		sim_give(sim, SRC, &ev);
	}
}

static bool converged(const struct sim *sim, u32 disk)
{
	const struct sim_source_disk *s = &sim->s[disk];

#if DMM_MUTANT == 2
	return !s->nr_frames && !sim_guest_draining(sim, disk);
#else
	return !s->nr_frames && !sim_guest_draining(sim, disk) && !dmm_bitmap_dirty(&s->dirty);
#endif
}

/* Shipping goes on in every state but when nothing may be read any more, or all was said. */
void sim_source_step(struct sim *sim, u32 disk)
{
	struct sim_source_disk *s = &sim->s[disk];
	struct sim_frame *f;

	if (!sim->host[SRC].up || !sim->connected || s->k >= K_COMMITTED)
		return;
	if (s->freeze == FR_SHIP && converged(sim, disk)) {
		s->freeze = FR_BARRIER;
		send_barrier(s, s->epoch);
		return;
	}
	f = s->nr_frames ? &s->frames[sim_random(sim, s->nr_frames)] : NULL;
	if (f && f->stage == F_CLEARED && sim_random(sim, 2)) {
		finish_block(s, f);
	} else if (f && s->frames[0].stage == F_DONE && sim_random(sim, 2)) {
		acknowledged(sim, disk);
	} else if (f && sim_random(sim, 2)) {
		/* in the order sent, on one connection */
		for (f = s->frames; f < s->frames + s->nr_frames && f->stage == F_DONE; f++)
			;
		if (f < s->frames + s->nr_frames && f->stage == F_SENT)
			sim_dest_apply(sim, disk, f);
	} else if (s->nr_frames < SIM_FRAMES && s->freeze < FR_BARRIER) {
		if (s->freeze == FR_NONE && !sim_random(sim, 32))
			send_barrier(s, 0);
		else
			take(sim, s);
	}
}
