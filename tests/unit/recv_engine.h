/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the receiver's unit tests: an engine whose completions the test decides.
 * Header only: each test program is one file.
 */
#ifndef RECV_ENGINE_H
#define RECV_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dmmigrated/engine.h"
#include "fullio.h"

/*
 * Runs tests once by every engine that this machine has, in `engine` meanwhile.  Returns the
 * number of failures.
 */
#define run_by_every_engine(tests, engine)						\
({											\
	char why_not[DMM_ENGINE_WHY];							\
	unsigned int nr_engine;								\
	int nr_failed = 0;								\
											\
	for (nr_engine = 1; dmm_engine_name(nr_engine); nr_engine++) {			\
		engine = dmm_engine_choose(dmm_engine_find(dmm_engine_name(nr_engine)),	\
					   why_not);					\
		print_message("engine %s: %s\n", dmm_engine_name(nr_engine),		\
			      engine ? "runs" : why_not);				\
		if (engine)								\
			nr_failed += cmocka_run_group_tests(tests, NULL, NULL);		\
	}										\
	nr_failed;									\
})

/* For what must happen; can-fail-recv.sh, which expects things not to happen, is less patient. */
static inline u64 wait_ms(void)
{
	const char *s = getenv("DMM_TEST_WAIT_MS");

	return s ? strtoul(s, NULL, 10) : 20000;
}
#define WAIT_MS	wait_ms()

#define FAKE_DEPTH	64
#define FAKE_ENGINES	8
#define FAKE_SOME	12u	/* so many that order matters */

/* One a connection; they share the disk. */
struct dmm_engine {
	int event_fd;
};

enum fake_mode {
	FAKE_HOLD,	/* ends what the test says */
	FAKE_LAST_FIRST,	/* ends everything, the newest first, once there are some or it is kicked */
	FAKE_AT_ONCE,	/* queue says DONE */
};

/* Protected by lock. */
static struct fake {
	pthread_mutex_t lock;
	enum fake_mode mode;
	u8 *disk;
	u64 size;
	struct dmm_engine *engines[FAKE_ENGINES];
	struct dmm_io *held[FAKE_DEPTH];	/* in flight, oldest first */
	struct dmm_engine *owner[FAKE_DEPTH];
	u32 nr_held;
	bool kicked, always_kicked;
	bool told[FAKE_DEPTH];			/* the test has ended it */
	s64 result[FAKE_DEPTH];
	u32 busy_above;				/* queue says BUSY with as many in flight; 0: never */
	u32 short_every;			/* every n-th write is short; 0: none */
	u32 again_every;			/* every n-th ends with EAGAIN */
	u32 writes;
	u32 flushes;
	u32 flushes_too_early;			/* with writes in flight */
	int flush_result;
	int reap_result;			/* negative: the engine is broken */
	u32 opened, closed;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline void fake_reset(enum fake_mode mode, u64 size)
{
	pthread_mutex_lock(&fake.lock);
	free(fake.disk);
	fake.disk = calloc(1, size);
	fake.size = size;
	fake.mode = mode;
	fake.nr_held = fake.writes = fake.flushes = fake.flushes_too_early = 0;
	fake.busy_above = fake.short_every = fake.again_every = 0;
	fake.flush_result = fake.reap_result = 0;
	fake.opened = fake.closed = 0;
	fake.kicked = fake.always_kicked = false;
	memset(fake.told, 0, sizeof(fake.told));
	pthread_mutex_unlock(&fake.lock);
}

static inline int fake_open(const struct dmm_engine_target *target, u32 depth,
			    struct dmm_engine **engine)
{
	struct dmm_engine *e = calloc(1, sizeof(*e));
	u32 i = 0;

