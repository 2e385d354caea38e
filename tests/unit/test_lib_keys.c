// SPDX-License-Identifier: GPL-2.0
/*
 * Keys: what is made can be loaded, what others may read or is damaged is refused, and editing keeps what a person wrote.
 */
#include "lib_keys.h"

/* --- pins --- */

static void test_pin(void **state)
{
	static const char *const bad[] = {
		"", "SHA256:", "sha256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVA",
		"qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVA",
		"SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVA=",	/* padded */
		"SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVB",	/* the same bytes, other bits behind them */
		"SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVV",
		"SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVAA",
		"SHA256:qQXLsCqrcenTrVZ_uQ0WBX3YqwqaocUIEruLdcAPVVA",	/* of URLs */
		"SHA256:qQXLsCqrcenTrVZ/uQ0WBX3Yqwqa cUIEruLdcAPVVA",
		"SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVV=",
		"SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVA\n",
	};
	struct dmm_pin pin, before;
	char text[DMM_PIN_TEXT];
	unsigned int i, j;

	(void)state;
	dmm_pin_format(&vector_sha256, text);
	assert_string_equal(text, vector_pin);
	assert_int_equal(dmm_pin_parse(vector_pin, &pin), 0);
	assert_memory_equal(&pin, &vector_sha256, sizeof(pin));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		before = pin;
		assert_int_equal(dmm_pin_parse(bad[i], &pin), -EINVAL);
		assert_memory_equal(&pin, &before, sizeof(pin));
	}
	srandom(1);
	for (i = 0; i < 1000; i++) {
		for (j = 0; j < sizeof(before.sha256); j++)
			before.sha256[j] = i < 2 ? i * 255 : random();
		dmm_pin_format(&before, text);
		assert_int_equal(strlen(text), DMM_PIN_TEXT - 1);
		assert_int_equal(dmm_pin_parse(text, &pin), 0);
		assert_memory_equal(&pin, &before, sizeof(pin));
	}
}

/* --- loading --- */

static void load_fails(int err, const char *text)
{
	struct dmm_keys *k = NULL;

	assert_int_equal(dmm_keys_load(dir, &k, why), err);
	assert_null(k);
	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
}

/* Of a key that nobody refreshes: they stay. */
static gnutls_certificate_credentials_t credentials(const struct dmm_keys *k)
{
	struct dmm_keys_pair *p = dmm_keys_hold(k);
	gnutls_certificate_credentials_t cred = dmm_keys_credentials(p);

	dmm_keys_release(p);
	return cred;
}

static void test_load(void **state)
{
	gnutls_x509_crt_t *crts;
	gnutls_x509_privkey_t key;
	unsigned int nr;

	(void)state;
	assert_memory_equal(dmm_keys_pin(keys), &vector_sha256, sizeof(vector_sha256));
	assert_int_equal(gnutls_certificate_get_x509_crt(credentials(keys), 0, &crts, &nr), 0);
	assert_int_equal(nr, 1);
	gnutls_x509_crt_deinit(crts[0]);
	gnutls_free(crts);
	assert_int_equal(gnutls_certificate_get_x509_key(credentials(keys), 0, &key), 0);
	gnutls_x509_privkey_deinit(key);
	dmm_keys_free(NULL);
}

/* By an authority: what signed it follows. */
static void test_load_chain(void **state)
{
	struct id ca = id_make(NULL, NULL, true, -1, 10), a = id_make("web01", &ca, false, -1, 10);
	gnutls_datum_t key;
	struct dmm_keys *k;
	gnutls_x509_crt_t *crts;
	char both[8192], pin[DMM_PIN_TEXT];
	unsigned int nr, i;

	(void)state;
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(a.key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key), 0);
	put("host.key", 0600, key.data, key.size);
	gnutls_free(key.data);
	snprintf(both, sizeof(both), "%s%s", a.pem.data, ca.pem.data);
	put_text("host.crt", 0644, both);
	assert_int_equal(dmm_keys_load(dir, &k, why), 0);
	dmm_pin_format(dmm_keys_pin(k), pin);
	assert_string_equal(pin, a.pin);
	assert_int_equal(gnutls_certificate_get_x509_crt(credentials(k), 0, &crts, &nr), 0);
	assert_int_equal(nr, 2);
	for (i = 0; i < nr; i++)
		gnutls_x509_crt_deinit(crts[i]);
	gnutls_free(crts);
	dmm_keys_free(k);
	/* its own comes first */
	snprintf(both, sizeof(both), "%s%s", ca.pem.data, a.pem.data);
	put_text("host.crt", 0644, both);
	load_fails(-EBADMSG, "not the certificate of host.key");
	id_free(&ca);
	id_free(&a);
}

