// SPDX-License-Identifier: GPL-2.0
/*
 * Clock, network, crashes and people, and the loop that draws what happens next.  The first part of a run has faults
 * of every kind, the second none: then somebody has to run, or nobody can know who.
 */
#include <stdarg.h>

#include "sim.h"

#define STEPS_FAULTY	400u
#define STEPS_CALM	8000u
#define STEPS_QUIET	512u	/* so long it has to stay as it is: ticks are 80 steps apart */

/* splitmix64 */
u32 sim_random(struct sim *sim, u32 below)
{
	u64 z = (sim->rnd += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (u32)((((z ^ (z >> 31)) & 0xffffffff) * below) >> 32);
}

bool sim_chance(struct sim *sim, u32 of_256)
{
	return !sim->calm && sim_random(sim, 256) < of_256;
}

void sim_say(const struct sim *sim, const char *fmt, ...)
{
	va_list ap;

	if (!sim->trace)
		return;
	printf("%7u.%03u  ", sim->now / 1000, sim->now % 1000);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void sim_fail(struct sim *sim, const char *fmt, ...)
{
	va_list ap;

	if (sim->failed)
		return;
	sim->failed = true;
	va_start(ap, fmt);
	vsnprintf(sim->why, sizeof(sim->why), fmt, ap);
	va_end(ap);
	sim_say(sim, "WRONG: %s", sim->why);
}

static const char *const event_names[] = {
	"CUTOVER", "ABORT", "FORCE", "ACQUIRE", "GO", "RUNS", "START_FAILED", "FROZEN", "THAWED", "BARRIER", "COMPLETE",
	"REFUSED", "RUNNING_ACK", "ASK_SOURCE", "TOKEN", "ASK_REFUSE", "RELEASED", "SOURCE", "TICK", "COMMITTED",
	"COMMIT_FAILED", "APPENDED", "APPEND_UNSURE", "APPEND_NOTHING", "APPEND_STALE", "GATES_SHUT", "GATES_KEPT",
};

static const char *const action_names[] = {
	"", "APPEND", "SEND", "FREEZE", "COMMIT", "RECLAIM", "THAW", "FENCE", "RELEASE", "GATES", "SETTLE",
};

static void world_send(struct sim *sim, u32 from, const struct dmm_ho_action *a)
{
	enum dmm_ho_state says;
	struct sim_message *m;

	if (a->msg == DMM_HO_EV_TOKEN) {
		/* RELEASED in doubt: it runs there for good, and was told so before */
		says = sim_store_says(sim, from);
		if (says != DMM_HO_RELINQUISHED && says != DMM_HO_RELEASED)
			sim_fail(sim, "the token leaves, the journal says %s", dmm_ho_state_name(says));
	}
	if (!sim->calm && (!sim->link || (sim->lossy && !sim_random(sim, 4))))
		return;
	if (sim->nr_msg == SIM_MESSAGES)	/* the oldest is lost */
		memmove(&sim->msg[0], &sim->msg[1], --sim->nr_msg * sizeof(*m));
	m = &sim->msg[sim->nr_msg++];
	*m = (struct sim_message){ .to = (u8)!from, .due = sim->now + sim_random(sim, !sim->lossy ? 20 : sim_random(sim, 4) ? 1000 : 10000) };
	m->ev.type = a->msg;
	m->ev.epoch = a->epoch;
	m->ev.state = a->state;
	m->ev.instance = a->instance;
}

/* What it holds is right; or it is, by a force. */
static void source_owns(struct sim *sim)
{
	if (sim->forcing && sim->forcing == sim->host[SRC].ho.epoch) {
		sim->forced++;
		sim_truth_is(sim, SRC);
	}
	sim->forcing = 0;
	sim_check(sim, SRC);
}

static void world_act(struct sim *sim, u32 host, const struct dmm_ho_actions *out)
{
	struct sim_host *h = &sim->host[host];
	u32 i, life = h->life;

	for (i = 0; i < out->nr && !sim->failed; i++) {
		const struct dmm_ho_action *a = &out->a[i];
		struct dmm_ho_event answer = { .ticket = a->ticket };

		if (sim_chance(sim, sim->faults / 4)) {
			sim_crash(sim, host);
			return;
		}
		sim_say(sim, "%s: %s %s%s epoch %llu%s", host ? "dest" : "source", action_names[a->type],
			a->type == DMM_HO_DO_APPEND ? dmm_ho_state_name(a->state) : "",
			a->type == DMM_HO_DO_SEND ? event_names[a->msg] : "", (unsigned long long)a->epoch,
			a->type != DMM_HO_DO_GATES ? "" : a->gate == DMM_HO_GATE_OPEN ? ", open" :
			a->gate ? ", reads" : ", shut");
		if (a->type == DMM_HO_DO_SEND) {
			world_send(sim, host, a);
			continue;
		}
		if (a->type == DMM_HO_DO_APPEND)
			answer.type = sim_store_append(sim, host, a);
		else if (host == SRC)
			sim_source_act(sim, a, &answer);
		else
			sim_dest_act(sim, a, &answer);
		if (life != h->life)
			return;
		if (a->ticket && sim_chance(sim, sim->faults / 4)) {	/* after it, before it is told */
			sim_crash(sim, host);
			return;
		}
		if (!a->ticket)
			continue;
		if (a->type == DMM_HO_DO_APPEND && !sim_random(sim, 4)) {	/* by a thread of its own */
			h->answer = answer;
			h->answer_at = sim->now + sim_random(sim, 2000);
		} else {
			h->late = answer;
			sim_give(sim, host, &answer);
		}
		if (life != h->life)
			return;
	}
	if (host == SRC && h->ho.state == DMM_HO_ACTIVE && !h->ho.wait)
		source_owns(sim);
}

void sim_give(struct sim *sim, u32 host, const struct dmm_ho_event *ev)
{
	struct sim_host *h = &sim->host[host];
	enum dmm_ho_state was = h->ho.state;
	struct dmm_ho_actions out;
	u64 epoch = h->ho.epoch;
	int ret;

	if (!h->up || sim->failed)
		return;
	ret = dmm_ho_event(&h->ho, ev, &out);
	if (ev->type != DMM_HO_EV_TICK)
		sim_say(sim, "%s: %s epoch %llu: %d, %s %llu", host ? "dest" : "source", event_names[ev->type],
			(unsigned long long)ev->epoch, ret, dmm_ho_state_name(h->ho.state),
			(unsigned long long)h->ho.epoch);
	if (h->ho.epoch < epoch)
		sim_fail(sim, "the epoch of host %u goes back", host);
	if (!ret && ev->type == DMM_HO_EV_FORCE)
		sim->forcing = h->ho.next_epoch;
	world_act(sim, host, &out);
	/* just then, more often than anywhere else */
	if (h->up && h->ho.state != was && sim_chance(sim, sim->faults))
		sim_crash(sim, host);
	if (h->ho.stale && h->up)	/* read the journal again */
		sim_boot(sim, host, false);
}

/* Random, new for each boot, not zero. */
static void world_instance(struct sim *sim, struct dmm_ho_config *cfg)
{
	u32 i, word;

	for (i = 0; i < sizeof(cfg->instance) / sizeof(word); i++) {
		word = sim_random(sim, ~0u) + 1;
		memcpy(&cfg->instance.b[i * sizeof(word)], &word, sizeof(word));
	}
}

void sim_boot(struct sim *sim, u32 host, bool rebooted)
{
	struct sim_host *h = &sim->host[host];
	struct dmm_ho_config cfg = { .role = host ? DMM_HO_DEST : DMM_HO_SOURCE, .nr_disks = sim->nr_disks };
	struct dmm_ho_actions out;

	h->life++;
	h->up = true;
	h->answer_at = SIM_NEVER;
	h->boot_id += rebooted;
	world_instance(sim, &cfg);
	sim_store_read(sim, host, &cfg);
	if (dmm_ho_boot(&h->ho, &cfg, &out)) {
		sim_fail(sim, "host %u does not boot", host);
		return;
	}
	sim_say(sim, "%s: %s in %s, epoch %llu", host ? "dest" : "source", rebooted ? "boots" : "its daemon starts",
		dmm_ho_state_name(h->ho.state), (unsigned long long)h->ho.epoch);
	world_act(sim, host, &out);
}

void sim_crash(struct sim *sim, u32 host)
{
	struct sim_host *h = &sim->host[host];

	if (!sim_random(sim, 3)) {	/* only the daemon */
		sim_say(sim, "%s: its daemon is killed", host ? "dest" : "source");
		if (host == DST)
			sim_disconnect(sim);
		sim_boot(sim, host, false);
		return;
	}
	sim_say(sim, "%s: goes down", host ? "dest" : "source");
	h->up = false;
	h->life++;
	h->answer_at = SIM_NEVER;
	h->up_at = sim->now + 500 + sim_random(sim, 4000);
	sim_store_crash(sim, host);
	if (host == SRC)
		sim_source_crash(sim);
	else
		sim_dest_crash(sim);
}

static void person(struct sim *sim, u32 host, enum dmm_ho_event_type type)
{
	struct dmm_ho_event ev = { .type = type, .flag = true };

	if (type == DMM_HO_EV_CUTOVER || type == DMM_HO_EV_ACQUIRE)
		sim->cutovers++;
	sim_give(sim, host, &ev);
}

/* What somebody wants, by what there is to want. */
static void people(struct sim *sim)
{
	struct sim_host *s = &sim->host[SRC], *d = &sim->host[DST];
	u32 of = sim_random(sim, 64);

	if (d->up && d->ho.state == DMM_HO_OWNED && of < 24)
		person(sim, DST, of < 16 || sim->calm ? DMM_HO_EV_GO : DMM_HO_EV_START_FAILED);
	else if (d->up && d->ho.state == DMM_HO_COMPLETE && of == 62 && !sim->calm)
		person(sim, DST, DMM_HO_EV_START_FAILED);
	else if (d->up && d->ho.state == DMM_HO_RUNNING && of < 24 && sim->d[0].gate != DMM_HO_GATE_OPEN)
		person(sim, DST, of < 16 || sim->calm ? DMM_HO_EV_GO : DMM_HO_EV_START_FAILED);
	else if (d->up && d->ho.state == DMM_HO_RUNNING && of < 24 && of >= 16 && !sim->calm)
		person(sim, DST, DMM_HO_EV_START_FAILED);
	else if (d->up && d->ho.state == DMM_HO_RUNNING && of < 16 && sim->unpaused)
		person(sim, DST, DMM_HO_EV_RUNS);
	else if (d->up && d->ho.state == DMM_HO_RUNNING && of < 16)
		sim->unpaused = true;
	if (!s->up)
		return;
	if (sim->calm && s->ho.state == DMM_HO_RELINQUISHED && of == 63)
		person(sim, SRC, DMM_HO_EV_ABORT);
	if (sim->calm && sim->once_more && sim->connected && s->ho.state == DMM_HO_ACTIVE) {
		sim->once_more = false;
		person(sim, SRC, DMM_HO_EV_CUTOVER);
	}
	if (sim->calm)
		return;
	if (s->ho.state == DMM_HO_ACTIVE && of >= 60)
		person(sim, of == 63 && d->up ? DST : SRC, of == 63 ? DMM_HO_EV_ACQUIRE : DMM_HO_EV_CUTOVER);
	else if (s->ho.state == DMM_HO_RELINQUISHED && of < 24 && sim->may_force && !d->up)
		person(sim, SRC, DMM_HO_EV_FORCE);
	else if (of == 59)
		person(sim, SRC, sim_random(sim, 2) ? DMM_HO_EV_ABORT : DMM_HO_EV_CUTOVER);
}

static void deliver(struct sim *sim)
{
	struct dmm_ho_event ev;
	u32 i, to;

	if (!sim->nr_msg || !sim->link)
		return;
	i = sim_random(sim, sim->nr_msg);
	if (sim->msg[i].due > sim->now)
		return;
	ev = sim->msg[i].ev;
	to = sim->msg[i].to;
	if (!sim->lossy || sim_random(sim, 4))	/* else it comes again */
		sim->msg[i] = sim->msg[--sim->nr_msg];
	sim_give(sim, to, &ev);
}

static void hosts(struct sim *sim)
{
	struct dmm_ho_event tick = { .type = DMM_HO_EV_TICK };
	struct sim_host *h;
	u32 i;

	for (i = 0; i < 2; i++) {
		h = &sim->host[i];
		if (!h->up) {
			if (sim->now >= h->up_at)
				sim_boot(sim, i, true);
		} else if (sim->now >= h->answer_at) {
			h->answer_at = SIM_NEVER;
			h->late = h->answer;
			sim_give(sim, i, &h->answer);
		} else if (sim_chance(sim, sim->faults)) {
			sim_give(sim, i, &h->late);
		} else if (sim->now >= h->tick_at) {
			h->tick_at = sim->now + SIM_TICK_MS;
			sim_give(sim, i, &tick);
		} else if (sim_chance(sim, sim->faults / 8)) {
			sim_crash(sim, i);
		}
	}
}

static void links(struct sim *sim)
{
	if (sim->link && sim_chance(sim, sim->faults / 4)) {
		sim->link = false;
		sim->relink_at = sim->now + sim_random(sim, 3000);
		sim_say(sim, "the link is cut");
	} else if (!sim->link && (sim->calm || sim->now >= sim->relink_at)) {
		sim->link = true;
	}
	if (sim->connected && !sim->link && !sim_random(sim, 8))
		sim_disconnect(sim);
	if (!sim->connected && sim->link && sim->host[SRC].up && sim->host[DST].up && !sim_random(sim, 8))
		sim_connect(sim);
}

static void step(struct sim *sim)
{
	u32 of = sim_random(sim, 16), disk;

	sim->step++;
	sim->now += sim_random(sim, of ? 8 : 300);
	links(sim);
	hosts(sim);
	for (disk = 0; disk < sim->nr_disks; disk++)
		sim_source_step(sim, disk);
	if (of < 9)
		sim_guest_step(sim);
	else if (of < 11 && !sim->calm)
		sim_guest_issue(sim, sim_random(sim, 2));
	else if (of < 15)
		deliver(sim);
	else
		people(sim);
	sim_check_owners(sim);
}

/* Does the source's guest go on, and no question is left that it could answer; does the destination's? */
static bool runs(const struct sim *sim, u32 host)
{
	const struct sim_host *h = &sim->host[host];
	u32 disk;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		if (host == SRC ? !sim_source_open(sim, disk) : !sim_dest_open(sim, disk))
			return false;
	}
	return host == SRC ? h->ho.state == DMM_HO_ACTIVE && !h->ho.wait && !sim->host[DST].ho.asking :
			     h->ho.state == DMM_HO_SETTLED || (h->ho.state == DMM_HO_RUNNING && h->ho.acked);
}

/* Nobody can know, even with both sides up and connected: only where a journal was lost. */
static bool unknowable(const struct sim *sim)
{
	return sim->journals_lost && dmm_ho_needs_peer(&sim->host[SRC].ho) && dmm_ho_needs_peer(&sim->host[DST].ho);
}

static void settle(struct sim *sim)
{
	u32 i, quiet = 0;

	sim->calm = true;
	sim->lossy = false;
	sim_say(sim, "no more faults");
	for (i = 0; i < STEPS_CALM && !sim->failed; i++) {
		step(sim);
		/* it has to stay so, with everything said that is on its way */
		quiet = (runs(sim, SRC) && sim_source_copies(sim)) || runs(sim, DST) || unknowable(sim) ? quiet + 1 : 0;
		if (quiet == STEPS_QUIET)
			break;
	}
	if (sim->failed)
		return;
	if (runs(sim, SRC) && !sim_source_copies(sim))
		sim_fail(sim, "the source runs, and not all of its disks are copied");
	else if (runs(sim, SRC) || runs(sim, DST))
		sim_check(sim, runs(sim, SRC) ? SRC : DST);
	else if (unknowable(sim))
		sim->nines++;
	else
		sim_fail(sim, "nobody runs: source %s %llu, destination %s %llu",
			 dmm_ho_state_name(sim->host[SRC].ho.state), (unsigned long long)sim->host[SRC].ho.epoch,
			 dmm_ho_state_name(sim->host[DST].ho.state), (unsigned long long)sim->host[DST].ho.epoch);
}

bool sim_run(struct sim *sim, u64 seed, bool trace)
{
	struct dmm_ho_actions out;
	u32 host, i, steps;

	memset(sim, 0, sizeof(*sim));
	sim->rnd = seed;
	sim->trace = trace;
	sim->nr_w = 1;
	sim->link = true;
	sim->nr_disks = 1 + sim_random(sim, SIM_DISKS);
	sim->faults = sim_random(sim, 4) ? sim_random(sim, 12) : 0;
	sim->lossy = sim_random(sim, 2);
	sim->may_lose_journal = !sim_random(sim, 4);
	sim->may_force = !sim_random(sim, 2);
	sim->once_more = sim_random(sim, 2);
	steps = STEPS_FAULTY + sim_random(sim, 2 * STEPS_FAULTY);
	sim_say(sim, "seed %#llx: %u disks, faults %u of 256%s%s%s", (unsigned long long)seed, sim->nr_disks,
		sim->faults, sim->lossy ? ", lossy network" : "", sim->may_lose_journal ? ", journals may be lost" : "",
		sim->may_force ? ", force" : "");
	sim_source_begin(sim);
	for (host = 0; host < 2; host++) {
		struct dmm_ho_config cfg = { .role = host ? DMM_HO_DEST : DMM_HO_SOURCE, .nr_disks = sim->nr_disks,
					     .journal = DMM_HO_JOURNAL_NEW };
		struct dmm_ho_event ev = { .type = DMM_HO_EV_APPENDED };

		sim->host[host].up = true;
		sim->host[host].life = 1;
		sim->host[host].answer_at = SIM_NEVER;
		sim->host[host].late.type = DMM_HO_EV_TICK;
		world_instance(sim, &cfg);
		if (dmm_ho_boot(&sim->host[host].ho, &cfg, &out))
			sim_fail(sim, "host %u does not begin", host);
		ev.ticket = out.a[0].ticket;
		sim->calm = true;	/* a migration that can't begin is none */
		sim_store_append(sim, host, &out.a[0]);
		sim->calm = false;
		sim_give(sim, host, &ev);
	}
	for (i = 0; i < steps && !sim->failed; i++)
		step(sim);
	if (!sim->failed)
		settle(sim);
	return !sim->failed;
}
