// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of the hand-over: their wire form, the state machine's, what waits to be sent, and the
 * destination's end of a connection.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "handover_priv.h"
#include "migrations.h"

/* One of each disk, and one of each kind besides: none of them pushes out another. */
#define OUTBOX_MAX	(DMM_MAX_GROUP + (u32)__DMM_HANDOVER_MAX)

struct dmm_outbox {
	int fd;				/* eventfd: readable while there is something; constant */
	struct dmm_list node;		/* its owner's */
	/* protected by lock, a leaf */
	pthread_mutex_t lock;
	u32 nr;
	struct dmm_handover_msg msgs[OUTBOX_MAX];	/* oldest first */
};

/* --- wire form --- */

enum {
	HAS_STATE	= 1 << 0,
	HAS_EPOCH	= 1 << 1,
	HAS_INSTANCE	= 1 << 2,
	HAS_BARRIER	= 1 << 3,	/* disk, flags, conn_epoch, barrier */
};

#define NO_EVENT	__DMM_HO_EV_MAX	/* not the state machine's */

static const struct form {
	unsigned int fields;
	unsigned int from;		/* enum dmm_ho_role: whose it is */
	enum dmm_ho_event_type type;
} forms[__DMM_HANDOVER_MAX] = {
	[DMM_HANDOVER_JOIN]	= { 0, DMM_HO_SOURCE | DMM_HO_DEST, NO_EVENT },
	[DMM_HANDOVER_ACQUIRE]	= { 0, DMM_HO_DEST, DMM_HO_EV_ACQUIRE },
	[DMM_HANDOVER_COMPLETE]	= { HAS_EPOCH | HAS_INSTANCE, DMM_HO_DEST, DMM_HO_EV_COMPLETE },
	[DMM_HANDOVER_REFUSED]	= { HAS_EPOCH, DMM_HO_DEST, DMM_HO_EV_REFUSED },
	[DMM_HANDOVER_RUNNING_ACK] = { HAS_EPOCH | HAS_INSTANCE, DMM_HO_DEST, DMM_HO_EV_RUNNING_ACK },
	[DMM_HANDOVER_ASK_SOURCE] = { HAS_INSTANCE, DMM_HO_DEST, DMM_HO_EV_ASK_SOURCE },
	[DMM_HANDOVER_TOKEN]	= { HAS_EPOCH | HAS_INSTANCE, DMM_HO_SOURCE, DMM_HO_EV_TOKEN },
	[DMM_HANDOVER_ASK_REFUSE] = { HAS_EPOCH | HAS_INSTANCE, DMM_HO_SOURCE, DMM_HO_EV_ASK_REFUSE },
	[DMM_HANDOVER_RELEASED]	= { HAS_EPOCH, DMM_HO_SOURCE, DMM_HO_EV_RELEASED },
	[DMM_HANDOVER_SOURCE]	= { HAS_STATE | HAS_EPOCH | HAS_INSTANCE, DMM_HO_SOURCE,
				    DMM_HO_EV_SOURCE },
	[DMM_HANDOVER_BARRIER]	= { HAS_EPOCH | HAS_BARRIER, DMM_HO_SOURCE, NO_EVENT },
};

void dmm_handover_encode(const struct dmm_handover_msg *msg, struct dmm_wire_handover *w)
{
	memset(w, 0, sizeof(*w));
	memcpy(w->migration, msg->migration, sizeof(w->migration));
	w->event = cpu_to_le32(msg->event);
	w->state = cpu_to_le32(msg->state);
	w->epoch = cpu_to_le64(msg->epoch);
	memcpy(w->instance, msg->instance.b, sizeof(w->instance));
	w->disk = cpu_to_le32(msg->disk);
	w->flags = cpu_to_le32(msg->flags);
	w->conn_epoch = cpu_to_le64(msg->conn_epoch);
	w->barrier = cpu_to_le64(msg->barrier);
}

