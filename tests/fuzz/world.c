// SPDX-License-Identifier: GPL-2.0
/*
 * Fibers, and a clock of their own; see world.h.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "world_priv.h"

#define STACK_BYTES	(1u << 20)
#define MAX_FIBERS	48
#define MAX_SWITCHES	200000u		/* of one input: beyond, it is an endless loop */
#define START_NS	1000000000000ull

enum waits { NOT, FOR_POLL, FOR_COND, FOR_MUTEX, FOR_JOIN };

static struct fiber {
	void *buf[5];			/* __builtin_setjmp()'s */
	ucontext_t first;
	u8 *stack;
	void *fake;			/* ASan's */
	void *(*main)(void *arg);
	void *arg;
	bool used, ended;
	enum waits waits;
	u64 until_ns;			/* ~0: for ever */
	struct pollfd *fds;
	nfds_t nr_fds;
	pthread_cond_t *cond;
	bool signalled;
	pthread_mutex_t *mutex;
	struct fiber *other;
} fibers[MAX_FIBERS], *now_on;

static __thread bool inside;
static u64 now_ns;
static u32 switches;
static void *home_buf[5], *home_fake;
static const void *home_stack;
static size_t home_bytes;

/* --- fibers --- */

__attribute__((noinline, noreturn, no_sanitize("address")))
static void jump(void **buf)
{
	__builtin_longjmp(buf, 1);
}

__attribute__((noinline, noreturn, no_sanitize("address")))
static void jump_first(ucontext_t *to)
{
	setcontext(to);
	__builtin_trap();
}

/* From a fiber (NULL: home) to another. */
__attribute__((noinline, no_sanitize("address")))
static void switch_to(struct fiber *from, struct fiber *to)
{
	static struct fiber *came_from;

	fuzz_assert(++switches < MAX_SWITCHES);
	came_from = from;
	now_on = to;
	__sanitizer_start_switch_fiber(from ? &from->fake : &home_fake, to ? to->stack : home_stack,
				       to ? STACK_BYTES : home_bytes);
	if (!__builtin_setjmp(from ? from->buf : home_buf)) {
		if (to && to->first.uc_link == &to->first) {
			to->first.uc_link = NULL;
			jump_first(&to->first);
		}
		jump(to ? to->buf : home_buf);
	}
	__sanitizer_finish_switch_fiber(now_on ? now_on->fake : home_fake, came_from ? NULL : &home_stack,
					came_from ? NULL : &home_bytes);
}

/* One after another on the same stack: only the first needs a context. */
__attribute__((no_sanitize("address")))
static void fiber_main(void)
{
	__sanitizer_finish_switch_fiber(NULL, &home_stack, &home_bytes);
	for (;;) {
		now_on->main(now_on->arg);
		now_on->ended = true;
		switch_to(now_on, NULL);
	}
}

static struct fiber *fiber_new(void *(*fn)(void *), void *arg)
{
	struct fiber *f = fibers;

	while (f < fibers + MAX_FIBERS && f->used)
		f++;
	if (f == fibers + MAX_FIBERS)
		return NULL;
	if (!f->stack) {
		/* the page below it is nobody's */
		f->stack = mmap(NULL, STACK_BYTES + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		fuzz_assert(f->stack != MAP_FAILED && !mprotect(f->stack, 4096, PROT_NONE));
		f->stack += 4096;
		getcontext(&f->first);
		f->first.uc_stack.ss_sp = f->stack;
		f->first.uc_stack.ss_size = STACK_BYTES;
		makecontext(&f->first, fiber_main, 0);
		f->first.uc_link = &f->first;	/* it has not begun */
	}
	f->used = true;
	f->ended = false;
	f->waits = NOT;
	f->main = fn;
	f->arg = arg;
	return f;
}

static int poll_now(struct pollfd *p, nfds_t nr)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < nr; i++) {
		p[i].revents = world_fd_ready(p[i].fd, p[i].events);
		ready += !!p[i].revents;
	}
	return ready;
}

static bool fiber_ready(const struct fiber *f)
{
	switch (f->waits) {
	case FOR_POLL:
		return now_ns >= f->until_ns || poll_now(f->fds, f->nr_fds);
	case FOR_COND:
		return now_ns >= f->until_ns || f->signalled;
	case FOR_MUTEX:
		if (pthread_mutex_trylock(f->mutex))
			return false;
		pthread_mutex_unlock(f->mutex);
		return true;
	case FOR_JOIN:
		return f->other->ended;
	default:
		return true;
	}
}

static bool run_round(void)
{
	bool any = false;
	struct fiber *f;

	for (f = fibers; f < fibers + MAX_FIBERS; f++) {
		if (!f->used || f->ended || !fiber_ready(f))
			continue;
		f->waits = NOT;
		switch_to(NULL, f);
		any = true;
	}
	return any;
}

