// SPDX-License-Identifier: GPL-2.0
/*
 * What the module parses of a receiver: kmod/ack.c as it is, over a few words of the kernel (shim/ack).  The input says
 * which frames wait for an acknowledgement, then what comes, in pieces of any size: acknowledgements, sealed unless they
 * are sent as they are.
 *
 *	byte 0		1: of link 1, 2: a barrier is under way, 4: sending has failed, 8: the state ends the link,
 *			0x10: the thread is stopped when nothing comes, 0x20: nobody watches it
 *	byte 1		how many slots (of 64), and for each a byte: 1 zero, 2 still sending, 4 its size
 *	records		a byte, how many bytes come at a time (0: nothing at first, for long with 0x40; 0x3f: what follows, too);
 *			0x80: as they are; then 32 bytes
 */
#include "fuzz.h"
#include "sender.h"

#define SLOTS	64u
#define RUNS	128u
#define BARRIER	7u

static struct dmm_migration m;
static struct dmm_sender s = { .m = &m };
static struct dmm_link l = { .sender = &s };
static struct dmm_slot slots[SLOTS];
static struct dmm_run runs[RUNS];

static const u8 *input;
static size_t left;
static u8 pending[DMM_WIRE_ACK_BYTES];
static size_t at, piece;
static u64 now_ns;
static bool late, stops_early, stop;
static u32 failed, lost;	/* how often */
const struct dmm_link_ops dmm_socket_ops;

/* --- the kernel's and the rest of the module --- */

bool kthread_should_stop(void)
{
	return stop;
}

u64 ktime_get_ns(void)
{
	return now_ns;
}

u64 dmm_stop_ack_timeout_ns(void)
{
	return 1000;
}

/* It has nothing more to do: whoever ends it does so now. */
void schedule(void)
{
	stop = true;
}

void dmm_conn_shutdown(struct dmm_conn *c)
{
	(void)c;
}

void dmm_kick(struct dmm_migration *migration)
{
	fuzz_assert(migration == &m && !m.lock);
}

void dmm_migration_link_lost(struct dmm_migration *migration, int error, const char *reason)
{
	fuzz_assert(migration == &m && !m.lock && error < 0 && reason && *reason);
	lost++;
}

void dmm_migration_fail(struct dmm_migration *migration, int error, enum dmm_side side, u32 remote_status, const char *reason)
{
	fuzz_assert(migration == &m && !m.lock && error < 0 && side == DMM_SIDE_RECEIVER && reason && *reason);
	fuzz_assert(remote_status < DMM_WERR_COUNT);
	failed++;
}

/* The next acknowledgement of the input into @pending; false: it is at its end. */
static bool next_ack(void)
{
	struct dmm_wire_ack w;
	bool raw;

	if (left < 1 + sizeof(w))
		return false;
	raw = input[0] & 0x80;
	piece = input[0] & 0x3f;
	late = input[0] & 0x40;
	memcpy(&w, input + 1, sizeof(w));
	input += 1 + sizeof(w);
	left -= 1 + sizeof(w);
	if (!raw) {
		w.magic = cpu_to_le32(DMM_WIRE_MAGIC);
		w.reserved = 0;
		w.crc = cpu_to_le32(~dmm_crc32c(~0u, &w, offsetof(struct dmm_wire_ack, crc)));
	}
	memcpy(pending, &w, sizeof(w));
	at = 0;
	return true;
}

/* The feeder sees that nothing has come, or is not due; the thread sees it by itself, too. */
static void watch(void)
{
	u32 was = lost;

	dmm_ack_watch(&s, late ? s.watch_ns + NSEC_PER_SEC : s.watch_ns);
	fuzz_assert(lost - was <= late);
	lost = was;
}

