// SPDX-License-Identifier: GPL-2.0
/*
 * Peers: who is trusted, by which of the rules, and what the file of them must not say.
 */
#include "lib_keys.h"

/* --- pins of peers --- */

static void test_pinned(void **state)
{
	struct id a = id_make("whatever", NULL, false, -1, 10), b = id_make(NULL, NULL, false, -1, 10);

	(void)state;
	unlink(path_of("peers"));
	refused(&a, NULL, "is no peer's");
	assert_non_null(strstr(why, a.pin));
	assert_non_null(strstr(why, "dmmigrate keys trust NAME SHA256:"));
	refused(&a, "10.0.0.2", "no peer is called 10.0.0.2; its key is SHA256:");
	assert_non_null(strstr(why, " 10.0.0.2"));
	assert_non_null(strstr(why, a.pin));

	peers("# ours\n\n  web01\t%s  10.0.0.2 FD00:0::1 # a comment\r\nweb02 %s", a.pin, b.pin);
	accepted(&a, NULL, "web01");
	accepted(&b, NULL, "web02");
	accepted(&a, "web01", "web01");
	accepted(&a, "WEB01", "web01");
	accepted(&a, "10.0.0.2", "web01");
	accepted(&a, "fd00::1", "web01");
	accepted(&a, "fd00:0:0:0:0:0:0:1", "web01");
	refused(&a, "10.0.0.20", "10.0.0.20 was asked for, and web01 answers");
	refused(&a, "10.0.0", "web01 answers");
	refused(&a, "comment", "web01 answers");
	/* whom we asked for is whom we want */
	refused(&a, "web02", "web02 was asked for, and web01 answers");
	peers("web01 %s 10.0.0.2\n", a.pin);
	refused(&b, "10.0.0.2", "THE KEY OF web01 IS ANOTHER ONE THAN TRUSTED");
	assert_non_null(strstr(why, a.pin));
	assert_non_null(strstr(why, b.pin));
	refused(&b, "web02", "no peer is called web02");
	/* the file is read anew each time */
	peers("web01 %s 10.0.0.2\n", b.pin);
	accepted(&b, "10.0.0.2", "web01");
	refused(&a, NULL, "is no peer's");
	id_free(&a);
	id_free(&b);
}

static void test_times(void **state)
{
	struct id expired = id_make("web01", NULL, false, -10, -1), early = id_make("web01", NULL, false, 1, 10);

	(void)state;
	peers("web01 %s\nweb02 %s\n", expired.pin, early.pin);
	refused(&expired, "web01", "the certificate of web01 has expired on 20");
	refused(&expired, NULL, "has expired");
	refused(&early, "web02", "the certificate of web02 is not valid before 20");
	refused(&early, NULL, "is not valid before");
	id_free(&expired);
	id_free(&early);
}

static void test_revoked(void **state)
{
	struct id ca = id_make(NULL, NULL, true, -1, 10), a = id_make("web01", &ca, false, -1, 10);

	(void)state;
	put("ca.crt", 0644, ca.pem.data, ca.pem.size);
	peers("web01 %s\nrevoked %s\n", a.pin, a.pin);
	refused(&a, "web01", "is revoked");
	refused(&a, NULL, "is revoked");
	peers("revoked %s # stolen\nweb01 ca\n", a.pin);
	refused(&a, "web01", "is revoked");
	peers("revoked %s\nweb01 ca\n", vector_pin);
	accepted(&a, "web01", "web01");
	unlink(path_of("ca.crt"));
	id_free(&a);
	id_free(&ca);
}

