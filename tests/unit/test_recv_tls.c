// SPDX-License-Identifier: GPL-2.0
/*
 * Whose requests are answered within TLS, and what a key of a data connection is good for.
 */
#include <signal.h>

#include "dmmigrated/channel.h"
#include "recv_fake.h"

#include "dmmigrated/migrations.h"
#include "fullio.h"
#include "keys_make.h"

#define SIZE	(1u << 20)

enum { US, THEM };	/* both are trusted by the receiver, which is us, too */

static struct dmm_channel channel;

static int setup(void **state)
{
	struct dmm_config c = { .tls = DMM_TLS_RELAY };
	int i;

	(void)state;
	keys_make();
	for (i = 0; i < NR_HOSTS; i++) {
		keys_trust(i, US, "us", "10.0.0.1");
		keys_trust(i, THEM, "them", "");
	}
	strcpy(c.keys, dirs[US]);
	receiver_start(SIZE, &dmm_engine_libaio);
	rc.handshake_ms = WAIT_MS;
	assert_int_equal(dmm_channel_open(&channel, &c, false), 0);
	rc.channel = &channel;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	receiver_end();
	dmm_channel_close(&channel);
	dmm_keys_free(channel.keys);
	keys_unmake();
	return 0;
}

/* A handshake by @who, or by @key; 0 or what came of it. */
static int tls_open(struct peer *p, int who, const struct dmm_tls_key *key)
{
	struct dmm_tls_client tls = { .keys = keys[who], .key = key, .host = "10.0.0.1", .carrier = DMM_TLS_RELAY };

	peer_open(p);
	return dmm_tls_connect(&p->c.fd, &tls, dmm_now_ms() + WAIT_MS, -1, &p->c.tls, p->c.tls_why);
}

static void tls_hello(struct peer *p, int who, const struct dmm_tls_key *key)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;

	assert_int_equal(tls_open(p, who, key), 0);
	assert_int_equal(dmm_client_hello(&p->c, "test", &ok, &refuse), 0);
}

/* Who is slow in the handshake has no more time for HELLO. */
static void one_deadline_for_all_before_hello(void **state)
{
	struct dmm_tls_client tls = { .keys = keys[US], .host = "10.0.0.1", .carrier = DMM_TLS_RELAY };
	u64 start = dmm_now_ms();
	struct peer p;
	u8 byte;

	(void)state;
	rc.handshake_ms = 2000;
	peer_open(&p);
	nap(1200);
	assert_int_equal(dmm_tls_connect(&p.c.fd, &tls, dmm_now_ms() + WAIT_MS, -1, &p.c.tls, p.c.tls_why), 0);
	assert_int_equal(dmm_sock_read(p.c.fd, &byte, 1, dmm_now_ms() + WAIT_MS, -1), -ENODATA);
	assert_in_range(dmm_now_ms() - start, 1900, 3000);
	peer_close(&p);
}

static void fill_attach(struct dmm_wire_attach *a, u64 epoch, u32 index)
{
	memset(a, 0, sizeof(*a));
	disk_id(&a->id);
	a->conn_epoch = cpu_to_le64(epoch);
	a->conn_index = cpu_to_le32(index);
	a->conns = cpu_to_le32(2);
}

static u32 ask_key(struct peer *p, u64 epoch, u32 index, struct dmm_tls_key *key)
{
	struct dmm_wire_attach a;
	struct dmm_wire_key_ok ok;
	u32 code;

	fill_attach(&a, epoch, index);
	code = peer_request(p, DMM_MSG_KEY, &a, sizeof(a), DMM_MSG_KEY_OK, &ok, sizeof(ok));
	if (!code) {
		memcpy(key->identity, ok.identity, sizeof(key->identity));
		memcpy(key->secret, ok.secret, sizeof(key->secret));
	}
	return code;
}

static u32 attach(struct peer *p, u64 epoch, u32 index)
{
	struct dmm_wire_attach a;

	fill_attach(&a, epoch, index);
	return peer_request(p, DMM_MSG_ATTACH, &a, sizeof(a), DMM_MSG_ATTACHED, NULL, 0);
}

