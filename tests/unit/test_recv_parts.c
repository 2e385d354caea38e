// SPDX-License-Identifier: GPL-2.0
/*
 * The receiver's parts by themselves: order of overlapping extents, allow-list,
 * refusals, short writes.
 */
#include <signal.h>
#include <stdatomic.h>

#include "dmmigrated/allow.h"
#include "dmmigrated/order.h"
#include "dmmigrated/writer.h"
#include "recv_fake.h"

/* --- order --- */

static struct dmm_extent *extent(struct dmm_order_owner *owner, u64 first, u64 end)
{
	struct dmm_extent *e = calloc(1, sizeof(*e));

	e->owner = owner;
	e->first_bytes = first;
	e->end_bytes = end;
	return e;
}

static void order_counts_every_blocker(void **state)
{
	struct dmm_order_owner own;
	struct dmm_extent *a, *b, *c, *d;
	struct dmm_order o;
	eventfd_t v;
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	dmm_order_init(&o);
	dmm_order_owner_init(&own, fd);
	a = extent(&own, 0, 10);
	b = extent(&own, 20, 30);
	c = extent(&own, 5, 25);	/* both of them */
	d = extent(&own, 30, 40);	/* touches b, overlaps nothing */
	assert_true(dmm_order_idle(&o));
	assert_true(dmm_order_add(&o, a));
	assert_true(dmm_order_add(&o, b));
	assert_false(dmm_order_add(&o, c));
	assert_true(dmm_order_add(&o, d));
	assert_false(dmm_order_idle(&o));
	dmm_order_done(&o, b);
	assert_null(dmm_order_ready(&o, &own));
	assert_int_not_equal(eventfd_read(fd, &v), 0);
	dmm_order_done(&o, a);
	assert_int_equal(eventfd_read(fd, &v), 0);
	assert_ptr_equal(dmm_order_ready(&o, &own), c);
	assert_null(dmm_order_ready(&o, &own));
	dmm_order_done(&o, c);
	dmm_order_done(&o, d);
	assert_true(dmm_order_idle(&o));
	free(a);
	free(b);
	free(c);
	free(d);
	dmm_order_exit(&o);
	close(fd);
}

/* One that never begins lets the others go on, and is not handed out any more. */
static void order_forgets_the_cancelled(void **state)
{
	struct dmm_order_owner own;
	struct dmm_extent *a, *b, *c;
	struct dmm_order o;
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	dmm_order_init(&o);
	dmm_order_owner_init(&own, fd);
	a = extent(&own, 0, 10);
	b = extent(&own, 0, 10);
	c = extent(&own, 0, 10);
	assert_true(dmm_order_add(&o, a));
	assert_false(dmm_order_add(&o, b));
	assert_false(dmm_order_add(&o, c));
	dmm_order_done(&o, b);
	assert_null(dmm_order_ready(&o, &own));
	dmm_order_done(&o, a);
	assert_ptr_equal(dmm_order_ready(&o, &own), c);
	dmm_order_done(&o, c);
	assert_true(dmm_order_idle(&o));
	free(a);
	free(b);
	free(c);
	dmm_order_exit(&o);
	close(fd);
}

#define STRESS_CELLS	64
#define STRESS_THREADS	4
#define STRESS_ROUNDS	3000

static struct dmm_order stress_order;
static atomic_int stress_cells[STRESS_CELLS];	/* writers inside */
static atomic_int stress_done;

