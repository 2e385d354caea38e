/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of migrations that hand over as a group: a receiver with their table, sessions that ask it, and
 * a source's daemon that is played.  Header only: each test program is one file.
 */
#ifndef RECV_MIGRATIONS_H
#define RECV_MIGRATIONS_H

#include <sys/stat.h>

#include "dmmigrated/handover.h"
#include "dmmigrated/migrations.h"
#include "recv_fake.h"

#define SIZE	(1u << 20)

static struct dmm_migrations ms;
static char dir[64];
static char configs[80];		/* of guests */

static inline void migrations_start(void)
{
	assert_int_equal(dmm_migrations_init(&ms, dir, &rc.registry, rc.instance, rc.boot, rc.stop_fd, NULL,
					     DMM_CONTROL_PATH, true, configs), 0);
	rc.migrations = &ms;
}

static inline int setup(void **state)
{
	(void)state;
	peer_features = DMM_FEATURE_ZERO | DMM_FEATURE_GROUP;
	receiver_start(SIZE, &dmm_engine_libaio);
	strcpy(dir, "/tmp/dmm-unit-state.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(configs, sizeof(configs), "%s/xen", dir);
	assert_int_equal(mkdir(configs, 0700), 0);
	migrations_start();
	return 0;
}

static inline int teardown(void **state)
{
	char command[128];

	(void)state;
	dmm_receiver_stop(&rc);
	assert_int_equal(dmm_receiver_wait(&rc, WAIT_MS), 0);
	assert_int_equal(dmm_migrations_await_proofs(&ms, WAIT_MS), 0);
	dmm_migrations_exit(&ms);
	receiver_end();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* The daemon dies and starts: all that it had in memory is gone. */
static inline void restart(void)
{
	dmm_receiver_stop(&rc);
	assert_int_equal(dmm_receiver_wait(&rc, WAIT_MS), 0);
	assert_int_equal(dmm_migrations_await_proofs(&ms, WAIT_MS), 0);
	dmm_migrations_exit(&ms);
	receiver_end();
	receiver_start(SIZE, &dmm_engine_libaio);
	migrations_start();
}

static inline u32 group_flags(struct peer *p, enum dmm_wire_group_verb verb, enum dmm_ho_role role,
		       enum dmm_ho_state await, u32 flags, struct dmm_wire_group_ok *ok)
{
	struct dmm_wire_group w;

	memset(&w, 0, sizeof(w));
	w.migration[0] = 1;
	w.verb = cpu_to_le32(verb);
	w.role = cpu_to_le32(role);
	w.flags = cpu_to_le32(flags);
	if (await) {
		w.await = cpu_to_le32(1u << await);
		w.await_ms = cpu_to_le32(5000);
	}
	if (verb == DMM_GROUP_CUTOVER)
		w.freeze_ms = cpu_to_le32(1000);
	return peer_request(p, DMM_MSG_GROUP, &w, sizeof(w), DMM_MSG_GROUP_OK, ok, sizeof(*ok));
}

static inline u32 group(struct peer *p, enum dmm_wire_group_verb verb, enum dmm_ho_role role,
		 enum dmm_ho_state await, struct dmm_wire_group_ok *ok)
{
	return group_flags(p, verb, role, await, 0, ok);
}

/* A session by the local socket. */
static inline void local_hello(struct peer *p)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok hello;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	memset(p, 0, sizeof(*p));
	p->c.fd = sv[0];
	p->c.timeout_ms = WAIT_MS;
	p->c.features = peer_features;
	assert_int_equal(dmm_session_start(&rc, sv[1], "local", true, dmm_now_ms() + rc.handshake_ms), 0);
	assert_int_equal(dmm_client_hello(&p->c, "test", &hello, &refuse), 0);
}

static inline u32 drop_here(u32 flags)
{
	struct dmm_wire_group_ok ok;
	struct peer p;
	u32 code;

	local_hello(&p);
	code = group_flags(&p, DMM_GROUP_DROP, DMM_HO_DEST, 0, flags, &ok);
	peer_close(&p);
	return code;
}

/* Asks on a connection of its own, which a refusal closes. */
static inline u32 ask(enum dmm_wire_group_verb verb, enum dmm_ho_state await, struct dmm_wire_group_ok *ok)
{
	struct peer p;
	u32 code;

	peer_hello(&p);
	code = group(&p, verb, DMM_HO_DEST, await, ok);
	peer_close(&p);
	return code;
}

static inline void state_is(enum dmm_ho_state s)
{
	struct dmm_wire_group_ok ok;

	assert_int_equal(ask(DMM_GROUP_STATUS, s, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), s);
}

static inline u32 prepare(u32 disk, u32 disks)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct peer p;
	u32 code;

	fill_prepare(&w, SIZE);
	w.id.disk = cpu_to_le32(disk);
	w.group_disks = cpu_to_le32(disks);
	strcpy((char *)w.source_host, "alpha");
	peer_hello(&p);
	code = peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok, sizeof(ok));
	peer_close(&p);
	return code;
}