static int malformed(struct dmm_refusal *r, const char *what)
{
	return dmm_refuse(r, DMM_WERR_PROTOCOL, "malformed message of a hand-over: %s", what);
}

/* The fields that its event does not have. */
static bool handover_has_others(const struct dmm_wire_handover *w, unsigned int fields)
{
	struct dmm_wire_handover others = *w;

	memset(others.migration, 0, sizeof(others.migration));
	others.event = 0;
	if (fields & HAS_STATE)
		others.state = 0;
	if (fields & HAS_EPOCH)
		others.epoch = 0;
	if (fields & HAS_INSTANCE)
		memset(others.instance, 0, sizeof(others.instance));
	if (fields & HAS_BARRIER)
		others.disk = others.flags = others.conn_epoch = others.barrier = 0;
	return memcmp(&others, &(struct dmm_wire_handover){ 0 }, sizeof(others));
}

int dmm_handover_decode(const void *payload, struct dmm_handover_msg *msg, struct dmm_refusal *r)
{
	struct dmm_wire_handover w;
	enum dmm_ho_state state;
	unsigned int fields;
	u32 event;

	memcpy(&w, payload, sizeof(w));
	event = le32_to_cpu(w.event);
	if (!event || event >= __DMM_HANDOVER_MAX)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown event %u of a hand-over: the other daemon "
				  "is newer, upgrade this one", event);
	fields = forms[event].fields;
	if (dmm_id_is_zero(w.migration))
		return malformed(r, "the migration's id is zero");
	if (handover_has_others(&w, fields))
		return malformed(r, "a field that its event does not have");
	state = (enum dmm_ho_state)le32_to_cpu(w.state);
	if ((fields & HAS_STATE) && state != DMM_HO_LOST && !dmm_ho_state_durable(state, DMM_HO_SOURCE))
		return malformed(r, "a state that no journal of a source has");
	if ((fields & HAS_BARRIER) &&
	    (le32_to_cpu(w.disk) >= DMM_MAX_GROUP || !w.conn_epoch || !w.barrier))
		return malformed(r, "no barrier of a disk of a group");
	if (le32_to_cpu(w.flags) & ~DMM_BARRIER_ACQUIRED)
		return malformed(r, "unknown flags");
	memcpy(msg->migration, w.migration, sizeof(msg->migration));
	msg->event = (enum dmm_wire_handover_event)event;
	msg->state = state;
	msg->epoch = le64_to_cpu(w.epoch);
	memcpy(msg->instance.b, w.instance, sizeof(msg->instance.b));
	msg->disk = le32_to_cpu(w.disk);
	msg->flags = le32_to_cpu(w.flags);
	msg->conn_epoch = le64_to_cpu(w.conn_epoch);
	msg->barrier = le64_to_cpu(w.barrier);
	return 0;
}

int dmm_handover_take(const void *payload, const u8 migration[DMM_ID_BYTES], enum dmm_ho_role from,
		      bool join, struct dmm_handover_msg *msg, struct dmm_refusal *r)
{
	int ret = dmm_handover_decode(payload, msg, r);

	if (ret)
		return ret;
	if (memcmp(msg->migration, migration, DMM_ID_BYTES))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "a message about another migration than this "
				  "connection's");
	if ((msg->event == DMM_HANDOVER_JOIN) != join || !(forms[msg->event].from & from))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "event %u of a hand-over is out of place here",
				  msg->event);
	return 0;
}

/* --- the state machine's form --- */

int dmm_handover_from_event(const u8 migration[DMM_ID_BYTES], const struct dmm_ho_event *ev,
			    struct dmm_handover_msg *msg)
{
	u32 i;

