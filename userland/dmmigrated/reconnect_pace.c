// SPDX-License-Identifier: GPL-2.0
/*
 * When to try to reconnect a disk.
 */
#include "reconnect.h"

/* Three to five quarters: many that were lost at once do not come back at once. */
static u64 jitter(u32 pause_ms, u32 random)
{
	return pause_ms - pause_ms / 4 + random % (pause_ms / 2 + 1);
}

void dmm_reconnect_looked(struct dmm_reconnect_pace *p, bool lost, u64 now_ms, u32 random)
{
	if (lost == p->lost)
		return;
	if (lost && (!p->pause_ms || now_ms - p->since_ms >= DMM_RECONNECT_WELL_MS)) {
		p->pause_ms = DMM_RECONNECT_MIN_MS;
		p->next_ms = now_ms + jitter(p->pause_ms, random);
		p->heard = false;
	}
	p->lost = lost;
	p->since_ms = now_ms;
}

bool dmm_reconnect_due(struct dmm_reconnect_pace *p, bool heard, u64 now_ms)
{
	if (!p->lost)
		return false;
	if (heard && !p->heard && now_ms >= p->soonest_ms)
		return true;
	p->heard = p->heard && heard;
	return now_ms >= p->next_ms;
}

void dmm_reconnect_tried(struct dmm_reconnect_pace *p, bool heard, bool hopeless, u64 now_ms, u32 random)
{
	if (hopeless)
		p->pause_ms = DMM_RECONNECT_MAX_MS;
	p->heard = heard;
	p->soonest_ms = now_ms + DMM_RECONNECT_MIN_MS;
	p->next_ms = now_ms + jitter(p->pause_ms, random);
	p->pause_ms = 2 * p->pause_ms < DMM_RECONNECT_MAX_MS ? 2 * p->pause_ms : DMM_RECONNECT_MAX_MS;
}