static void a_key_is_for_one_connection(void **state)
{
	struct dmm_tls_key key, again;
	struct peer control, data;

	(void)state;
	tls_hello(&control, US, NULL);
	peer_prepare(&control, SIZE);
	assert_int_equal(ask_key(&control, 1, 0, &key), 0);
	assert_int_equal(ask_key(&control, 1, 0, &again), 0);
	assert_memory_not_equal(&key, &again, sizeof(key));
	tls_hello(&data, US, &key);
	assert_int_equal(attach(&data, 1, 0), 0);
	peer_close(&data);
	/* once */
	assert_int_equal(tls_open(&data, US, &key), -EPERM);
	assert_non_null(strstr(data.c.tls_why, "used or expired"));
	peer_close(&data);
	/* not for another number, epoch, or anything else */
	tls_hello(&data, US, &again);
	assert_int_equal(attach(&data, 1, 1), DMM_WERR_DENIED);
	peer_close(&data);
	assert_int_equal(ask_key(&control, 2, 1, &key), 0);
	tls_hello(&data, US, &key);
	assert_int_equal(attach(&data, 3, 1), DMM_WERR_DENIED);
	peer_close(&data);
	assert_int_equal(ask_key(&control, 2, 1, &key), 0);
	tls_hello(&data, US, &key);
	{
		struct dmm_wire_query_ok q;
		struct dmm_wire_disk id;

		disk_id(&id);
		assert_int_equal(peer_request(&data, DMM_MSG_QUERY, &id, sizeof(id), DMM_MSG_QUERY_OK, &q, sizeof(q)),
				 DMM_WERR_DENIED);
	}
	peer_close(&data);
	peer_close(&control);
}

/* Not for another one, which the same peer has prepared, too. */
static void a_key_is_for_one_disk(void **state)
{
	char other_path[] = "/tmp/dmm-unit.XXXXXX";
	struct dmm_wire_prepared prepared;
	struct dmm_wire_prepare w;
	struct peer control, data;
	struct dmm_wire_attach a;
	struct dmm_tls_key key;
	int fd = mkstemp(other_path);

	(void)state;
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	tls_hello(&control, US, NULL);
	peer_prepare(&control, SIZE);
	fill_prepare(&w, SIZE);
	w.id.disk = cpu_to_le32(7);
	strcpy((char *)w.dest_path, other_path);
	assert_int_equal(peer_request(&control, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &prepared,
				      sizeof(prepared)), 0);
	assert_int_equal(ask_key(&control, 1, 0, &key), 0);
	tls_hello(&data, US, &key);
	fill_attach(&a, 1, 0);
	a.id.disk = cpu_to_le32(7);
	assert_int_equal(peer_request(&data, DMM_MSG_ATTACH, &a, sizeof(a), DMM_MSG_ATTACHED, NULL, 0), DMM_WERR_DENIED);
	peer_close(&data);
	peer_close(&control);
	unlink(other_path);
}

/* Used or not: a receiver that was started anew knows none of those before. */
static void a_key_does_not_outlive_the_receiver(void **state)
{
	struct dmm_config c = { .tls = DMM_TLS_RELAY };
	struct dmm_tls_key used, unused;
	struct peer control, data;

	(void)state;
	tls_hello(&control, US, NULL);
	peer_prepare(&control, SIZE);
	assert_int_equal(ask_key(&control, 1, 0, &used), 0);
	assert_int_equal(ask_key(&control, 1, 1, &unused), 0);
	tls_hello(&data, US, &used);
	peer_close(&data);
	peer_close(&control);
	receiver_end();
	dmm_channel_close(&channel);
	dmm_keys_free(channel.keys);
	strcpy(c.keys, dirs[US]);
	receiver_start(SIZE, &dmm_engine_libaio);
	rc.handshake_ms = WAIT_MS;
	assert_int_equal(dmm_channel_open(&channel, &c, false), 0);
	rc.channel = &channel;
	assert_int_equal(tls_open(&data, US, &used), -EPERM);
	assert_non_null(strstr(data.c.tls_why, "used or expired"));
	peer_close(&data);
	assert_int_equal(tls_open(&data, US, &unused), -EPERM);
	assert_non_null(strstr(data.c.tls_why, "used or expired"));
	peer_close(&data);
}

static void a_certificate_is_for_no_data(void **state)
{
	struct peer control, data;

	(void)state;
	tls_hello(&control, US, NULL);
	peer_prepare(&control, SIZE);
	tls_hello(&data, US, NULL);
	assert_int_equal(attach(&data, 1, 0), DMM_WERR_DENIED);
	peer_close(&data);
	peer_close(&control);
}

