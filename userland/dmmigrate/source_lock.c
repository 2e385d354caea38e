// SPDX-License-Identifier: GPL-2.0
/*
 * One dmmigrate at a time works on a device.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fullio.h"
#include "source.h"

#define LOCK_WAIT_MS	3000u
#define LOCK_LOOK_MS	50

void dmm_source_unlock(struct dmm_source *s)
{
	if (s->lock_fd > 0)
		close(s->lock_fd);
	s->lock_fd = 0;
}

static void source_lock_key(const struct dmm_source *s, char key[64])
{
	if (s->has_live)
		snprintf(key, 64, "%u:%u", s->live.major, s->live.minor);
	else
		snprintf(key, 64, "%s", s->hex);
}

/* Under the lock @fd: what was read before may be of before. */
static int source_reread(struct dmm_tool *t, struct dmm_source *s, const char *key, int fd)
{
	const char *spec = s->spec;
	char now[64];
	int ret;

	dmm_source_clear(s);
	ret = dmm_source_open(t, spec, s);
	s->lock_fd = fd;	/* left open on purpose: the lock ends with the process */
	if (ret)
		return ret;
	source_lock_key(s, now);
	if (!strcmp(now, key))
		return 0;
	dmm_next(t, "dmmigrate %s again", t->verb->name);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
			"%.128s became another device just now", spec);
}

int dmm_source_lock_wait(const char *key, u32 wait_ms)
{
	u64 until_ms = dmm_now_ms() + wait_ms;
	int fd;

	while ((fd = dmm_record_lock(DMM_RUN_DIR, key)) == -EWOULDBLOCK && dmm_now_ms() < until_ms)
		poll(NULL, 0, LOCK_LOOK_MS);
	return fd;
}

int dmm_source_lock(struct dmm_tool *t, struct dmm_source *s)
{
	enum dmm_owner owner;
	enum dmm_use use;
	char key[64];
	int fd;

	source_lock_key(s, key);
	fd = dmm_source_lock_wait(key, LOCK_WAIT_MS);
	if (fd >= 0)
		return source_reread(t, s, key, fd);
	dmm_source_verdict(t, s, &owner, &use);
	if (fd == -EWOULDBLOCK) {
		dmm_next(t, "dmmigrate status %s", t->source);
		/* nothing is wrong for whoever tries again and again */
		return dmm_fail(t, t->args.again ? DMM_EXIT_ABORTED : DMM_EXIT_PREFLIGHT, owner, use,
				"another dmmigrate is working on %s: wait for that one to end",
				t->source);
	}
	dmm_next(t, "ls -ld %s", DMM_RUN_DIR);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "cannot lock %s/lock.%s: %s",
			DMM_RUN_DIR, key, strerror(-fd));
}
