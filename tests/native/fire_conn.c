// SPDX-License-Identifier: GPL-2.0
/*
 * The connections of `fire`.  Every acknowledgement is looked at: for a frame in flight,
 * once, of the right kind, and a barrier's after all that it covers.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fire.h"
#include "fullio.h"

struct fire fire;

static void open_client(struct dmm_client *c)
{
	struct dmm_wire_refuse refuse = { 0 };
	struct dmm_wire_hello_ok ok;
	int ret = dmm_client_connect(fire.to.host, fire.to.port, FIRE_WAIT_MS, NULL, c);

	if (ret)
		fire_die("connect: %s", strerror(-ret));
	c->timeout_ms = FIRE_WAIT_MS;
	c->features = DMM_FEATURE_ZERO | DMM_FEATURE_HASHES;
	ret = dmm_client_hello(c, "fire", &ok, &refuse);
	if (ret)
		fire_die("HELLO: %s %s", strerror(-ret), (char *)refuse.text);
}

static void request_on(struct dmm_client *c, u16 type, const void *payload, u32 bytes, u16 expect,
		       void *reply, u32 reply_bytes)
{
	struct dmm_wire_refuse refuse = { 0 };
	int ret = dmm_client_request(c, type, payload, bytes, expect, reply, reply_bytes, &refuse);

	if (ret)
		fire_die("request %u: %s: %s", type, strerror(-ret),
			 ret == -EREMOTEIO ? (char *)refuse.text : c->why ? c->why : "");
}

void fire_request(u16 type, const void *payload, u32 bytes, u16 expect, void *reply, u32 reply_bytes)
{
	request_on(&fire.control, type, payload, bytes, expect, reply, reply_bytes);
}

void fire_prepare(bool first)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare p;

	if (fire.control.fd < 0)
		open_client(&fire.control);
	memset(&p, 0, sizeof(p));
	p.id = fire.id;
	p.size_bytes = cpu_to_le64(fire.bytes);
	p.block_bytes = cpu_to_le32(4096);
	p.lbs_bytes = cpu_to_le32(512);
	p.conns = cpu_to_le32(FIRE_CONNS);
	p.flags = cpu_to_le32(DMM_PREPARE_OVERWRITE);
	if (dmm_text_put(p.dest_path, sizeof(p.dest_path), fire.path))
		fire_die("%s: too long", fire.path);
	fire_request(DMM_MSG_PREPARE, &p, sizeof(p), DMM_MSG_PREPARED, &ok, sizeof(ok));
	/* what came before the receiver began anew was overwritten by zeros, perhaps */
	if (!first && fire.acked_bytes && le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY)
		fire_die("the destination is said to be empty");
}

void fire_finish(void)
{
	fire_request(DMM_MSG_FINISH, &fire.id, sizeof(fire.id), DMM_MSG_FINISH_OK, NULL, 0);
}

void fire_query(void)
{
	struct dmm_wire_query_ok q;

	fire_request(DMM_MSG_QUERY, &fire.id, sizeof(fire.id), DMM_MSG_QUERY_OK, &q, sizeof(q));
	if (le32_to_cpu(q.error))
		fire_die("the disk has failed: %u", le32_to_cpu(q.error));
	if (le64_to_cpu(q.barrier) > fire.barrier)
		fire_die("barrier %llu is said to be flushed, %llu is the last that was sent",
			 le64_to_cpu(q.barrier), fire.barrier);
	if (le64_to_cpu(q.received_bytes) < fire.acked_bytes)
		fire_die("%llu bytes are said to be received, %llu were acknowledged",
			 le64_to_cpu(q.received_bytes), fire.acked_bytes);
}

static u32 *slot_of(struct fire_conn *c, u64 seq)
{
	return &c->frames[seq % (4 * FIRE_WINDOW)];
}

static void close_conn(struct fire_conn *c)
{
	dmm_client_close(&c->c);
	c->state = FIRE_DEAD;
	memset(c->frames, 0, sizeof(c->frames));
	c->in_flight = 0;
}

