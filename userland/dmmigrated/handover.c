// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of the hand-over: their wire form, the state machine's, and what waits to be sent.
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

#include "handover_priv.h"
#include "parse.h"

/* One of each disk, and one of each kind besides: none of them pushes out another. */
#define OUTBOX_MAX	(DMM_MAX_GROUP + (u32)__DMM_HANDOVER_MAX)

struct dmm_outbox {
	int fd;				/* eventfd: readable while there is something; constant */
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
	HAS_BARRIER	= 1 << 3,	/* disk, conn_epoch, barrier */
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
		others.disk = others.conn_epoch = others.barrier = 0;
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
	memcpy(msg->migration, w.migration, sizeof(msg->migration));
	msg->event = (enum dmm_wire_handover_event)event;
	msg->state = state;
	msg->epoch = le64_to_cpu(w.epoch);
	memcpy(msg->instance.b, w.instance, sizeof(msg->instance.b));
	msg->disk = le32_to_cpu(w.disk);
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
		setsockopt(fd, IPPROTO_TCP, options[i].name, &options[i].value, sizeof(options[i].value));
}
