/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the receiver's unit tests: a receiver whose sessions talk to the test over
 * socketpairs.  Header only: each test program is one file.
 */
#ifndef RECV_FAKE_H
#define RECV_FAKE_H

#include "recv_engine.h"

#include "dmmigrated/session.h"
#include "wireio.h"

static struct dmm_receiver rc;
static u64 peer_features = DMM_FEATURE_ZERO;	/* that peers offer */
static char dest_path[64];

static inline void receiver_start(u64 dest_bytes, const struct dmm_engine_ops *engine)
{
	struct dmm_config c = {
		.engine = engine,
		.buffer_bytes = 64 << 20,
		.max_sessions = 64,
		.max_silent = 64,
		.max_disks = 8,
		.handshake_ms = 500,
		.stall_ms = 500,
		.ack_ms = 500,
	};
	int fd;

	strcpy(dest_path, "/tmp/dmm-unit.XXXXXX");
	fd = mkstemp(dest_path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, dest_bytes), 0);
	close(fd);
	c.allow = calloc(1, sizeof(*c.allow));
	c.allow[0] = strdup("/tmp/dmm-unit.*");
	c.nr_allow = 1;
	assert_int_equal(dmm_receiver_init(&rc, &c), 0);
	dmm_log_set_max(getenv("DMM_TEST_LOG") ? LOG_DEBUG : -1);
}

static inline void receiver_end(void)
{
	dmm_receiver_stop(&rc);
	assert_int_equal(dmm_receiver_wait(&rc, WAIT_MS), 0);
	dmm_receiver_exit(&rc);
	unlink(dest_path);
}

/* For a test that prepares its disks by itself, of 1 MiB. */
static inline int receiver_setup(void **state)
{
	(void)state;
	receiver_start(1u << 20, &dmm_engine_libaio);
	return 0;
}

static inline int receiver_teardown(void **state)
{
	(void)state;
	receiver_end();
	return 0;
}

/* One connection of the test to a session of the receiver. */
struct peer {
	struct dmm_client c;
	u64 seq;		/* data connection: of the last frame */
};

static inline int peer_open_from(struct peer *p, const char *from)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	memset(p, 0, sizeof(*p));
	p->c.fd = sv[0];
	p->c.timeout_ms = WAIT_MS;
	p->c.features = peer_features;
	return dmm_session_start(&rc, sv[1], from, false, dmm_now_ms() + rc.handshake_ms);
}

static inline void peer_open(struct peer *p)
{
	assert_int_equal(peer_open_from(p, "test"), 0);
}

static inline void peer_close(struct peer *p)
{
	dmm_client_close(&p->c);
}

static inline void peer_hello(struct peer *p)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;

	peer_open(p);
	assert_int_equal(dmm_client_hello(&p->c, "test", &ok, &refuse), 0);
}

static inline void disk_id(struct dmm_wire_disk *id)
{
	memset(id, 0, sizeof(*id));
	id->migration[0] = 1;
}

static inline void fill_prepare(struct dmm_wire_prepare *w, u64 size)
{
	memset(w, 0, sizeof(*w));
	disk_id(&w->id);
	w->size_bytes = cpu_to_le64(size);
	w->block_bytes = cpu_to_le32(4096);
	w->lbs_bytes = cpu_to_le32(512);
	w->conns = cpu_to_le32(2);
	strcpy((char *)w->dest_path, dest_path);
}

/* 0, or the code of the refusal. */
static inline u32 peer_request(struct peer *p, u16 type, const void *payload, u32 bytes, u16 expect,
			       void *reply, u32 reply_bytes)
{
	struct dmm_wire_refuse refuse;
	int ret = dmm_client_request(&p->c, type, payload, bytes, expect, reply, reply_bytes,
				     &refuse);

	if (ret == -EREMOTEIO)
		return le32_to_cpu(refuse.code);
	if (ret)
		print_message("request %u: %d %s\n", type, ret, p->c.why ? p->c.why : "");
	assert_int_equal(ret, 0);
	return 0;
}

static inline void peer_prepare(struct peer *p, u64 size)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;

	fill_prepare(&w, size);
	assert_int_equal(peer_request(p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), 0);
}

static inline u32 peer_attach(struct peer *p, u64 epoch, u32 index)
{
	struct dmm_wire_attach a;

	memset(&a, 0, sizeof(a));
	disk_id(&a.id);
	a.conn_epoch = cpu_to_le64(epoch);
	a.conn_index = cpu_to_le32(index);
	a.conns = cpu_to_le32(2);
	peer_hello(p);
	return peer_request(p, DMM_MSG_ATTACH, &a, sizeof(a), DMM_MSG_ATTACHED, NULL, 0);
}