void fire_attach_all(bool politely)
{
	struct fire_conn old[FIRE_CONNS];
	struct dmm_wire_attach a;
	u32 i;

	memcpy(old, fire.conns, sizeof(old));
	for (i = 0; politely && i < FIRE_CONNS; i++)
		close_conn(&old[i]);
	fire.epoch++;
	fire.nr_epochs++;
	fire.barrier = 0;
	for (i = 0; i < FIRE_CONNS; i++) {
		struct fire_conn *c = &fire.conns[i];

		memset(c, 0, sizeof(*c));
		c->state = FIRE_LIVE;
		c->epoch = fire.epoch;
		c->index = i;
		open_client(&c->c);
		memset(&a, 0, sizeof(a));
		a.id = fire.id;
		a.conn_epoch = cpu_to_le64(fire.epoch);
		a.conn_index = cpu_to_le32(i);
		a.conns = cpu_to_le32(FIRE_CONNS);
		request_on(&c->c, DMM_MSG_ATTACH, &a, sizeof(a), DMM_MSG_ATTACHED, NULL, 0);
		/* they had their last word by now */
		if (!politely && old[i].state != FIRE_DEAD) {
			while (old[i].state != FIRE_DEAD && fire_take_acks(&old[i]))
				;
			close_conn(&old[i]);
		}
	}
	fire_query();
}

/* The receiver has closed. */
static void conn_ended(struct fire_conn *c)
{
	bool expected = c->epoch != fire.epoch || fire.stopping ||
			(c->state == FIRE_ENDING && !c->in_flight) ||
			(c->state == FIRE_DYING && !c->in_flight && !c->refusal);

	if (!expected)
		fire_die("connection %u/%u closed: state %u, %u in flight", c->epoch, c->index, c->state,
			 c->in_flight);
	close_conn(c);
}

static void take_ack(struct fire_conn *c, const struct dmm_ack *a)
{
	u32 *slot = slot_of(c, a->seq), frame;
	const struct fire_frame *f;

	if (a->status) {
		/* zero runs are dropped then, so there may be some in flight */
		if (fire.stopping && (a->status == DMM_WERR_SHUTDOWN ? !a->seq : a->status == c->refusal))
			return;
		if (c->state != FIRE_DYING || a->status != c->refusal || c->in_flight)
			fire_die("refused with %u: type %u seq %llu", a->status, a->type, a->seq);
		c->refusal = 0;
		return;
	}
	fire.nr_acks++;
	if (a->type == DMM_MSG_BARRIER) {
		if (a->seq != c->barrier_seq || a->arg != c->barrier || c->in_flight != 1)
			fire_die("barrier %llu acknowledged (seq %llu) with %u in flight", a->arg, a->seq,
				 c->in_flight);
		c->in_flight--;
		c->barrier_seq = 0;
		c->known = a->seq;
		return;
	}
	frame = *slot;
	f = fire_model_frame(frame);
	if (!frame || f->seq != a->seq || a->type != (f->zero ? DMM_MSG_ZERO : DMM_MSG_DATA) ||
	    a->arg != (f->zero ? f->nr * 512ull : 0))
		fire_die("acknowledgement for nothing: type %u seq %llu arg %llu", a->type, a->seq, a->arg);
	*slot = 0;
	c->in_flight--;
	if (a->seq > c->known)
		c->known = a->seq;
	fire.acked_bytes += f->nr * 512ull;
	fire_model_ack(frame);
}

