// SPDX-License-Identifier: GPL-2.0
/*
 * Control connections: what sessions answer, and how disks go from PREPARE to
 * FORGET.
 */
#include <signal.h>

#include "recv_fake.h"

#define SIZE	(1u << 20)

static int setup(void **state)
{
	(void)state;
	receiver_start(SIZE, &dmm_engine_libaio);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	receiver_end();
	return 0;
}

/* The code of the refusal that a raw first frame gets. */
static u32 refused_first(u16 type, u64 seq, const void *payload, u32 bytes)
{
	struct dmm_wire_refuse refuse;
	struct dmm_frame f;
	struct peer p;
	const char *why;

	peer_open(&p);
	seq--;
	assert_int_equal(dmm_wireio_send(p.c.fd, type, &seq, payload, bytes, WAIT_MS), 0);
	assert_int_equal(dmm_wireio_recv(p.c.fd, &f, &refuse, sizeof(refuse), WAIT_MS, &why), 0);
	if (f.type != DMM_MSG_REFUSE) {
		peer_close(&p);
		return 0;
	}
	assert_int_equal(dmm_text_check(refuse.text, sizeof(refuse.text)), 0);
	peer_close(&p);
	return le32_to_cpu(refuse.code);
}

static void hello_comes_first(void **state)
{
	struct dmm_wire_hello h;
	struct dmm_wire_disk id;

	(void)state;
	memset(&h, 0, sizeof(h));
	h.version_min = h.version_max = cpu_to_le16(1);
	disk_id(&id);
	assert_int_equal(refused_first(DMM_MSG_HELLO, 1, &h, sizeof(h)), 0);
	assert_int_equal(refused_first(DMM_MSG_HELLO, 2, &h, sizeof(h)), DMM_WERR_PROTOCOL);
	assert_int_equal(refused_first(DMM_MSG_QUERY, 1, &id, sizeof(id)), DMM_WERR_PROTOCOL);
	h.version_min = cpu_to_le16(2);
	h.version_max = cpu_to_le16(3);
	assert_int_equal(refused_first(DMM_MSG_HELLO, 1, &h, sizeof(h)), DMM_WERR_VERSION);
	h.version_min = h.version_max = 0;
	assert_int_equal(refused_first(DMM_MSG_HELLO, 1, &h, sizeof(h)), DMM_WERR_VERSION);
}

static void the_silent_are_closed(void **state)
{
	struct peer silent, half;
	u64 start = dmm_now_ms();

	(void)state;
	peer_open(&silent);
	peer_open(&half);
	assert_int_equal(dmm_sock_write(half.c.fd, "DMM1", 4, DMM_NO_DEADLINE, -1), 0);
	peer_expect_end(&silent);
	peer_expect_end(&half);
	assert_true(dmm_now_ms() - start < 2000);
}

static void answers_of(u16 type, u32 code)
{
	struct dmm_wire_disk id;
	struct peer p;

	disk_id(&id);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, type, &id, sizeof(id), type + 1, NULL, 0), code);
	peer_expect_end(&p);
}

static void unknown_disks(void **state)
{
	struct peer p;

	(void)state;
	answers_of(DMM_MSG_QUERY, DMM_WERR_NOTFOUND);
	answers_of(DMM_MSG_FINISH, DMM_WERR_NOTFOUND);
	answers_of(DMM_MSG_FORGET, DMM_WERR_NOTFOUND);
	assert_int_equal(peer_attach(&p, 1, 0), DMM_WERR_NOTFOUND);
	peer_expect_end(&p);
	/* messages of the data connection, and replies, are out of place */
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_END, NULL, 0, DMM_MSG_ATTACHED, NULL, 0),
			 DMM_WERR_PROTOCOL);
	peer_expect_end(&p);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_FINISH_OK, NULL, 0, DMM_MSG_ATTACHED, NULL, 0),
			 DMM_WERR_PROTOCOL);
	peer_expect_end(&p);
}

static u32 digest_of(struct peer *p, u64 offset, u64 length, u8 digest[32])
{
	struct dmm_wire_digest d;

	memset(&d, 0, sizeof(d));
	disk_id(&d.id);
	d.offset_bytes = cpu_to_le64(offset);
	d.length_bytes = cpu_to_le64(length);
	d.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	return peer_request(p, DMM_MSG_DIGEST, &d, sizeof(d), DMM_MSG_DIGEST_OK, digest, 32);
}

