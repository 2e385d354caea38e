// SPDX-License-Identifier: GPL-2.0
/*
 * The source's end of a hand-over connection, and the thread that makes it again when it is lost.
 *
 * Closing waits for the thread, but not while that looks up a name or connects, which nothing
 * interrupts: it is alone then, has nothing of the owner's in hand, and finds out that it shall end.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "fullio.h"
#include "handover_priv.h"
#include "log.h"
#include "thread.h"
#include "version.h"
#include "wireio.h"

#define LINK_TIMEOUT_MS		10000u	/* to connect, and for each message */
#define PAUSE_MIN_MS		200u
#define PAUSE_MAX_MS		10000u

/* What was last logged about it. */
enum link_said {
	SAID_NOTHING,
	SAID_UP,
	SAID_DOWN,
	SAID_UNKNOWN_THERE,
};

struct dmm_link {
	/* constant after open, but for c.from, which is protected by lock */
	struct dmm_link_config c;
	struct dmm_log_id log_id;
	struct dmm_outbox *outbox;

	/* the thread's */
	u64 pause_ms;			/* the next one */
	enum link_said said;

	/* protected by lock, which is held around the outbox's */
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* stop, poked, alone, ended */
	u32 refs;			/* owner and thread */
	bool stop;
	bool poked;
	bool alone;			/* the thread is connecting: closing does not wait for it */
	bool ended;
	int fd;				/* to be shut down by who closes; -1: none */
	struct dmm_link_status st;
};