/* Who has signed it, as it shows it, or as ca.crt has it. */
static void test_revoked_authority(void **state)
{
	struct id ca = id_make(NULL, NULL, true, -1, 10), other = id_make(NULL, NULL, true, -1, 10);
	struct id mid = id_make("branch", &ca, true, -1, 10), a = id_make("web01", &mid, false, -1, 10);
	gnutls_datum_t chain[3] = { a.der, mid.der, ca.der };
	char both[8192];

	(void)state;
	put("ca.crt", 0644, ca.pem.data, ca.pem.size);
	peers("web01 ca\n");
	assert_int_equal(dmm_keys_check(keys, chain, 2, "web01", &who, why), 0);
	assert_int_equal(dmm_keys_check(keys, chain, 3, "web01", &who, why), 0);
	peers("web01 ca\nrevoked %s\n", mid.pin);
	assert_int_equal(dmm_keys_check(keys, chain, 2, "web01", &who, why), -EACCES);
	assert_non_null(strstr(why, "is by an authority whose key"));
	assert_non_null(strstr(why, mid.pin));
	peers("web01 ca\nrevoked %s\n", ca.pin);
	assert_int_equal(dmm_keys_check(keys, chain, 2, "web01", &who, why), -EACCES);
	assert_non_null(strstr(why, "are revoked here"));
	assert_int_equal(dmm_keys_check(keys, chain, 3, "web01", &who, why), -EACCES);
	/* one that is trusted itself, which need not be shown */
	snprintf(both, sizeof(both), "%s%s", mid.pem.data, other.pem.data);
	put_text("ca.crt", 0644, both);
	peers("web01 ca\n");
	accepted(&a, "web01", "web01");
	peers("web01 ca\nrevoked %s\n", mid.pin);
	refused(&a, "web01", "is not valid by");
	/* a pin needs nobody's word */
	peers("web01 %s\nrevoked %s\n", a.pin, mid.pin);
	assert_int_equal(dmm_keys_check(keys, chain, 2, "web01", &who, why), 0);
	unlink(path_of("ca.crt"));
	id_free(&a);
	id_free(&mid);
	id_free(&other);
	id_free(&ca);
}

static void test_ca(void **state)
{
	struct id ca = id_make(NULL, NULL, true, -1, 10), other = id_make(NULL, NULL, true, -1, 10);
	struct id old_ca = id_make(NULL, NULL, true, -10, -1);
	struct id a = id_make("Web01", &ca, false, -1, 10), b = id_make("web02", &ca, false, -1, 10);
	struct id star = id_make("*", &ca, false, -1, 10), cn = id_make(NULL, &ca, false, -1, 10);
	struct id expired = id_make("web01", &ca, false, -10, -1), by_old = id_make("web01", &old_ca, false, -1, 10);
	struct id foreign = id_make("web01", &other, false, -1, 10), self = id_make("web01", NULL, false, -1, 10);
	struct id early = id_make("web01", &ca, false, 1, 10), by_leaf = id_make("web01", &b, false, -1, 10);
	struct id own = id_make("web03", NULL, false, -1, 10);
	gnutls_datum_t chain[2] = { by_leaf.der, b.der };

	(void)state;
	peers("web01 ca 10.0.0.2\nweb03 %s\n", own.pin);
	unlink(path_of("ca.crt"));
	refused(&a, "web01", "ca.crt: it is missing");
	accepted(&own, "web03", "web03");	/* a pin needs none */
	put("ca.crt", 0644, ca.pem.data, ca.pem.size);
	accepted(&a, "web01", "web01");
	accepted(&a, "10.0.0.2", "web01");
	accepted(&a, NULL, "web01");
	accepted(&own, NULL, "web03");
	/* the right authority, another name */
	refused(&b, "web01", "is not for the DNS name web01");
	refused(&b, "web02", "no peer is called");
	refused(&b, NULL, "is no peer's");
	refused(&star, "web01", "is not for the DNS name web01");
	refused(&cn, "web01", "is not for the DNS name web01");
	/* the right name, another authority, or none, or one that has no right to be */
	refused(&foreign, "web01", "is not valid by");
	refused(&self, "web01", "is not valid by");
	refused(&self, NULL, "is not valid by");
	assert_int_equal(dmm_keys_check(keys, chain, 2, "web01", &who, why), -EACCES);
	/* both at the wrong time */
	refused(&expired, "web01", "is not valid by");
	refused(&early, "web01", "is not valid by");
	put("ca.crt", 0644, old_ca.pem.data, old_ca.pem.size);
	refused(&by_old, "web01", "is not valid by");
	/* by a pin as well: then it needs nobody's word */
	peers("web01 ca 10.0.0.2\nweb04 %s\n", self.pin);
	accepted(&self, NULL, "web04");
	peers("web01 ca\n");
	put("ca.crt", 0644, ca.pem.data, ca.pem.size - 40);
	refused_with(-EBADMSG, &a, "web01", "ca.crt: damaged");
	put("ca.crt", 0644, "", 0);
	refused_with(-EBADMSG, &a, "web01", "ca.crt: damaged");
	put("ca.crt", 0666, ca.pem.data, ca.pem.size);
	refused_with(-EPERM, &a, "web01", "chmod go-w");
	unlink(path_of("ca.crt"));
	id_free(&ca);
	id_free(&other);
	id_free(&old_ca);
	id_free(&a);
	id_free(&b);
	id_free(&star);
	id_free(&cn);
	id_free(&expired);
	id_free(&by_old);
	id_free(&foreign);
	id_free(&self);
	id_free(&early);
	id_free(&by_leaf);
	id_free(&own);
}