static void life_of_a_disk(void **state)
{
	/* XXH3_128bits of 4096 zero bytes, canonical, by xxhsum -H2 */
	static const u8 zeroes[16] = {
		0x3e, 0xe8, 0xdc, 0x4f, 0x9e, 0x7e, 0xe4, 0x95,
		0x93, 0xd7, 0x6f, 0xe1, 0x48, 0xc6, 0x89, 0xba,
	};
	struct peer control, data, other;
	struct dmm_wire_query_ok q;
	struct dmm_wire_disk id;
	u8 digest[32];

	(void)state;
	disk_id(&id);
	peer_hello(&control);
	peer_prepare(&control, SIZE);
	peer_prepare(&control, SIZE);
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_PREPARED);
	assert_int_equal(le64_to_cpu(q.size_bytes), SIZE);
	assert_int_equal(digest_of(&control, 0, 4096, digest), 0);
	assert_memory_equal(digest, zeroes, 16);
	assert_int_equal(digest[16], 0);

	assert_int_equal(peer_attach(&data, 5, 0), 0);
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_RECEIVING);
	assert_int_equal(le32_to_cpu(q.conns), 1);
	/* the same connection twice, an older epoch, another number of connections */
	assert_int_equal(peer_attach(&other, 5, 0), DMM_WERR_BUSY);
	peer_close(&other);
	assert_int_equal(peer_attach(&other, 4, 1), DMM_WERR_BUSY);
	peer_close(&other);
	peer_fill(&data, 4096, 'x', 4096);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	/* attached and idle: frozen, perhaps, so a digest may be had */
	assert_int_equal(digest_of(&control, 0, 4096, digest), 0);
	assert_memory_equal(digest, zeroes, 16);
	peer_hello(&other);
	assert_int_equal(peer_request(&other, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK,
				      NULL, 0), DMM_WERR_BUSY);
	peer_close(&other);
	/* a newer epoch takes over */
	assert_int_equal(peer_attach(&other, 6, 0), 0);
	peer_expect_end(&data);
	peer_fill(&other, 8192, 'y', 4096);
	peer_expect_ack(&other, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_barrier(&other, 3);
	peer_expect_ack(&other, DMM_MSG_BARRIER, 2, DMM_WERR_OK);
	peer_end(&other);

	assert_int_equal(peer_request(&control, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK,
				      NULL, 0), 0);
	assert_int_equal(peer_request(&control, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK,
				      NULL, 0), 0);
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_FINISHED);
	assert_int_equal(le64_to_cpu(q.received_bytes), 8192);
	assert_int_equal(le64_to_cpu(q.barrier), 3);
	assert_int_equal(digest_of(&control, SIZE - 4096, 4096, digest), 0);
	assert_memory_equal(digest, zeroes, 16);
	assert_int_equal(peer_attach(&other, 7, 0), DMM_WERR_NOTFOUND);
	peer_close(&other);
	assert_int_equal(peer_request(&control, DMM_MSG_FORGET, &id, sizeof(id), DMM_MSG_FORGET_OK,
				      NULL, 0), 0);
	assert_int_equal(peer_request(&control, DMM_MSG_QUERY, &id, sizeof(id), DMM_MSG_QUERY_OK,
				      &q, sizeof(q)), DMM_WERR_NOTFOUND);
	peer_close(&control);
}

static void digest_bounds(void **state)
{
	struct peer p;
	u8 digest[32];

	(void)state;
	peer_hello(&p);
	peer_prepare(&p, SIZE);
	assert_int_equal(digest_of(&p, 512, SIZE - 512, digest), 0);
	assert_int_equal(digest_of(&p, 512, SIZE, digest), DMM_WERR_RANGE);
	peer_close(&p);
	peer_hello(&p);
	assert_int_equal(digest_of(&p, SIZE, 512, digest), DMM_WERR_RANGE);
	peer_close(&p);
}

/* A disk whose destination is still being opened has no state to tell. */
static void no_state_while_preparing(void **state)
{
	struct dmm_wire_query_ok q;
	struct dmm_wire_prepare w;
	struct dmm_prepare p;
	struct dmm_refusal r;
	struct dmm_disk *d;

	(void)state;
	fill_prepare(&w, SIZE);
	assert_int_equal(dmm_prepare_decode(&w, &p, &r), 0);
	d = dmm_disk_create(&p);
	assert_non_null(d);
	assert_int_equal(dmm_disk_query(d, &q, &r), -EBUSY);
	assert_int_equal(r.code, DMM_WERR_BUSY);
	dmm_disk_destroy(d);
}

