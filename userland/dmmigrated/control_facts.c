// SPDX-License-Identifier: GPL-2.0
/*
 * FACTS: what kind of host this is, and how much is free, as far as it concerns who asks.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "allow.h"
#include "channel.h"
#include "control_priv.h"
#include "facts_host.h"
#include "fullio.h"
#include "guest.h"
#include "thread.h"
#include "version.h"
#include "volume.h"

#define FRESH_MS	2000u	/* programs are run for it: not for every question of every peer */

/* Of this host; protected by lock, which is held while it is found out. */
static struct {
	pthread_mutex_t lock;
	struct dmm_facts facts, volumes;
	u64 until_ms;
} host = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void host_facts(struct dmm_facts *f, struct dmm_facts *volumes, int stop_fd)
{
	pthread_mutex_lock(&host.lock);
	if (dmm_now_ms() >= host.until_ms) {
		dmm_facts_init(&host.facts);
		dmm_facts_init(&host.volumes);
		dmm_facts_host(&host.facts, &host.volumes, "", stop_fd);
		host.until_ms = dmm_now_ms() + FRESH_MS;
	}
	dmm_facts_merge(f, &host.facts);
	*volumes = host.volumes;
	pthread_mutex_unlock(&host.lock);
}

/* The directory that the files of @glob are in, without a part that is a pattern. False: devices, exports. */
static bool glob_dir(const char *glob, char dir[PATH_MAX])
{
	size_t n = strcspn(glob, "*?[");

	if (glob[0] != '/' || !strncmp(glob, "/dev/", 5))
		return false;
	while (n && glob[n - 1] != '/')
		n--;
	snprintf(dir, PATH_MAX, "%.*s", n > 1 ? (int)n - 1 : 1, glob);
	return true;
}

/* What this peer may write here, and how much there is of it. */
static void allowed_facts(struct dmm_facts *f, struct dmm_session *s)
{
	char glob[PATH_MAX], dir[PATH_MAX], last[PATH_MAX] = "";
	u32 i = 0;

	while (dmm_allow_next(&s->rc->allow, &i, s->local ? NULL : s->peer_name, glob)) {
		dmm_facts_add(f, "allow", "%s", glob);
		if (!glob_dir(glob, dir) || !strcmp(dir, last))
			continue;
		dmm_facts_dir(f, dir);
		strcpy(last, dir);
	}
}

/* Where volumes may be made for this peer. */
static void sr_facts(struct dmm_facts *f, const struct dmm_facts *volumes, struct dmm_session *s)
{
	char text[PATH_MAX];
	u64 size, room;
	struct dmm_sr sr;
	u32 i = 0;

	while (dmm_control_sr_next(s, &i, text, &sr)) {
		if (!dmm_volume_space(&sr, volumes, &size, &room))
			dmm_facts_add(f, "sr", "%s %s:%s %llu %llu", sr.name, dmm_sr_kind_name(sr.kind), sr.place, size, room);
		else
			dmm_facts_add(f, "sr-failed", "%s %s:%s", sr.name, dmm_sr_kind_name(sr.kind), sr.place);
	}
}

static u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

int dmm_control_facts(struct dmm_session *s, struct dmm_wire_facts_ok *ok, struct dmm_refusal *r)
{
	u64 received_ns = clock_ns();
	struct dmm_facts f, volumes;

	if (!(s->features & DMM_FEATURE_FACTS))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "FACTS without its feature in HELLO");
	dmm_facts_init(&f);
	dmm_facts_add(&f, "daemon", "%s", DMM_VERSION);
	dmm_facts_add(&f, "journals", s->rc->migrations ? "yes" : "no");
	dmm_facts_add(&f, "tls", dmm_channel_has_tls(s->rc->channel) ? "yes" : "no");
	if (s->peer_name[0])	/* how it is called here */
		dmm_facts_add(&f, "you", "%s", s->peer_name);
	dmm_facts_add(&f, "guests", dmm_guest_permitted(s) ? "yes" : "no");
	dmm_facts_memlock(&f);
	host_facts(&f, &volumes, s->rc->stop_fd);
	sr_facts(&f, &volumes, s);
	allowed_facts(&f, s);	/* of these there may be more than fit */
	dmm_facts_merge(&f, &volumes);
	dmm_facts_encode(&f, ok);
	ok->received_ns = cpu_to_le64(received_ns);
	ok->sent_ns = cpu_to_le64(clock_ns());
	return 0;
}
