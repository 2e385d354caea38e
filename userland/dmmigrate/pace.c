// SPDX-License-Identifier: GPL-2.0
/*
 * Too much is left of the disks, and for how long.
 */
#include <stdio.h>

#include "core/state.h"
#include "fullio.h"
#include "monitor.h"
#include "pace.h"

enum dmm_pace_verdict dmm_pace_judge(struct dmm_pace *p, const struct dmm_figures *f, u64 now_ms)
{
	if (dmm_progress_ready(f, p->max_pause_ms)) {
		p->over_ms = 0;
		return DMM_PACE_GO;
	}
	if (!p->over_ms)
		p->over_ms = now_ms;
	return p->patience_ms != DMM_UNSET && now_ms - p->over_ms >= p->patience_ms ? DMM_PACE_OVER : DMM_PACE_WAIT;
}

enum dmm_pace_verdict dmm_pace_look(struct dmm_pace *p, struct dmm_tool *t, const struct dmm_group *g)
{
	struct dmm_sample sample, sum = { 0 };
	u64 now_ns = dmm_now_ns();
	struct dmm_nl_info info;
	u32 i;

	if (!g->nr)
		return DMM_PACE_GO;
	for (i = 0; i < g->nr; i++) {
		if (dmm_nl_get(t->nl, dmm_source_dev(&g->disks[i]), &info) || info.state != DMM_STATE_COPYING) {
			p->over_ms = 0;
			return DMM_PACE_GO;
		}
		dmm_sample_from_info(&info, now_ns, &sample);
		dmm_sample_add(&sum, &sample);
	}
	dmm_progress_add(&p->progress, &sum, &p->figures);
	return dmm_pace_judge(p, &p->figures, dmm_now_ms());
}

const char *dmm_pace_text(char *buf, const struct dmm_figures *f, u64 max_pause_ms)
{
	char dirty[32], ship[32], left[32], pause[48] = "a time that is not known yet";
	char rates[128] = "how fast the guest makes its disks dirty is not known yet";

	if (f->pause_known)
		snprintf(pause, sizeof(pause), "about %llu ms", f->pause_ms);
	if (f->rates_known)
		snprintf(rates, sizeof(rates), "the guest makes %s of its disks dirty, %s are shipped",
			 dmm_format_bytes(dirty, sizeof(dirty), f->dirty_bps, "/s"), dmm_format_bytes(ship, sizeof(ship), f->ship_bps, "/s"));
	snprintf(buf, DMM_PACE_TEXT, "%s, and the %s that are left would take %s of a pause of at most %llu ms", rates,
		 dmm_format_bytes(left, sizeof(left), f->remaining_bytes, ""), pause, max_pause_ms);
	return buf;
}

void dmm_pace_remedies(struct dmm_tool *t)
{
	dmm_next(t, "dmmigrate throttle %s RATE (a higher one; 0: none), then this again; or a longer --max-pause; or less load in the guest",
		 t->source);
}