static bool advance(void)
{
	u64 next = ~0ull;
	struct fiber *f;

	for (f = fibers; f < fibers + MAX_FIBERS; f++) {
		if (f->used && !f->ended && (f->waits == FOR_POLL || f->waits == FOR_COND) && f->until_ns < next)
			next = f->until_ns;
	}
	if (next == ~0ull)
		return false;
	if (next > now_ns)
		now_ns = next;
	return true;
}

void world_settle(void)
{
	while (run_round())
		;
}

bool world_sleep(void)
{
	if (!advance())
		return false;
	world_settle();
	return true;
}

/* Whoever is on, home or a fiber, waits as @w says. */
static void wait_as(const struct fiber *w)
{
	struct fiber *f = now_on;

	if (f) {
		f->waits = w->waits;
		f->until_ns = w->until_ns;
		f->fds = w->fds;
		f->nr_fds = w->nr_fds;
		f->cond = w->cond;
		f->signalled = false;
		f->mutex = w->mutex;
		f->other = w->other;
		switch_to(f, NULL);
		return;
	}
	while (!fiber_ready(w)) {
		if (!run_round() && !advance()) {
			fuzz_assert(w->until_ns != ~0ull);	/* all wait for each other */
			now_ns = w->until_ns;
		}
		if (w->waits == FOR_COND)	/* nobody signals home: it looks itself */
			return;
	}
}

void world_enter(void)
{
	fuzz_assert(!inside);
	now_ns = START_NS;
	switches = 0;
	inside = true;
}

void world_leave(void)
{
	struct fiber *f;

	world_settle();
	for (f = fibers; f < fibers + MAX_FIBERS; f++) {
		fuzz_assert(!f->used || f->ended);
		f->used = false;
	}
	inside = false;
}

u64 world_now_ms(void)
{
	return now_ns / 1000000;
}

bool world_inside(void)
{
	return inside;
}

/* --- in place of libc --- */

int __wrap_poll(struct pollfd *p, nfds_t nr, int timeout_ms)
{
	struct fiber w = { .waits = FOR_POLL, .fds = p, .nr_fds = nr };

	if (!inside)
		return __real_poll(p, nr, timeout_ms);
	w.until_ns = timeout_ms < 0 ? ~0ull : now_ns + timeout_ms * 1000000ull;
	if (timeout_ms && !poll_now(p, nr))
		wait_as(&w);
	return poll_now(p, nr);
}

/* As of a test's socketpair: it has none of them. */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!inside)
		return __real_clock_gettime(clock, ts);
	ts->tv_sec = now_ns / 1000000000;
	ts->tv_nsec = now_ns % 1000000000;
	return 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
	const struct fiber w = { .waits = FOR_MUTEX, .mutex = m, .until_ns = ~0ull };

	if (!inside)
		return __real_pthread_mutex_lock(m);
	while (pthread_mutex_trylock(m))
		wait_as(&w);
	return 0;
}

static int cond_wait(pthread_cond_t *c, pthread_mutex_t *m, u64 until_ns)
{
	const struct fiber w = { .waits = FOR_COND, .cond = c, .until_ns = until_ns };

	pthread_mutex_unlock(m);
	wait_as(&w);
	__wrap_pthread_mutex_lock(m);
	return now_ns >= until_ns ? ETIMEDOUT : 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	return inside ? cond_wait(c, m, ~0ull) : __real_pthread_cond_wait(c, m);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
	return inside ? cond_wait(c, m, until->tv_sec * 1000000000ull + until->tv_nsec) :
			__real_pthread_cond_timedwait(c, m, until);
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
	struct fiber *f;

	if (!inside)
		return __real_pthread_cond_broadcast(c);
	for (f = fibers; f < fibers + MAX_FIBERS; f++) {
		if (f->used && !f->ended && f->waits == FOR_COND && f->cond == c)
			f->signalled = true;
	}
	return 0;
}

/* Waking more than one is allowed. */

int __wrap_pthread_cond_signal(pthread_cond_t *c)
{
	return inside ? __wrap_pthread_cond_broadcast(c) : __real_pthread_cond_signal(c);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct fiber *f;

	if (!inside)
		return __real_pthread_create(t, attr, fn, arg);
	f = fiber_new(fn, arg);
	*t = (pthread_t)f;
	return f ? 0 : EAGAIN;
}

int __wrap_pthread_join(pthread_t t, void **result)
{
	const struct fiber w = { .waits = FOR_JOIN, .other = (struct fiber *)t, .until_ns = ~0ull };

	if (!inside)
		return __real_pthread_join(t, result);
	if (!w.other->ended)
		wait_as(&w);
	return 0;
}

int __wrap_usleep(useconds_t us)
{
	struct fiber w = { .waits = FOR_POLL };

	if (!inside)
		return __real_usleep(us);
	w.until_ns = now_ns + us * 1000ull;
	wait_as(&w);
	return 0;
}

int __wrap_nanosleep(const struct timespec *ts, struct timespec *left)
{
	struct fiber w = { .waits = FOR_POLL };

	if (!inside)
		return __real_nanosleep(ts, left);
	w.until_ns = now_ns + ts->tv_sec * 1000000000ull + ts->tv_nsec;
	wait_as(&w);
	return 0;
}
