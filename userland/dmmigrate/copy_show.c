// SPDX-License-Identifier: GPL-2.0
/*
 * What an offline copy says of itself: a line a second, and the result.
 */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "copy.h"
#include "fullio.h"

#define SHOW_NS		1000000000ull

static u64 rate_of(u64 bytes, u64 ns)
{
	return ns ? (u64)((long double)bytes * 1e9L / ns) : 0;
}

/* Bytes of the source per second, over the last seconds. */
static u64 show_rate(struct dmm_copy *c, u64 now_ns, u64 done)
{
	unsigned int i = c->nr_samples % DMM_COPY_SAMPLES;
	u64 ns = c->start_ns, before = 0;

	if (c->nr_samples >= DMM_COPY_SAMPLES) {
		ns = c->samples[i].ns;
		before = c->samples[i].done_bytes;
	}
	c->samples[i].ns = now_ns;
	c->samples[i].done_bytes = done;
	c->nr_samples++;
	return done > before && now_ns > ns ? rate_of(done - before, now_ns - ns) : 0;
}

void dmm_copy_show(struct dmm_copy *c)
{
	u64 now_ns = dmm_now_ns(), done = atomic_load(&c->job.done_bytes);
	u64 size = c->source.size_bytes, bps;
	char line[256], rate[32], shipped[32], left[32], eta[32];
	struct dmm_figures f = { .eta = DMM_ETA_UNKNOWN };
	u32 percent;

	if (now_ns < c->shown_ns + SHOW_NS)
		return;
	c->shown_ns = now_ns;
	bps = show_rate(c, now_ns, done);
	if (bps) {
		f.eta = DMM_ETA_KNOWN;
		f.eta_ms = (u64)((long double)(size - done) * 1000 / bps);
	}
	/* after a loss some is done again: the figure does not run backwards */
	percent = (u32)((long double)done * 1000 / size);
	if (percent > c->percent_x10)
		c->percent_x10 = percent;
	dmm_format_bytes(rate, sizeof(rate), bps, "/s");
	dmm_format_bytes(shipped, sizeof(shipped), atomic_load(&c->job.shipped_bytes), "");
	dmm_format_bytes(left, sizeof(left), size - done, "");
	dmm_format_eta(eta, sizeof(eta), &f);
	snprintf(line, sizeof(line), "%s %u.%u%%  %s  shipped %s  remaining %s  ETA %s",
		 c->job.compare ? "compare and copy" : "copy", c->percent_x10 / 10,
		 c->percent_x10 % 10, rate, shipped, left, eta);
	dmm_progress_line(c->t, line);
}

char *dmm_copy_tally(const struct dmm_copy *c, char *buf, size_t size)
{
	const struct dmm_copy_job *job = &c->job;
	char shipped[32], zeros[32], equal[32];

	dmm_format_bytes(shipped, sizeof(shipped), atomic_load(&job->shipped_bytes), "");
	dmm_format_bytes(zeros, sizeof(zeros), atomic_load(&job->zeroed_bytes) +
			 atomic_load(&job->skipped_bytes), "");
	dmm_format_bytes(equal, sizeof(equal), atomic_load(&job->equal_bytes), "");
	snprintf(buf, size, "%s shipped, %s of zeros not shipped, %s were there already", shipped,
		 zeros, equal);
	return buf;
}

void dmm_copy_result(struct dmm_copy *c)
{
	struct dmm_copy_job *job = &c->job;
	u64 ns = dmm_now_ns() - c->start_ns, done = atomic_load(&job->done_bytes);
	struct dmm_tool *t = c->t;

	dmm_result_text(t, "source", c->source.path);
	dmm_result_text(t, "host", c->to.host);
	dmm_result_u64(t, "port", c->to.port);
	dmm_result_text(t, "destination", c->to.path);
	dmm_result_u64(t, "size_bytes", c->source.size_bytes);
	if (!c->job_open)
		return;
	dmm_result_u64(t, "done_bytes", done);
	dmm_result_u64(t, "shipped_bytes", atomic_load(&job->shipped_bytes));
	dmm_result_u64(t, "zeroed_bytes", atomic_load(&job->zeroed_bytes));
	dmm_result_u64(t, "skipped_zero_bytes", atomic_load(&job->skipped_bytes));
	dmm_result_u64(t, "equal_bytes", atomic_load(&job->equal_bytes));
	dmm_result_u64(t, "hash_bytes", atomic_load(&job->hash_bytes));
	dmm_result_u64(t, "elapsed_ns", ns);
	dmm_result_u64(t, "bytes_per_s", rate_of(done, ns));
	dmm_result_bool(t, "compared", job->compare);
	dmm_result_u64(t, "connections", job->conns);
	dmm_result_u64(t, "reconnects", c->reconnects);
	dmm_result_text(t, "engine", job->engine ? job->engine->name : NULL);
	dmm_result_bool(t, "direct", c->source.direct);
}