int dmm_conn_recv(struct dmm_conn *c, void *buf, size_t len)
{
	size_t n = 0, part;

	(void)c;
	fuzz_assert(len && len <= sizeof(l.ack_buf) && !m.lock);
	if (at == sizeof(pending) && !next_ack()) {
		left = 0;
		return l.nr_unacked & 1 ? -ECONNRESET : 0;
	}
	if (!piece && !at) {	/* nothing came, and then it does */
		piece = sizeof(pending);
		now_ns += late ? 5000 : 1;
		watch();
		stop = stops_early;
		return l.index ? -EINTR : -EAGAIN;
	}
	do {
		part = sizeof(pending) - at < len - n ? sizeof(pending) - at : len - n;
		part = part < piece ? part : piece;
		memcpy((u8 *)buf + n, pending + at, part);
		at += part;
		n += part;
		/* several at a time, where they are whole */
	} while (piece == 0x3f && n < len && at == sizeof(pending) && next_ack());
	return n;
}

/* --- what waits --- */

static void set_up(const u8 *data, u8 nr)
{
	struct dmm_slot *slot;
	u32 i;

	memset(&m, 0, sizeof(m));
	memset(slots, 0, sizeof(slots));
	m.state = data[0] & 8 ? DMM_STATE_FAILED : DMM_STATE_COPYING;
	dmm_unflushed_init(&m.unflushed, runs, RUNS);
	s.ops = data[0] & 0x20 ? NULL : &dmm_socket_ops;
	s.nr_links = 1;
	s.links = &l;
	s.watch_ns = 0;
	l.looked_ns = 0;
	s.barrier = BARRIER;
	s.barrier_seq = data[0] & 2 ? nr + 1 : 0;
	s.barrier_acked = 0;
	l.index = data[0] & 1;
	l.send_error = data[0] & 4 ? -EPIPE : 0;
	l.nr_unacked = nr + !!s.barrier_seq;
	l.progress_ns = 0;
	l.sent.next = l.sent.prev = &l.sent;
	for (i = 0; i < nr; i++) {
		slot = &slots[i];
		slot->link = &l;
		slot->seq = i + 1;
		slot->zero = data[2 + i] & 1;
		slot->state = data[2 + i] & 2 ? DMM_SLOT_SENDING : DMM_SLOT_SENT;
		slot->len_bytes = data[2 + i] & 4 ? 1u << 20 : 4096;
		slot->nr_blocks = slot->len_bytes / 4096;
		slot->first_block = i * 512;
		slot->list.prev = l.sent.prev;
		slot->list.next = &l.sent;
		l.sent.prev->next = &slot->list;
		l.sent.prev = &slot->list;
		m.ship.inflight_bytes += slot->len_bytes;
	}
}

/* What was counted is what was acknowledged, each frame once, and nothing else. */
static void check(u8 nr)
{
	u64 bytes = 0, blocks = 0, inflight = 0;
	u32 i, done = 0;

	for (i = 0; i < nr; i++) {
		if (slots[i].state != DMM_SLOT_FREE)
			inflight += slots[i].len_bytes;
		if (slots[i].state != DMM_SLOT_FREE && !slots[i].acked)
			continue;
		bytes += slots[i].len_bytes;
		blocks += slots[i].nr_blocks;
		done++;
	}
	if (m.ship.barrier) {
		fuzz_assert(m.ship.barrier == BARRIER && s.barrier_acked == BARRIER && !s.barrier_seq && !l.index);
		done++;
	}
	fuzz_assert(m.ship.acked_bytes == bytes && m.ship.inflight_bytes == inflight);
	fuzz_assert(m.ship.data_blocks + m.ship.zero_blocks == blocks && m.ship.zero_bytes <= bytes);
	fuzz_assert(failed + lost <= 1 && !m.lock);
	fuzz_assert(l.nr_unacked + done == nr + (m.ship.barrier || s.barrier_seq));
	/* nothing is unflushed but what was acknowledged */
	fuzz_assert(m.unflushed.blocks <= blocks);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 nr;

	if (size < 2 || size < 2u + data[1] % (SLOTS + 1))
		return 0;
	nr = data[1] % (SLOTS + 1);
	set_up(data, nr);
	input = data + 2 + nr;
	left = size - 2 - nr;
	at = sizeof(pending);
	now_ns = 0;
	late = false;
	stops_early = data[0] & 0x10;
	stop = false;
	failed = lost = 0;
	dmm_ack_thread(&l);
	check(nr);
	return 0;
}