	for (i = 1; i < __DMM_HANDOVER_MAX; i++) {
		if (forms[i].type == ev->type && forms[i].type != NO_EVENT)
			break;
	}
	if (i == __DMM_HANDOVER_MAX)
		return -EINVAL;
	memset(msg, 0, sizeof(*msg));
	memcpy(msg->migration, migration, sizeof(msg->migration));
	msg->event = (enum dmm_wire_handover_event)i;
	/* it fills more than it means */
	if (forms[i].fields & HAS_STATE)
		msg->state = ev->state;
	if (forms[i].fields & HAS_EPOCH)
		msg->epoch = ev->epoch;
	if (forms[i].fields & HAS_INSTANCE)
		msg->instance = ev->instance;
	return 0;
}

int dmm_handover_to_event(const struct dmm_handover_msg *msg, struct dmm_ho_event *ev)
{
	if (forms[msg->event].type == NO_EVENT)
		return -EINVAL;
	memset(ev, 0, sizeof(*ev));
	ev->type = forms[msg->event].type;
	ev->state = msg->state;
	ev->epoch = msg->epoch;
	ev->instance = msg->instance;
	return 0;
}

/* --- what waits to be sent --- */

struct dmm_outbox *dmm_outbox_new(void)
{
	struct dmm_outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (o->fd < 0) {
		free(o);
		return NULL;
	}
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

struct dmm_list *dmm_outbox_node(struct dmm_outbox *o)
{
	return &o->node;
}

struct dmm_outbox *dmm_outbox_of(struct dmm_list *node)
{
	return dmm_list_entry(node, struct dmm_outbox, node);
}

void dmm_outbox_free(struct dmm_outbox *o)
{
	if (!o)
		return;
	pthread_mutex_destroy(&o->lock);
	close(o->fd);
	free(o);
}

static void outbox_remove_locked(struct dmm_outbox *o, u32 i)
{
	o->nr--;
	memmove(o->msgs + i, o->msgs + i + 1, (o->nr - i) * sizeof(o->msgs[0]));
}

void dmm_outbox_put(struct dmm_outbox *o, const struct dmm_handover_msg *msg)
{
	u32 i;

	pthread_mutex_lock(&o->lock);
	for (i = 0; i < o->nr; i++) {
		if (o->msgs[i].event == msg->event && o->msgs[i].disk == msg->disk)
			break;
	}
	if (i < o->nr)
		outbox_remove_locked(o, i);
	else if (o->nr == OUTBOX_MAX)
		outbox_remove_locked(o, 0);
	o->msgs[o->nr++] = *msg;
	eventfd_write(o->fd, 1);
	pthread_mutex_unlock(&o->lock);
}

bool dmm_outbox_take(struct dmm_outbox *o, struct dmm_handover_msg *msg)
{
	eventfd_t ignored;
	bool any;

	pthread_mutex_lock(&o->lock);
	any = o->nr;
	if (any) {
		*msg = o->msgs[0];
		outbox_remove_locked(o, 0);
	} else {
		eventfd_read(o->fd, &ignored);
	}
	pthread_mutex_unlock(&o->lock);
	return any;
}

bool dmm_outbox_wait(struct dmm_outbox *o, int fd, int stop_fd)
{
	struct pollfd p[3] = {
		{ .fd = o->fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },	/* poll ignores -1 */
	};

	/* EINTR, the only failure there is, leaves them as they are: zero */
	poll(p, 3, -1);
	return p[1].revents || p[2].revents;
}

void dmm_handover_set_options(int fd)
{
	static const struct { int name, value; } options[] = {
		{ TCP_KEEPIDLE, 5 },
		{ TCP_KEEPINTVL, 5 },
		{ TCP_KEEPCNT, 2 },
		/* nothing is probed while something is not acknowledged */
		{ TCP_USER_TIMEOUT, 10000 },
	};
	size_t i;

	/* a test's socketpair has none of them */
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		dmm_tls_setsockopt(fd, options[i].name, options[i].value);
}

/* --- destination --- */

/* Whom the first message is about; the reference is the caller's. NULL with @r filled. */
static struct dmm_migration *handover_join(struct dmm_session *s, const u8 *payload,
					   struct dmm_refusal *r)
{
	struct dmm_migration *m = NULL;
	struct dmm_handover_msg msg;