static void a_disk_is_its_peers(void **state)
{
	struct dmm_wire_prepared prepared;
	struct dmm_wire_prepare w;
	struct peer control, other;
	struct dmm_tls_key key;

	(void)state;
	tls_hello(&control, US, NULL);
	peer_prepare(&control, SIZE);
	tls_hello(&other, THEM, NULL);
	assert_int_equal(ask_key(&other, 1, 0, &key), DMM_WERR_DENIED);
	peer_close(&other);
	tls_hello(&other, THEM, NULL);
	fill_prepare(&w, SIZE);
	assert_int_equal(peer_request(&other, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &prepared,
				      sizeof(prepared)), DMM_WERR_DENIED);
	peer_close(&other);
	peer_close(&control);
}

static void keys_need_tls(void **state)
{
	struct dmm_tls_key key;
	struct peer control;

	(void)state;
	rc.channel = NULL;
	peer_hello(&control);
	peer_prepare(&control, SIZE);
	assert_int_equal(ask_key(&control, 1, 0, &key), DMM_WERR_PROTOCOL);
	peer_close(&control);
}

static struct dmm_migrations ms;

static void migrations_start(void)
{
	assert_int_equal(dmm_migrations_init(&ms, dirs[US], &rc.registry, rc.instance, rc.boot, rc.stop_fd, NULL,
					     DMM_CONTROL_PATH, true, "/nonexistent"), 0);
	rc.migrations = &ms;
}

static void migrations_stop(void)
{
	dmm_receiver_stop(&rc);
	assert_int_equal(dmm_receiver_wait(&rc, WAIT_MS), 0);
	assert_int_equal(dmm_migrations_await_proofs(&ms, WAIT_MS), 0);
	dmm_migrations_exit(&ms);
	rc.migrations = NULL;
}

static u32 prepare_by(int who)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct peer p;
	u32 code;

	fill_prepare(&w, SIZE);
	w.group_disks = cpu_to_le32(1);
	strcpy((char *)w.source_host, "alpha");
	tls_hello(&p, who, NULL);
	code = peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok, sizeof(ok));
	peer_close(&p);
	return code;
}

static u32 ask_by(int who, u16 type)
{
	struct dmm_handover_msg msg = { .event = DMM_HANDOVER_JOIN };
	struct dmm_wire_handover join, joined;
	struct dmm_wire_group_ok ok;
	struct dmm_wire_group w;
	struct peer p;
	u32 code;

	tls_hello(&p, who, NULL);
	memset(&w, 0, sizeof(w));
	w.migration[0] = msg.migration[0] = 1;
	w.verb = cpu_to_le32(DMM_GROUP_STATUS);
	w.role = cpu_to_le32(DMM_HO_DEST);
	dmm_handover_encode(&msg, &join);
	code = type == DMM_MSG_GROUP ?
	       peer_request(&p, type, &w, sizeof(w), DMM_MSG_GROUP_OK, &ok, sizeof(ok)) :
	       peer_request(&p, type, &join, sizeof(join), DMM_MSG_HANDOVER, &joined, sizeof(joined));
	peer_close(&p);
	return code;
}

static void who_was_revoked_gets_no_key(void **state)
{
	struct dmm_tls_key key;
	struct dmm_peers p = { 0 };
	char why[DMM_KEYS_WHY];
	struct dmm_keys_edit e;
	struct peer control;

	(void)state;
	tls_hello(&control, THEM, NULL);
	peer_prepare(&control, SIZE);
	assert_int_equal(ask_key(&control, 1, 0, &key), 0);
	assert_int_equal(dmm_keys_edit(dirs[US], false, &e, why), 0);
	assert_int_equal(dmm_peers_revoke(&p, dmm_keys_pin(keys[THEM])), 0);
	assert_int_equal(dmm_peers_save(e.dir_fd, &p), 0);
	dmm_peers_clear(&p);
	dmm_keys_edit_end(&e);
	assert_int_equal(ask_key(&control, 1, 0, &key), DMM_WERR_DENIED);
	peer_close(&control);
}

