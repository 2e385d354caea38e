/* SPDX-License-Identifier: GPL-2.0 */
/* In place of kmod/sender.h and what that includes, for kmod/ack.c alone in userland: what it touches, and no more. */
#ifndef DMM_FUZZ_SENDER_H
#define DMM_FUZZ_SENDER_H

#include <errno.h>

#include "core/bitmap.h"
#include "core/state.h"
#include "core/unflushed.h"
#include "core/wire.h"
#include "fuzz.h"

/* --- the kernel's --- */

struct list_head {
	struct list_head *next, *prev;
};

static inline void list_del(struct list_head *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

#define list_entry(p, type, member)	((type *)((char *)(p) - offsetof(type, member)))
#define list_for_each_entry(p, head, member) \
	for (p = list_entry((head)->next, __typeof__(*p), member); &p->member != (head); \
	     p = list_entry(p->member.next, __typeof__(*p), member))

#define NSEC_PER_SEC	1000000000ull
#define max(a, b)	((a) > (b) ? (a) : (b))

#define lockdep_assert_held(lock)	fuzz_assert(*(lock))
#define spin_lock_irqsave(lock, flags)	((void)((flags) = 0), fuzz_assert(!*(lock)), (void)(*(lock) = 1))
#define spin_unlock_irqrestore(lock, flags)	((void)(flags), fuzz_assert(*(lock)), (void)(*(lock) = 0))
#define WARN_ON_ONCE(cond)		({ fuzz_assert(!(cond)); false; })
#define READ_ONCE(x)			(x)
#define WRITE_ONCE(x, v)		((x) = (v))
#define smp_store_release(p, v)		(*(p) = (v))	/* there is one thread */
#define set_current_state(s)		((void)0)
#define __set_current_state(s)		((void)0)
#define memalloc_noio_save()		0u
#define memalloc_noio_restore(flags)	((void)(flags))
#define dmm_stop_at(point, abort)	((void)(abort))
#define trace_dmm_ack(dev, index, seq, type, status)	((void)0)

bool kthread_should_stop(void);
void schedule(void);
u64 ktime_get_ns(void);

/* --- the module's --- */

enum dmm_slot_state { DMM_SLOT_FREE, DMM_SLOT_READING, DMM_SLOT_READY, DMM_SLOT_SENDING, DMM_SLOT_SENT };

struct dmm_conn {
	int unused;
};

struct dmm_ship_stats {
	u64 acked_bytes, zero_bytes, zero_blocks, data_blocks, barrier, inflight_bytes;
};

struct dmm_migration {
	int lock;
	unsigned int dev;
	enum dmm_state state;
	struct { struct dmm_bitmap bitmap; } tracker;
	struct dmm_unflushed unflushed;
	struct dmm_ship_stats ship;
};

struct dmm_link_ops {
	int unused;
};

struct dmm_sender {
	struct dmm_migration *m;
	const struct dmm_link_ops *ops;
	u64 barrier, barrier_seq, barrier_acked;
	u64 watch_ns;
	bool stopping;
	unsigned int nr_links;
	struct dmm_link *links;
};

struct dmm_link {
	struct dmm_sender *sender;
	unsigned int index;
	struct dmm_conn conn;
	int send_error;
	struct list_head sent;
	unsigned int nr_unacked;
	u64 progress_ns, looked_ns;
	u8 ack_buf[32 * DMM_WIRE_ACK_BYTES];
};

struct dmm_slot {
	struct dmm_link *link;
	u64 first_block, nr_blocks, seq;
	u32 len_bytes;
	enum dmm_slot_state state;
	struct list_head list;
	bool zero, acked;
};

static inline void dmm_slot_free_locked(struct dmm_slot *slot)
{
	lockdep_assert_held(&slot->link->sender->m->lock);
	slot->link->sender->m->ship.inflight_bytes -= slot->len_bytes;
	slot->state = DMM_SLOT_FREE;
}

static inline bool dmm_state_ends_link(enum dmm_state state)
{
	return state == DMM_STATE_DISCONNECTED || state == DMM_STATE_FAILED || state == DMM_STATE_STOPPING;
}

u64 dmm_stop_ack_timeout_ns(void);
int dmm_conn_recv(struct dmm_conn *c, void *buf, size_t len);
void dmm_conn_shutdown(struct dmm_conn *c);
void dmm_kick(struct dmm_migration *m);
void dmm_migration_link_lost(struct dmm_migration *m, int error, const char *reason);
void dmm_migration_fail(struct dmm_migration *m, int error, enum dmm_side side, u32 remote_status, const char *reason);
int dmm_ack_thread(void *data);
void dmm_ack_watch(struct dmm_sender *s, u64 now);
extern const struct dmm_link_ops dmm_socket_ops;

#endif