/* Connections of one disk count their barriers apart: what was reached stays reached. */
static void barriers_only_grow(void **state)
{
	struct dmm_wire_query_ok q;
	struct peer control, one, two;

	(void)state;
	peer_hello(&control);
	peer_prepare(&control, SIZE);
	assert_int_equal(peer_attach(&one, 1, 0), 0);
	assert_int_equal(peer_attach(&two, 1, 1), 0);
	peer_barrier(&one, 7);
	peer_expect_ack(&one, DMM_MSG_BARRIER, 1, DMM_WERR_OK);
	peer_barrier(&two, 3);
	peer_expect_ack(&two, DMM_MSG_BARRIER, 1, DMM_WERR_OK);
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.barrier), 7);
	peer_end(&one);
	peer_end(&two);
	/* a new epoch numbers its barriers anew: what 7 covered says nothing of it */
	assert_int_equal(peer_attach(&one, 2, 0), 0);
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.barrier), 0);
	peer_barrier(&one, 1);
	peer_expect_ack(&one, DMM_MSG_BARRIER, 1, DMM_WERR_OK);
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.barrier), 1);
	peer_end(&one);
	peer_close(&control);
}

/* The blocks that PREPARE promised, although the destination would take smaller ones. */
static void blocks_are_the_sources(void **state)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct peer control, data;

	(void)state;
	peer_hello(&control);
	fill_prepare(&w, SIZE);
	w.lbs_bytes = cpu_to_le32(4096);
	assert_int_equal(peer_request(&control, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), 0);
	assert_int_equal(peer_attach(&data, 1, 0), 0);
	peer_fill(&data, 0, 'x', 4096);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_fill(&data, 512, 'x', 512);
	peer_expect_ack(&data, DMM_MSG_DATA, 2, DMM_WERR_RANGE);
	shutdown(data.c.fd, SHUT_WR);
	peer_expect_end(&data);
	/* a mistake of one connection, not an error of the disk */
	assert_int_equal(peer_attach(&data, 2, 0), 0);
	peer_end(&data);
	peer_close(&control);
}

/* While a digest reads by a duplicate of the claimed descriptor, the claim is not given up. */
static void digests_hold_the_claim(void **state)
{
	struct dmm_digest_reader rd;
	struct dmm_wire_disk id;
	struct dmm_refusal r;
	struct dmm_disk *d;
	struct peer p;
	u8 digest[32];

	(void)state;
	disk_id(&id);
	peer_hello(&p);
	peer_prepare(&p, SIZE);
	d = dmm_list_entry(rc.registry.disks.next, struct dmm_disk, node);
	assert_int_equal(dmm_disk_digest_begin(d, -1, &rd, &r), 0);
	assert_int_equal(peer_request(&p, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK, NULL,
				      0), DMM_WERR_BUSY);
	peer_close(&p);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_FORGET, &id, sizeof(id), DMM_MSG_FORGET_OK, NULL,
				      0), DMM_WERR_BUSY);
	peer_close(&p);
	/* nothing has changed: digests and data go on */
	peer_hello(&p);
	assert_int_equal(digest_of(&p, 0, 4096, digest), 0);
	assert_int_equal(dmm_disk_digest_end(d, &rd, &r), 0);
	assert_int_equal(peer_request(&p, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK, NULL,
				      0), 0);
	/* now it claims nothing */
	assert_int_equal(dmm_disk_digest_begin(d, -1, &rd, &r), 0);
	assert_int_equal(peer_request(&p, DMM_MSG_FORGET, &id, sizeof(id), DMM_MSG_FORGET_OK, NULL,
				      0), 0);
	close(rd.from.fd);
	peer_close(&p);
}

/* FORGET ends the data connections; nobody finds the disk afterwards. */
static void forget_takes_all_with_it(void **state)
{
	struct peer control, data;
	struct dmm_wire_disk id;

	(void)state;
	disk_id(&id);
	peer_hello(&control);
	peer_prepare(&control, SIZE);
	assert_int_equal(peer_attach(&data, 1, 0), 0);
	assert_int_equal(peer_request(&control, DMM_MSG_FORGET, &id, sizeof(id), DMM_MSG_FORGET_OK,
				      NULL, 0), 0);
	peer_expect_end(&data);
	assert_int_equal(dmm_registry_count(&rc.registry), 0);
	/* the destination is free again at once */
	peer_prepare(&control, SIZE);
	peer_close(&control);
}