static void link_put(struct dmm_link *l)
{
	bool last;

	pthread_mutex_lock(&l->lock);
	last = !--l->refs;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		return;
	dmm_outbox_free(l->outbox);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static bool link_stopped(struct dmm_link *l)
{
	bool stop;

	pthread_mutex_lock(&l->lock);
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return stop;
}

/* A change, not each attempt. */
static void link_say(struct dmm_link *l, const struct dmm_link_status *st)
{
	enum link_said now = st->up ? SAID_UP : st->unknown_there ? SAID_UNKNOWN_THERE : SAID_DOWN;

	if (now == l->said)
		return;
	l->said = now;
	if (now == SAID_UP)
		dmm_notice(&l->log_id, "hand-over: connected");
	else
		dmm_warn(&l->log_id, "hand-over: not connected, tried again and again: %s", st->why);
}

__attribute__((format(printf, 3, 4)))
static void link_down(struct dmm_link *l, bool unknown_there, const char *fmt, ...)
{
	struct dmm_link_status st;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(st.why, sizeof(st.why), fmt, ap);
	va_end(ap);
	st.up = false;
	pthread_mutex_lock(&l->lock);
	/* until it is known there: a daemon that can't be reached says nothing else */
	st.unknown_there = unknown_there || l->st.unknown_there;
	l->st = st;
	pthread_mutex_unlock(&l->lock);
	if (!link_stopped(l))
		link_say(l, &st);
}

static void link_up(struct dmm_link *l)
{
	static const struct dmm_link_status up = { .up = true };
	struct dmm_handover_msg old;

	pthread_mutex_lock(&l->lock);
	while (dmm_outbox_take(l->outbox, &old))
		;	/* the rest of the last connection's */
	l->st = up;
	l->poked = false;
	pthread_mutex_unlock(&l->lock);
	link_say(l, &up);
}

/* Why a request failed, as one text. */
static const char *link_reason(const struct dmm_client *c, int ret,
			       const struct dmm_wire_refuse *refuse)
{
	if (ret == -EREMOTEIO)
		return (const char *)refuse->text;
	return c->why ? c->why : strerror(-ret);
}

/* 0, or the link is down. */
static int link_connect(struct dmm_link *l, struct dmm_client *c)
{
	char from[DMM_OWN_ADDRESS];
	int ret;

	pthread_mutex_lock(&l->lock);
	memcpy(from, l->c.from, sizeof(from));
	l->alone = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	dmm_client_from_here(from);
	ret = dmm_client_connect(l->c.host, l->c.port, LINK_TIMEOUT_MS, l->c.tls, c);
	pthread_mutex_lock(&l->lock);
	l->alone = false;
	if (!ret && l->stop)
		ret = -ECANCELED;
	else if (!ret)
		l->fd = c->fd;
	pthread_mutex_unlock(&l->lock);
	if (ret)
		link_down(l, false, "%.100s port %u: %s", l->c.host, l->c.port,
			  c->why ? c->why : strerror(-ret));
	return ret;
}

/* HELLO and JOIN. */
static int link_join(struct dmm_link *l, struct dmm_client *c)
{
	struct dmm_handover_msg msg = { .event = DMM_HANDOVER_JOIN };
	struct dmm_wire_handover w, answer;
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;
	struct dmm_refusal r;
	bool unknown;
	int ret;

	dmm_handover_set_options(c->fd);
	c->timeout_ms = LINK_TIMEOUT_MS;
	c->features = DMM_FEATURE_GROUP;
	ret = dmm_client_hello(c, "dmmigrated " DMM_VERSION, &ok, &refuse);
	if (ret) {
		link_down(l, false, "the daemon at %.100s: %s", l->c.host, link_reason(c, ret, &refuse));
		return ret;
	}
	if (!(c->features & DMM_FEATURE_GROUP)) {
		link_down(l, false, "the daemon at %.100s is older and cannot hand over groups: upgrade it",
			  l->c.host);
		return -EOPNOTSUPP;
	}
	memcpy(msg.migration, l->c.migration, sizeof(msg.migration));
	dmm_handover_encode(&msg, &w);
	ret = dmm_client_request(c, DMM_MSG_HANDOVER, &w, sizeof(w), DMM_MSG_HANDOVER, &answer,
				 sizeof(answer), &refuse);
	if (ret) {
		unknown = ret == -EREMOTEIO && le32_to_cpu(refuse.code) == DMM_WERR_NOTFOUND;
		link_down(l, unknown, "the daemon at %.100s: %s", l->c.host,
			  link_reason(c, ret, &refuse));
		return ret;
	}
	ret = dmm_handover_take(&answer, l->c.migration, DMM_HO_DEST, true, &msg, &r);
	if (ret)
		link_down(l, false, "the daemon at %.100s: %s", l->c.host, r.text);
	return ret;
}

static int link_send_all(struct dmm_link *l, struct dmm_client *c)
{
	struct dmm_handover_msg msg;
	struct dmm_wire_handover w;
	int ret = 0;

	while (!ret && dmm_outbox_take(l->outbox, &msg)) {
		dmm_handover_encode(&msg, &w);
		ret = dmm_client_send(c, DMM_MSG_HANDOVER, &w, sizeof(w));
	}
	return ret;
}

/* Until the connection is lost, or shut down by who closes. */
static void link_talk(struct dmm_link *l, struct dmm_client *c)
{
	struct dmm_wire_refuse refuse;
	struct dmm_handover_msg msg;
	struct dmm_wire_handover w;
	struct dmm_refusal r;
	int ret;

	while (!link_stopped(l)) {
		ret = link_send_all(l, c);
		if (!ret && !dmm_outbox_wait(l->outbox, c->fd, -1))
			continue;
		if (!ret)
			ret = dmm_client_receive(c, DMM_MSG_HANDOVER, &w, sizeof(w), &refuse);
		if (ret) {
			link_down(l, false, "the daemon at %.100s: %s", l->c.host,
				  link_reason(c, ret, &refuse));
			return;
		}
		if (dmm_handover_take(&w, l->c.migration, DMM_HO_DEST, false, &msg, &r)) {
			link_down(l, false, "the daemon at %.100s: %s", l->c.host, r.text);
			return;
		}
		l->c.message(l->c.ctx, &msg);
	}
}

static void link_once(struct dmm_link *l)
{
	struct dmm_client c;
	u64 began_ms;

	if (!link_connect(l, &c) && !link_join(l, &c)) {
		link_up(l);
		began_ms = dmm_now_ms();
		link_talk(l, &c);
		/* a peer that ends each connection soon is not to be asked five times a second */
		if (dmm_now_ms() - began_ms >= PAUSE_MAX_MS)
			l->pause_ms = PAUSE_MIN_MS;
	}
	pthread_mutex_lock(&l->lock);
	l->fd = -1;
	pthread_mutex_unlock(&l->lock);
	dmm_client_close(&c);
}

/*
 * Grows from one to the next; some of it random, so that many links do not come at once.  False: stop.
 */
static bool link_pause(struct dmm_link *l)
{
	struct timespec until;
	u32 random = 0;
	u64 until_ms;
	int ret = 0;
	bool stop;

	/* without it just less random */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	until_ms = dmm_now_ms() + l->pause_ms + random % (l->pause_ms / 4 + 1);
	until.tv_sec = (time_t)(until_ms / 1000);
	until.tv_nsec = (long)(until_ms % 1000) * 1000000;
	l->pause_ms = l->pause_ms * 2 < PAUSE_MAX_MS ? l->pause_ms * 2 : PAUSE_MAX_MS;
	pthread_mutex_lock(&l->lock);
	while (!l->stop && !l->poked && !ret)
		ret = pthread_cond_timedwait(&l->changed, &l->lock, &until);
	l->poked = false;
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return !stop;
}

static void *link_thread(void *arg)
{
	struct dmm_link *l = arg;

	do {
		link_once(l);
	} while (link_pause(l));
	pthread_mutex_lock(&l->lock);
	l->ended = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	link_put(l);
	return NULL;
}

int dmm_link_open(const struct dmm_link_config *c, struct dmm_link **link)
{
	struct dmm_link *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return -ENOMEM;
	l->outbox = dmm_outbox_new();
	if (!l->outbox) {
		free(l);
		return -ENOMEM;
	}
	l->c = *c;
	memcpy(l->log_id.migration, c->migration, sizeof(l->log_id.migration));
	l->log_id.disk = DMM_LOG_NO_DISK;
	l->log_id.peer = l->c.host;
	l->pause_ms = PAUSE_MIN_MS;
	l->fd = -1;
	l->refs = 2;
	pthread_mutex_init(&l->lock, NULL);
	dmm_cond_init(&l->changed);
	ret = dmm_thread_detached(link_thread, l, 0);
	if (ret) {
		l->refs = 1;
		link_put(l);
		return ret;
	}
	*link = l;
	return 0;
}

void dmm_link_close(struct dmm_link *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	if (l->fd >= 0)
		shutdown(l->fd, SHUT_RDWR);
	pthread_cond_broadcast(&l->changed);
	while (!l->ended && !l->alone)
		pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
	link_put(l);
}

void dmm_link_send(struct dmm_link *l, const struct dmm_handover_msg *msg)
{
	pthread_mutex_lock(&l->lock);
	if (l->st.up)
		dmm_outbox_put(l->outbox, msg);
	pthread_mutex_unlock(&l->lock);
}

void dmm_link_from(struct dmm_link *l, const char from[DMM_OWN_ADDRESS])
{
	pthread_mutex_lock(&l->lock);
	snprintf(l->c.from, sizeof(l->c.from), "%s", from);
	pthread_mutex_unlock(&l->lock);
}

void dmm_link_poke(struct dmm_link *l)
{
	pthread_mutex_lock(&l->lock);
	l->poked = !l->st.up;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void dmm_link_status(struct dmm_link *l, struct dmm_link_status *st)
{
	pthread_mutex_lock(&l->lock);
	*st = l->st;
	pthread_mutex_unlock(&l->lock);
}
