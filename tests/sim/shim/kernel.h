/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's sources need of the kernel, for the simulator: every <linux/...> that they include is this file.
 * One thread runs; who would sleep, or comes to a stop point, lets others run (kernel.c), and a spinlock only
 * says whether somebody sleeps with it.  Time is the simulator's: a jiffy is a millisecond.
 */
#ifndef DMM_SIM_KERNEL_H
#define DMM_SIM_KERNEL_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/env.h"

/* ---- compiler and numbers ---- */

#define __force
#define __percpu
void sim_preempt(void);		/* what was read is old; what is to be read may change before */
#define READ_ONCE(x)		({ sim_preempt(); *(const volatile __typeof__(x) *)&(x); })
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define smp_mb()		__asm__ __volatile__("" : : : "memory")
#define smp_wmb()		smp_mb()
#define smp_rmb()		smp_mb()
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define min(a, b)		({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b)		({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define clamp_t(type, v, lo, hi) min_t(type, max((type)(v), (type)(lo)), hi)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define ilog2(n)		(63 - __builtin_clzll(n))
#define fls64(n)		((n) ? 64 - __builtin_clzll(n) : 0)
#define div_u64(n, d)		((n) / (d))
#define struct_size(p, member, n) (sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define IS_ERR(p)		((unsigned long)(p) >= (unsigned long)-4095)
#define IS_ERR_OR_NULL(p)	(!(p) || IS_ERR(p))
#define MINOR(dev)		((unsigned int)(dev))
#define MAJOR(dev)		0u
#define WARN_ON_ONCE(c)		({ bool c_ = (c); if (c_) sim_kernel_warns(#c, __FILE__, __LINE__); c_; })
#define THIS_MODULE		NULL

typedef u64 sector_t;
typedef u8 blk_status_t;

void sim_kernel_warns(const char *what, const char *file, int line);

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	const u8 *at = p;

	for (; n--; at++) {
		if (*at != (u8)c)
			return (void *)at;
	}
	return NULL;
}

/* ---- messages: of the trace ---- */

void sim_printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define DMINFO(...)		sim_printk(__VA_ARGS__)
#define DMWARN(...)		sim_printk(__VA_ARGS__)
#define DMERR(...)		sim_printk(__VA_ARGS__)
#define DMWARN_LIMIT(...)	sim_printk(__VA_ARGS__)
#define DMEMIT(...)		((void)maxlen, sz += (unsigned int)sprintf(result + sz, __VA_ARGS__))
#define NL_SET_ERR_MSG(extack, msg) ((void)(extack), (void)(msg))

/* A tracepoint is nothing. */
#define TP_PROTO(...)		__VA_ARGS__
#define TRACE_EVENT(name, proto, ...) static inline void trace_##name(proto) { }

/* ---- lists ---- */

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name)		struct list_head name = { &(name), &(name) }

static inline void INIT_LIST_HEAD(struct list_head *h)
{
	h->next = h->prev = h;
}

static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	n->prev = h->prev;
	n->next = h;
	h->prev->next = n;
	h->prev = n;
}

static inline void list_del_init(struct list_head *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	INIT_LIST_HEAD(n);
}

#define list_del(n)		list_del_init(n)