static void other_parameters_are_refused(void **state)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct peer p;

	(void)state;
	peer_hello(&p);
	peer_prepare(&p, SIZE);
	fill_prepare(&w, SIZE);
	w.conns = cpu_to_le32(1);
	assert_int_equal(peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), DMM_WERR_BUSY);
	peer_close(&p);
	/* another migration, the same destination */
	peer_hello(&p);
	fill_prepare(&w, SIZE);
	w.id.migration[15] = 9;
	assert_int_equal(peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), DMM_WERR_BUSY);
	peer_close(&p);
}

static void orphans_expire(void **state)
{
	struct dmm_disk *d;
	struct peer p;

	(void)state;
	peer_hello(&p);
	peer_prepare(&p, SIZE);
	dmm_registry_expire(&rc.registry, 0);
	assert_int_equal(dmm_registry_count(&rc.registry), 1);
	peer_close(&p);
	while (dmm_receiver_sessions(&rc))
		nap(5);
	dmm_registry_expire(&rc.registry, 60000);
	assert_int_equal(dmm_registry_count(&rc.registry), 1);
	/* its last connection may go after the tick has looked at the clock */
	d = dmm_list_entry(rc.registry.disks.next, struct dmm_disk, node);
	d->idle_since_ms = dmm_now_ms() + 1000;
	dmm_registry_expire(&rc.registry, 60000);
	assert_int_equal(dmm_registry_count(&rc.registry), 1);
	d->idle_since_ms = dmm_now_ms();
	dmm_registry_expire(&rc.registry, 0);
	assert_int_equal(dmm_registry_count(&rc.registry), 0);
}

static void sessions_are_bounded(void **state)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;
	struct peer p[66];
	int sv[2];
	u32 i;

	(void)state;
	for (i = 0; i < 64; i++)
		peer_hello(&p[i]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	memset(&p[64], 0, sizeof(p[64]));
	p[64].c.fd = sv[0];
	p[64].c.timeout_ms = WAIT_MS;
	assert_int_equal(dmm_session_start(&rc, sv[1], "test", false), -EUSERS);
	assert_int_equal(dmm_client_hello(&p[64].c, "test", &ok, &refuse), -EREMOTEIO);
	assert_int_equal(le32_to_cpu(refuse.code), DMM_WERR_LIMIT);
	/* they are told each, the log is told of a few in a while */
	assert_int_equal(rc.complaints.of[DMM_COMPLAIN_LIMIT].said, 1);
	for (i = 1; i < 20; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
		assert_int_equal(dmm_session_start(&rc, sv[1], "test", false), -EUSERS);
		close(sv[0]);
	}
	assert_int_equal(rc.complaints.of[DMM_COMPLAIN_LIMIT].said, DMM_COMPLAIN_LINES);
	assert_int_equal(rc.complaints.of[DMM_COMPLAIN_LIMIT].unsaid, 20 - DMM_COMPLAIN_LINES);
	for (i = 0; i < 65; i++)
		peer_close(&p[i]);
	while (dmm_receiver_sessions(&rc))
		nap(5);
	peer_hello(&p[0]);
	peer_close(&p[0]);
}

/* Of each kind so many lines in a while, the rest by number. */
static void complaints_are_counted(void **state)
{
	struct dmm_complaints c;
	u32 i;

	(void)state;
	dmm_complaints_init(&c);
	for (i = 0; i < 100; i++)
		dmm_complain(&c, DMM_COMPLAIN_HELLO, 1000 + i, LOG_INFO, NULL, "one");
	dmm_complain(&c, DMM_COMPLAIN_UNKNOWN, 1100, LOG_INFO, NULL, "of another kind");
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].said, DMM_COMPLAIN_LINES);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 100 - DMM_COMPLAIN_LINES);
	assert_int_equal(c.of[DMM_COMPLAIN_UNKNOWN].said, 1);
	dmm_complaints_tick(&c, 1000 + DMM_COMPLAIN_MS - 1);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 100 - DMM_COMPLAIN_LINES);
	dmm_complaints_tick(&c, 1000 + DMM_COMPLAIN_MS);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 0);
	dmm_complain(&c, DMM_COMPLAIN_HELLO, 2000 + DMM_COMPLAIN_MS, LOG_INFO, NULL, "one");
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].said, 1);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 0);
	dmm_complaints_exit(&c);
}