/* A disk of @size and its only data connection, as most tests want them; ended with the receiver. */
static inline void peers_attach(struct peer *control, struct peer *data, u64 size)
{
	peer_hello(control);
	peer_prepare(control, size);
	assert_int_equal(peer_attach(data, 1, 0), 0);
}

static inline void peers_end(struct peer *control, struct peer *data)
{
	peer_close(control);
	peer_close(data);
	fake_release();
	receiver_end();
	assert_int_equal(fake.opened, fake.closed);
}

static inline void peer_query(struct peer *p, struct dmm_wire_query_ok *q)
{
	struct dmm_wire_disk id;

	disk_id(&id);
	assert_int_equal(peer_request(p, DMM_MSG_QUERY, &id, sizeof(id), DMM_MSG_QUERY_OK, q,
				      sizeof(*q)), 0);
}

/* Sends a frame; @damage is applied to the header after sealing (may be NULL). */
static inline void peer_frame(struct peer *p, struct dmm_frame *f, const void *payload,
			      void (*damage)(struct dmm_wire_hdr *))
{
	enum dmm_sum_kind kind = dmm_sum_kind(f->type == DMM_MSG_DATA ? p->c.features : 0);
	struct dmm_wire_hdr hdr;
	u32 crc;

	if (!f->seq)
		f->seq = p->seq + 1;
	p->seq = f->seq;
	dmm_wire_hdr_encode(&hdr, f);
	crc = dmm_wire_hdr_crc(&hdr);
	if (f->payload_bytes)
		crc = dmm_sum_frame(kind, crc, dmm_sum(kind, 0, payload, f->payload_bytes), f->payload_bytes);
	dmm_wire_hdr_seal(&hdr, crc);
	if (damage)
		damage(&hdr);
	assert_int_equal(dmm_sock_write(p->c.fd, &hdr, sizeof(hdr), dmm_now_ms() + WAIT_MS, -1), 0);
	if (f->payload_bytes)
		assert_int_equal(dmm_sock_write(p->c.fd, payload, f->payload_bytes,
						dmm_now_ms() + WAIT_MS, -1), 0);
}

static inline void peer_data(struct peer *p, u64 offset, const void *payload, u32 bytes)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .offset_bytes = offset, .payload_bytes = bytes };

	peer_frame(p, &f, payload, NULL);
}

static inline void peer_fill(struct peer *p, u64 offset, u8 byte, u32 bytes)
{
	u8 *payload = malloc(bytes);

	memset(payload, byte, bytes);
	peer_data(p, offset, payload, bytes);
	free(payload);
}

static inline void peer_zero(struct peer *p, u64 offset, u64 bytes)
{
	struct dmm_frame f = { .type = DMM_MSG_ZERO, .offset_bytes = offset, .arg = bytes };

	peer_frame(p, &f, NULL, NULL);
}

static inline void peer_barrier(struct peer *p, u64 number)
{
	struct dmm_frame f = { .type = DMM_MSG_BARRIER, .arg = number };

	peer_frame(p, &f, NULL, NULL);
}

/* The next acknowledgement. 0, or -ENODATA: closed. */
static inline int peer_ack(struct peer *p, struct dmm_ack *a)
{
	struct dmm_wire_ack w;
	int ret = dmm_sock_read(p->c.fd, &w, sizeof(w), dmm_now_ms() + WAIT_MS, -1);

	if (ret)
		return ret;
	return dmm_wire_ack_decode(&w, a);
}

static inline void peer_expect_ack(struct peer *p, u16 type, u64 seq, u32 status)
{
	struct dmm_ack a = { 0 };

	assert_int_equal(peer_ack(p, &a), 0);
	assert_int_equal(a.type, type);
	assert_int_equal(a.seq, seq);
	assert_int_equal(a.status, status);
}

static inline void peer_expect_silence(struct peer *p, int ms)
{
	assert_int_equal(dmm_wait_fd(p->c.fd, POLLIN, dmm_now_ms() + ms, -1), -ETIMEDOUT);
}

static inline void peer_expect_end(struct peer *p)
{
	struct dmm_ack a;

	assert_int_equal(peer_ack(p, &a), -ENODATA);
	peer_close(p);
}

static inline void peer_end(struct peer *p)
{
	struct dmm_frame f = { .type = DMM_MSG_END };

	peer_frame(p, &f, NULL, NULL);
	peer_expect_end(p);
}

#endif
