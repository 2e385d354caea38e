// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of the hand-over, and what waits to be sent.
 */
#include "dmmigrated/handover_priv.h"
#include "recv_engine.h"

/* --- messages --- */

#define STATE	{ 20, 4 }
#define EPOCH	{ 24, 8 }
#define INST	{ 32, 16 }
#define DISK	{ 48, 4 }
#define FLAGS	{ 52, 4 }
#define CONN	{ 56, 8 }
#define BARR	{ 64, 8 }

/* From the description: which bytes of the message each event has, beside migration and event. */
static const struct event {
	u32 number;
	enum dmm_ho_role from;		/* 3: both */
	u32 type;			/* enum dmm_ho_event_type; NONE */
	struct { u32 offset, bytes; } has[6];
} events[] = {
#define NONE	(~0u)
	{ 1, 3, NONE, { { 0 } } },
	{ 2, DMM_HO_DEST, DMM_HO_EV_ACQUIRE, { { 0 } } },
	{ 3, DMM_HO_DEST, DMM_HO_EV_COMPLETE, { EPOCH, INST } },
	{ 4, DMM_HO_DEST, DMM_HO_EV_REFUSED, { EPOCH } },
	{ 5, DMM_HO_DEST, DMM_HO_EV_RUNNING_ACK, { EPOCH, INST } },
	{ 6, DMM_HO_DEST, DMM_HO_EV_ASK_SOURCE, { INST } },
	{ 7, DMM_HO_SOURCE, DMM_HO_EV_TOKEN, { EPOCH, INST } },
	{ 8, DMM_HO_SOURCE, DMM_HO_EV_ASK_REFUSE, { EPOCH, INST } },
	{ 9, DMM_HO_SOURCE, DMM_HO_EV_RELEASED, { EPOCH } },
	{ 10, DMM_HO_SOURCE, DMM_HO_EV_SOURCE, { STATE, EPOCH, INST } },
	{ 11, DMM_HO_SOURCE, NONE, { EPOCH, DISK, FLAGS, CONN, BARR } },
};

#define NR_EVENTS	(sizeof(events) / sizeof(events[0]))

static bool has(const struct event *e, u32 offset)
{
	u32 i;

	for (i = 0; i < 6; i++) {
		if (offset >= e->has[i].offset && offset < e->has[i].offset + e->has[i].bytes)
			return true;
	}
	return false;
}

/* On the wire: every byte another one, but the state is a source's and the disk one of 64. */
static void golden(const struct event *e, u8 p[72])
{
	u32 i;

	memset(p, 0, 72);
	for (i = 0; i < 16; i++)
		p[i] = (u8)(0xa0 + i);
	p[16] = (u8)e->number;
	for (i = 20; i < 72; i++)
		p[i] = has(e, i) ? (u8)(0x80 + i) : 0;
	memset(p + 20, 0, 4);
	p[20] = has(e, 20) ? 2 : 0;
	memset(p + 48, 0, 8);
	p[48] = has(e, 48) ? 63 : 0;
	p[52] = has(e, 52) ? 1 : 0;
}

