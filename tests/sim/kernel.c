// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel of the source's host: threads, works, waiting and memory, in one thread of ours.  A thread of the module
 * runs until it sleeps, or comes to where it could be preempted and the seed says so; who goes on then, the seed says, too.
 */
#include <setjmp.h>
#include <ucontext.h>

#include "kernel.h"
#include "stop.h"

#include "device.h"

#define STACK_BYTES	(64u << 10)
#define MAX_TASKS	96u
#define MAX_PAGES	8192u

#ifdef __SANITIZE_ADDRESS__
#define SWAP		1		/* which knows of stacks */
#else
#define SWAP		0
#endif

struct task_struct {
	ucontext_t context;
	jmp_buf at;
	int (*fn)(void *data);
	void *data;
	wait_queue_head_t *waits_for;
	u64 until;
	bool runs, begun, sleeps, should_stop, exited;
	wait_queue_head_t gone;
	char *stack;
};

struct sim *the_sim;
u32 sim_rcu_readers;

static struct task_struct tasks[MAX_TASKS], *current;
static u64 due[MAX_TASKS];	/* when each can go on, 0: at once; all that run_one() looks at */
static u32 nr_tasks, spins;
static ucontext_t main_context;
static jmp_buf main_at;
static struct work_struct *delayed;

/* ---- memory ---- */

struct chunk {
	struct chunk *next, *prev;
	u64 pad[2];
};

static struct chunk chunks = { &chunks, &chunks };
static struct page pages[MAX_PAGES], *free_pages;
static u8 page_bytes[MAX_PAGES][PAGE_SIZE];

void *sim_alloc(size_t n)
{
	struct chunk *c = calloc(1, sizeof(*c) + n);

	if (!c)
		abort();
	c->next = &chunks;
	c->prev = chunks.prev;
	c->prev->next = c;
	chunks.prev = c;
	return c + 1;
}

void sim_free(void *p)
{
	struct chunk *c = (struct chunk *)p - 1;

	if (!p)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	free(c);
}

char *kstrdup(const char *s, int gfp)
{
	(void)gfp;
	return strcpy(sim_alloc(strlen(s) + 1), s);
}

void *page_address(const struct page *page)
{
	return page_bytes[page - pages];
}

struct page *alloc_page(int gfp)
{
	struct page *page = free_pages;

	if (!page)
		abort();
	free_pages = page->next;
	if (gfp & __GFP_ZERO)
		memset(page_address(page), 0, PAGE_SIZE);
	return page;
}

void __free_page(struct page *page)
{
	page->next = free_pages;
	free_pages = page;
}

/* ---- threads ---- */

static void task_leave(void)
{
	struct task_struct *t = current;

	if (spins)
		sim_fail(the_sim, "somebody sleeps with a spinlock");
	if (SWAP)
		swapcontext(&t->context, &main_context);
	else if (!_setjmp(t->at))
		_longjmp(main_at, 1);
}

/* After each change of @t. */
static void task_is(struct task_struct *t)
{
	due[t - tasks] = !t->runs || t->exited ? ~0ull : t->sleeps ? t->until : 0;
}

static void task_main(void)
{
	struct task_struct *t = current;

	t->fn(t->data);
	t->exited = true;
	task_is(t);
	wake_up(&t->gone);
	task_leave();
	abort();
}

static void task_enter(struct task_struct *t)
{
	current = t;
	if (!t->begun) {
		t->begun = true;
		getcontext(&t->context);
		t->context.uc_stack.ss_sp = t->stack;
		t->context.uc_stack.ss_size = STACK_BYTES;
		t->context.uc_link = NULL;
		makecontext(&t->context, task_main, 0);
		if (SWAP || !_setjmp(main_at))
			swapcontext(&main_context, &t->context);
	} else if (SWAP) {
		swapcontext(&main_context, &t->context);
	} else if (!_setjmp(main_at)) {
		_longjmp(t->at, 1);
	}
	current = NULL;
}

static struct task_struct *task_new(int (*fn)(void *), void *data)
{
	struct task_struct *t = NULL;
	char *stack;
	u32 i;

	for (i = 0; i < nr_tasks && !t; i++) {
		if (tasks[i].exited)
			t = &tasks[i];
	}
	if (!t) {
		if (nr_tasks == MAX_TASKS)
			abort();
		t = &tasks[nr_tasks++];
	}
	stack = t->stack ? t->stack : malloc(STACK_BYTES);
	memset(t, 0, sizeof(*t));
	t->stack = stack;
	t->fn = fn;
	t->data = data;
	task_is(t);
	return t;
}

struct task_struct *kthread_create(int (*fn)(void *), void *data, const char *fmt, ...)
{
	(void)fmt;
	return task_new(fn, data);
}

void wake_up_process(struct task_struct *task)
{
	task->runs = true;
	task->sleeps = false;
	task_is(task);
}

bool kthread_should_stop(void)
{
	return current->should_stop;
}

int kthread_stop(struct task_struct *task)
{
	task->should_stop = true;
	if (!task->runs)	/* which never has */
		task->exited = true;
	wake_up_process(task);
	wait_event_idle(task->gone, task->exited);
	return 0;
}

static void queue_due_works(void)
{
	struct work_struct **at, *w;

	for (at = &delayed; (w = *at);) {
		if (w->due > ktime_get_ns()) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->due = 0;
		queue_work(NULL, w);
	}
}

