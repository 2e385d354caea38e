// SPDX-License-Identifier: GPL-2.0
/*
 * Lines about strangers, a few in a while.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "complain.h"

static const char *const unsaid_texts[DMM_NR_COMPLAINTS] = {
	[DMM_COMPLAIN_LIMIT] = "were too many",
	[DMM_COMPLAIN_UNKNOWN] = "were of hosts that are not trusted",
	[DMM_COMPLAIN_HELLO] = "were closed before HELLO",
};

void dmm_complaints_init(struct dmm_complaints *c)
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
}

void dmm_complaints_exit(struct dmm_complaints *c)
{
	pthread_mutex_destroy(&c->lock);
}

static void say_unsaid(enum dmm_complaint what, u32 nr)
{
	if (nr)
		dmm_warn(NULL, "%u more connections %s, of which no line tells", nr, unsaid_texts[what]);
}

/* Once a while has ended the next begins. Returns what was not said in it. Context: the lock is held. */
static u32 complaints_turn(struct dmm_complaints *c, enum dmm_complaint what, u64 now_ms)
{
	u32 unsaid = c->of[what].unsaid;

	if (now_ms < c->of[what].until_ms)
		return 0;
	c->of[what].said = 0;
	c->of[what].unsaid = 0;
	return unsaid;
}

void dmm_complain(struct dmm_complaints *c, enum dmm_complaint what, u64 now_ms, int priority, const struct dmm_log_id *id,
		  const char *fmt, ...)
{
	char text[640];
	bool say;
	va_list ap;
	u32 before;

	pthread_mutex_lock(&c->lock);
	before = complaints_turn(c, what, now_ms);
	say = c->of[what].said < DMM_COMPLAIN_LINES;
	if (!c->of[what].said)
		c->of[what].until_ms = now_ms + DMM_COMPLAIN_MS;
	c->of[what].said += say;
	c->of[what].unsaid += !say;
	pthread_mutex_unlock(&c->lock);
	say_unsaid(what, before);
	if (!say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dmm_log(priority, id, "%s", text);
}

void dmm_complaints_tick(struct dmm_complaints *c, u64 now_ms)
{
	u32 what, unsaid;

	for (what = 0; what < DMM_NR_COMPLAINTS; what++) {
		pthread_mutex_lock(&c->lock);
		unsaid = complaints_turn(c, what, now_ms);
		pthread_mutex_unlock(&c->lock);
		say_unsaid(what, unsaid);
	}
}