/* What an impostor may show. */
static void test_chain(void **state)
{
	struct id a = id_make("web01", NULL, false, -1, 10);
	gnutls_datum_t many[9] = { a.der, a.der, a.der, a.der, a.der, a.der, a.der, a.der, a.der };
	gnutls_datum_t cut = { .data = a.der.data, .size = a.der.size - 1 };
	gnutls_datum_t tail[2] = { a.der, { .data = (void *)"x", .size = 1 } };

	(void)state;
	peers("web01 %s\n", a.pin);
	assert_int_equal(dmm_keys_check(keys, many, 8, "web01", &who, why), 0);
	assert_int_equal(dmm_keys_check(keys, many, 9, "web01", &who, why), -EACCES);
	assert_int_equal(dmm_keys_check(keys, NULL, 0, "web01", &who, why), -EACCES);
	assert_int_equal(dmm_keys_check(keys, &cut, 1, "web01", &who, why), -EACCES);
	assert_int_equal(dmm_keys_check(keys, tail, 2, "web01", &who, why), -EACCES);
	id_free(&a);
}

/* --- the file --- */

static void test_peers_errors(void **state)
{
	static const struct { const char *text, *wrong; } bad[] = {
		{ "web01 ca\nweb02\n", "/peers:2: after the name" },
		{ "#\n\nweb02 SHA256:short\n", "/peers:3: after the name" },
		{ "web01 CA\n", "/peers:1: after the name" },
		{ "web01 ca\nweb02 ca\nWEB01 ca\n", "/peers:3: a peer of this name" },
		{ "10.0.0.2 ca\nfd00::1 ca\nfd00:0::1 ca\n", "/peers:3: a peer of this name" },
		{ "web/01 ca\n", "/peers:1: that is no name" },
		{ "Revoked ca\n", "/peers:1: that is no name" },
		{ "SHA256:x ca\n", "/peers:1: that is no name" },
		{ "-x ca\n", "/peers:1: that is no name" },
		{ "web01 ca 10.0.0.2 10,0\n", "/peers:1: one of the addresses" },
		{ "revoked\n", "/peers:1: after 'revoked'" },
		{ "revoked web01\n", "/peers:1: after 'revoked'" },
		{ "revoked SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVA web01\n", "/peers:1: nothing may follow" },
	};
	struct id a = id_make("web01", NULL, false, -1, 10);
	char longest[600];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_text("peers", 0644, bad[i].text);
		refused_with(-EBADMSG, &a, NULL, bad[i].wrong);
	}
	put("peers", 0644, "web01 ca\n\0\n", 11);
	refused_with(-EBADMSG, &a, NULL, "/peers:2: it is no text");
	memset(longest, 'a', sizeof(longest));
	strcpy(longest + 256, " ca\n");
	put_text("peers", 0644, longest);
	refused_with(-EBADMSG, &a, NULL, "/peers:1: that is no name");
	put_text("peers", 0644, longest + 1);	/* 255 */
	refused(&a, NULL, "is no peer's");
	/* who may write it is who decides */
	peers("web01 %s\n", a.pin);
	assert_int_equal(chmod(path_of("peers"), 0664), 0);
	refused_with(-EPERM, &a, NULL, "chmod go-w");
	assert_int_equal(chmod(path_of("peers"), 0644), 0);
	accepted(&a, NULL, "web01");
	if (!geteuid()) {
		assert_int_equal(chown(path_of("peers"), 65534, 65534), 0);
		refused_with(-EPERM, &a, NULL, "another user");
	}
	id_free(&a);
}

static void test_hosts(void **state)
{
	(void)state;
	assert_true(dmm_peer_host_equal("web01", "WEB01"));
	assert_false(dmm_peer_host_equal("web01", "web01.example.com"));
	assert_true(dmm_peer_host_equal("FD00::A", "fd00:0:0::a"));
	assert_false(dmm_peer_host_equal("fd00::a", "fd00::b"));
	assert_true(dmm_peer_host_equal("10.0.0.2", "10.0.0.2"));
	assert_false(dmm_peer_host_equal("10.0.0.2", "10.0.0.02"));	/* is none */
	assert_true(dmm_peer_host_equal("fe80::1%eth0", "FE80::1%eth0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pinned, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_times, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_revoked, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_revoked_authority, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_ca, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_chain, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_peers_errors, setup_dir, teardown_dir),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
