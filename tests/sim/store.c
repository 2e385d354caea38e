// SPDX-License-Identifier: GPL-2.0
/*
 * A host's journal in memory: userland/lib/journal.c without its files.  Appends fail, before or
 * after they wrote something; what was not synced outlives the host, or does not.
 */
#include "sim.h"

#define RECORD	DMM_JOURNAL_RECORD_BYTES

static const u8 sim_id[DMM_ID_BYTES] = { 1 };

/* What there is, whole; false: not one record. */
static bool store_view(struct sim *sim, u32 host, struct dmm_journal_view *v)
{
	struct sim_store *st = &sim->host[host].store;
	char why[DMM_JOURNAL_WHY];
	int ret;

	if (st->lost)
		return false;
	ret = dmm_journal_scan(st->bytes, st->len, sim_id, v, why);
	if (ret && st->len)
		sim_fail(sim, "the journal of host %u: %s", host, why);
	return !ret;
}

/* Reading makes durable what was read. */
static void store_settle(struct sim_store *st, const struct dmm_journal_view *v)
{
	if (st->durable < v->whole_bytes)
		st->durable = (u32)v->whole_bytes;
}

enum dmm_ho_event_type sim_store_append(struct sim *sim, u32 host, const struct dmm_ho_action *a)
{
	struct sim_host *h = &sim->host[host];
	struct sim_store *st = &h->store;
	struct dmm_journal_view v = { 0 };
	struct dmm_journal_record r = {
		.epoch = a->epoch, .instance = a->instance, .role = h->ho.role, .state = a->state,
		.nr_disks = sim->nr_disks, .seq = 1,
	};

	memcpy(r.id, sim_id, sizeof(r.id));
	memcpy(r.boot, &h->boot_id, sizeof(h->boot_id));
	if (sim_chance(sim, sim->faults / 2))
		return DMM_HO_EV_APPEND_NOTHING;
	if (store_view(sim, host, &v)) {
		store_settle(st, &v);
		st->len = (u32)v.whole_bytes;
		r.seq = v.last.seq + 1;
		if (r.epoch < v.last.epoch)
			return DMM_HO_EV_APPEND_NOTHING;
	} else {
		st->len = 0;
		st->durable = 0;
		st->lost = false;
	}
	if (st->len + RECORD > SIM_JOURNAL) {
		sim_fail(sim, "host %u fills its journal", host);
		return DMM_HO_EV_APPEND_NOTHING;
	}
	dmm_journal_encode(&r, st->bytes + st->len);
	if (sim_chance(sim, sim->faults)) {
		/* nothing of it came to the file, a part, or all but surely */
		st->len += sim_random(sim, 3) ? RECORD : sim_random(sim, RECORD);
		st->lost = st->len < RECORD;	/* it is begun under another name, and is there whole or not at all */
		sim_say(sim, "host %u: append in doubt, %u bytes of it", host, st->len % RECORD);
		return DMM_HO_EV_APPEND_UNSURE;
	}
	st->len += RECORD;
	st->durable = st->len;
	return DMM_HO_EV_APPENDED;
}

enum dmm_ho_state sim_store_says(struct sim *sim, u32 host)
{
	struct sim_store *st = &sim->host[host].store;
	struct dmm_journal_view v;
	char why[DMM_JOURNAL_WHY];

	if (st->lost || dmm_journal_scan(st->bytes, st->durable, sim_id, &v, why))
		return DMM_HO_LOST;
	return v.last.state;
}

void sim_store_crash(struct sim *sim, u32 host)
{
	struct sim_store *st = &sim->host[host].store;

	if (st->len > st->durable && sim_random(sim, 2))
		st->len = st->durable;
	if (sim->may_lose_journal && !sim->journals_lost && sim_chance(sim, 64)) {
		sim->journals_lost++;
		st->lost = true;
		sim_say(sim, "host %u loses its journal", host);
	}
}

void sim_store_read(struct sim *sim, u32 host, struct dmm_ho_config *cfg)
{
	struct sim_host *h = &sim->host[host];
	struct dmm_journal_view v;

	cfg->journal = DMM_HO_JOURNAL_LOST;
	if (!store_view(sim, host, &v))
		return;
	store_settle(&h->store, &v);
	cfg->journal = DMM_HO_JOURNAL_LAST;
	cfg->state = v.last.state;
	cfg->epoch = v.last.epoch;
	cfg->record_instance = v.last.instance;
	cfg->rebooted = !!memcmp(v.last.boot, &h->boot_id, sizeof(h->boot_id));
}
