/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of hand-over connections: a table of migrations that the test keeps, in place of
 * the daemon's (the linker's --wrap), which remembers what it was told; what was logged.
 * Header only: each test program is one file.
 */
#ifndef RECV_HANDOVER_H
#define RECV_HANDOVER_H

#include "recv_fake.h"

#include "dmmigrated/handover.h"
#include "dmmigrated/migrations.h"

#define HEARD_MAX	256

/* What comes at the end that the test watches, whichever that is. */
struct heard {
	pthread_mutex_t lock;
	struct dmm_handover_msg msgs[HEARD_MAX];
	u32 nr;
};

/* Protected by here.heard.lock, the migrations too. */
static struct here {
	struct dmm_migrations table;		/* its address only */
	struct dmm_migration known[3];		/* two destinations, and a source */
	struct heard heard;
	u32 joined;				/* outboxes that were registered */
} here = { .heard.lock = PTHREAD_MUTEX_INITIALIZER };

static struct { pthread_mutex_t lock; u32 connected, lost; } logged = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

struct dmm_migration *__wrap_dmm_migrations_get(struct dmm_migrations *ms, const u8 *id);
void __wrap_dmm_migration_put(struct dmm_migration *m);
void __wrap_dmm_migration_message(struct dmm_migration *m, const struct dmm_handover_msg *msg);
void __wrap_dmm_migration_add_outbox(struct dmm_migration *m, struct dmm_outbox *o);
void __wrap_dmm_migration_remove_outbox(struct dmm_migration *m, struct dmm_outbox *o);
bool __wrap_dmm_migration_listed(struct dmm_migration *m);
void __wrap_dmm_log(int priority, const struct dmm_log_id *id, const char *fmt, ...);

struct dmm_migration *__wrap_dmm_migrations_get(struct dmm_migrations *ms, const u8 *id)
{
	struct dmm_migration *m = NULL;
	u32 i;

	assert_ptr_equal(ms, &here.table);
	pthread_mutex_lock(&here.heard.lock);
	for (i = 0; i < 3 && !m; i++) {
		if (!memcmp(here.known[i].id, id, DMM_ID_BYTES))
			m = &here.known[i];
	}
	if (m)
		m->refs++;
	pthread_mutex_unlock(&here.heard.lock);
	return m;
}

void __wrap_dmm_migration_put(struct dmm_migration *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&here.heard.lock);
	assert_true(m->refs > 0);
	m->refs--;
	pthread_mutex_unlock(&here.heard.lock);
}

static inline void heard_add(struct heard *h, const struct dmm_handover_msg *msg)
{
	pthread_mutex_lock(&h->lock);
	h->msgs[h->nr++ % HEARD_MAX] = *msg;
	pthread_mutex_unlock(&h->lock);
}

void __wrap_dmm_migration_message(struct dmm_migration *m, const struct dmm_handover_msg *msg)
{
	assert_memory_equal(m->id, msg->migration, DMM_ID_BYTES);
	heard_add(&here.heard, msg);
}

void __wrap_dmm_migration_add_outbox(struct dmm_migration *m, struct dmm_outbox *o)
{
	pthread_mutex_lock(&here.heard.lock);
	dmm_list_add(&m->outboxes, dmm_outbox_node(o));
	here.joined++;
	pthread_mutex_unlock(&here.heard.lock);
}

void __wrap_dmm_migration_remove_outbox(struct dmm_migration *m, struct dmm_outbox *o)
{
	(void)m;
	pthread_mutex_lock(&here.heard.lock);
	dmm_list_del(dmm_outbox_node(o));
	pthread_mutex_unlock(&here.heard.lock);
}

bool __wrap_dmm_migration_listed(struct dmm_migration *m)
{
	(void)m;
	return true;
}

void __wrap_dmm_log(int priority, const struct dmm_log_id *id, const char *fmt, ...)
{
	(void)id;
	if (priority > LOG_NOTICE)
		return;
	pthread_mutex_lock(&logged.lock);
	logged.connected += !!strstr(fmt, "hand-over: connected");
	logged.lost += !!strstr(fmt, "hand-over: not connected");
	pthread_mutex_unlock(&logged.lock);
}

/* Migration 0 and 1 have their destination here, 2 its source. */
static inline void handover_start(void)
{
	u32 i;

	receiver_start(1 << 20, &fake_engine);
	rc.migrations = &here.table;
	peer_features = DMM_FEATURE_GROUP;
	for (i = 0; i < 3; i++) {
		memset(&here.known[i], 0, sizeof(here.known[i]));
		dmm_list_init(&here.known[i].outboxes);
		memset(here.known[i].id, 0x11 * (i + 1), DMM_ID_BYTES);
		here.known[i].role = i < 2 ? DMM_HO_DEST : DMM_HO_SOURCE;
	}
	here.heard.nr = here.joined = 0;
	logged.connected = logged.lost = 0;
}

static inline void handover_end(void)
{
	u32 i;

	receiver_end();
	for (i = 0; i < 3; i++) {
		assert_true(dmm_list_empty(&here.known[i].outboxes));
		assert_int_equal(here.known[i].refs, 0);
	}
}

/* A session of the receiver's talks on @fd. */
static inline void session_serve(int fd)
{
	assert_int_equal(dmm_session_start(&rc, fd, "test", false, dmm_now_ms() + rc.handshake_ms), 0);
}

static inline struct dmm_handover_msg message(u32 i, enum dmm_wire_handover_event event, u64 epoch)
{
	struct dmm_handover_msg msg = { .event = event, .epoch = epoch };

	memcpy(msg.migration, here.known[i].id, DMM_ID_BYTES);
	return msg;
}

/* The destination says it, where it is connected. */
static inline void here_says(u32 i, enum dmm_wire_handover_event event, u64 epoch)
{
	struct dmm_handover_msg msg = message(i, event, epoch);

	pthread_mutex_lock(&here.heard.lock);
	if (!dmm_list_empty(&here.known[i].outboxes))
		dmm_outbox_put(dmm_outbox_of(here.known[i].outboxes.next), &msg);
	pthread_mutex_unlock(&here.heard.lock);
}

static inline u32 heard_read(struct heard *h, const u32 *field)
{
	u32 v;

	pthread_mutex_lock(&h->lock);
	v = *field;
	pthread_mutex_unlock(&h->lock);
	return v;
}

static inline void heard_await(struct heard *h, const u32 *field, u32 least)
{
	u64 until = dmm_now_ms() + WAIT_MS;

	while (heard_read(h, field) < least) {
		assert_true(dmm_now_ms() < until);
		nap(2);
	}
}

/* By what goes over the wire: the structure has padding. */
static inline void expect_same(const struct dmm_handover_msg *a, const struct dmm_handover_msg *b)
{
	struct dmm_wire_handover wa, wb;

	dmm_handover_encode(a, &wa);
	dmm_handover_encode(b, &wb);
	assert_memory_equal(&wa, &wb, sizeof(wa));
}

/* The @i-th message that was heard. */
static inline void expect_heard(struct heard *h, u32 i, const struct dmm_handover_msg *msg)
{
	heard_await(h, &h->nr, i + 1);
	pthread_mutex_lock(&h->lock);
	expect_same(&h->msgs[i], msg);
	pthread_mutex_unlock(&h->lock);
}

/* Nothing comes that should not. */
static inline void expect_heard_no_more(struct heard *h, u32 nr)
{
	nap(60);
	assert_int_equal(heard_read(h, &h->nr), nr);
}

#endif
