// SPDX-License-Identifier: GPL-2.0
/*
 * From counters to figures.  Rates come from a window of the last seconds where
 * there are samples enough, else from the average since START.
 */
#include <stdio.h>
#include <string.h>

#include "progress.h"
#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

#define PERCENT_SWEPT	9900u
#define PERCENT_ALL	10000u
#define MIN_SPAN_NS	100000000ull	/* no rate from less than 100 ms */
#define KNOWN_SPAN_NS	1000000000ull	/* what is shipped comes sweep by sweep, and hot blocks wait a second */
#define MAX_MS		(30 * 86400000ull)	/* who waits longer waits in vain */
#define MAX_BPS		(~0ull >> 1)

static const char *progress_phase(const struct dmm_sample *s, bool sweep_done)
{
	switch (s->state) {
	case DMM_STATE_IDLE:
		return "attached";
	case DMM_STATE_COPYING:
		return sweep_done ? "catching up" : "sweep";
	case DMM_STATE_PAUSED:
		return "paused";
	case DMM_STATE_COMPARING:
		return "comparing";
	case DMM_STATE_FREEZING:
		return "freezing";
	case DMM_STATE_FROZEN:
		return "frozen";
	case DMM_STATE_COMMITTED:
		return "committed";
	case DMM_STATE_RELEASED:
		return "released";
	case DMM_STATE_DISCONNECTED:
		return "disconnected";
	case DMM_STATE_FAILED:
		return "failed";
	case DMM_STATE_STOPPING:
		return "stopping";
	default:
		return "unknown";
	}
}

static u64 progress_rate(u64 amount, u64 span_ns)
{
	long double rate = span_ns ? (long double)amount * 1e9L / span_ns : 0;

	return rate < MAX_BPS ? (u64)rate : MAX_BPS;
}

/* No longer than MAX_MS: as nanoseconds it fits anywhere. */
static u64 progress_ms(u64 bytes, u64 bps)
{
	long double ms = (long double)bytes * 1000 / bps;

	return ms < MAX_MS ? (u64)ms : MAX_MS;
}

/* The oldest sample that the window allows; there is at least one. */
static const struct dmm_sample *progress_base(const struct dmm_progress *p, u64 now_ns)
{
	const struct dmm_sample *s = NULL;
	unsigned int i;

	for (i = p->nr; i > 0; i--) {
		s = &p->ring[(p->head + DMM_PROGRESS_SAMPLES - i) % DMM_PROGRESS_SAMPLES];
		if (now_ns - s->now_ns <= DMM_PROGRESS_WINDOW_NS)
			break;
	}
	return s;
}

static void progress_push(struct dmm_progress *p, const struct dmm_sample *s)
{
	p->ring[p->head] = *s;
	p->head = (p->head + 1) % DMM_PROGRESS_SAMPLES;
	if (p->nr < DMM_PROGRESS_SAMPLES)
		p->nr++;
}

static void progress_best(struct dmm_progress *p, u64 bps, bool data)
{
	p->best_any_bps = dmm_max_u64(p->best_any_bps, bps);
	if (data)
		p->best_bps = dmm_max_u64(p->best_bps, bps);
}

/* *@data: most of it was, so that the rate says something about the link. */
static void progress_rates(const struct dmm_progress *p, const struct dmm_sample *s,
			   struct dmm_figures *f, bool *data, bool *known, bool *average)
{
	const struct dmm_sample *base = progress_base(p, s->now_ns);
	u64 span_ns = s->now_ns - base->now_ns;
	u64 acked = s->acked_bytes - base->acked_bytes;
	u64 zeros = s->zero_bytes - base->zero_bytes;
	u64 redirtied = s->redirtied_blocks - base->redirtied_blocks;

	*average = span_ns < MIN_SPAN_NS;
	if (*average) {	/* the first sample: since START */
		if (!s->start_ns || s->now_ns < s->start_ns + MIN_SPAN_NS) {
			*known = false;
			return;
		}
		span_ns = s->now_ns - s->start_ns;
		acked = s->acked_bytes;
		zeros = s->zero_bytes;
		redirtied = s->redirtied_blocks;
	}
	*known = true;
	f->rates_known = span_ns >= KNOWN_SPAN_NS;
	f->ship_bps = progress_rate(acked, span_ns);
	*data = zeros <= acked / 2;
	f->dirty_bps = progress_rate(redirtied * s->block_bytes, span_ns);
}

