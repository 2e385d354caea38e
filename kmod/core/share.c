// SPDX-License-Identifier: GPL-2.0
/*
 * Sharing one token bucket by start-time fair queueing: each one's count of bytes is raised to the
 * floor when he comes back, so that time without a wish earns nothing.
 */
#include "share.h"

#define SHARE_RETRY_NS	5000000ull	/* he whose turn it is has been woken meanwhile */

void dmm_share_init(struct dmm_share *sh, u64 now_ns)
{
	dmm_pacer_init(&sh->pacer, 0, now_ns);
	sh->users = NULL;
	sh->floor = 0;
}

void dmm_share_set_rate(struct dmm_share *sh, u64 rate, u64 now_ns)
{
	dmm_pacer_set_rate(&sh->pacer, rate, now_ns);
}

void dmm_share_add(struct dmm_share *sh, struct dmm_share_user *u)
{
	u->served = sh->floor;
	u->due_ns = 0;
	u->next = sh->users;
	sh->users = u;
}

void dmm_share_remove(struct dmm_share *sh, struct dmm_share_user *u)
{
	struct dmm_share_user **at;

	for (at = &sh->users; *at; at = &(*at)->next) {
		if (*at == u) {
			*at = u->next;
			break;
		}
	}
	u->next = NULL;
}

/* Another who wants to send, is not late, and had less than @u; of those the one that had least. */
static struct dmm_share_user *share_first(const struct dmm_share *sh,
					  const struct dmm_share_user *u, u64 now_ns)
{
	struct dmm_share_user *v, *first = NULL;
	u64 least = u->served;

	for (v = sh->users; v; v = v->next) {
		if (v == u || !v->due_ns || v->served >= least ||
		    now_ns > v->due_ns + DMM_SHARE_PATIENCE_NS)
			continue;
		first = v;
		least = v->served;
	}
	return first;
}

u64 dmm_share_ask(struct dmm_share *sh, struct dmm_share_user *u, u64 now_ns,
		  struct dmm_share_user **turn)
{
	u64 delay;

	*turn = NULL;
	if (!u->due_ns || now_ns > u->due_ns + DMM_SHARE_PATIENCE_NS)
		u->served = dmm_max_u64(u->served, sh->floor);
	delay = dmm_pacer_delay_ns(&sh->pacer, 1, now_ns);
	if (!delay) {
		*turn = share_first(sh, u, now_ns);
		if (*turn)
			delay = SHARE_RETRY_NS;
	}
	/* never 0, which is for who wants nothing */
	u->due_ns = now_ns + delay + 1;
	return delay;
}

void dmm_share_take(struct dmm_share *sh, struct dmm_share_user *u, u32 bytes, u64 now_ns)
{
	dmm_pacer_take(&sh->pacer, bytes, now_ns);
	sh->floor = dmm_max_u64(sh->floor, u->served);
	u->served += bytes;
}

void dmm_share_leave(struct dmm_share_user *u)
{
	u->due_ns = 0;
}

void dmm_share_give_back(struct dmm_share *sh, struct dmm_share_user *u, u64 bytes)
{
	dmm_pacer_give_back(&sh->pacer, bytes);
	u->served -= dmm_min_u64(bytes, u->served);
}
