// SPDX-License-Identifier: GPL-2.0
/*
 * The destination: what it receives lies in its disks' cache until a barrier flushes it, and is gone when the
 * host goes down before.
 */
#include "sim.h"

void sim_dest_apply(struct sim *sim, u32 disk, const struct sim_frame *f)
{
	struct dmm_ho_event ev = { .type = DMM_HO_EV_BARRIER, .epoch = f->epoch, .disk = disk,
				   .flag = f->acquired };
	struct sim_dest_disk *d = &sim->d[disk];
	u32 life = sim->host[DST].life;

	if (f->type != DMM_MSG_BARRIER) {
		/* a receiver whose volume is the guest's takes nothing more */
		if (d->plain || d->gate == DMM_HO_GATE_OPEN)
			return;
		memcpy(&d->cache[f->first], f->data, f->nr * sizeof(f->data[0]));
		return;
	}
	memcpy(d->durable, d->cache, sizeof(d->durable));
	if (f->epoch && life == sim->host[DST].life)
		sim_give(sim, DST, &ev);
}

static void gate(struct sim *sim, u32 disk, enum dmm_ho_gate gate)
{
	struct sim_dest_disk *d = &sim->d[disk];

	if (d->gate == DMM_HO_GATE_OPEN && gate != DMM_HO_GATE_OPEN)
		sim_guest_drain(sim, disk);
	if (d->gate != DMM_HO_GATE_OPEN && gate == DMM_HO_GATE_OPEN)
		d->written = false;
	d->gate = gate;
}

void sim_dest_act(struct sim *sim, const struct dmm_ho_action *a, struct dmm_ho_event *answer)
{
	bool opens = a->type == DMM_HO_DO_SETTLE || a->gate == DMM_HO_GATE_OPEN;
	enum dmm_ho_state says;
	u32 disk;

	if (opens && sim->d[0].gate != DMM_HO_GATE_OPEN) {
		says = sim_store_says(sim, DST);
		if (says != DMM_HO_RUNNING && says != DMM_HO_SETTLED)
			sim_fail(sim, "the gates open, the journal says %s", dmm_ho_state_name(says));
		sim_check(sim, DST);
		sim->ran++;
		/* started anew, where it has no memory to wait for */
		sim->unpaused = a->type == DMM_HO_DO_SETTLE || sim->host[DST].ho.acked;
	}
	if (!opens)
		sim->unpaused = false;
	answer->type = a->ticket && sim_chance(sim, sim->faults) ? DMM_HO_EV_GATES_KEPT : DMM_HO_EV_GATES_SHUT;
	for (disk = 0; disk < sim->nr_disks; disk++) {
		if (answer->type == DMM_HO_EV_GATES_KEPT && disk == sim->nr_disks - 1)
			break;		/* whose volume does not answer */
		gate(sim, disk, opens ? DMM_HO_GATE_OPEN : a->gate);
		sim->d[disk].plain = a->type == DMM_HO_DO_SETTLE;
		sim_check_owners(sim);
	}
	for (disk = 0; disk < sim->nr_disks; disk++)
		answer->flag |= sim->d[disk].written;
	if (answer->flag)
		answer->type = DMM_HO_EV_GATES_SHUT;
}

void sim_dest_crash(struct sim *sim)
{
	u32 disk;

	sim_guest_dies(sim, DST);
	sim->unpaused = false;
	sim_disconnect(sim);
	for (disk = 0; disk < sim->nr_disks; disk++) {
		memcpy(sim->d[disk].cache, sim->d[disk].durable, sizeof(sim->d[disk].cache));
		sim->d[disk].gate = DMM_HO_GATE_SHUT;
		sim->d[disk].plain = false;
	}
}
