/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of groups: a source and a destination, with journals in directories of their own, disks that are
 * a few variables, and a link that can be cut.  Header only: each test program is one file.
 */
#ifndef GROUP_FAKE_H
#define GROUP_FAKE_H

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmmigrated/group.h"
#include "log.h"

#define DISKS	2u

struct side {
	struct dmm_group_config c;
	struct dmm_group *g;
	struct side *peer;
	char dir[64];
	/* protected by lock */
	pthread_mutex_t lock;
	bool cut;			/* what it sends is lost */
	int thaw_fails, commit_fails;	/* so many times; of the second disk */
	bool opening_fails;		/* READS and OPEN */
	bool shutting_fails;		/* for a return */
	bool written;			/* a write passed the open gate */
	bool held, committed;
	enum dmm_ho_gate gate;
	char did[512];			/* a letter for each action */
	bool told_early;		/* the peer, of what could not be seen here yet */
};

static struct side src, dst;

static void did(struct side *s, const char *what)
{
	size_t n = strlen(s->did);

	if (n + strlen(what) < sizeof(s->did))
		strcpy(s->did + n, what);
}

static void post(struct side *s, enum dmm_ho_event_type type, u32 disk, u64 epoch, bool flag)
{
	const struct dmm_ho_event ev = { .type = type, .disk = disk, .epoch = epoch, .flag = flag };

	assert_int_equal(dmm_group_post(s->g, &ev, false), 0);
}

static int op_freeze(void *ctx, u64 epoch, bool acquired, char *why)
{
	struct side *s = ctx;
	u32 i;

	(void)why;

	pthread_mutex_lock(&s->lock);
	did(s, "f");
	s->held = true;
	pthread_mutex_unlock(&s->lock);
	for (i = 0; i < DISKS; i++) {
		post(s, DMM_HO_EV_FROZEN, i, epoch, false);
		post(s->peer, DMM_HO_EV_BARRIER, i, epoch, acquired);
	}
	return 0;
}

static int op_commit(void *ctx, u32 disk, u64 epoch)
{
	struct side *s = ctx;
	int ret = 0;

	(void)epoch;
	pthread_mutex_lock(&s->lock);
	did(s, "c");
	if (disk && s->commit_fails) {
		s->commit_fails--;
		ret = -ETIME;
	} else {
		assert_true(s->held);
		s->committed = true;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static int op_reclaim(void *ctx, u64 epoch)
{
	struct side *s = ctx;

	(void)epoch;
	pthread_mutex_lock(&s->lock);
	did(s, "r");
	s->committed = false;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int op_thaw(void *ctx)
{
	struct side *s = ctx;
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	did(s, "t");
	if (s->thaw_fails) {
		s->thaw_fails--;
		ret = -EIO;
	} else {
		s->held = false;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static int op_fence(void *ctx, bool lost)
{
	struct side *s = ctx;

	(void)lost;
	pthread_mutex_lock(&s->lock);
	did(s, "F");
	s->held = s->committed = true;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int op_release(void *ctx, u64 epoch)
{
	struct side *s = ctx;

	(void)epoch;
	pthread_mutex_lock(&s->lock);
	did(s, "R");
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int op_gates(void *ctx, enum dmm_ho_gate gate, bool *written, char *why)
{
	struct side *s = ctx;

	(void)why;
	pthread_mutex_lock(&s->lock);
	did(s, gate == DMM_HO_GATE_SHUT ? "0" : gate == DMM_HO_GATE_READS ? "1" : "2");
	if (s->opening_fails && gate != DMM_HO_GATE_SHUT) {
		pthread_mutex_unlock(&s->lock);
		return -EIO;
	}
	if (s->shutting_fails && written) {
		pthread_mutex_unlock(&s->lock);
		return -ETIMEDOUT;
	}
	s->gate = gate;
	if (written)
		*written = s->written;
	pthread_mutex_unlock(&s->lock);
	/* never two */
	if (gate == DMM_HO_GATE_OPEN) {
		pthread_mutex_lock(&s->peer->lock);
		assert_true(s->peer->held);
		pthread_mutex_unlock(&s->peer->lock);
	}
	return 0;
}

static int op_settle(void *ctx)
{
	struct side *s = ctx;

	pthread_mutex_lock(&s->lock);
	did(s, "S");
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* What a message says is what the group says of itself when it is sent. */
static bool seen(struct dmm_group *g, const struct dmm_ho_event *msg)
{
	static const u32 states[] = {
		[DMM_HO_EV_COMPLETE] = 1u << DMM_HO_COMPLETE, [DMM_HO_EV_TOKEN] = 1u << DMM_HO_RELINQUISHED,
		[DMM_HO_EV_REFUSED] = 1u << DMM_HO_REFUSED, [DMM_HO_EV_RELEASED] = 1u << DMM_HO_RELEASED,
		[DMM_HO_EV_RUNNING_ACK] = 1u << DMM_HO_RUNNING | 1u << DMM_HO_SETTLED,
	};
	struct dmm_group_status st;

	if (msg->type >= sizeof(states) / sizeof(states[0]) || !states[msg->type])
		return true;
	dmm_group_status(g, &st);
	return states[msg->type] & 1u << st.state && st.epoch == msg->epoch;
}

static void op_send(void *ctx, const struct dmm_ho_event *msg)
{
	struct side *s = ctx;
	bool cut;

	pthread_mutex_lock(&s->lock);
	s->told_early |= s->g && !seen(s->g, msg);
	cut = s->cut;
	pthread_mutex_unlock(&s->lock);
	if (!cut && s->peer->g)
		dmm_group_post(s->peer->g, msg, true);
}

static const struct dmm_group_ops ops = {
	.freeze = op_freeze, .commit = op_commit, .reclaim = op_reclaim, .thaw = op_thaw,
	.fence = op_fence, .release = op_release, .gates = op_gates, .settle = op_settle, .send = op_send,
};

static void side_open(struct side *s, bool begin)
{
	char why[DMM_GROUP_WHY];
	struct dmm_group *g;

	s->c.begin = begin;
	assert_int_equal(dmm_group_open(&s->c, &g, why), 0);
	s->g = g;
}

static void side_close(struct side *s)
{
	struct dmm_group *g = s->g;

	s->g = NULL;
	dmm_group_close(g);
}

static void side_init(struct side *s, struct side *peer, enum dmm_ho_role role)
{
	memset(s, 0, sizeof(*s));
	s->peer = peer;
	pthread_mutex_init(&s->lock, NULL);
	strcpy(s->dir, "/tmp/dmm-group.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->c.dir = s->dir;
	memset(s->c.id, 0x5a, sizeof(s->c.id));
	s->c.role = role;
	s->c.nr_disks = DISKS;
	memset(s->c.instance.b, role, sizeof(s->c.instance.b));
	memset(s->c.boot, 1, sizeof(s->c.boot));
	s->c.ops = &ops;
	s->c.ctx = s;
}

static int setup(void **state)
{
	(void)state;
	dmm_log_init("test", true);
	dmm_log_set_max(LOG_CRIT);
	side_init(&src, &dst, DMM_HO_SOURCE);
	side_init(&dst, &src, DMM_HO_DEST);
	side_open(&dst, true);
	side_open(&src, true);
	return 0;
}

static int teardown(void **state)
{
	char cmd[160];

	(void)state;
	if (src.g)
		side_close(&src);
	if (dst.g)
		side_close(&dst);
	snprintf(cmd, sizeof(cmd), "rm -rf %s %s", src.dir, dst.dir);
	return system(cmd) || src.told_early || dst.told_early;
}

#endif
