// SPDX-License-Identifier: GPL-2.0
/*
 * The guest, and what is true of its disks.  Its writes overlap, in place and in time.  A sector may hold
 * the write that completed last, or one that was concurrent with it: one is wrong there when another one, which
 * has completed, was begun after it had ended.
 */
#include "sim.h"

static struct sim_write *guest_new(struct sim *sim)
{
	if (sim->nr_w == SIM_WRITES || sim->nr_live == SIM_LIVE)
		return NULL;
	sim->live[sim->nr_live++] = (u16)sim->nr_w;
	return &sim->w[sim->nr_w++];
}

/* The @i-th of those that live. */
static void guest_end(struct sim *sim, u32 i)
{
	struct sim_write *w = &sim->w[sim->live[i]];

	w->state = W_ENDED;
	w->ended = sim->step;
	if (w->host == SRC)
		sim_source_forget(sim, sim->live[i]);
	sim->live[i] = sim->live[--sim->nr_live];
}

static u32 guest_number(const struct sim *sim, const struct sim_write *w)
{
	return (u32)(w - sim->w);
}

static void guest_submit(struct sim *sim, struct sim_write *w)
{
	if (w->host == DST)
		sim->d[w->disk].written = true;
	else if (!sim_source_write(sim, guest_number(sim, w)))
		return;
	w->state = W_SUBMITTED;
}

void sim_guest_passes(struct sim *sim, u32 write)
{
	sim->w[write].state = W_SUBMITTED;
}

void sim_guest_fails(struct sim *sim, u32 write)
{
	u32 i;

	for (i = 0; i < sim->nr_live; i++) {
		if (sim->live[i] == write)
			guest_end(sim, i);
	}
}

void sim_guest_issue(struct sim *sim, u32 host)
{
	u32 disk = sim_random(sim, sim->nr_disks), first = sim_random(sim, SIM_SECTORS);
	struct sim_write *w;

	if (host == DST ? !sim->unpaused || !sim_dest_open(sim, disk) : !sim->host[SRC].up || sim_source_is_given_up(sim, disk))
		return;
	w = guest_new(sim);
	if (!w)
		return;
	*w = (struct sim_write){ .begun = sim->step, .ended = SIM_NEVER, .host = (u8)host, .disk = (u8)disk,
				 .first = (u8)first, .state = W_HELD };
	w->nr = (u8)(1 + sim_random(sim, dmm_min_u64(4, SIM_SECTORS - first)));
	sim_say(sim, "guest: write %u at host %u, disk %u, sectors %u + %u", guest_number(sim, w), host, disk,
		first, w->nr);
	guest_submit(sim, w);
}

static void guest_apply(struct sim *sim, struct sim_write *w)
{
	u32 i;

	for (i = w->first; i < (u32)w->first + w->nr; i++) {
		if (w->host == SRC) {
			sim->s[w->disk].origin[i] = guest_number(sim, w);
		} else {
			sim->d[w->disk].cache[i] = guest_number(sim, w);
			sim->d[w->disk].durable[i] = guest_number(sim, w);
		}
	}
	w->state = W_APPLIED;
}

/* Marked again before the guest is told. */
static void guest_complete(struct sim *sim, u32 at)
{
	struct sim_write *w = &sim->w[sim->live[at]];
	u32 i;

	if (w->host == SRC)
		sim_source_wrote(sim, guest_number(sim, w));
	for (i = w->first; i < (u32)w->first + w->nr; i++) {
		if (sim->floor[w->disk][i] < w->begun)
			sim->floor[w->disk][i] = w->begun;
	}
	sim_say(sim, "guest: write %u completes", guest_number(sim, w));
	guest_end(sim, at);
}

void sim_guest_step(struct sim *sim)
{
	struct sim_write *w;
	u32 i;

	if (!sim->nr_live)
		return;
	i = sim_random(sim, sim->nr_live);
	w = &sim->w[sim->live[i]];
	if (w->state == W_SUBMITTED)
		guest_apply(sim, w);
	else if (w->state == W_APPLIED)
		guest_complete(sim, i);
}

void sim_guest_drain(struct sim *sim, u32 disk)
{
	struct sim_write *w;
	u32 i;

	for (i = sim->nr_live; i--;) {
		w = &sim->w[sim->live[i]];
		if (w->host != DST || w->disk != disk)
			continue;
		if (w->state == W_SUBMITTED)
			guest_apply(sim, w);
		guest_complete(sim, i);
	}
}

/* What was on its way came to the disk or not; nobody was told, and it is not on its way any more. */
void sim_guest_dies(struct sim *sim, u32 host)
{
	struct sim_write *w;
	u32 i;

	for (i = sim->nr_live; i--;) {
		w = &sim->w[sim->live[i]];
		if (w->host != host)
			continue;
		if (w->state == W_SUBMITTED && sim_random(sim, 2))
			guest_apply(sim, w);
		guest_end(sim, i);
	}
}

static u32 truth_held(const struct sim *sim, u32 host, u32 disk, u32 sector)
{
	return host == SRC ? sim->s[disk].origin[sector] : sim->d[disk].cache[sector];
}

void sim_truth_is(struct sim *sim, u32 host)
{
	u32 disk, i;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		for (i = 0; i < SIM_SECTORS; i++) {
			sim->base[disk][i] = truth_held(sim, host, disk, i);
			sim->base_step[disk][i] = sim->step;
			sim->floor[disk][i] = 0;
		}
	}
	for (i = 0; i < sim->nr_live; i++)
		sim->w[sim->live[i]].begun = sim->step;
}

void sim_check(struct sim *sim, u32 host)
{
	u32 disk, i, v, floor;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		for (i = 0; i < SIM_SECTORS; i++) {
			v = truth_held(sim, host, disk, i);
			floor = sim->floor[disk][i];
			if (v == sim->base[disk][i] && !floor)
				continue;
			if (v && sim->w[v].begun >= sim->base_step[disk][i] && sim->w[v].ended >= floor)
				continue;
			sim_fail(sim, "host %u owns disk %u, whose sector %u holds write %u, which was overwritten",
				 host, disk, i, v);
			return;
		}
	}
}

void sim_check_owners(struct sim *sim)
{
	bool s = false, d = false;
	u32 disk;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		s |= sim_source_open(sim, disk);
		d |= sim_dest_open(sim, disk);
	}
	if (s && d)
		sim_fail(sim, "two owners");
}