/* --- the source's daemon --- */

static inline void say(struct peer *p, struct dmm_handover_msg *msg)
{
	struct dmm_wire_handover w;

	memset(msg->migration, 0, sizeof(msg->migration));
	msg->migration[0] = 1;
	dmm_handover_encode(msg, &w);
	assert_int_equal(dmm_client_send(&p->c, DMM_MSG_HANDOVER, &w, sizeof(w)), 0);
}

static inline void hear(struct peer *p, enum dmm_wire_handover_event event, struct dmm_handover_msg *msg)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_handover w;
	struct dmm_refusal r;

	do {
		assert_int_equal(dmm_client_receive(&p->c, DMM_MSG_HANDOVER, &w, sizeof(w), &refuse), 0);
		assert_int_equal(dmm_handover_decode(&w, msg, &r), 0);
	} while (msg->event != event);
}

static inline void join(struct peer *p)
{
	struct dmm_handover_msg msg = { .event = DMM_HANDOVER_JOIN };

	peer_hello(p);
	say(p, &msg);
	hear(p, DMM_HANDOVER_JOIN, &msg);
}

/* Data, and a barrier of connection epoch @epoch that is acknowledged. */
static inline void ship(struct peer *data, u64 epoch, u64 barrier)
{
	static u8 block[4096] = { 7 };
	struct dmm_frame f = { .type = DMM_MSG_BARRIER, .arg = barrier };
	struct dmm_ack ack;

	if (!data->seq)
		assert_int_equal(peer_attach(data, epoch, 0), 0);
	peer_data(data, 4096 * barrier, block, sizeof(block));
	peer_ack(data, &ack);
	assert_int_equal(ack.status, 0);
	peer_frame(data, &f, NULL, NULL);
	peer_ack(data, &ack);
	assert_int_equal(ack.type, DMM_MSG_BARRIER);
	assert_int_equal(ack.status, 0);
}

static inline void say_barrier(struct peer *link, u64 epoch, u64 conn_epoch, u64 barrier)
{
	struct dmm_handover_msg msg = {
		.event = DMM_HANDOVER_BARRIER, .epoch = epoch, .conn_epoch = conn_epoch, .barrier = barrier,
	};

	say(link, &msg);
}

/* From PREPARE to OWNED. @link stays open. */
static inline void be_owned(struct peer *data, struct peer *link, u64 epoch)
{
	struct dmm_handover_msg msg;

	assert_int_equal(prepare(0, 1), 0);
	memset(data, 0, sizeof(*data));
	ship(data, epoch, 1);
	join(link);
	say_barrier(link, epoch, epoch, 1);
	hear(link, DMM_HANDOVER_COMPLETE, &msg);
	assert_int_equal(msg.epoch, epoch);
	msg.event = DMM_HANDOVER_TOKEN;
	say(link, &msg);
	state_is(DMM_HO_OWNED);
}

#endif