/* A new key of this host counts without a restart, for connections of both directions. */
static void a_new_key_is_read(void **state)
{
	const struct dmm_tls_client *out = dmm_channel_to(&channel);
	struct dmm_keys_pair *before = dmm_keys_hold(out->keys), *after;
	char why[DMM_KEYS_WHY];
	struct dmm_keys_edit e;
	struct peer p;

	(void)state;
	assert_int_equal(tls_open(&p, THEM, NULL), 0);
	peer_close(&p);
	assert_int_equal(dmm_keys_edit(dirs[US], false, &e, why), 0);
	assert_int_equal(dmm_keys_create(e.dir_fd, "host", why), 0);
	dmm_keys_edit_end(&e);
	dmm_channel_tick(&channel, dmm_now_ms());
	assert_int_equal(tls_open(&p, THEM, NULL), -EACCES);
	assert_non_null(strstr(p.c.tls_why, "IS ANOTHER ONE THAN TRUSTED"));
	peer_close(&p);
	after = dmm_keys_hold(out->keys);
	assert_ptr_not_equal(before, after);
	dmm_keys_release(before);
	dmm_keys_release(after);
}

/* Its hand-over, too; and the daemon remembers whose it is when it has forgotten all else. */
static void a_migration_is_its_peers(void **state)
{
	(void)state;
	peer_features = DMM_FEATURE_ZERO | DMM_FEATURE_GROUP;
	migrations_start();
	assert_int_equal(prepare_by(US), 0);
	assert_int_equal(ask_by(US, DMM_MSG_GROUP), 0);
	assert_int_equal(ask_by(US, DMM_MSG_HANDOVER), 0);
	assert_int_equal(ask_by(THEM, DMM_MSG_GROUP), DMM_WERR_DENIED);
	assert_int_equal(ask_by(THEM, DMM_MSG_HANDOVER), DMM_WERR_DENIED);
	migrations_stop();
	receiver_end();
	receiver_start(SIZE, &dmm_engine_libaio);
	rc.handshake_ms = WAIT_MS;
	rc.channel = &channel;
	migrations_start();
	assert_int_equal(prepare_by(THEM), DMM_WERR_DENIED);
	assert_int_equal(ask_by(THEM, DMM_MSG_GROUP), DMM_WERR_DENIED);
	assert_int_equal(ask_by(US, DMM_MSG_GROUP), 0);
	migrations_stop();
	peer_features = DMM_FEATURE_ZERO;
}

/* --- the ring --- */

static void keys_end_with_their_time(void **state)
{
	static struct dmm_keyring k;
	struct dmm_key_use use = { .size_bytes = 7, .peer = "one" }, got;
	u8 secret[DMM_KEY_SECRET_BYTES];
	struct dmm_tls_key key, other;
	struct dmm_refusal r;
	u32 i;

	(void)state;
	dmm_keyring_init(&k);
	assert_int_equal(dmm_keyring_mint(&k, &use, 1000, &key, &r), 0);
	assert_int_equal(dmm_keyring_find(&k, key.identity, 1000 + DMM_KEY_MS - 1, secret), 0);
	assert_memory_equal(secret, key.secret, sizeof(secret));
	assert_int_equal(dmm_keyring_find(&k, key.identity, 1000 + DMM_KEY_MS, secret), -ENOENT);
	assert_int_equal(k.nr, 0);
	/* a peer has its share */
	for (i = 0; i < DMM_KEYRING_PEER; i++)
		assert_int_equal(dmm_keyring_mint(&k, &use, 1000, &key, &r), 0);
	assert_true(dmm_keyring_mint(&k, &use, 1000, &other, &r) < 0);
	assert_int_equal(r.code, DMM_WERR_LIMIT);
	strcpy(use.peer, "two");
	assert_int_equal(dmm_keyring_mint(&k, &use, 1000, &other, &r), 0);
	assert_int_equal(dmm_keyring_use(&k, key.identity, 1001, &got), 0);
	assert_string_equal(got.peer, "one");
	assert_int_equal(got.size_bytes, 7);
	assert_int_equal(dmm_keyring_use(&k, key.identity, 1001, &got), -ENOENT);
	assert_int_equal(dmm_keyring_use(&k, other.identity, 1001, &got), 0);
	assert_string_equal(got.peer, "two");
	dmm_keyring_exit(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_for_one_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(one_deadline_for_all_before_hello, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_is_for_one_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_does_not_outlive_the_receiver, setup, teardown),
		cmocka_unit_test_setup_teardown(a_certificate_is_for_no_data, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_is_its_peers, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_need_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(who_was_revoked_gets_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_key_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_migration_is_its_peers, setup, teardown),
		cmocka_unit_test(keys_end_with_their_time),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