static u64 le(const u8 *p, u32 bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static int decode(const u8 *p, struct dmm_handover_msg *msg, u32 *code)
{
	struct dmm_refusal r = { 0 };
	int ret = dmm_handover_decode(p, msg, &r);

	*code = r.code;
	assert_true(!ret == !r.code && !ret == !r.text[0]);
	return ret;
}

static void refused(const u8 *p, u32 code)
{
	struct dmm_handover_msg msg;
	u32 got;

	assert_true(decode(p, &msg, &got) < 0);
	assert_int_equal(got, code);
}

static void messages(void **state)
{
	struct dmm_wire_handover w;
	struct dmm_handover_msg msg;
	u32 i, code;
	u8 p[73];

	(void)state;
	for (i = 0; i < NR_EVENTS; i++) {
		golden(&events[i], p + 1);	/* nor need it be aligned */
		memset(&msg, 0xaa, sizeof(msg));
		assert_int_equal(decode(p + 1, &msg, &code), 0);
		assert_memory_equal(msg.migration, p + 1, 16);
		assert_int_equal(msg.event, events[i].number);
		assert_int_equal(msg.state, p[1 + 20]);
		assert_true(msg.epoch == le(p + 1 + 24, 8));
		assert_memory_equal(msg.instance.b, p + 1 + 32, 16);
		assert_int_equal(msg.disk, p[1 + 48]);
		assert_int_equal(msg.flags, p[1 + 52]);
		assert_true(msg.conn_epoch == le(p + 1 + 56, 8));
		assert_true(msg.barrier == le(p + 1 + 64, 8));
		memset(&w, 0xaa, sizeof(w));
		dmm_handover_encode(&msg, &w);
		assert_int_equal(sizeof(w), 72);
		assert_memory_equal(&w, p + 1, sizeof(w));
	}
}

/* Every bit of what an event does not have. */
static void fields_of_others(void **state)
{
	u32 i, bit;
	u8 p[72];

	(void)state;
	for (i = 0; i < NR_EVENTS; i++) {
		for (bit = 20 * 8; bit < 72 * 8; bit++) {
			if (has(&events[i], bit / 8))
				continue;
			golden(&events[i], p);
			p[bit / 8] ^= (u8)(1 << bit % 8);
			refused(p, DMM_WERR_PROTOCOL);
		}
		golden(&events[i], p);
		memset(p, 0, 16);
		refused(p, DMM_WERR_PROTOCOL);
	}
}

static void values(void **state)
{
	static const u32 others[] = { 0, 12, 13, 255, 256 + 1, 1u << 31 | 1, ~0u };
	struct dmm_handover_msg msg;
	u32 i, code;
	u8 p[72];

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		golden(&events[0], p);
		memcpy(p + 16, &others[i], 4);
		refused(p, DMM_WERR_UNSUPPORTED);
	}
	/* the states of a source's journal, and none at all */
	for (i = 0; i <= 300; i++) {
		golden(&events[9], p);
		p[20] = (u8)i;
		p[21] = (u8)(i >> 8);
		if (i <= DMM_HO_RELEASED)
			assert_int_equal(decode(p, &msg, &code), 0);
		else
			refused(p, DMM_WERR_PROTOCOL);
	}
	golden(&events[10], p);
	p[48] = 64;
	refused(p, DMM_WERR_PROTOCOL);
	golden(&events[10], p);
	memset(p + 56, 0, 8);
	refused(p, DMM_WERR_PROTOCOL);
	golden(&events[10], p);
	memset(p + 64, 0, 8);
	refused(p, DMM_WERR_PROTOCOL);
}

/* Who may say what, about which migration, and JOIN only when it is due. */
static void sides(void **state)
{
	struct dmm_handover_msg msg;
	struct dmm_refusal r;
	u32 i, from, join;
	u8 p[72];
	int ret;

	(void)state;
	for (i = 0; i < NR_EVENTS; i++) {
		golden(&events[i], p);
		for (from = DMM_HO_SOURCE; from <= DMM_HO_DEST; from++) {
			for (join = 0; join < 2; join++) {
				ret = dmm_handover_take(p, p, from, join, &msg, &r);
				if ((events[i].from & from) && join == (events[i].number == 1)) {
					assert_int_equal(ret, 0);
					continue;
				}
				assert_true(ret < 0);
				assert_int_equal(r.code, DMM_WERR_PROTOCOL);
			}
		}
		assert_true(dmm_handover_take(p, (const u8 *)"another migration", DMM_HO_SOURCE,
					      i == 0, &msg, &r) < 0);
	}
}

static void state_machine(void **state)
{
	struct dmm_handover_msg msg;
	struct dmm_ho_event ev, back;
	struct dmm_wire_handover w;
	u8 p[72] = { 0 };
	u32 type, i, code;

	(void)state;
	for (type = 0; type < __DMM_HO_EV_MAX + 3; type++) {
		memset(&ev, 0x03, sizeof(ev));	/* it fills in more than the event has */
		ev.type = type;
		ev.state = DMM_HO_RELEASED;
		for (i = 0; i < NR_EVENTS && events[i].type != type; i++)
			;
		if (i == NR_EVENTS) {
			assert_int_equal(dmm_handover_from_event(p, &ev, &msg), -EINVAL);
			continue;
		}
		golden(&events[i], p);
		assert_int_equal(dmm_handover_from_event(p, &ev, &msg), 0);
		assert_int_equal(msg.event, events[i].number);
		assert_memory_equal(msg.migration, p, 16);
		assert_int_equal(msg.state, has(&events[i], 20) ? DMM_HO_RELEASED : 0);
		assert_true(msg.epoch == (has(&events[i], 24) ? 0x0303030303030303ull : 0));
		assert_int_equal(msg.instance.b[15], has(&events[i], 32) ? 3 : 0);
		assert_int_equal(msg.disk, 0);
		dmm_handover_encode(&msg, &w);
		assert_int_equal(decode((const u8 *)&w, &msg, &code), 0);
		memset(&back, 0xaa, sizeof(back));
		assert_int_equal(dmm_handover_to_event(&msg, &back), 0);
		assert_int_equal(back.type, type);
		assert_int_equal(back.state, msg.state);
		assert_true(back.epoch == msg.epoch);
		assert_memory_equal(&back.instance, &msg.instance, 16);
		assert_true(!back.ticket && !back.disk && !back.flag);
	}
	for (i = 0; i < NR_EVENTS; i += 10) {	/* JOIN and BARRIER are not its affair */
		golden(&events[i], p);
		assert_int_equal(decode(p, &msg, &code), 0);
		assert_int_equal(dmm_handover_to_event(&msg, &back), -EINVAL);
	}
}