static inline void list_move_tail(struct list_head *n, struct list_head *h)
{
	list_del_init(n);
	list_add_tail(n, h);
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_first_entry_or_null(h, type, member) (list_empty(h) ? NULL : list_entry((h)->next, type, member))
#define list_for_each_entry(p, h, member) \
	for (p = list_entry((h)->next, __typeof__(*p), member); &p->member != (h); \
	     p = list_entry(p->member.next, __typeof__(*p), member))
#define list_for_each_entry_safe(p, n, h, member) \
	for (p = list_entry((h)->next, __typeof__(*p), member), n = list_entry(p->member.next, __typeof__(*p), member); \
	     &p->member != (h); p = n, n = list_entry(n->member.next, __typeof__(*n), member))

/* ---- memory: gone when the host is ---- */

#define GFP_KERNEL		0
#define __GFP_NOWARN		0
#define __GFP_RETRY_MAYFAIL	0
#define __GFP_ZERO		1
#define PAGE_SIZE		4096u

struct page {
	struct page *next;
};

void *sim_alloc(size_t n);		/* zeroed */
void sim_free(void *p);
struct page *alloc_page(int gfp);
void __free_page(struct page *page);
void *page_address(const struct page *page);
#define kzalloc(n, gfp)		sim_alloc(n)
#define kvzalloc(n, gfp)	sim_alloc(n)
#define kcalloc(n, size, gfp)	sim_alloc((n) * (size))
#define kvcalloc(n, size, gfp)	sim_alloc((n) * (size))
#define kfree(p)		sim_free((void *)(p))
#define kvfree(p)		sim_free((void *)(p))
char *kstrdup(const char *s, int gfp);

#define alloc_percpu(type)	((type *)sim_alloc(sizeof(type)))
#define free_percpu(p)		sim_free(p)
#define this_cpu_inc(x)		((void)((x)++))
#define this_cpu_inc_return(x)	(++(x))
#define this_cpu_add(x, n)	((x) += (n))
#define per_cpu_ptr(p, cpu)	((void)(cpu), (p))
#define for_each_possible_cpu(cpu) for (cpu = 0; cpu < 1; cpu++)

struct kref {
	u32 refs;
};

#define kref_init(k)		((k)->refs = 1)
#define kref_get(k)		((k)->refs++)
#define kref_put(k, release)	(--(k)->refs ? 0 : (release(k), 1))

/* ---- time ---- */

#define HZ			1000
#define MSEC_PER_SEC		1000ull
#define NSEC_PER_MSEC		1000000ull
#define NSEC_PER_USEC		1000ull
#define NSEC_PER_SEC		1000000000ull
#define MAX_SCHEDULE_TIMEOUT	LONG_MAX

u64 ktime_get_ns(void);
#define jiffies			((unsigned long)(ktime_get_ns() / NSEC_PER_MSEC))
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define nsecs_to_jiffies(ns)	((unsigned long)((ns) / NSEC_PER_MSEC))
#define msecs_to_jiffies(ms)	((unsigned long)(ms))

/* ---- locks, threads, waiting ---- */

typedef struct {
	bool held;
} spinlock_t;

typedef struct {
	u32 wakes;
} wait_queue_head_t;

struct mutex {
	bool held;
	wait_queue_head_t wait;
};

void sim_spin(spinlock_t *lock, bool take);
#define DEFINE_MUTEX(name)	struct mutex name
#define spin_lock_init(l)	((l)->held = false)
#define spin_lock(l)		sim_spin(l, true)
#define spin_unlock(l)		sim_spin(l, false)
#define spin_lock_irqsave(l, flags) ((flags) = 0, sim_spin(l, true))
#define spin_unlock_irqrestore(l, flags) ((void)(flags), sim_spin(l, false))
#define DEFINE_SPINLOCK(name)	spinlock_t name
#define lockdep_assert_held(l)	((void)WARN_ON_ONCE(!(l)->held))
void mutex_lock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);
#define mutex_init(l)		((l)->held = false)
#define mutex_destroy(l)	((void)(l))
#define mutex_lock_killable(l)	(mutex_lock(l), 0)

/* a reader is not preempted, so that whoever yields has let all of them end */
extern u32 sim_rcu_readers;
#define rcu_read_lock()		((void)sim_rcu_readers++)
#define rcu_read_unlock()	((void)sim_rcu_readers--)
void sim_yield(void);		/* others may run, or not */
#define synchronize_rcu()	sim_yield()
#define synchronize_rcu_expedited() sim_yield()
#define cond_resched()		sim_yield()

void wake_up(wait_queue_head_t *wq);
#define wake_up_all(wq)		wake_up(wq)
#define init_waitqueue_head(wq)	((void)(wq))
/* Until somebody wakes @wq, or has since it had been woken @wakes times, or until @until of ktime_get_ns(). */
void sim_wait(wait_queue_head_t *wq, u32 wakes, u64 until);
u64 sim_until(long timeout);

/* As the kernel's: the time left, 1 at least where the condition holds. */
#define sim_wait_event(wq, cond, timeout) ({ \
	u64 until_ = sim_until(timeout); \
	u32 wakes_ = (wq).wakes; \
	bool ok_; \
	while (!(ok_ = (cond)) && ktime_get_ns() < until_) { \
		sim_wait(&(wq), wakes_, until_); \
		wakes_ = (wq).wakes; \
	} \
	(long)(ok_ ? 1 : 0); })