static void progress_eta(const struct dmm_sample *s, struct dmm_figures *f, bool known)
{
	f->eta = DMM_ETA_NONE;
	if (s->state != DMM_STATE_COPYING && s->state != DMM_STATE_FREEZING)
		return;
	f->eta = DMM_ETA_KNOWN;
	if (!f->remaining_bytes)
		return;
	f->eta = DMM_ETA_UNKNOWN;
	if (!known)
		return;
	f->eta = DMM_ETA_NOT_CONVERGING;
	/*
	 * Once caught up, exactly what is dirtied is shipped: that is as far as it
	 * goes, not a failure to converge, as long as what is left stays small.
	 */
	if (f->ship_bps <= f->dirty_bps) {
		if (f->sweep_done && f->pause_known && f->pause_ms <= 1000) {
			f->eta = DMM_ETA_KNOWN;
			f->eta_ms = 0;
		} else if ((!f->ship_bps && !f->dirty_bps) || (f->sweep_done && !f->pause_known)) {
			f->eta = DMM_ETA_UNKNOWN;
		}
		return;
	}
	f->eta_ms = progress_ms(f->remaining_bytes, f->ship_bps - f->dirty_bps);
	if (f->eta_ms < MAX_MS)
		f->eta = DMM_ETA_KNOWN;
	else
		f->eta_ms = 0;
}

/* How far a state is from the end of a migration: the larger, the farther. */
static u32 distance(u32 state)
{
	static const u8 order[] = {
		[DMM_STATE_RELEASED] = 1, [DMM_STATE_COMMITTED] = 2, [DMM_STATE_FROZEN] = 3, [DMM_STATE_FREEZING] = 4,
		[DMM_STATE_COPYING] = 5, [DMM_STATE_PAUSED] = 6, [DMM_STATE_IDLE] = 7, [DMM_STATE_STOPPING] = 8,
		[DMM_STATE_DISCONNECTED] = 9, [DMM_STATE_FAILED] = 10,
	};

	return state < sizeof(order) ? order[state] : 0;
}

void dmm_sample_add(struct dmm_sample *sum, const struct dmm_sample *one)
{
	u64 scale = one->block_bytes / DMM_MIN_BLOCK_BYTES;

	if (!sum->now_ns || distance(one->state) > distance(sum->state))
		sum->state = one->state;
	sum->now_ns = one->now_ns;
	sum->start_ns = dmm_max_u64(sum->start_ns, one->start_ns);
	sum->block_bytes = DMM_MIN_BLOCK_BYTES;
	sum->size_bytes += one->size_bytes;
	sum->sweep_blocks += one->sweep_blocks * scale;
	sum->dirty_blocks += one->dirty_blocks * scale;
	sum->inflight_bytes += one->inflight_bytes;
	sum->acked_bytes += one->acked_bytes;
	sum->zero_bytes += one->zero_bytes;
	sum->redirtied_blocks += one->redirtied_blocks * scale;
	sum->speed_bps += one->speed_bps;
}

void dmm_progress_add(struct dmm_progress *p, const struct dmm_sample *s, struct dmm_figures *f)
{
	const struct dmm_sample *last =
		&p->ring[(p->head + DMM_PROGRESS_SAMPLES - 1) % DMM_PROGRESS_SAMPLES];
	u64 total_blocks, best;
	u32 percent = 0;
	bool known = false, data = false, average;

	memset(f, 0, sizeof(*f));
	if (p->nr && (last->start_ns != s->start_ns || last->acked_bytes > s->acked_bytes ||
		      last->redirtied_blocks > s->redirtied_blocks || last->now_ns > s->now_ns))
		memset(p, 0, sizeof(*p));
	if (s->state == DMM_STATE_IDLE) {	/* counters of a migration that was stopped */
		memset(p, 0, sizeof(*p));
		f->phase = progress_phase(s, false);
		f->eta = DMM_ETA_NONE;
		return;
	}
	progress_push(p, s);

	total_blocks = s->block_bytes ?
		s->size_bytes / s->block_bytes + !!(s->size_bytes % s->block_bytes) : 0;
	f->sweep_done = s->start_ns && total_blocks && s->sweep_blocks >= total_blocks;
	f->phase = progress_phase(s, f->sweep_done);

	if (s->state == DMM_STATE_RELEASED)
		percent = PERCENT_ALL;
	else if (f->sweep_done)
		percent = PERCENT_SWEPT;
	else if (s->start_ns && total_blocks)
		percent = (u32)((long double)s->sweep_blocks * PERCENT_SWEPT / total_blocks);
	if (percent > p->percent_x100)
		p->percent_x100 = percent;
	f->percent_x100 = p->percent_x100;

	f->remaining_bytes = dmm_min_u64(s->dirty_blocks * s->block_bytes + s->inflight_bytes,
					 s->size_bytes);
	progress_rates(p, s, f, &data, &known, &average);
	/*
	 * Once swept, the average since START is one with little to ship, and with pauses: no
	 * measure of what the link carries.
	 */
	if (known && !(average && f->sweep_done))
		progress_best(p, f->ship_bps, data);
	/* what was shipped on the whole is a rate that the link is known to carry, too */
	if (s->start_ns && !f->sweep_done && s->now_ns >= s->start_ns + MIN_SPAN_NS)
		progress_best(p, progress_rate(s->acked_bytes, s->now_ns - s->start_ns),
			      s->zero_bytes <= s->acked_bytes / 2);
	/* hot blocks are kept back: what is shipped by then says little about the links */
	best = dmm_max_u64(p->best_bps, s->speed_bps);
	if (!best)
		best = p->best_any_bps;
	if (!f->remaining_bytes) {
		f->pause_known = s->start_ns != 0;
	} else if (best) {
		f->pause_known = true;
		f->pause_ms = progress_ms(f->remaining_bytes, best);
	}
	if (f->pause_known && !f->pause_ms)	/* no hand-over takes no time */
		f->pause_ms = 1;
	progress_eta(s, f, known);
}