bool fire_take_acks(struct fire_conn *c)
{
	struct dmm_ack a;
	bool any = false;
	ssize_t n;

	while (c->state != FIRE_DEAD) {
		n = recv(c->c.fd, (u8 *)&c->ack + c->ack_have, sizeof(c->ack) - c->ack_have, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		any = true;
		if (n <= 0) {
			conn_ended(c);
			break;
		}
		c->ack_have += n;
		if (c->ack_have < sizeof(c->ack))
			continue;
		c->ack_have = 0;
		if (dmm_wire_ack_decode(&c->ack, &a))
			fire_die("a damaged acknowledgement");
		take_ack(c, &a);
	}
	return any;
}

static bool unsettled(const struct fire_conn *c)
{
	return c->state == FIRE_ENDING || c->state == FIRE_DYING ||
	       (c->state == FIRE_LIVE && (c->in_flight || fire.stopping));
}

void fire_settle(void)
{
	u64 until_ms = dmm_now_ms() + FIRE_WAIT_MS;
	struct pollfd p[FIRE_CONNS];
	bool wait = true;
	u32 i;

	while (wait) {
		wait = false;
		for (i = 0; i < FIRE_CONNS; i++) {
			fire_take_acks(&fire.conns[i]);
			p[i].fd = unsettled(&fire.conns[i]) ? fire.conns[i].c.fd : -1;
			p[i].events = POLLIN;
			wait |= p[i].fd >= 0;
		}
		if (wait && !poll(p, FIRE_CONNS, 1000) && dmm_now_ms() > until_ms)
			fire_die("frames are not acknowledged");
	}
}

/* False: the receiver had closed, as it may. */
static bool send_bytes(struct fire_conn *c, const void *buf, size_t bytes)
{
	int ret = dmm_sock_write(c->c.fd, buf, bytes, dmm_now_ms() + FIRE_WAIT_MS, -1);

	if (!ret)
		return true;
	if (!fire.stopping)
		fire_die("connection %u/%u: %s", c->epoch, c->index, strerror(-ret));
	while (fire_take_acks(c))
		;
	close_conn(c);
	return false;
}

static bool send_frame(struct fire_conn *c, struct dmm_frame *f, const void *payload, u32 damage)
{
	struct dmm_wire_hdr hdr;
	u32 crc;

	f->seq = ++c->seq;
	dmm_wire_hdr_encode(&hdr, f);
	crc = dmm_wire_hdr_crc(&hdr);
	if (f->payload_bytes)
		crc = dmm_crc32c(crc, payload, f->payload_bytes);
	dmm_wire_hdr_seal(&hdr, crc ^ damage);
	return send_bytes(c, &hdr, sizeof(hdr)) &&
	       (!f->payload_bytes || send_bytes(c, payload, f->payload_bytes));
}

bool fire_send_frame(struct fire_conn *c, bool zero, u32 first, u32 nr)
{
	struct fire_frame n = { .epoch = c->epoch, .conn = c->index, .seq = c->seq + 1, .zero = zero,
				.first = first, .nr = nr };
	struct dmm_frame f = { .type = zero ? DMM_MSG_ZERO : DMM_MSG_DATA, .offset_bytes = first * 512ull };
	u32 frame, i;

	for (i = 0; i < FIRE_CONNS; i++)
		n.known[i] = fire.conns[i].epoch == c->epoch ? fire.conns[i].known : 0;
	frame = fire_model_send(&n);
	*slot_of(c, n.seq) = frame;
	c->in_flight++;
	fire.nr_frames++;
	if (zero) {
		f.arg = nr * 512ull;
	} else {
		f.payload_bytes = nr * 512;
		fire_model_fill(frame, first, nr, fire.payload);
	}
	return send_frame(c, &f, fire.payload, 0);
}

void fire_send_barrier(struct fire_conn *c)
{
	struct dmm_frame f = { .type = DMM_MSG_BARRIER, .arg = ++fire.barrier };

	c->barrier = fire.barrier;
	c->barrier_seq = c->seq + 1;
	c->in_flight++;
	fire.nr_barriers++;
	send_frame(c, &f, NULL, 0);
}

void fire_send_end(struct fire_conn *c)
{
	struct dmm_frame f = { .type = DMM_MSG_END };

	c->state = FIRE_ENDING;
	send_frame(c, &f, NULL, 0);
}

void fire_send_bad(struct fire_conn *c)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .payload_bytes = 4096 };
	u32 damage = 0;

	fire.nr_bad++;
	c->state = FIRE_DYING;
	memset(fire.payload, 0xbd, 4096);
	f.offset_bytes = fire_rnd(fire.bytes / 512 - 8) * 512;
	switch (fire_rnd(4)) {
	case 0:
		c->refusal = DMM_WERR_CRC;
		damage = 1u << fire_rnd(32);
		break;
	case 1:
		c->refusal = DMM_WERR_RANGE;
		f.offset_bytes = fire.bytes - 512;
		break;
	case 2:
		c->refusal = DMM_WERR_RANGE;
		f = (struct dmm_frame){ .type = DMM_MSG_ZERO, .offset_bytes = 512, .arg = fire.bytes };
		break;
	default:
		c->refusal = DMM_WERR_PROTOCOL;
		c->seq++;
	}
	send_frame(c, &f, fire.payload, damage);
}

void fire_cut(struct fire_conn *c)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .payload_bytes = 65536, .seq = c->seq + 1 };
	struct dmm_wire_hdr hdr;

	fire.nr_cuts++;
	/* half a frame, whose other half would be right: nothing of it may be seen */
	if (fire_rnd(2)) {
		dmm_wire_hdr_encode(&hdr, &f);
		memset(fire.payload, 0xbe, 65536);
		dmm_wire_hdr_seal(&hdr, dmm_crc32c(dmm_wire_hdr_crc(&hdr), fire.payload, 65536));
		/* behind half a header it would be the other half, a wrong one, and refused */
		if (fire_rnd(2))
			send_bytes(c, &hdr, fire_rnd(sizeof(hdr)));
		else if (send_bytes(c, &hdr, sizeof(hdr)) && fire_rnd(2))
			send_bytes(c, fire.payload, fire_rnd(65536));
	}
	if (fire_rnd(2))
		shutdown(c->c.fd, SHUT_WR);
	else if (fire_rnd(2))
		fire_take_acks(c);
	if (c->state != FIRE_DEAD)
		close_conn(c);
}