static void said_hello(struct peer *p, const char *from)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;

	assert_int_equal(peer_open_from(p, from), 0);
	assert_int_equal(dmm_client_hello(&p->c, "test", &ok, &refuse), 0);
}

/* One host that asks for nothing must leave room for the others. */
static void the_silent_are_bounded(void **state)
{
	static const char *const others[] = { "10.0.0.2:1", "10.0.0.12:1", "[::1]:1", "[10.0.0.1]:1" };
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;
	struct peer p[3], other[4], late;
	char from[32];
	u32 i;

	(void)state;
	rc.max_silent = 3;
	rc.handshake_ms = WAIT_MS;
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "10.0.0.1:%u", 1000 + i);
		said_hello(&p[i], from);	/* which asks for nothing */
	}
	assert_int_equal(peer_open_from(&late, "10.0.0.1:7790"), -EUSERS);
	assert_int_equal(dmm_client_hello(&late.c, "test", &ok, &refuse), -EREMOTEIO);
	assert_int_equal(le32_to_cpu(refuse.code), DMM_WERR_LIMIT);
	assert_non_null(strstr((char *)refuse.text, "max_silent"));
	peer_close(&late);
	for (i = 0; i < 4; i++)
		said_hello(&other[i], others[i]);
	peer_prepare(&p[0], SIZE);
	said_hello(&late, "10.0.0.1:2");
	peer_close(&late);
	while (dmm_receiver_sessions(&rc) > 7)
		nap(5);
	/* nor does one that has gone */
	peer_close(&p[1]);
	while (dmm_receiver_sessions(&rc) > 6)
		nap(5);
	said_hello(&p[1], "10.0.0.1:3");
	for (i = 0; i < 7; i++)
		peer_close(i < 4 ? &other[i] : &p[i - 4]);
}

static bool has_ended(struct peer *p)
{
	u8 byte;

	return recv(p->c.fd, &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN;
}

/* Who does not say what it is makes way: the oldest of its address, or of the address that has most of them. */
static void strangers_make_way(void **state)
{
	struct peer p[4], other[3], late;
	char from[32];
	u32 i;

	(void)state;
	rc.max_silent = 3;
	rc.max_strangers = 4;
	rc.handshake_ms = WAIT_MS;
	said_hello(&p[0], "10.0.0.1:1");
	for (i = 1; i < 4; i++) {
		snprintf(from, sizeof(from), "10.0.0.1:%u", 1000 + i);
		assert_int_equal(peer_open_from(&p[i], from), 0);
	}
	peer_expect_end(&p[1]);
	assert_false(has_ended(&p[2]));
	assert_false(has_ended(&p[3]));
	/* four in all, two of one address */
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "10.0.0.%u:1", 2 + i);
		assert_int_equal(peer_open_from(&other[i], from), 0);
	}
	peer_expect_end(&p[2]);
	assert_false(has_ended(&p[3]));
	/* and in all connections */
	while (dmm_receiver_sessions(&rc) > 5)
		nap(5);
	rc.max_sessions = 5;
	said_hello(&late, "10.0.0.9:1");
	peer_expect_end(&p[3]);
	for (i = 0; i < 3; i++)
		assert_false(has_ended(&other[i]));
	assert_int_equal(rc.nr_out, 0);
	peer_prepare(&p[0], SIZE);
	peer_close(&p[0]);
	peer_close(&late);
	for (i = 0; i < 3; i++)
		peer_close(&other[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(hello_comes_first),
		T(the_silent_are_closed),
		T(unknown_disks),
		T(life_of_a_disk),
		T(digest_bounds),
		T(no_state_while_preparing),
		T(barriers_only_grow),
		T(blocks_are_the_sources),
		T(digests_hold_the_claim),
		T(forget_takes_all_with_it),
		T(other_parameters_are_refused),
		T(orphans_expire),
		T(sessions_are_bounded),
		T(complaints_are_counted),
		T(the_silent_are_bounded),
		T(strangers_make_way),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
