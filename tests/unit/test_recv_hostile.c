// SPDX-License-Identifier: GPL-2.0
/*
 * Peers at their worst: those who read nothing for a while on a data connection, where bounds
 * must hold and nothing may get stuck once they read again; those who stay when the receiver ends; those who
 * say that their disk is larger than any.
 */
#include <signal.h>

#include "dmmigrated/prove.h"
#include "recv_fake.h"

#define SIZE	(1u << 20)
#define JAM_MS	200	/* the socket takes nothing for as long: the receiver has stopped reading */

static struct peer control, data;

static int setup(void **state)
{
	(void)state;
	fake_reset(FAKE_AT_ONCE, SIZE);
	receiver_start(SIZE, &fake_engine);
	rc.ack_ms = WAIT_MS;	/* the peers here read in the end, and the machine may be busy */
	peers_attach(&control, &data, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peers_end(&control, &data);
	return 0;
}

/* A frame with 512 bytes of payload, or a barrier. Returns its length. */
static u32 encode(struct peer *p, u16 type, u8 *out)
{
	struct dmm_frame f = { .type = type, .seq = ++p->seq };
	u8 *payload = out + DMM_WIRE_HDR_BYTES;
	struct dmm_wire_hdr hdr;
	u32 crc;

	if (type == DMM_MSG_DATA) {
		f.payload_bytes = 512;
		f.offset_bytes = f.seq % (SIZE / 512) * 512;
		memset(payload, f.seq, 512);
	} else {
		f.arg = f.seq;
	}
	dmm_wire_hdr_encode(&hdr, &f);
	crc = dmm_wire_hdr_crc(&hdr);
	if (f.payload_bytes)
		crc = dmm_crc32c(crc, payload, f.payload_bytes);
	dmm_wire_hdr_seal(&hdr, crc);
	memcpy(out, &hdr, sizeof(hdr));
	return sizeof(hdr) + f.payload_bytes;
}

/* Sends frames without reading an acknowledgement until nothing can be sent any more. */
static void choke(u16 type)
{
	u8 buf[DMM_WIRE_HDR_BYTES + 512];
	u32 bytes = 0, sent = 0;
	ssize_t n;

	for (;;) {
		if (sent == bytes) {
			bytes = encode(&data, type, buf);
			sent = 0;
		}
		n = send(data.c.fd, buf + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += n;
		else if (dmm_wait_fd(data.c.fd, POLLOUT, dmm_now_ms() + JAM_MS, -1))
			return;
	}
}

/*
 * Sends frames without reading an acknowledgement until nothing can be sent any more, then reads
 * them all, and sees the connection go on.
 */
static void jam(u16 type)
{
	u8 buf[DMM_WIRE_HDR_BYTES + 512];
	u32 bytes = 0, sent = 0;
	struct dmm_ack a;
	u64 seq;
	ssize_t n;

	for (;;) {
		if (sent == bytes) {
			assert_true(data.seq < 100000);	/* no bound at all */
			bytes = encode(&data, type, buf);
			sent = 0;
		}
		n = send(data.c.fd, buf + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			sent += n;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		if (dmm_wait_fd(data.c.fd, POLLOUT, dmm_now_ms() + JAM_MS, -1))
			break;
	}
	/* whatever the receiver has taken in is acknowledged, and what is in the socket follows */
	for (seq = 1; seq < data.seq; seq++) {
		assert_int_equal(peer_ack(&data, &a), 0);
		assert_int_equal(a.type, type);
		assert_int_equal(a.seq, seq);
		assert_int_equal(a.status, DMM_WERR_OK);
	}
	assert_int_equal(dmm_sock_write(data.c.fd, buf + sent, bytes - sent, dmm_now_ms() + WAIT_MS,
					-1), 0);
	peer_expect_ack(&data, type, data.seq, DMM_WERR_OK);
	peer_end(&data);
}

static void barriers_without_end(void **state)
{
	(void)state;
	jam(DMM_MSG_BARRIER);
}

static void data_without_end(void **state)
{
	(void)state;
	jam(DMM_MSG_DATA);
}

/* An engine that cannot tell how writes ended: the source is told, at once. */
static void a_broken_engine(void **state)
{
	struct dmm_wire_query_ok q;

	(void)state;
	fake.mode = FAKE_HOLD;
	peer_fill(&data, 0, 'a', 4096);
	fake_await(&fake.nr_held, 1);
	fake.reap_result = -EINVAL;
	fake_kick();
	peer_expect_ack(&data, DMM_MSG_DATA, 0, DMM_WERR_INTERNAL);
	shutdown(data.c.fd, SHUT_WR);
	peer_expect_end(&data);
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.error), DMM_WERR_INTERNAL);
}

/* The receiver goes down in time although a peer does not read, neither here nor there. */
static void deaf_while_stopping(void **state)
{
	struct dmm_wire_disk id;
	u64 seq = control.c.tx_seq, start;

	(void)state;
	rc.ack_ms = 60000;
	choke(DMM_MSG_DATA);
	disk_id(&id);
	while (!dmm_wireio_send(control.c.fd, DMM_MSG_QUERY, &seq, &id, sizeof(id), JAM_MS))
		assert_true(seq < 100000);
	start = dmm_now_ms();
	dmm_receiver_stop(&rc);
	assert_int_equal(dmm_receiver_wait(&rc, 4500), 0);
	print_message("%llu ms\n", dmm_now_ms() - start);
}

/* QEMU CVE-2024-7409: a connection that nobody closed outlived the server. */
static void the_receiver_ends_idle_connections(void **state)
{
	struct pollfd p = { .fd = control.c.fd, .events = POLLIN };
	struct dmm_wire_query_ok q;
	struct dmm_wire_disk id;

	(void)state;
	dmm_receiver_stop(&rc);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);	/* it is told without having asked */
	disk_id(&id);
	assert_int_equal(peer_request(&control, DMM_MSG_QUERY, &id, sizeof(id), DMM_MSG_QUERY_OK, &q,
				      sizeof(q)), DMM_WERR_SHUTDOWN);
	assert_int_equal(recv(control.c.fd, &q, sizeof(q), 0), 0);
	peer_close(&control);
	peer_expect_ack(&data, DMM_MSG_DATA, 0, DMM_WERR_SHUTDOWN);
	peer_expect_end(&data);
	assert_int_equal(dmm_receiver_wait(&rc, WAIT_MS), 0);
}