/* One of those that can go on does. */
static bool run_one(void)
{
	u64 now = ktime_get_ns();
	u32 i, can[MAX_TASKS], nr = 0;

	queue_due_works();
	for (i = 0; i < nr_tasks; i++) {
		can[nr] = i;
		nr += now >= due[i];
	}
	if (!nr)
		return false;
	task_enter(&tasks[can[sim_random(the_sim, nr)]]);
	return true;
}

void sim_kernel_run(struct sim *sim, u32 slices)
{
	while (slices-- && !sim->failed && run_one())
		;
}

void sim_yield(void)
{
	if (current && !sim_random(the_sim, 4))
		task_leave();
	else if (!current)
		sim_kernel_run(the_sim, sim_random(the_sim, 4));
}

/* A point at which a debug build can be stopped is one at which it is preempted. */
void dmm_stop_at(enum dmm_stop_point point, const bool *abort_)
{
	(void)point;
	(void)abort_;
	if (sim_random(the_sim, 2))
		sim_yield();
}

bool dmm_stop_unknown(const struct bio *bio)
{
	(void)bio;
	return false;
}

u64 dmm_stop_ack_timeout_ns(void)
{
	return DMM_ACK_TIMEOUT_MS * NSEC_PER_MSEC;
}

/* ---- time and waiting ---- */

u64 ktime_get_ns(void)
{
	return (the_sim->now + 1) * NSEC_PER_MSEC;
}

u64 sim_until(long timeout)
{
	return timeout == MAX_SCHEDULE_TIMEOUT ? ~0ull : ktime_get_ns() + (u64)timeout * NSEC_PER_MSEC;
}

void wake_up(wait_queue_head_t *wq)
{
	u32 i;

	wq->wakes++;
	for (i = 0; i < nr_tasks; i++) {
		if (tasks[i].sleeps && tasks[i].waits_for == wq) {
			tasks[i].sleeps = false;
			task_is(&tasks[i]);
		}
	}
}

void sim_wait(wait_queue_head_t *wq, u32 wakes, u64 until)
{
	if (!current) {		/* a command: its process waits, and the world goes on */
		if (!run_one() && !sim_source_answers(the_sim))
			the_sim->now++;
		if (until == ~0ull && ++the_sim->waited > 100000)
			sim_fail(the_sim, "a command waits for ever");
		return;
	}
	if (wq->wakes != wakes)
		return;
	current->waits_for = wq;
	current->until = until;
	current->sleeps = true;
	task_is(current);
	task_leave();
	current->sleeps = false;
	task_is(current);
}

void schedule(void)
{
	current->waits_for = NULL;
	current->until = ~0ull;
	current->sleeps = true;
	task_is(current);
	task_leave();
}

void sim_preempt(void)
{
	if (current && !spins && !sim_rcu_readers && !sim_random(the_sim, 32))
		task_leave();
}

/* Whoever is to take a lock may have to wait for it: what was read before is old by then. */
void sim_spin(spinlock_t *lock, bool take)
{
	if (take)
		sim_preempt();
	if (lock->held == take)
		sim_fail(the_sim, "a spinlock is %s twice", take ? "taken" : "given back");
	lock->held = take;
	spins += take ? 1 : -1;
}

void mutex_lock(struct mutex *lock)
{
	wait_event_idle(lock->wait, !lock->held);
	lock->held = true;
}

void mutex_unlock(struct mutex *lock)
{
	lock->held = false;
	wake_up(&lock->wait);
}

/* ---- works ---- */

static int work_thread(void *data)
{
	struct work_struct *work = data;

	for (;;) {
		if (!work->pending) {
			schedule();
			continue;
		}
		work->pending = false;
		work->fn(work);
	}
	return 0;
}

void queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	(void)wq;
	if (!work->task)
		work->task = task_new(work_thread, work);
	work->pending = true;
	wake_up_process(work->task);
}

void cancel_delayed_work(struct delayed_work *dwork)
{
	struct work_struct **at;

	for (at = &delayed; *at; at = &(*at)->next) {
		if (*at == &dwork->work) {
			*at = dwork->work.next;
			break;
		}
	}
	dwork->work.due = 0;
}

void mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay)
{
	(void)wq;
	cancel_delayed_work(dwork);
	dwork->work.due = ktime_get_ns() + delay * NSEC_PER_MSEC;
	dwork->work.next = delayed;
	delayed = &dwork->work;
}

/* ---- what is said ---- */

void sim_kernel_warns(const char *what, const char *file, int line)
{
	sim_fail(the_sim, "the kernel warns: %s (%s:%d)", what, file, line);
}

void sim_printk(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!the_sim->trace)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sim_say(the_sim, "kernel: %s", text);
}

void sim_kernel_boot(struct sim *sim)
{
	u32 i;

	the_sim = sim;
	while (chunks.next != &chunks)
		sim_free(chunks.next + 1);
	for (i = 0; i < MAX_PAGES; i++)
		pages[i].next = i + 1 < MAX_PAGES ? &pages[i + 1] : NULL;
	free_pages = pages;
	for (i = 0; i < nr_tasks; i++) {
		tasks[i].exited = true;	/* where it is, it will never go on from */
		task_is(&tasks[i]);
	}
	spins = 0;
	delayed = NULL;
}