static void test_load_refused(void **state)
{
	struct id other = id_make("web01", NULL, false, -1, 10);
	struct dmm_keys_edit e;
	char target[128];

	(void)state;
	assert_int_equal(chmod(path_of("host.key"), 0644), 0);
	load_fails(-EPERM, "chmod 600 ");
	assert_non_null(strstr(why, path_of("host.key")));
	assert_int_equal(chmod(path_of("host.key"), 0620), 0);
	load_fails(-EPERM, "others may use it");
	assert_int_equal(chmod(path_of("host.key"), 0601), 0);
	load_fails(-EPERM, "others may use it");
	assert_int_equal(chmod(path_of("host.key"), 0400), 0);	/* that is fine */
	dmm_keys_free(keys);
	assert_int_equal(dmm_keys_load(dir, &keys, why), 0);

	snprintf(target, sizeof(target), "%s/key", dir);
	assert_int_equal(rename(path_of("host.key"), target), 0);
	load_fails(-ENOENT, "dmmigrate keys init --keys ");
	assert_int_equal(symlink(target, path_of("host.key")), 0);
	load_fails(-EPERM, "symbolic link");
	unlink(path_of("host.key"));
	assert_int_equal(mkfifo(path_of("host.key"), 0600), 0);	/* and it does not wait for a writer */
	load_fails(-EPERM, "no regular file");
	unlink(path_of("host.key"));
	assert_int_equal(mkdir(path_of("host.key"), 0700), 0);
	load_fails(-EPERM, "no regular file");
	rmdir(path_of("host.key"));
	if (!geteuid()) {
		put_text("host.key", 0600, vector_key);
		assert_int_equal(chown(path_of("host.key"), 65534, 65534), 0);
		load_fails(-EPERM, "another user");
	}

	put_text("host.key", 0600, vector_key);
	assert_int_equal(chmod(path_of("host.crt"), 0664), 0);
	load_fails(-EPERM, "host.crt: others may write to it: chmod go-w ");
	assert_int_equal(chmod(path_of("host.crt"), 0644), 0);
	assert_int_equal(chmod(dir, 0770), 0);
	load_fails(-EPERM, "others may write to it: chmod go-w ");
	assert_int_equal(dmm_keys_edit(dir, false, &e, why), -EPERM);
	assert_int_equal(chmod(dir, 0755), 0);	/* that is fine */
	dmm_keys_free(keys);
	assert_int_equal(dmm_keys_load(dir, &keys, why), 0);
	if (!geteuid()) {
		assert_int_equal(chown(dir, 65534, 65534), 0);
		load_fails(-EPERM, "another user: chown 0 ");
		assert_int_equal(chown(dir, 0, 0), 0);
	}

	put("host.key", 0600, vector_key, strlen(vector_key) - 40);
	load_fails(-EBADMSG, "host.key: damaged");
	assert_null(strstr(why, "25H4P"));
	put_text("host.key", 0600, "");
	load_fails(-EBADMSG, "host.key: damaged");
	put_text("host.key", 0600, vector_crt);
	load_fails(-EBADMSG, "host.key: damaged");

	put_text("host.key", 0600, vector_key);
	put("host.crt", 0644, vector_crt, strlen(vector_crt) - 40);
	load_fails(-EBADMSG, "host.crt: damaged");
	put_text("host.crt", 0644, "");
	load_fails(-EBADMSG, "host.crt: damaged");
	put("host.crt", 0644, other.pem.data, other.pem.size);
	load_fails(-EBADMSG, "not the certificate of host.key");
	unlink(path_of("host.crt"));
	load_fails(-EBADMSG, "host.crt: missing");
	id_free(&other);
}