/* Writes at most 8 extents at a time; nobody may ever be inside a cell twice. */
static void *stress_thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg, started = 0, ended = 0, i;
	struct dmm_extent ext[8], *e;
	bool used[8] = { false }, ready;
	struct dmm_order_owner own;
	struct pollfd p;
	eventfd_t v;

	p.fd = eventfd(0, EFD_NONBLOCK);
	p.events = POLLIN;
	dmm_order_owner_init(&own, p.fd);
	while (ended < STRESS_ROUNDS) {
		for (i = 0; i < 8 && used[i]; i++)
			;
		ready = false;
		e = NULL;
		if (i < 8 && started < STRESS_ROUNDS) {
			e = &ext[i];
			used[i] = true;
			e->owner = &own;
			e->first_bytes = rand_r(&seed) % STRESS_CELLS;
			e->end_bytes = e->first_bytes + 1 + rand_r(&seed) % 8;
			if (e->end_bytes > STRESS_CELLS)
				e->end_bytes = STRESS_CELLS;
			started++;
			ready = dmm_order_add(&stress_order, e);
		}
		if (ready) {
			pthread_mutex_lock(&stress_order.lock);
			ready = dmm_list_empty(&e->ready);
			pthread_mutex_unlock(&stress_order.lock);
			if (!ready)
				return (void *)"handed out twice";
		} else {
			e = dmm_order_ready(&stress_order, &own);
		}
		if (!e) {
			if (i == 8 || started == STRESS_ROUNDS) {
				if (poll(&p, 1, WAIT_MS) != 1)
					return (void *)"nobody woke it";
				eventfd_read(p.fd, &v);
			}
			continue;
		}
		for (i = e->first_bytes; i < e->end_bytes; i++) {
			if (atomic_fetch_add(&stress_cells[i], 1))
				return (void *)"two in one place";
		}
		if (rand_r(&seed) % 8 == 0)
			sched_yield();
		for (i = e->first_bytes; i < e->end_bytes; i++)
			atomic_fetch_sub(&stress_cells[i], 1);
		used[e - ext] = false;
		ended++;
		dmm_order_done(&stress_order, e);
	}
	atomic_fetch_add(&stress_done, 1);
	close(p.fd);
	return NULL;
}

static void order_under_load(void **state)
{
	pthread_t t[STRESS_THREADS];
	void *wrong;
	uintptr_t i;

	(void)state;
	dmm_order_init(&stress_order);
	for (i = 0; i < STRESS_THREADS; i++)
		pthread_create(&t[i], NULL, stress_thread, (void *)(i + 1));
	for (i = 0; i < STRESS_THREADS; i++) {
		pthread_join(t[i], &wrong);
		if (wrong)
			fail_msg("%s", (char *)wrong);
	}
	assert_int_equal(stress_done, STRESS_THREADS);
	assert_true(dmm_order_idle(&stress_order));
	dmm_order_exit(&stress_order);
}

/* --- allow-list --- */

static void allow_set(struct dmm_allow *a, const char *g1, const char *g2)
{
	char **globs = calloc(2, sizeof(*globs));

	globs[0] = strdup(g1);
	globs[1] = strdup(g2);
	dmm_allow_replace(a, globs, 2);
}

static void allow_list(void **state)
{
	static const struct {
		const char *path, *resolved;
		bool allowed;
	} cases[] = {
		{ "/dev/vg0/disk", "/dev/dm-3", true },		/* LVM's link */
		{ "/dev/vg0/disk", "/dev/vg0/disk", true },
		{ "/dev/vg0/a/b", "/dev/dm-3", false },		/* '*' takes no '/' */
		{ "/dev/vg0/.hidden", "/dev/dm-3", false },
		{ "/dev/vg1/disk", "/dev/dm-3", false },
		{ "/dev/dm-3", "/dev/dm-3", false },
		{ "/dev/vg0/../sda", "/dev/sda", false },
		{ "/dev/vg0/./disk", "/dev/dm-3", false },
		{ "/dev/vg0//disk", "/dev/dm-3", false },
		{ "/dev/vg0/disk/", "/dev/dm-3", false },
		{ "dev/vg0/disk", "/dev/dm-3", false },
		{ "/srv/a.img", "/srv/a.img", true },
		{ "/srv/a.img", "/srv/b.img", true },
		{ "/srv/a.img", "/etc/passwd", false },
		{ "/srv/a.img", "/dev/sda", false },		/* a link in /srv is anybody's */
		{ "/dev/vg0/disk", "/srv/other", false },
		{ "/dev/vg0/disk", "/dev/shm/x", false },
	};
	struct dmm_allow a;
	size_t i;

	(void)state;
	dmm_allow_init(&a);
	assert_true(dmm_allow_empty(&a));
	assert_false(dmm_allow_match(&a, "/dev/vg0/disk", ""));
	allow_set(&a, "/dev/vg0/*", "/srv/?.img");
	assert_false(dmm_allow_empty(&a));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (dmm_allow_destination(&a, cases[i].path, cases[i].resolved, "") != cases[i].allowed)
			fail_msg("%s -> %s", cases[i].path, cases[i].resolved);
	}
	/* even where a pattern itself would take the dots */
	allow_set(&a, "/srv/.?/x", "/x");
	assert_false(dmm_allow_destination(&a, "/srv/../x", "/x", ""));
	assert_true(dmm_allow_destination(&a, "/srv/.a/x", "/x", ""));
	/* for some peers only */
	allow_set(&a, "/dev/vg0/* xen-a  xen-b", "/srv/?.img");
	assert_true(dmm_allow_destination(&a, "/dev/vg0/disk", "/dev/dm-3", "xen-b"));
	assert_true(dmm_allow_destination(&a, "/dev/vg0/disk", "/dev/dm-3", "XEN-A"));
	assert_false(dmm_allow_destination(&a, "/dev/vg0/disk", "/dev/dm-3", "xen-c"));
	assert_false(dmm_allow_destination(&a, "/dev/vg0/disk", "/dev/dm-3", "xen"));
	assert_false(dmm_allow_destination(&a, "/dev/vg0/disk", "/dev/dm-3", ""));
	assert_true(dmm_allow_destination(&a, "/srv/a.img", "/srv/a.img", "xen-c"));
	allow_set(&a, "/dev/shm/*", "/none");
	assert_false(dmm_allow_destination(&a, "/dev/shm/x", "/dev/sda", ""));
	assert_true(dmm_allow_destination(&a, "/dev/shm/x", "/dev/shm/x", ""));
	dmm_allow_exit(&a);
}

