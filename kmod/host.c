// SPDX-License-Identifier: GPL-2.0
/*
 * The host's limit: one bucket for the feeders of all disks.
 */
#include <linux/ktime.h>
#include <linux/spinlock.h>

#include "host.h"
#include "sender.h"

static DEFINE_SPINLOCK(host_lock);	/* innermost but for wait queues; process context only */
static struct dmm_share host_share;	/* host_lock */
static u64 host_rate;			/* written under host_lock */

static struct dmm_sender *sender_of(struct dmm_share_user *u)
{
	return container_of(u, struct dmm_sender, share);
}

void dmm_host_set_rate(u64 rate)
{
	struct dmm_share_user *u;

	spin_lock(&host_lock);
	WRITE_ONCE(host_rate, rate);
	dmm_share_set_rate(&host_share, rate, ktime_get_ns());
	for (u = host_share.users; u; u = u->next)
		dmm_kick(sender_of(u)->m);
	spin_unlock(&host_lock);
}

u64 dmm_host_rate(void)
{
	return READ_ONCE(host_rate);
}

void dmm_host_add(struct dmm_sender *s)
{
	spin_lock(&host_lock);
	dmm_share_add(&host_share, &s->share);
	spin_unlock(&host_lock);
}

void dmm_host_remove(struct dmm_sender *s)
{
	spin_lock(&host_lock);
	dmm_share_remove(&host_share, &s->share);
	spin_unlock(&host_lock);
}

u64 dmm_host_ask(struct dmm_sender *s, u64 now_ns)
{
	struct dmm_share_user *turn;
	u64 delay;

	if (!READ_ONCE(host_rate))
		return 0;
	spin_lock(&host_lock);
	delay = dmm_share_ask(&host_share, &s->share, now_ns, &turn);
	if (turn)
		dmm_kick(sender_of(turn)->m);
	spin_unlock(&host_lock);
	return delay;
}

void dmm_host_take(struct dmm_sender *s, u32 bytes, u64 now_ns)
{
	if (!READ_ONCE(host_rate))
		return;
	spin_lock(&host_lock);
	dmm_share_take(&host_share, &s->share, bytes, now_ns);
	spin_unlock(&host_lock);
}

void dmm_host_leave(struct dmm_sender *s)
{
	if (!READ_ONCE(host_rate))
		return;
	spin_lock(&host_lock);
	dmm_share_leave(&s->share);
	spin_unlock(&host_lock);
}

void dmm_host_give_back(struct dmm_sender *s, u64 bytes)
{
	if (!READ_ONCE(host_rate))
		return;
	spin_lock(&host_lock);
	dmm_share_give_back(&host_share, &s->share, bytes);
	spin_unlock(&host_lock);
}

void dmm_host_init(void)
{
	dmm_share_init(&host_share, ktime_get_ns());
}