	(void)target;
	(void)depth;
	e->event_fd = eventfd(0, EFD_NONBLOCK);
	pthread_mutex_lock(&fake.lock);
	while (fake.engines[i])
		assert_true(++i < FAKE_ENGINES);
	fake.engines[i] = e;
	fake.opened++;
	pthread_mutex_unlock(&fake.lock);
	*engine = e;
	return 0;
}

static inline void fake_close(struct dmm_engine *engine)
{
	u32 i;

	pthread_mutex_lock(&fake.lock);
	/* the receiver waits for its writes before it gets here, unless the engine broke */
	for (i = 0; i < fake.nr_held; i++)
		assert_ptr_not_equal(fake.owner[i], engine);
	for (i = 0; i < FAKE_ENGINES; i++) {
		if (fake.engines[i] == engine)
			fake.engines[i] = NULL;
	}
	fake.closed++;
	pthread_mutex_unlock(&fake.lock);
	close(engine->event_fd);
	free(engine);
}

/* What the write @io does to the disk and reports. */
static inline s64 fake_write_locked(struct dmm_io *io)
{
	u32 bytes = io->bytes;

	fake.writes++;
	if (fake.again_every && fake.writes % fake.again_every == 0)
		return -EAGAIN;
	if (fake.short_every && fake.writes % fake.short_every == 0 && bytes > 512)
		bytes = 512 * (1 + fake.writes % (bytes / 512));
	assert_true(io->offset_bytes + bytes <= fake.size);
	memcpy(fake.disk + io->offset_bytes, io->buf, bytes);
	return bytes;
}

static inline enum dmm_io_outcome fake_queue(struct dmm_engine *engine, struct dmm_io *io)
{
	enum dmm_io_outcome out = DMM_IO_QUEUED;

	pthread_mutex_lock(&fake.lock);
	if (fake.busy_above && fake.nr_held >= fake.busy_above) {
		out = DMM_IO_BUSY;
	} else if (fake.mode == FAKE_AT_ONCE) {
		io->result = fake_write_locked(io);
		out = DMM_IO_DONE;
	} else {
		assert_true(fake.nr_held < FAKE_DEPTH);
		fake.told[fake.nr_held] = false;
		fake.owner[fake.nr_held] = engine;
		fake.held[fake.nr_held++] = io;
		if (fake.mode == FAKE_LAST_FIRST && fake.nr_held >= FAKE_SOME)
			fake.kicked = true;
		if (fake.mode == FAKE_LAST_FIRST && fake.kicked)
			eventfd_write(engine->event_fd, 1);
	}
	pthread_mutex_unlock(&fake.lock);
	return out;
}

static inline void fake_submit(struct dmm_engine *engine)
{
	(void)engine;
}

static inline struct dmm_io *fake_take_locked(u32 i)
{
	struct dmm_io *io = fake.held[i];

	memmove(fake.held + i, fake.held + i + 1, (fake.nr_held - i - 1) * sizeof(fake.held[0]));
	memmove(fake.owner + i, fake.owner + i + 1,
		(fake.nr_held - i - 1) * sizeof(fake.owner[0]));
	memmove(fake.told + i, fake.told + i + 1, (fake.nr_held - i - 1) * sizeof(fake.told[0]));
	memmove(fake.result + i, fake.result + i + 1,
		(fake.nr_held - i - 1) * sizeof(fake.result[0]));
	fake.nr_held--;
	return io;
}

static inline int fake_reap(struct dmm_engine *engine, struct dmm_io **done, u32 max, bool wait)
{
	eventfd_t ignored;
	u32 i, nr = 0;
	s64 result;

	(void)wait;
	eventfd_read(engine->event_fd, &ignored);
	pthread_mutex_lock(&fake.lock);
	if (fake.reap_result < 0) {
		nr = fake.nr_held = 0;
		pthread_mutex_unlock(&fake.lock);
		return fake.reap_result;
	}
	for (i = fake.nr_held; fake.mode == FAKE_LAST_FIRST && fake.kicked && i > 0 && nr < max; i--) {
		if (fake.owner[i - 1] != engine)
			continue;
		done[nr] = fake_take_locked(i - 1);
		done[nr]->result = fake_write_locked(done[nr]);
		nr++;
	}
	if (!fake.nr_held)
		fake.kicked = fake.always_kicked;
	for (i = 0; fake.mode == FAKE_HOLD && i < fake.nr_held && nr < max;) {
		if (!fake.told[i] || fake.owner[i] != engine) {
			i++;
			continue;
		}
		result = fake.result[i];
		done[nr] = fake_take_locked(i);
		done[nr]->result = result ? result : fake_write_locked(done[nr]);
		nr++;
	}
	pthread_mutex_unlock(&fake.lock);
	return nr;
}

static inline int fake_flush(struct dmm_engine *engine)
{
	int ret;

	(void)engine;
	pthread_mutex_lock(&fake.lock);
	fake.flushes++;
	fake.flushes_too_early += !!fake.nr_held;
	ret = fake.flush_result;
	pthread_mutex_unlock(&fake.lock);
	return ret;
}

static inline int fake_event_fd(struct dmm_engine *engine)
{
	return engine->event_fd;
}

static const struct dmm_engine_ops fake_engine = {
	.name = "fake",
	.open = fake_open,
	.close = fake_close,
	.queue = fake_queue,
	.submit = fake_submit,
	.reap = fake_reap,
	.flush = fake_flush,
	.event_fd = fake_event_fd,
};

static inline bool fake_try_end(u64 offset, s64 result)
{
	bool found = false;
	u32 i;

	pthread_mutex_lock(&fake.lock);
	for (i = 0; i < fake.nr_held && !found; i++) {
		if (fake.held[i]->offset_bytes != offset || fake.told[i])
			continue;
		fake.told[i] = true;
		fake.result[i] = result;
		eventfd_write(fake.owner[i]->event_fd, 1);
		found = true;
	}
	pthread_mutex_unlock(&fake.lock);
	return found;
}

/* Ends the write at @offset, which may be about to begin, with @result (0: it is done whole). */
static inline void fake_end(u64 offset, s64 result)
{
	u64 until = dmm_now_ms() + WAIT_MS;

	while (!fake_try_end(offset, result)) {
		assert_true(dmm_now_ms() < until);
		usleep(2000);
	}
}

/* LAST_FIRST: ends what there is, however few. */
static inline void fake_kick(void)
{
	u32 i;

	pthread_mutex_lock(&fake.lock);
	fake.kicked = true;
	for (i = 0; i < FAKE_ENGINES; i++) {
		if (fake.engines[i])
			eventfd_write(fake.engines[i]->event_fd, 1);
	}
	pthread_mutex_unlock(&fake.lock);
}

/* After a test that failed half-way: nothing may hang on what it holds. */
static inline void fake_release(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.mode = FAKE_LAST_FIRST;
	fake.again_every = fake.busy_above = 0;
	fake.always_kicked = true;
	pthread_mutex_unlock(&fake.lock);
	fake_kick();
}

static inline u32 fake_read(const u32 *field)
{
	u32 v;

	pthread_mutex_lock(&fake.lock);
	v = *field;
	pthread_mutex_unlock(&fake.lock);
	return v;
}

static inline void nap(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&ts, NULL);
}

/* Waits until a counter of the engine has the value. */
static inline void fake_await(const u32 *field, u32 value)
{
	u64 until = dmm_now_ms() + WAIT_MS;

	while (fake_read(field) != value) {
		assert_true(dmm_now_ms() < until);
		nap(2);
	}
}

/* What the test has ended is not taken back yet? */
static inline bool fake_owes(void)
{
	bool owes = false;
	u32 i;

	pthread_mutex_lock(&fake.lock);
	for (i = 0; i < fake.nr_held; i++)
		owes |= fake.told[i];
	pthread_mutex_unlock(&fake.lock);
	return owes;
}

/*
 * It has the value and keeps it for a while: long enough for a mistake to show.  A value of
 * before what was ended last does not count.
 */
static inline void fake_stays(const u32 *field, u32 value)
{
	u64 until = dmm_now_ms() + WAIT_MS;

	while (fake_owes()) {
		assert_true(dmm_now_ms() < until);
		nap(2);
	}
	fake_await(field, value);
	nap(60);
	assert_int_equal(fake_read(field), value);
}

#endif