/* --- what waits to be sent --- */

static void put(struct dmm_outbox *o, enum dmm_wire_handover_event event, u32 disk, u64 epoch)
{
	struct dmm_handover_msg msg = { .event = event, .disk = disk, .epoch = epoch };

	dmm_outbox_put(o, &msg);
}

static void next_is(struct dmm_outbox *o, enum dmm_wire_handover_event event, u32 disk, u64 epoch)
{
	struct dmm_handover_msg msg;

	assert_true(dmm_outbox_take(o, &msg));
	assert_int_equal(msg.event, event);
	assert_int_equal(msg.disk, disk);
	assert_int_equal(msg.epoch, epoch);
}

static void latest_only(void **state)
{
	struct dmm_outbox *o = dmm_outbox_new();
	struct dmm_handover_msg msg;

	(void)state;
	put(o, DMM_HANDOVER_TOKEN, 0, 1);
	put(o, DMM_HANDOVER_BARRIER, 0, 1);
	put(o, DMM_HANDOVER_BARRIER, 1, 1);
	put(o, DMM_HANDOVER_TOKEN, 0, 2);
	put(o, DMM_HANDOVER_BARRIER, 1, 2);
	next_is(o, DMM_HANDOVER_BARRIER, 0, 1);
	next_is(o, DMM_HANDOVER_TOKEN, 0, 2);
	next_is(o, DMM_HANDOVER_BARRIER, 1, 2);
	assert_false(dmm_outbox_take(o, &msg));
	dmm_outbox_free(o);
	dmm_outbox_free(NULL);
}

/* All that a group of the largest size can have to say at once; and an end to it. */
static void bounded(void **state)
{
	struct dmm_outbox *o = dmm_outbox_new();
	struct dmm_handover_msg msg;
	u32 i, nr = 0;

	(void)state;
	for (i = 1; i < DMM_HANDOVER_BARRIER; i++)
		put(o, i, 0, i);
	for (i = 0; i < DMM_MAX_GROUP; i++)
		put(o, DMM_HANDOVER_BARRIER, i, i);
	for (i = 1; i < DMM_HANDOVER_BARRIER; i++)
		next_is(o, i, 0, i);
	for (i = 0; i < DMM_MAX_GROUP; i++)
		next_is(o, DMM_HANDOVER_BARRIER, i, i);
	for (i = 0; i < 1000; i++)
		put(o, DMM_HANDOVER_BARRIER, i, 7);
	while (dmm_outbox_take(o, &msg)) {
		nr++;
		assert_true(msg.disk > 900);
	}
	assert_int_equal(msg.disk, 999);
	assert_true(nr < 100);
	dmm_outbox_free(o);
}

static void *put_soon(void *arg)
{
	nap(80);
	put(arg, DMM_HANDOVER_TOKEN, 0, 1);
	return NULL;
}

static void wakes(void **state)
{
	struct dmm_outbox *o = dmm_outbox_new();
	int ready = eventfd(1, EFD_CLOEXEC), idle = eventfd(0, EFD_CLOEXEC);
	struct dmm_handover_msg msg;
	pthread_t thread;
	u64 began_ms;
	u32 i;

	(void)state;
	assert_true(dmm_outbox_wait(o, ready, -1));
	assert_true(dmm_outbox_wait(o, idle, ready));
	for (i = 0; i < 2; i++) {	/* asleep again when all was taken */
		began_ms = dmm_now_ms();
		assert_int_equal(pthread_create(&thread, NULL, put_soon, o), 0);
		assert_false(dmm_outbox_wait(o, idle, -1));
		assert_true(dmm_now_ms() - began_ms >= 50);
		pthread_join(thread, NULL);
		while (dmm_outbox_take(o, &msg))
			;
	}
	dmm_outbox_free(o);
	close(ready);
	close(idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(fields_of_others),
		cmocka_unit_test(values),
		cmocka_unit_test(sides),
		cmocka_unit_test(state_machine),
		cmocka_unit_test(latest_only),
		cmocka_unit_test(bounded),
		cmocka_unit_test(wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