/* --- refusals --- */

/* Whatever a refusal quotes, its text is fit for the wire and for a terminal. */
static void refusals_are_text(void **state)
{
	struct dmm_refusal r;
	char longer[300];

	(void)state;
	assert_int_equal(dmm_refuse(&r, DMM_WERR_DENIED, "%s leads away", "/x\n\x1b[31m\x9b"), -EACCES);
	assert_string_equal(r.text, "/x??[31m? leads away");
	assert_int_equal(r.code, DMM_WERR_DENIED);
	memset(longer, 'x', sizeof(longer));
	memcpy(longer + sizeof(r.text) - 2, "\xc3\xa4", 3);
	dmm_refuse(&r, DMM_WERR_DENIED, "%s", longer);
	assert_int_equal(strlen(r.text), sizeof(r.text) - 1);
	assert_int_equal(r.text[sizeof(r.text) - 2], '?');
	assert_int_equal(dmm_text_check((u8 *)r.text, sizeof(r.text)), 0);
}

/* --- the writer --- */

/* The rest of a short direct write begins at a block, even where the device stopped within one. */
static void short_direct_writes_stay_aligned(void **state)
{
	struct dmm_write write = { .bytes = 8192, .offset_bytes = 65536 }, *done[1];
	const struct dmm_engine_target none = { .fd = -1 };
	struct dmm_writer w;
	u8 buf[8192];

	(void)state;
	memset(buf, 'x', sizeof(buf));
	write.buf = buf;
	fake_reset(FAKE_HOLD, 1 << 20);
	assert_int_equal(dmm_writer_open(&w, &fake_engine, &none, 4, 512), 0);
	dmm_writer_start(&w, &write);
	dmm_writer_submit(&w);
	fake_end(65536, 700);
	assert_int_equal(dmm_writer_reap(&w, done, 1, false), 0);
	assert_int_equal(fake.nr_held, 1);
	assert_int_equal(fake.held[0]->offset_bytes, 65536 + 512);
	assert_int_equal(fake.held[0]->bytes, 8192 - 512);
	assert_ptr_equal(fake.held[0]->buf, buf + 512);
	fake_end(65536 + 512, 0);
	assert_int_equal(dmm_writer_reap(&w, done, 1, false), 1);
	assert_int_equal(done[0]->error, 0);
	/* more than was asked for is no success */
	dmm_writer_start(&w, &write);
	dmm_writer_submit(&w);
	fake_end(65536, 8193);
	assert_int_equal(dmm_writer_reap(&w, done, 1, false), 1);
	assert_int_equal(done[0]->error, -EIO);
	dmm_writer_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_counts_every_blocker),
		cmocka_unit_test(order_forgets_the_cancelled),
		cmocka_unit_test(order_under_load),
		cmocka_unit_test(allow_list),
		cmocka_unit_test(refusals_are_text),
		cmocka_unit_test(short_direct_writes_stay_aligned),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