bool dmm_progress_ready(const struct dmm_figures *f, u64 max_pause_ms)
{
	if (!f->sweep_done)
		return false;
	return f->remaining_bytes <= 1u << 20 || (f->pause_known && f->pause_ms <= max_pause_ms);
}

char *dmm_format_bytes(char *buf, size_t size, u64 bytes, const char *unit)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = bytes;
	unsigned int i = 0;

	while (v >= 1023.95 && i < sizeof(names) / sizeof(names[0]) - 1) {
		v /= 1024;
		i++;
	}
	if (i)
		snprintf(buf, size, "%.1f %s%s", v, names[i], unit);
	else
		snprintf(buf, size, "%llu B%s", bytes, unit);
	return buf;
}

char *dmm_format_latency(char *buf, size_t size, const u64 *buckets, unsigned int percent)
{
	u64 all = 0, sum = 0, us;
	unsigned int i;

	for (i = 0; i < DMM_LATENCY_BUCKETS; i++)
		all += buckets[i];
	if (!all) {
		snprintf(buf, size, "-");
		return buf;
	}
	for (i = 0; i < DMM_LATENCY_BUCKETS - 1; i++) {
		sum += buckets[i];
		if (sum * 100 >= all * percent)
			break;
	}
	us = 1ull << i;
	if (us < 1024)
		snprintf(buf, size, "%llu us", us);
	else if (us < 1024 * 1024)
		snprintf(buf, size, "%llu ms", us / 1024);
	else
		snprintf(buf, size, "%llu s", us / (1024 * 1024));
	return buf;
}

char *dmm_format_eta(char *buf, size_t size, const struct dmm_figures *f)
{
	u64 s = (f->eta_ms + 999) / 1000;

	switch (f->eta) {
	case DMM_ETA_KNOWN:
		snprintf(buf, size, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
		break;
	case DMM_ETA_NOT_CONVERGING:
		snprintf(buf, size, "not converging");
		break;
	case DMM_ETA_UNKNOWN:
		snprintf(buf, size, "?");
		break;
	case DMM_ETA_NONE:
		snprintf(buf, size, "-");
		break;
	}
	return buf;
}

char *dmm_format_progress(char *buf, size_t size, const struct dmm_figures *f)
{
	char ship[32], dirty[32], left[32], eta[32], pause[32] = "";

	dmm_format_bytes(ship, sizeof(ship), f->ship_bps, "/s");
	dmm_format_bytes(dirty, sizeof(dirty), f->dirty_bps, "/s");
	dmm_format_bytes(left, sizeof(left), f->remaining_bytes, "");
	dmm_format_eta(eta, sizeof(eta), f);
	if (f->pause_known)
		snprintf(pause, sizeof(pause), "  pause ~%llu ms", f->pause_ms);
	snprintf(buf, size, "%s %u.%u%%  %s  dirty %s  remaining %s  ETA %s%s", f->phase,
		 f->percent_x100 / 100, f->percent_x100 / 10 % 10, ship, dirty, left, eta, pause);
	return buf;
}
