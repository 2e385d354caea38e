// SPDX-License-Identifier: GPL-2.0
/*
 * A group's thread, its mailbox, its beginning and its end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fullio.h"
#include "group_priv.h"
#include "thread.h"

#define TICK_MS		1000u
#define MAX_MESSAGES	64u	/* of the peer that wait */

/* A person who waits for an answer. */
struct group_request {
	const struct dmm_group_who *who;
	int ret;
	bool done;
};

struct group_mail {
	struct dmm_list node;
	struct dmm_ho_event ev;
	struct group_request *request;	/* of the caller; NULL: nobody waits */
	unsigned int retire;		/* instead of an event: in these states */
	bool message;
};

void dmm_group_said(struct dmm_group *g, const char *why)
{
	pthread_mutex_lock(&g->lock);
	/* once, not every second */
	if (strcmp(why, g->st.why))
		dmm_err(&g->log_id, "%s", why);
	snprintf(g->st.why, sizeof(g->st.why), "%s", why);
	pthread_mutex_unlock(&g->lock);
}

static struct timespec group_time(u64 ms)
{
	return (struct timespec){ .tv_sec = (time_t)(ms / 1000),
				  .tv_nsec = (long)(ms % 1000) * 1000000 };
}

static void group_publish(struct dmm_group *g)
{
	pthread_mutex_lock(&g->lock);
	if (g->st.state != g->ho.state || g->st.epoch != g->ho.epoch)
		dmm_notice(&g->log_id, "%s, epoch %llu", dmm_ho_state_name(g->ho.state), g->ho.epoch);
	g->st.state = g->ho.state;
	g->st.epoch = g->ho.epoch;
	g->st.gate = g->ho.gate;
	g->st.needs_peer = dmm_ho_needs_peer(&g->ho);
	g->st.acked = g->ho.acked;
	g->st.heard_back = g->ho.heard_back;
	if (g->st.owes && !g->nr_owed)
		g->st.why[0] = '\0';
	g->st.owes = g->nr_owed;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	if (g->c.ops->state)
		g->c.ops->state(g->c.ctx, g->ho.state, g->nr_owed);
}

/* --- events --- */

static int group_boot(struct dmm_group *g, struct dmm_ho_actions *out);

/* Does what is to be done, and what follows from the answers. */
static void group_do(struct dmm_group *g, struct dmm_ho_actions *out)
{
	struct dmm_ho_actions next;
	struct dmm_ho_event answer;
	unsigned int i;
	bool more;

	do {
		more = false;
		next.nr = 0;
		for (i = 0; i < out->nr; i++) {
			/* who hears of it may ask about it at once */
			if (out->a[i].type == DMM_HO_DO_SEND)
				group_publish(g);
			/* the last of a list, if any is */
			if (!dmm_group_act(g, &out->a[i], &answer))
				continue;
			more = true;
			if (dmm_ho_event(&g->ho, &answer, &next))
				next.nr = 0;
		}
		*out = next;
	} while (more);
	group_publish(g);	/* who waits for a state finds done what goes with it */
}

static int group_event(struct dmm_group *g, const struct dmm_ho_event *ev)
{
	struct dmm_ho_actions out;
	int ret;

	ret = dmm_ho_event(&g->ho, ev, &out);
	if (ret == -ESTALE && !group_boot(g, &out)) {
		group_do(g, &out);
		ret = dmm_ho_event(&g->ho, ev, &out);
	}
	if (!ret)
		group_do(g, &out);
	return ret;
}

/* What failed before somebody asks anew is no answer to him. */
static void group_forget_why(struct dmm_group *g)
{
	pthread_mutex_lock(&g->lock);
	g->st.why[0] = '\0';
	pthread_mutex_unlock(&g->lock);
}