	if (!(s->features & DMM_FEATURE_GROUP)) {
		dmm_refuse(r, DMM_WERR_PROTOCOL, "HANDOVER without its feature in HELLO");
		return NULL;
	}
	if (dmm_handover_decode(payload, &msg, r))
		return NULL;
	if (msg.event != DMM_HANDOVER_JOIN) {
		dmm_refuse(r, DMM_WERR_PROTOCOL, "the first message of a hand-over is not JOIN");
		return NULL;
	}
	memcpy(s->log_id.migration, msg.migration, sizeof(s->log_id.migration));
	if (s->rc->migrations)
		m = dmm_migrations_get(s->rc->migrations, msg.migration);
	if (!m || m->role != DMM_HO_DEST)
		dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration is not known here");
	else if (!dmm_migration_check_peer(m, s->peer_name, r))
		return m;
	dmm_migration_put(m);
	return NULL;
}

/* 0, or the connection is lost. */
static int handover_say(struct dmm_session *s, const struct dmm_handover_msg *msg)
{
	struct dmm_wire_handover w;

	dmm_handover_encode(msg, &w);
	return dmm_session_reply(s, DMM_MSG_HANDOVER, &w, sizeof(w));
}

static int handover_hear(struct dmm_session *s, struct dmm_migration *m, struct dmm_refusal *r)
{
	struct dmm_handover_msg msg;
	struct dmm_wire_handover w;
	struct dmm_frame f;
	int ret;

	/* it has begun, or the daemon stops */
	ret = dmm_session_recv(s, &f, &w, sizeof(w), dmm_now_ms() + s->rc->stall_ms, r);
	if (ret)
		return ret;
	if (f.type != DMM_MSG_HANDOVER)
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "message %u is out of place here", f.type);
	ret = dmm_handover_take(&w, m->id, DMM_HO_SOURCE, false, &msg, r);
	if (!ret && !dmm_migration_listed(m))	/* one that is prepared again is another one */
		ret = dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration is not known here any more");
	if (!ret)
		dmm_migration_message(m, &msg);
	return ret;
}

/* Returns -ENODATA: lost; another negative errno with @r filled: refuse. */
static int handover_talk(struct dmm_session *s, struct dmm_migration *m, struct dmm_outbox *o,
			 struct dmm_refusal *r)
{
	struct dmm_handover_msg msg;
	int ret = 0;

	while (!ret) {
		while (dmm_outbox_take(o, &msg)) {
			if (handover_say(s, &msg))
				return -ENODATA;
		}
		if (dmm_outbox_wait(o, s->fd, s->rc->stop_fd))
			ret = handover_hear(s, m, r);
	}
	return ret;
}

void dmm_handover_run(struct dmm_session *s, const u8 *payload)
{
	struct dmm_handover_msg joined = { .event = DMM_HANDOVER_JOIN };
	struct dmm_outbox *o = NULL;
	struct dmm_migration *m;
	struct dmm_refusal r;
	int ret = -ENODATA;

	m = handover_join(s, payload, &r);
	if (!m) {
		dmm_session_refuse(s, &r);
		return;
	}
	dmm_handover_set_options(s->fd);
	o = dmm_outbox_new();
	if (!o) {
		ret = dmm_refuse(&r, DMM_WERR_INTERNAL, "out of memory");
		goto out;
	}
	memcpy(joined.migration, m->id, sizeof(joined.migration));
	/* before anything else is said */
	if (handover_say(s, &joined))
		goto out;
	dmm_info(&s->log_id, "hand-over: the source's daemon is connected");
	dmm_migration_add_outbox(m, o);
	ret = handover_talk(s, m, o, &r);
	dmm_migration_remove_outbox(m, o);
out:
	if (ret != -ENODATA)
		dmm_session_refuse(s, &r);
	else
		dmm_info(&s->log_id, "hand-over: the connection to the source's daemon has ended");
	dmm_outbox_free(o);
	dmm_migration_put(m);
}