/* Memory goes by the destination, not by what a peer says that its disk has: this would be 16 TiB. */
static void sizes_cost_nothing(void **state)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct peer p;

	(void)state;
	fill_prepare(&w, 1ull << 60);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok, sizeof(ok)),
			 DMM_WERR_TOOSMALL);
	peer_close(&p);
}

/* Nor is there anything to compare with until the destination has been opened. */
static void nothing_to_compare(void **state)
{
	struct dmm_wire_prepare w;
	struct dmm_prepare p;
	struct dmm_refusal r;
	struct dmm_disk *d;

	(void)state;
	fill_prepare(&w, SIZE);
	assert_int_equal(dmm_prepare_decode(&w, &p, &r), 0);
	d = dmm_disk_create(&p);
	assert_non_null(d);
	assert_false(dmm_disk_compare(d, 0, 0, 1));
	assert_int_equal(dmm_disk_judge(d, &r), 0);
	dmm_disk_destroy(d);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(data_without_end),
		T(barriers_without_end),
		T(a_broken_engine),
		T(deaf_while_stopping),
		T(the_receiver_ends_idle_connections),
		cmocka_unit_test_setup_teardown(sizes_cost_nothing, receiver_setup, receiver_teardown),
		cmocka_unit_test(nothing_to_compare),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
