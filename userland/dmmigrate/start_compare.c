// SPDX-License-Identifier: GPL-2.0
/*
 * Comparing both sides of a live disk: the offline copy's comparison, whose differences become MARKs.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy_job.h"
#include "core/state.h"
#include "fullio.h"
#include "nl.h"
#include "progress.h"
#include "start_compare.h"

#define TICK_MS		200u
#define SHOW_NS		1000000000ull
#define MAX_ASKING	4u	/* reads of one disk that a receiver does at a time */

struct dmm_start_compare_work {
	struct dmm_copy_source source;
	struct dmm_copy_job job;
	/* what the callback works with: any worker's thread, one at a time */
	pthread_mutex_t lock;
	struct dmm_nl *nl;	/* protected by lock; not the main thread's */
	u64 dev;
};

__attribute__((format(printf, 3, 4)))
static int compare_fail(struct dmm_start_compare *c, enum dmm_exit code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return code;
}

static int mark(void *arg, u64 first_bytes, u64 bytes)
{
	struct dmm_start_compare_work *m = arg;
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_MARK, .set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_RANGE),
		.dev = m->dev, .range = { first_bytes, bytes },
	};
	int ret;

	pthread_mutex_lock(&m->lock);
	ret = dmm_nl_do(m->nl, &req);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

static void compare_show(struct dmm_tool *t, const struct dmm_copy_job *job, u64 begun_ns, u64 *shown_ns)
{
	u64 now_ns = dmm_now_ns(), done = atomic_load(&job->done_bytes);
	char line[160], rate[32], differs[32];
	u64 ms = (now_ns - begun_ns) / 1000000;

	if (now_ns < *shown_ns + SHOW_NS)
		return;
	*shown_ns = now_ns;
	dmm_format_bytes(rate, sizeof(rate), ms ? done / ms * 1000 : 0, "/s");
	dmm_format_bytes(differs, sizeof(differs), atomic_load(&job->differing_bytes), "");
	snprintf(line, sizeof(line), "compare %.1f%%  %s  differing %s",
		 (double)done * 100 / (double)job->source->size_bytes, rate, differs);
	dmm_progress_line(t, line);
}

/* Does the kernel still wait for our word?  Sets the rate to the disk's, which can be changed. 0 or an exit code. */
static int compare_goes_on(struct dmm_tool *t, struct dmm_start_compare *c)
{
	struct dmm_nl_info info;
	int ret = dmm_nl_get(t->nl, c->dev, &info);

	if (ret)
		return compare_fail(c, DMM_EXIT_LOCAL, "cannot ask the kernel: %s", dmm_nl_text(t, ret));
	if (info.state == DMM_STATE_COMPARING && info.conn_epoch == c->conn_epoch) {
		dmm_copy_job_set_rate(&c->work->job, info.rate);
		return 0;
	}
	c->lost = info.state == DMM_STATE_DISCONNECTED && info.conn_epoch == c->conn_epoch;
	return compare_fail(c, c->lost ? DMM_EXIT_TRANSPORT : DMM_EXIT_ABORTED,
			    "the comparison counts for nothing: it is %s%s%s", dmm_state_name(info.state),
			    info.reason[0] ? ", " : "", info.reason);
}

/* Stays with the workers until they have ended. 0 or an exit code. */
static int compare_watch(struct dmm_tool *t, struct dmm_start_compare *c)
{
	u64 begun_ns = dmm_now_ns(), shown_ns = begun_ns;
	struct dmm_copy_job *job = &c->work->job;
	int ret = 0;

	while (!ret && !dmm_copy_job_wait(job, TICK_MS)) {
		if (dmm_signal_seen())
			ret = compare_fail(c, DMM_EXIT_ABORTED, "interrupted");
		else
			ret = compare_goes_on(t, c);
		compare_show(t, job, begun_ns, &shown_ns);
	}
	dmm_progress_end(t);
	dmm_copy_job_stop(job);
	if (ret)
		return ret;
	ret = compare_goes_on(t, c);	/* the better reason, where there are two */
	if (ret)
		return ret;
	if (job->first) {
		c->lost = job->first == DMM_COPY_LINK;
		return compare_fail(c, job->exit, "%s", job->why);
	}
	if (!dmm_copy_job_complete(job))
		return compare_fail(c, DMM_EXIT_LOCAL, "not all of it was compared: a fault of this program");
	return 0;
}