/* What the tool makes is what can be loaded, and used at once: whatever clock the other has, within a day. */
static void test_create(void **state)
{
	struct dmm_keys_edit e;
	struct dmm_keys *made;
	gnutls_x509_crt_t *crts;
	gnutls_x509_privkey_t key;
	time_t now = time(NULL);
	unsigned int nr, bits;
	struct stat st;
	char dns[64];
	size_t bytes = sizeof(dns);

	(void)state;
	assert_int_equal(dmm_keys_edit(dir, false, &e, why), 0);
	assert_int_equal(dmm_keys_create(e.dir_fd, "web01.example.com", why), 0);
	dmm_keys_edit_end(&e);
	assert_int_equal(stat(path_of("host.key"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_not_equal(access(path_of("host.key.new"), F_OK), 0);
	assert_int_not_equal(access(path_of("host.crt.new"), F_OK), 0);
	assert_int_equal(dmm_keys_load(dir, &made, why), 0);
	assert_memory_not_equal(dmm_keys_pin(made), dmm_keys_pin(keys), sizeof(struct dmm_pin));
	assert_int_equal(gnutls_certificate_get_x509_key(credentials(made), 0, &key), 0);
	assert_int_equal(gnutls_x509_privkey_get_pk_algorithm2(key, &bits), GNUTLS_PK_ECDSA);
	assert_int_equal(bits, 256);
	assert_int_equal(gnutls_certificate_get_x509_crt(credentials(made), 0, &crts, &nr), 0);
	assert_int_equal(nr, 1);
	assert_in_range(gnutls_x509_crt_get_activation_time(crts[0]), now - DAY - 5, now - DAY + 60);
	assert_in_range(gnutls_x509_crt_get_expiration_time(crts[0]), now + 3650l * DAY, now + 3653l * DAY);
	assert_int_equal(gnutls_x509_crt_get_subject_alt_name(crts[0], 0, dns, &bytes, NULL), GNUTLS_SAN_DNSNAME);
	dns[bytes] = '\0';
	assert_string_equal(dns, "web01.example.com");
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crt_deinit(crts[0]);
	gnutls_free(crts);
	dmm_keys_free(made);
}

/* The two renames of a new key, and what is left when the second never came. */
static void test_interrupted(void **state)
{
	struct id next = id_make("web01", NULL, false, -1, 10);
	struct dmm_keys_edit e;
	gnutls_datum_t key;
	struct dmm_keys *k;
	char pin[DMM_PIN_TEXT];

	(void)state;
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(next.key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key), 0);
	assert_int_equal(dmm_keys_edit(dir, false, &e, why), 0);
	assert_int_equal(dmm_keys_mend(&e, dir, why), 0);
	/* before the first one: nothing was changed */
	put("host.key.new", 0600, key.data, key.size);
	assert_int_equal(dmm_keys_mend(&e, dir, why), 0);
	assert_int_not_equal(access(path_of("host.key.new"), F_OK), 0);
	assert_string_equal(get("host.key"), vector_key);
	put("host.key.new", 0600, key.data, key.size / 2);
	assert_int_equal(dmm_keys_mend(&e, dir, why), 0);
	assert_int_not_equal(access(path_of("host.key.new"), F_OK), 0);
	/* after it */
	put("host.crt", 0644, next.pem.data, next.pem.size);
	put("host.key.new", 0600, key.data, key.size);
	dmm_keys_edit_end(&e);
	load_fails(-EBADMSG, "'dmmigrate keys init' was interrupted");
	assert_int_equal(dmm_keys_edit(dir, false, &e, why), 0);
	assert_int_equal(dmm_keys_mend(&e, dir, why), 1);
	dmm_keys_edit_end(&e);
	assert_int_equal(dmm_keys_load(dir, &k, why), 0);
	dmm_pin_format(dmm_keys_pin(k), pin);
	assert_string_equal(pin, next.pin);
	dmm_keys_free(k);
	gnutls_free(key.data);
	id_free(&next);
}

static void test_renew(void **state)
{
	struct id ca = id_make(NULL, NULL, true, -1, 10), a = id_make("web01", &ca, false, -1, 10);
	struct dmm_keys_edit e;
	gnutls_datum_t key;
	struct dmm_keys *k;
	time_t now = time(NULL);

	(void)state;
	assert_int_equal(dmm_keys_edit(dir, false, &e, why), 0);
	assert_int_equal(dmm_keys_renew(&e, dir, "web01", why), 0);
	assert_string_equal(get("host.key"), vector_key);
	assert_int_equal(dmm_keys_load(dir, &k, why), 0);
	assert_memory_equal(dmm_keys_pin(k), &vector_sha256, sizeof(vector_sha256));
	assert_in_range(dmm_keys_valid_until(k), now + 3650l * DAY, now + 3653l * DAY);
	dmm_keys_free(k);
	/* one that is lost, or another key's */
	put("host.crt", 0644, a.pem.data, a.pem.size);
	assert_int_equal(dmm_keys_renew(&e, dir, "web01", why), 0);
	unlink(path_of("host.crt"));
	assert_int_equal(dmm_keys_renew(&e, dir, "web01", why), 0);
	assert_int_equal(dmm_keys_load(dir, &k, why), 0);
	dmm_keys_free(k);
	/* an authority's is not thrown away */
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(a.key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key), 0);
	put("host.key", 0600, key.data, key.size);
	put("host.crt", 0644, a.pem.data, a.pem.size);
	assert_int_equal(dmm_keys_renew(&e, dir, "web01", why), -EACCES);
	assert_non_null(strstr(why, "an authority has signed it"));
	assert_memory_equal(get("host.crt"), a.pem.data, a.pem.size);
	dmm_keys_edit_end(&e);
	gnutls_free(key.data);
	id_free(&a);
	id_free(&ca);
}

/* A process that goes on gets what the files have now, and keeps what it has when they have nothing. */
static void test_refresh(void **state)
{
	struct dmm_keys_edit e;
	struct dmm_keys_pair *before = dmm_keys_hold(keys), *after;
	struct dmm_pin pin;

	(void)state;
	assert_int_equal(dmm_keys_refresh(keys, why), 0);
	assert_int_equal(dmm_keys_edit(dir, false, &e, why), 0);
	assert_int_equal(dmm_keys_create(e.dir_fd, "web01", why), 0);
	dmm_keys_edit_end(&e);
	assert_int_equal(dmm_keys_refresh(keys, why), 1);
	assert_int_equal(dmm_keys_refresh(keys, why), 0);
	pin = *dmm_keys_pin(keys);
	assert_memory_not_equal(&pin, &vector_sha256, sizeof(pin));
	after = dmm_keys_hold(keys);
	assert_ptr_not_equal(before, after);
	assert_non_null(dmm_keys_credentials(before));	/* as long as it is held */
	dmm_keys_release(before);
	dmm_keys_release(after);
	assert_int_equal(chmod(path_of("host.key"), 0644), 0);
	assert_int_equal(dmm_keys_refresh(keys, why), -EPERM);
	assert_non_null(strstr(why, "chmod 600"));
	assert_int_equal(dmm_keys_refresh(keys, why), 0);	/* it was said */
	assert_memory_equal(dmm_keys_pin(keys), &pin, sizeof(pin));
	assert_int_equal(chmod(path_of("host.key"), 0600), 0);
	assert_int_equal(dmm_keys_refresh(keys, why), 1);
}

/* --- editing --- */

#define BEFORE	"# storage network\n\nweb01 %s 10.0.0.1  # rack 3\n  web02   ca\nrevoked %s # lost\n# end\n"

static void assert_saved(struct dmm_peers *p, const char *fmt, ...)
{
	struct dmm_keys_edit e;
	char text[2048];
	struct stat st;
	va_list ap;

	assert_int_equal(dmm_keys_edit(dir, false, &e, why), 0);
	assert_int_equal(dmm_peers_save(e.dir_fd, p), 0);
	dmm_keys_edit_end(&e);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_string_equal(get("peers"), text);
	assert_int_equal(stat(path_of("peers"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
}

static void test_edit(void **state)
{
	struct id a = id_make("web01", NULL, false, -1, 10);
	struct dmm_pin pin;
	struct dmm_peers p;

	(void)state;
	assert_int_equal(dmm_pin_parse(a.pin, &pin), 0);
	peers(BEFORE, vector_pin, a.pin);
	assert_int_equal(dmm_peers_load(dir, &p, why), 0);
	assert_saved(&p, BEFORE, vector_pin, a.pin);
	/* in its place, with its comment */
	assert_int_equal(dmm_peers_set(&p, "web01", &vector_sha256, "10.0.0.9 fd00::1"), 0);
	assert_int_equal(dmm_peers_set(&p, "web03", NULL, ""), 0);
	assert_saved(&p, "# storage network\n\nweb01 %s 10.0.0.9 fd00::1 # rack 3\n  web02   ca\nrevoked %s # lost\n# end\n"
		     "web03 ca\n", vector_pin, a.pin);
	assert_int_equal(dmm_peers_set(&p, "web0 4", NULL, ""), -EINVAL);
	assert_int_equal(dmm_peers_remove_pin(&p, DMM_PEER_REVOKED, &pin), 1);
	assert_int_equal(dmm_peers_remove_pin(&p, DMM_PEER_PIN, &pin), 0);
	assert_int_equal(dmm_peers_revoke(&p, &vector_sha256), 0);
	assert_int_equal(dmm_peers_revoke(&p, &vector_sha256), 0);	/* once */
	assert_int_equal(dmm_peers_remove_pin(&p, DMM_PEER_PIN, &vector_sha256), 1);
	assert_saved(&p, "# storage network\n\n  web02   ca\n# end\nweb03 ca\nrevoked %s\n", vector_pin);
	dmm_peers_clear(&p);
	id_free(&a);
}

static void test_install_ca(void **state)
{
	struct id ca = id_make(NULL, NULL, true, -1, 10), old = id_make(NULL, NULL, true, -10, -1);
	struct id leaf = id_make("web01", &ca, false, -1, 10);
	struct dmm_keys_edit e;
	char from[128];
	unsigned int nr;

	(void)state;
	assert_int_equal(dmm_keys_edit(dir, false, &e, why), 0);
	snprintf(from, sizeof(from), "%s/from", dir);
	put("from", 0644, ca.pem.data, ca.pem.size);
	assert_int_equal(dmm_keys_install_ca(e.dir_fd, from, &nr, why), 0);
	assert_int_equal(nr, 1);
	assert_memory_equal(get("ca.crt"), ca.pem.data, ca.pem.size);
	peers("web01 ca\n");
	accepted(&leaf, "web01", "web01");
	/* nothing is lost by what can't be one */
	put("from", 0644, leaf.pem.data, leaf.pem.size);
	assert_int_equal(dmm_keys_install_ca(e.dir_fd, from, &nr, why), -EBADMSG);
	assert_non_null(strstr(why, "certificate 1 is not a CA's"));
	put("from", 0644, old.pem.data, old.pem.size);
	assert_int_equal(dmm_keys_install_ca(e.dir_fd, from, &nr, why), -EBADMSG);
	assert_non_null(strstr(why, "certificate 1 has expired"));
	put("from", 0644, ca.pem.data, ca.pem.size - 40);
	assert_int_equal(dmm_keys_install_ca(e.dir_fd, from, &nr, why), -EBADMSG);
	put_text("from", 0644, vector_key);
	assert_int_equal(dmm_keys_install_ca(e.dir_fd, from, &nr, why), -EBADMSG);
	unlink(from);
	assert_int_equal(dmm_keys_install_ca(e.dir_fd, from, &nr, why), -ENOENT);
	accepted(&leaf, "web01", "web01");
	dmm_keys_edit_end(&e);
	id_free(&ca);
	id_free(&old);
	id_free(&leaf);
}

static void test_default_dir(void **state)
{
	char buf[128], small[5];

	(void)state;
	assert_int_equal(dmm_keys_default_dir(small, sizeof(small)), -ENAMETOOLONG);
	if (!geteuid()) {
		assert_int_equal(dmm_keys_default_dir(buf, sizeof(buf)), 0);
		assert_string_equal(buf, DMM_KEYS_DIR);
		assert_int_equal(seteuid(65534), 0);
	}
	setenv("HOME", "/home/somebody", 1);
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(dmm_keys_default_dir(buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/home/somebody/.config/dmmigrate");
	setenv("XDG_CONFIG_HOME", "cfg", 1);	/* does not count */
	assert_int_equal(dmm_keys_default_dir(buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/home/somebody/.config/dmmigrate");
	setenv("XDG_CONFIG_HOME", "/cfg", 1);
	assert_int_equal(dmm_keys_default_dir(buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/cfg/dmmigrate");
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pin),
		cmocka_unit_test_setup_teardown(test_load, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_load_chain, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_load_refused, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_create, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_interrupted, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_renew, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_refresh, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_edit, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_install_ca, setup_dir, teardown_dir),
		cmocka_unit_test(test_default_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