#define wait_event_idle_timeout(wq, cond, timeout)	sim_wait_event(wq, cond, timeout)
#define wait_event_timeout(wq, cond, timeout)		sim_wait_event(wq, cond, timeout)
#define wait_event_killable_timeout(wq, cond, timeout)	sim_wait_event(wq, cond, timeout)
#define wait_event_idle(wq, cond)	((void)sim_wait_event(wq, cond, MAX_SCHEDULE_TIMEOUT))

struct completion {
	bool done;
	wait_queue_head_t wait;
};

#define init_completion(c)	((c)->done = false)
#define completion_done(c)	((c)->done)
#define complete_all(c)		((c)->done = true, wake_up(&(c)->wait))
#define wait_for_completion(c)	wait_event_idle((c)->wait, (c)->done)
#define wait_for_completion_timeout(c, t) ((void)wait_event_timeout((c)->wait, (c)->done, t))

struct task_struct;
#define TASK_IDLE		1
#define TASK_RUNNING		0
#define set_current_state(s)	((void)0)
#define __set_current_state(s)	((void)0)
struct task_struct *kthread_create(int (*fn)(void *), void *data, const char *fmt, ...);
int kthread_stop(struct task_struct *task);
bool kthread_should_stop(void);
void wake_up_process(struct task_struct *task);
void schedule(void);		/* until it is woken, by kthread_stop() */
#define get_task_struct(t)	((void)(t))
#define put_task_struct(t)	((void)(t))
#define memalloc_noio_save()	0u
#define memalloc_noio_restore(f) ((void)(f))

struct work_struct {
	void (*fn)(struct work_struct *work);
	struct task_struct *task;	/* which runs it; of itself, so it is never run twice at once */
	bool pending;
	u64 due;			/* of a delayed one; 0: not armed */
	struct work_struct *next;	/* of all delayed ones */
};

struct delayed_work {
	struct work_struct work;
};

struct workqueue_struct {
	char name;
};

#define WQ_MEM_RECLAIM		0
#define WQ_UNBOUND		0
#define alloc_workqueue(...)	((struct workqueue_struct *)sim_alloc(1))
#define destroy_workqueue(wq)	sim_free(wq)
#define INIT_WORK(w, f)		(*(w) = (struct work_struct){ .fn = (f) })
#define INIT_DELAYED_WORK(w, f)	INIT_WORK(&(w)->work, f)
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)
void queue_work(struct workqueue_struct *wq, struct work_struct *work);
void mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay);
void cancel_delayed_work(struct delayed_work *dwork);
#define cancel_delayed_work_sync(w) cancel_delayed_work(w)

/* ---- block devices ---- */

#define SECTOR_SHIFT		9
#define REQ_NOWAIT		(1u << 8)
#define BLK_STS_DM_REQUEUE	1
#define BLK_STS_IOERR		10
#define BLK_OPEN_WRITE		1u

enum { REQ_OP_READ, REQ_OP_WRITE, REQ_OP_FLUSH, REQ_OP_DISCARD, REQ_OP_SECURE_ERASE, REQ_OP_WRITE_ZEROES };

struct block_device {
	u32 disk;		/* of the simulator */
};

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len, bv_offset;
};

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	blk_status_t bi_status;
	struct {
		sector_t bi_sector;
		unsigned int bi_size;
	} bi_iter;
	void *bi_private;
	void (*bi_end_io)(struct bio *bio);
	struct bio_vec *bi_io_vec;
	unsigned short bi_vcnt;
};

struct bio_list {
	struct bio *head, *tail;
};

#define bio_op(bio)		((bio)->bi_opf & 0xff)
#define bio_sectors(bio)	((bio)->bi_iter.bi_size >> SECTOR_SHIFT)
#define bio_set_dev(bio, bdev)	((bio)->bi_bdev = (bdev))
#define bio_uninit(bio)		((void)(bio))
#define bio_list_init(l)	((l)->head = (l)->tail = NULL)
#define bio_list_peek(l)	((l)->head)
#define blk_status_to_errno(s)	((s) ? -EIO : 0)