static int compare_end(struct dmm_tool *t, struct dmm_start_compare *c)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_COMPARED, .set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_CONN_EPOCH),
		.dev = c->dev, .conn_epoch = c->conn_epoch,
	};
	int ret;

	dmm_stop_at("comparing");
	ret = dmm_nl_do(t->nl, &req);
	if (!ret || compare_goes_on(t, c))	/* which says better why */
		return ret ? (c->lost ? DMM_EXIT_TRANSPORT : DMM_EXIT_LOCAL) : 0;
	return compare_fail(c, DMM_EXIT_LOCAL, "the kernel does not take the comparison: %s", dmm_nl_text(t, ret));
}

int dmm_start_compare_run(struct dmm_tool *t, struct dmm_start_compare *c)
{
	struct dmm_copy_job *job = &c->work->job;
	int ret;

	c->lost = false;
	memcpy(job->instance, c->instance, sizeof(job->instance));
	ret = compare_goes_on(t, c);
	if (ret)
		return ret;
	if (dmm_copy_job_start(job)) {
		c->lost = job->first == DMM_COPY_LINK;
		return compare_fail(c, job->exit, "%s", job->why);
	}
	ret = compare_watch(t, c);
	dmm_copy_job_disconnect(job, false);
	c->done_bytes = atomic_load(&job->done_bytes);
	c->differing_bytes = atomic_load(&job->differing_bytes);
	c->hash_bytes = atomic_load(&job->hash_bytes);
	return ret ? ret : compare_end(t, c);
}

void dmm_start_compare_restart(struct dmm_start_compare *c)
{
	dmm_copy_job_restart(&c->work->job);
}

static int compare_open_job(struct dmm_start_compare *c, struct dmm_start_compare_work *w)
{
	struct dmm_copy_job *job = &w->job;
	int ret = dmm_copy_job_init(job, &w->source, c->conns < MAX_ASKING ? c->conns : MAX_ASKING, 0);

	if (ret)
		return compare_fail(c, DMM_EXIT_LOCAL, "cannot set up the comparison: %s", strerror(-ret));
	job->to = c->to;
	memcpy(job->id, c->id, sizeof(job->id));
	job->disk = c->disk;
	job->features = DMM_FEATURE_ZERO | DMM_FEATURE_HASHES;
	job->compare = true;
	job->differs = mark;
	job->differs_arg = w;
	ret = dmm_copy_job_open_engine(job);
	if (ret)
		return compare_fail(c, DMM_EXIT_LOCAL, "cannot set up reads of the origin: %s", strerror(-ret));
	return 0;
}

int dmm_start_compare_open(struct dmm_tool *t, struct dmm_start_compare *c)
{
	struct dmm_start_compare_work *w;
	char node[160];
	int ret;

	ret = dmm_tool_nl(t);
	if (ret)
		return compare_fail(c, DMM_EXIT_LOCAL, "cannot talk to the kernel: %s", dmm_nl_text(t, ret));
	w = calloc(1, sizeof(*w));
	if (!w)
		return compare_fail(c, DMM_EXIT_LOCAL, "out of memory");
	w->dev = c->dev;
	ret = dmm_dm_node(c->origin, node, sizeof(node));
	if (!ret)
		ret = dmm_copy_source_open_origin(&w->source, node, c->size_bytes);
	if (ret) {
		free(w);
		return compare_fail(c, DMM_EXIT_LOCAL, "cannot open the origin device %s: %s", c->origin->name,
				    strerror(-ret));
	}
	ret = dmm_nl_open(&w->nl);
	if (ret) {
		dmm_copy_source_close(&w->source);
		free(w);
		return compare_fail(c, DMM_EXIT_LOCAL, "cannot talk to the kernel: %s", dmm_nl_text(t, ret));
	}
	pthread_mutex_init(&w->lock, NULL);
	c->work = w;
	return compare_open_job(c, w);
}

void dmm_start_compare_close(struct dmm_start_compare *c)
{
	struct dmm_start_compare_work *w = c->work;

	if (!w)
		return;
	dmm_copy_job_exit(&w->job);
	pthread_mutex_destroy(&w->lock);
	dmm_nl_close(w->nl);
	dmm_copy_source_close(&w->source);
	free(w);
	c->work = NULL;
}