static void group_deliver(struct dmm_group *g, struct group_mail *m)
{
	struct group_request *rq = m->request;
	int ret;

	if (m->retire) {
		/* for good, what the kernel holds is not forgotten; the daemon's end forgets nothing */
		ret = !g->ho.wait && m->retire & 1u << g->ho.state && (m->retire == ~0u || !dmm_group_holds(g)) ?
		      0 : -EBUSY;
		pthread_mutex_lock(&g->lock);
		g->stop |= !ret;
		pthread_mutex_unlock(&g->lock);
	} else {
		if (rq && !g->nr_owed)
			group_forget_why(g);
		g->who = rq ? rq->who : NULL;
		/* what could not be ended, or closed to the receiver, is not opened to a writer */
		ret = m->ev.type == DMM_HO_EV_GO && dmm_group_pay(g) ? -EAGAIN : group_event(g, &m->ev);
		g->who = NULL;
	}
	if (!rq)
		return;
	pthread_mutex_lock(&g->lock);
	rq->ret = ret;
	rq->done = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

/* The next mail, NULL for a tick. False: stop. */
static bool group_next(struct dmm_group *g, struct group_mail **m)
{
	struct timespec until = group_time(g->tick_ms);
	bool stop;

	*m = NULL;
	pthread_mutex_lock(&g->lock);
	while (!g->stop && dmm_list_empty(&g->mail)) {
		if (pthread_cond_timedwait(&g->changed, &g->lock, &until) == ETIMEDOUT)
			break;
	}
	stop = g->stop;
	if (!stop && !dmm_list_empty(&g->mail)) {
		*m = dmm_list_entry(g->mail.next, struct group_mail, node);
		dmm_list_del(&(*m)->node);
		g->nr_messages -= (*m)->message;
	}
	pthread_mutex_unlock(&g->lock);
	return !stop;
}

/* Who asked too late, before `stop` was seen. */
static void group_turn_away(struct dmm_group *g)
{
	struct group_mail *m;
	struct dmm_list *pos;

	pthread_mutex_lock(&g->lock);
	dmm_list_for_each(pos, &g->mail) {
		m = dmm_list_entry(pos, struct group_mail, node);
		if (!m->request)
			continue;
		m->request->ret = -ESHUTDOWN;
		m->request->done = true;
	}
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static bool group_stopping(struct dmm_group *g)
{
	bool stop;

	pthread_mutex_lock(&g->lock);
	stop = g->stop;
	pthread_mutex_unlock(&g->lock);
	return stop;
}

static void *group_thread(void *arg)
{
	const struct dmm_ho_event tick = { .type = DMM_HO_EV_TICK };
	struct dmm_group *g = arg;
	struct group_mail *m;

	g->tick_ms = dmm_now_ms() + TICK_MS;
	while (group_next(g, &m)) {
		if (m) {
			group_deliver(g, m);
			free(m);
		}
		if (dmm_now_ms() < g->tick_ms || group_stopping(g))
			continue;
		dmm_group_pay(g);
		group_event(g, &tick);
		group_publish(g);
		g->tick_ms = dmm_now_ms() + TICK_MS;
	}
	group_turn_away(g);
	return NULL;
}

/* --- life --- */

/* No thread runs. Requests have their answers: nothing begins after `stop`. */
static void group_empty(struct dmm_group *g)
{
	struct group_mail *m;

	while (!dmm_list_empty(&g->mail)) {
		m = dmm_list_entry(g->mail.next, struct group_mail, node);
		dmm_list_del(&m->node);
		free(m);
	}
	g->nr_messages = 0;
}

static void group_free(struct dmm_group *g)
{
	group_empty(g);
	dmm_journal_close(g->journal);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/*
 * Reads the journal and begins from there. What it says is what counts; where it says nothing any
 * more, the state is LOST.
 */
static int group_boot(struct dmm_group *g, struct dmm_ho_actions *out)
{
	const struct dmm_journal_record *last;
	struct dmm_ho_config hc = {
		.role = g->c.role, .nr_disks = dmm_group_units(g->c.nr_disks), .instance = g->c.instance,
	};
	char why[DMM_JOURNAL_WHY] = "";
	int ret;

	dmm_journal_close(g->journal);
	g->journal = NULL;
	ret = dmm_journal_open(g->dir, g->c.id, NULL, &g->journal, why);
	if (ret && ret != -ENOENT)
		dmm_group_said(g, why);
	switch (ret) {
	case 0:
		if (g->c.begin)
			return -EEXIST;
		last = dmm_journal_last(g->journal);
		if (last->role != g->c.role || last->nr_disks != g->c.nr_disks) {
			dmm_group_said(g, "the journal is of another role, or other disks");
			return -EINVAL;
		}
		hc.journal = DMM_HO_JOURNAL_LAST;
		hc.state = last->state;
		hc.epoch = last->epoch;
		hc.record_instance = last->instance;
		hc.rebooted = memcmp(last->boot, g->c.boot, sizeof(last->boot));
		break;
	case -EWOULDBLOCK:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return ret;	/* says nothing about the journal */
	case -ENOENT:
		if (g->c.begin) {
			hc.journal = DMM_HO_JOURNAL_NEW;
			break;
		}
		dmm_group_said(g, "the journal is gone");
		/* fall through */
	default:
		hc.journal = DMM_HO_JOURNAL_LOST;
	}
	g->c.begin = false;
	return dmm_ho_boot(&g->ho, &hc, out);
}

int dmm_group_open(const struct dmm_group_config *c, struct dmm_group **group, char *why)
{
	struct dmm_group *g = calloc(1, sizeof(*g));
	struct dmm_ho_actions out;
	int ret = -ENOMEM;

	why[0] = '\0';
	if (!g)
		return ret;
	g->c = *c;
	snprintf(g->dir, sizeof(g->dir), "%s", c->dir);
	memcpy(g->log_id.migration, c->id, DMM_ID_BYTES);
	g->log_id.disk = DMM_LOG_NO_DISK;
	g->st.role = c->role;
	dmm_list_init(&g->mail);
	pthread_mutex_init(&g->lock, NULL);
	dmm_cond_init(&g->changed);

	ret = group_boot(g, &out);
	if (ret)
		goto err_free;
	group_do(g, &out);
	if (c->begin && !g->journal) {	/* its first record could not be written */
		ret = -EIO;
		goto err_free;
	}
	snprintf(why, DMM_GROUP_WHY, "%s", g->st.why);
	ret = -pthread_create(&g->thread, NULL, group_thread, g);
	if (ret)
		goto err_free;
	*group = g;
	return 0;

err_free:
	snprintf(why, DMM_GROUP_WHY, "%s", g->st.why[0] ? g->st.why : strerror(-ret));
	group_free(g);
	return ret;
}

void dmm_group_close(struct dmm_group *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	if (!g->dead)
		pthread_join(g->thread, NULL);
	group_free(g);
}

/* --- what others ask for --- */

static int group_mail(struct dmm_group *g, const struct dmm_ho_event *ev, unsigned int retire,
		      bool message, struct group_request *rq)
{
	struct group_mail *m = calloc(1, sizeof(*m));
	int ret = 0;

	if (!m)
		return -ENOMEM;
	if (ev)
		m->ev = *ev;
	m->retire = retire;
	m->message = message;
	m->request = rq;
	pthread_mutex_lock(&g->lock);
	if (g->stop) {
		ret = -ESHUTDOWN;
	} else if (message && g->nr_messages >= MAX_MESSAGES) {
		ret = -ENOBUFS;
	} else {
		g->nr_messages += message;
		dmm_list_add_tail(&g->mail, &m->node);
		pthread_cond_broadcast(&g->changed);
	}
	pthread_mutex_unlock(&g->lock);
	if (ret)
		free(m);
	return ret;
}

/* Waits for the answer to what was mailed with @ret. */
static int group_answer(struct dmm_group *g, int ret, const struct group_request *rq)
{
	if (ret)
		return ret;
	pthread_mutex_lock(&g->lock);
	while (!rq->done)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return rq->ret;
}

int dmm_group_post(struct dmm_group *g, const struct dmm_ho_event *ev, bool message)
{
	return group_mail(g, ev, 0, message, NULL);
}

int dmm_group_request(struct dmm_group *g, const struct dmm_ho_event *ev,
		      const struct dmm_group_who *who)
{
	struct group_request rq = { .who = who };

	return group_answer(g, group_mail(g, ev, 0, false, &rq), &rq);
}

int dmm_group_retire(struct dmm_group *g, unsigned int states)
{
	struct group_request rq = { 0 };
	int ret;

	if (!g)
		return 0;
	ret = group_answer(g, group_mail(g, NULL, states, false, &rq), &rq);
	return ret == -ESHUTDOWN ? 0 : ret;
}

int dmm_group_revive(struct dmm_group *g)
{
	int ret;

	if (!g)
		return 0;
	pthread_join(g->thread, NULL);
	pthread_mutex_lock(&g->lock);
	group_empty(g);
	ret = -pthread_create(&g->thread, NULL, group_thread, g);
	g->stop = g->dead = ret;
	pthread_mutex_unlock(&g->lock);
	return ret;
}

void dmm_group_explain(struct dmm_group *g, const char *why)
{
	dmm_group_said(g, why);
}

void dmm_group_status(struct dmm_group *g, struct dmm_group_status *st)
{
	pthread_mutex_lock(&g->lock);
	*st = g->st;
	pthread_mutex_unlock(&g->lock);
}

int dmm_group_await(struct dmm_group *g, unsigned int states, u64 timeout_ms,
		    struct dmm_group_status *st)
{
	struct timespec until = group_time(dmm_now_ms() + timeout_ms);
	int ret = 0;

	pthread_mutex_lock(&g->lock);
	while (!(states & 1u << g->st.state) && !ret)
		ret = -pthread_cond_timedwait(&g->changed, &g->lock, &until);
	*st = g->st;
	pthread_mutex_unlock(&g->lock);
	return states & 1u << st->state ? 0 : -ETIMEDOUT;
}