static inline void bio_init(struct bio *bio, struct block_device *bdev, struct bio_vec *bvecs, unsigned int max_vecs,
			    unsigned int opf)
{
	(void)max_vecs;
	*bio = (struct bio){ .bi_bdev = bdev, .bi_io_vec = bvecs, .bi_opf = opf };
}

static inline void bio_list_add(struct bio_list *l, struct bio *bio)
{
	bio->bi_next = NULL;
	if (l->tail)
		l->tail->bi_next = bio;
	else
		l->head = bio;
	l->tail = bio;
}

static inline struct bio *bio_list_pop(struct bio_list *l)
{
	struct bio *bio = l->head;

	if (bio) {
		l->head = bio->bi_next;
		if (!l->head)
			l->tail = NULL;
	}
	return bio;
}

/* source.c */
void submit_bio_noacct(struct bio *bio);
void bio_endio(struct bio *bio);
#define bio_io_error(bio)	((bio)->bi_status = BLK_STS_IOERR, bio_endio(bio))
#define invalidate_bdev(bdev)	((void)(bdev))

/* ---- device mapper ---- */

struct dm_dev {
	struct block_device *bdev;
	char name[16];
};

struct mapped_device {
	u32 disk;
};

struct dm_table {
	struct mapped_device *md;
};

struct module;
struct dm_target {
	struct dm_table *table;
	sector_t len;
	void *private;
	char *error;
	unsigned int num_flush_bios, num_discard_bios, num_secure_erase_bios, num_write_zeroes_bios, per_io_data_size;
};

typedef enum { STATUSTYPE_INFO, STATUSTYPE_TABLE } status_type_t;
typedef int (*iterate_devices_callout_fn)(struct dm_target *ti, struct dm_dev *dev, sector_t start, sector_t len, void *data);

struct target_type {
	const char *name;
	unsigned int version[3];
	u64 features;
	struct module *module;
	int (*ctr)(struct dm_target *ti, unsigned int argc, char **argv);
	void (*dtr)(struct dm_target *ti);
	int (*map)(struct dm_target *ti, struct bio *bio);
	int (*end_io)(struct dm_target *ti, struct bio *bio, blk_status_t *error);
	void (*presuspend)(struct dm_target *ti);
	void (*presuspend_undo)(struct dm_target *ti);
	void (*postsuspend)(struct dm_target *ti);
	void (*resume)(struct dm_target *ti);
	void (*status)(struct dm_target *ti, status_type_t type, unsigned int flags, char *result, unsigned int maxlen);
	int (*iterate_devices)(struct dm_target *ti, iterate_devices_callout_fn fn, void *data);
};

enum { DM_MAPIO_SUBMITTED, DM_MAPIO_REMAPPED, DM_MAPIO_REQUEUE, DM_MAPIO_KILL = 4 };
#define DM_ENDIO_DONE			0
#define DM_TARGET_SINGLETON		0
#define DM_TARGET_PASSES_INTEGRITY	0
#define DM_TARGET_NOWAIT		0
#define DM_TARGET_PASSES_CRYPTO		0
#define DM_TARGET_ATOMIC_WRITES		0

/* What dm keeps in front of a bio. */
#define SIM_PER_BIO		64u
#define dm_per_bio_data(bio, size) ((void)sizeof(char[1 - 2 * ((size) > SIM_PER_BIO)]), (void *)((char *)(bio) - SIM_PER_BIO))
#define dm_noflush_suspending(ti) ((void)(ti), false)
#define dm_target_offset(ti, sector) ((void)(ti), (sector))
#define dm_table_get_md(t)	((t)->md)
#define dm_table_get_mode(t)	((void)(t), BLK_OPEN_WRITE)
#define dm_disk(md)		(md)
#define disk_devt(disk_)	((disk_)->disk + 1)
#define dm_device_name(md)	((md)->disk == 0 ? "0" : (md)->disk == 1 ? "1" : "2")
int dm_get_device(struct dm_target *ti, const char *path, unsigned int mode, struct dm_dev **dev);
void dm_put_device(struct dm_target *ti, struct dm_dev *dev);
int dm_register_target(struct target_type *type);
#define dm_unregister_target(type) ((void)(type))

#endif
