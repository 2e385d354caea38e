// SPDX-License-Identifier: GPL-2.0
/*
 * Control connections: what sessions answer, and how disks go from PREPARE to
 * FORGET.
 */
#include <signal.h>

#include "dmmigrated/version.h"
#include "facts.h"
#include "recv_fake.h"

#define SIZE	(1u << 20)

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

/* What it can be asked, by whom has offered to understand it. */
static void facts(void **state)
{
	u64 features = peer_features;
	struct dmm_wire_facts_ok ok;
	char value[DMM_FACT_VALUE];
	struct dmm_facts f;
	const char *why;
	struct peer p;
	char **globs;
	u32 i;

	(void)state;
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_FACTS, NULL, 0, DMM_MSG_FACTS_OK, &ok, sizeof(ok)), DMM_WERR_PROTOCOL);
	peer_close(&p);
	peer_features |= DMM_FEATURE_FACTS;
	peer_hello(&p);
	peer_features = features;
	p.c.timeout_ms = 60000;
	assert_int_equal(peer_request(&p, DMM_MSG_FACTS, NULL, 0, DMM_MSG_FACTS_OK, &ok, sizeof(ok)), 0);
	assert_int_equal(dmm_facts_decode(&ok, &f, &why), 0);
	assert_true(le64_to_cpu(ok.received_ns) && le64_to_cpu(ok.received_ns) <= le64_to_cpu(ok.sent_ns));
	assert_true(dmm_facts_get(&f, "daemon", value));
	assert_string_equal(value, DMM_VERSION);
	assert_true(dmm_facts_get(&f, "kernel", value) && dmm_facts_get(&f, "memlock", value));
	assert_false(dmm_facts_get(&f, "you", value));
	assert_true(dmm_facts_get(&f, "allow", value));
	assert_string_equal(value, "/tmp/dmm-unit.*");
	assert_true(dmm_facts_get(&f, "dir", value));
	assert_memory_equal(value, "/tmp ", 5);
	/* more patterns than fit leave room for what there is one of; and the connection goes on */
	globs = calloc(256, sizeof(*globs));
	for (i = 0; i < 256; i++)
		assert_true(asprintf(&globs[i], "/tmp/of-some-length-%u/*", i) > 0);
	dmm_allow_replace(&rc.allow, globs, 256);
	assert_int_equal(peer_request(&p, DMM_MSG_FACTS, NULL, 0, DMM_MSG_FACTS_OK, &ok, sizeof(ok)), 0);
	assert_int_equal(dmm_facts_decode(&ok, &f, &why), 0);
	assert_true(f.cut && dmm_facts_get(&f, "kernel", value) && dmm_facts_get(&f, "lvm", value) && dmm_facts_nth(&f, "allow", 20, value));
	peer_close(&p);
}

/* Whom a pattern is not for does not hear of it. */
static void patterns_of_a_peer(void **state)
{
	static const char *const lines[] = { "/srv/all/*", "/srv/b/* xen-b", "/dev/vg0/* xen-a xen-b", "/srv/a/* xen-a" };
	char **globs = calloc(4, sizeof(*globs)), glob[PATH_MAX];
	struct dmm_allow a;
	u32 i;

	(void)state;
	for (i = 0; i < 4; i++)
		globs[i] = strdup(lines[i]);
	dmm_allow_init(&a);
	dmm_allow_replace(&a, globs, 4);
	i = 0;
	assert_true(dmm_allow_next(&a, &i, "xen-a", glob));
	assert_string_equal(glob, "/srv/all/*");
	assert_true(dmm_allow_next(&a, &i, "xen-a", glob));
	assert_string_equal(glob, "/dev/vg0/*");
	assert_true(dmm_allow_next(&a, &i, "xen-a", glob));
	assert_string_equal(glob, "/srv/a/*");
	assert_false(dmm_allow_next(&a, &i, "xen-a", glob));
	i = 0;
	assert_true(dmm_allow_next(&a, &i, "", glob));
	assert_false(dmm_allow_next(&a, &i, "", glob));
	i = 0;
	while (dmm_allow_next(&a, &i, NULL, glob))
		;
	assert_int_equal(i, 4);
	assert_string_equal(glob, "/srv/a/*");
	dmm_allow_exit(&a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, receiver_setup, receiver_teardown)
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
		T(facts),
		cmocka_unit_test(patterns_of_a_peer),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
