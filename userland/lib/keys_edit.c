// SPDX-License-Identifier: GPL-2.0
/*
 * Changing the files of keys.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "keys_edit.h"
#include "keys_priv.h"

#define DAY_S		86400
#define SERIAL_BYTES	16

/* --- files --- */

static int make_dirs(const char *dir)
{
	dmm_autofree char *path = strdup(dir);
	char *p, c;

	if (!path || !*path)
		return path ? -ENOENT : -ENOMEM;
	for (p = path + 1;; p++) {
		if (*p && *p != '/')
			continue;
		c = *p;
		*p = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*p = c;
		if (!c)
			return 0;
	}
}

/* Not by the directory itself: whoever may read that could lock it. */
static int edit_lock(int dir_fd)
{
	dmm_autoclose int fd = openat(dir_fd, DMM_KEYS_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX)) {
		if (errno != EINTR)
			return -errno;
	}
	return dmm_take_fd(fd);
}

int dmm_keys_edit(const char *dir, bool create, struct dmm_keys_edit *e, char why[DMM_KEYS_WHY])
{
	dmm_autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = 0;

	e->dir_fd = e->lock_fd = -1;
	if (fd < 0 && errno == ENOENT && create) {
		ret = make_dirs(dir);
		if (!ret)
			fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (!ret && fd < 0)
		ret = -errno;
	if (ret) {
		snprintf(why, DMM_KEYS_WHY, "cannot use %.200s: %s", dir, strerror(-ret));
		return ret;
	}
	ret = dmm_keys_check_dir(fd, dir, why);
	if (ret)
		return ret;
	ret = edit_lock(fd);
	if (ret < 0)
		return dmm_keys_wrong(dir, DMM_KEYS_LOCK, ret, why, "cannot be locked: %s", strerror(-ret));
	e->lock_fd = ret;
	e->dir_fd = dmm_take_fd(fd);
	return 0;
}

void dmm_keys_edit_end(struct dmm_keys_edit *e)
{
	dmm_close_fd(&e->dir_fd);
	dmm_close_fd(&e->lock_fd);
}

/* NAME.new, which is on the disk. */
static int file_prepare(int dir_fd, const char *name, mode_t mode, const void *data, size_t bytes)
{
	dmm_autoclose int fd = -1;
	char temp[32];
	int ret;

	snprintf(temp, sizeof(temp), "%s" DMM_KEYS_NEW, name);
	if (unlinkat(dir_fd, temp, 0) && errno != ENOENT)	/* of somebody who was killed: we have the lock */
		return -errno;
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = dmm_pwrite_full(fd, data, bytes, 0);
	if (!ret && (fchmod(fd, mode) || fsync(fd)))
		ret = -errno;
	if (ret)
		unlinkat(dir_fd, temp, 0);
	return ret;
}

static void file_forget(int dir_fd, const char *name)
{
	char temp[32];

	snprintf(temp, sizeof(temp), "%s" DMM_KEYS_NEW, name);
	unlinkat(dir_fd, temp, 0);
}

static int file_commit(int dir_fd, const char *name)
{
	char temp[32];
	int ret;

	snprintf(temp, sizeof(temp), "%s" DMM_KEYS_NEW, name);
	if (!renameat(dir_fd, temp, dir_fd, name))
		return fsync(dir_fd) ? -errno : 0;
	ret = -errno;
	unlinkat(dir_fd, temp, 0);
	return ret;
}

static int file_replace(int dir_fd, const char *name, mode_t mode, const void *data, size_t bytes)
{
	int ret = file_prepare(dir_fd, name, mode, data, bytes);

	return ret ? ret : file_commit(dir_fd, name);
}

/* --- the key --- */

void dmm_keys_hostname(char name[DMM_PEER_NAME])
{
	if (gethostname(name, DMM_PEER_NAME - 1))
		*name = '\0';
	name[DMM_PEER_NAME - 1] = '\0';
	if (!dmm_peer_name_ok(name))
		strcpy(name, "host");
}

/* GnuTLS' errors. */
static int key_generate(gnutls_x509_privkey_t *key, gnutls_datum_t *pem)
{
	int err = gnutls_x509_privkey_init(key);

	if (err)
		return err;
	err = gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (!err)
		err = gnutls_x509_privkey_export2_pkcs8(*key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, pem);
	if (err)
		gnutls_x509_privkey_deinit(*key);
	return err;
}

static int crt_fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *host)
{
	size_t bytes = strlen(host), cn_bytes = bytes < 64 ? bytes : 64;	/* a common name has no more */
	time_t from = time(NULL) - DAY_S;	/* another clock may be behind */
	u8 serial[SERIAL_BYTES], id[32];
	size_t id_bytes = sizeof(id);
	int err;

	err = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
	if (err)
		return err;
	serial[0] = (serial[0] & 0x7f) | 0x40;	/* positive, and of this length */
	(void)((err = gnutls_x509_crt_set_version(crt, 3)) ||
	       (err = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial))) ||
	       (err = gnutls_x509_crt_set_activation_time(crt, from)) ||
	       (err = gnutls_x509_crt_set_expiration_time(crt, from + (time_t)3652 * DAY_S)) ||
	       (err = gnutls_x509_crt_set_key(crt, key)) ||
	       (err = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, host, cn_bytes)) ||
	       (err = gnutls_x509_crt_set_issuer_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, host, cn_bytes)) ||
	       (err = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, host, bytes, GNUTLS_FSAN_SET)) ||
	       (err = gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) ||
	       (err = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) ||
	       (err = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &id_bytes)) ||
	       (err = gnutls_x509_crt_set_subject_key_id(crt, id, id_bytes)) ||
	       (err = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0)));
	return err;
}

static int crt_generate(gnutls_x509_privkey_t key, const char *host, gnutls_datum_t *pem)
{
	gnutls_x509_crt_t crt;
	int err = gnutls_x509_crt_init(&crt);

	if (err)
		return err;
	err = crt_fill(crt, key, host);
	if (!err)
		err = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, pem);
	gnutls_x509_crt_deinit(crt);
	return err;
}

/* Both are on the disk before one is put in its place. The certificate first: alone it is no key yet. */
static int pair_install(int dir_fd, const gnutls_datum_t *key, const gnutls_datum_t *crt, char *why)
{
	int ret;

	ret = file_prepare(dir_fd, DMM_KEYS_KEY, 0600, key->data, key->size);
	if (!ret)
		ret = file_replace(dir_fd, DMM_KEYS_CRT, 0644, crt->data, crt->size);
	if (ret) {
		snprintf(why, DMM_KEYS_WHY, "cannot write the key: %s", strerror(-ret));
		file_forget(dir_fd, DMM_KEYS_KEY);
		return ret;
	}
	ret = file_commit(dir_fd, DMM_KEYS_KEY);
	if (ret)
		snprintf(why, DMM_KEYS_WHY, DMM_KEYS_CRT " is written, but " DMM_KEYS_KEY " cannot be: %s", strerror(-ret));
	return ret;
}

int dmm_keys_create(int dir_fd, const char *host, char why[DMM_KEYS_WHY])
{
	gnutls_datum_t key_pem = { 0 }, crt_pem = { 0 };
	gnutls_x509_privkey_t key;
	int ret, err;

	err = key_generate(&key, &key_pem);
	if (!err) {
		err = crt_generate(key, host, &crt_pem);
		gnutls_x509_privkey_deinit(key);
	}
	if (err) {
		snprintf(why, DMM_KEYS_WHY, "cannot make a key: %s", gnutls_strerror(err));
		ret = -EIO;
	} else {
		ret = pair_install(dir_fd, &key_pem, &crt_pem, why);
	}
	dmm_keys_wipe(&key_pem);
	dmm_keys_wipe(&crt_pem);
	return ret;
}

static bool key_fits(gnutls_x509_privkey_t key, const gnutls_x509_crt_t *chain)
{
	struct dmm_pin a, b;
	size_t bytes = sizeof(a.sha256);

	return !dmm_keys_pin_of(chain[0], &b) && !gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, a.sha256, &bytes) &&
	       dmm_pin_equal(&a, &b);
}

static void chain_free(gnutls_x509_crt_t *chain, unsigned int nr)
{
	while (nr)
		gnutls_x509_crt_deinit(chain[--nr]);
	gnutls_free(chain);
}

int dmm_keys_mend(const struct dmm_keys_edit *e, const char *dir, char why[DMM_KEYS_WHY])
{
	gnutls_x509_crt_t *chain = NULL;
	gnutls_datum_t pem = { 0 };
	gnutls_x509_privkey_t key;
	unsigned int nr = 0;
	bool fits = false;
	int ret = dmm_keys_read(dir, DMM_KEYS_KEY DMM_KEYS_NEW, DMM_KEYS_SECRET, &pem, why);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (!gnutls_x509_privkey_init(&key)) {
		fits = !gnutls_x509_privkey_import(key, &pem, GNUTLS_X509_FMT_PEM) &&
		       !dmm_keys_load_chain(dir, &chain, &nr, why) && key_fits(key, chain);
		gnutls_x509_privkey_deinit(key);
	}
	chain_free(chain, nr);
	dmm_keys_wipe(&pem);
	if (!fits) {		/* its certificate has not come to its place: as if nothing had been */
		file_forget(e->dir_fd, DMM_KEYS_KEY);
		return 0;
	}
	ret = file_commit(e->dir_fd, DMM_KEYS_KEY);
	return ret ? dmm_keys_wrong(dir, DMM_KEYS_KEY, ret, why, "cannot be written: %s", strerror(-ret)) : 1;
}

int dmm_keys_renew(const struct dmm_keys_edit *e, const char *dir, const char *host, char why[DMM_KEYS_WHY])
{
	gnutls_x509_crt_t *chain = NULL;
	gnutls_datum_t pem = { 0 };
	gnutls_x509_privkey_t key;
	unsigned int nr = 0;
	int ret, err;

	ret = dmm_keys_load_key(dir, &key, why);
	if (ret)
		return ret;
	/* whatever it is that cannot be read is no loss */
	if (!dmm_keys_load_chain(dir, &chain, &nr, why) && key_fits(key, chain) &&
	    (nr > 1 || !gnutls_x509_crt_check_issuer(chain[0], chain[0]))) {
		ret = dmm_keys_wrong(dir, DMM_KEYS_CRT, -EACCES, why, "an authority has signed it: have that sign a new one for "
				     DMM_KEYS_KEY ", and put it there");
		goto out;
	}
	err = crt_generate(key, host, &pem);
	if (!err)
		ret = file_replace(e->dir_fd, DMM_KEYS_CRT, 0644, pem.data, pem.size);
	if (err || ret)
		ret = dmm_keys_wrong(dir, DMM_KEYS_CRT, err ? -EIO : ret, why, "cannot be made: %s",
				     err ? gnutls_strerror(err) : strerror(-ret));
out:
	chain_free(chain, nr);
	gnutls_x509_privkey_deinit(key);
	dmm_keys_wipe(&pem);
	return ret;
}

/* --- ca.crt --- */

/* Appends the certificate of a CA to @f, or says why that is none. */
static int ca_copy(FILE *f, gnutls_x509_crt_t crt, unsigned int number, const char *dir, const char *name, char *why)
{
	unsigned int critical;
	gnutls_datum_t pem;

	if (gnutls_x509_crt_get_ca_status(crt, &critical) <= 0)
		return dmm_keys_wrong(dir, name, -EBADMSG, why, "certificate %u is not a CA's", number);
	if (gnutls_x509_crt_get_expiration_time(crt) < time(NULL))
		return dmm_keys_wrong(dir, name, -EBADMSG, why, "certificate %u has expired", number);
	if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem))
		return dmm_keys_wrong(dir, name, -ENOMEM, why, "out of memory");
	fwrite(pem.data, 1, pem.size, f);
	gnutls_free(pem.data);
	return 0;
}

static int ca_list(const char *path, char **text, size_t *bytes, unsigned int *nr, char *why)
{
	dmm_autofree char *copy = strdup(path);
	gnutls_x509_crt_t *crts = NULL;
	gnutls_datum_t pem = { 0 };
	const char *dir = ".", *name = path;
	unsigned int i;
	char *slash;
	FILE *f;
	int ret, err;

	slash = copy ? strrchr(copy, '/') : NULL;
	if (slash) {
		*slash = '\0';
		dir = slash == copy ? "/" : copy;
		name = slash + 1;
	}
	ret = dmm_keys_read(dir, name, 0, &pem, why);
	if (ret)
		return ret;
	err = gnutls_x509_crt_list_import2(&crts, nr, &pem, GNUTLS_X509_FMT_PEM, 0);
	dmm_keys_wipe(&pem);
	if (err < 0)
		return dmm_keys_wrong(dir, name, -EBADMSG, why, "damaged, or no certificates in PEM: %s", gnutls_strerror(err));
	f = open_memstream(text, bytes);
	if (!f)
		ret = dmm_keys_wrong(dir, name, -ENOMEM, why, "out of memory");
	for (i = 0; i < *nr; i++) {
		if (!ret)
			ret = ca_copy(f, crts[i], i + 1, dir, name, why);
		gnutls_x509_crt_deinit(crts[i]);
	}
	gnutls_free(crts);
	if (f && fclose(f) && !ret)
		ret = dmm_keys_wrong(dir, name, -ENOMEM, why, "out of memory");
	return ret;
}

int dmm_keys_install_ca(int dir_fd, const char *file, unsigned int *nr, char why[DMM_KEYS_WHY])
{
	dmm_autofree char *text = NULL;
	size_t bytes = 0;
	int ret;

	ret = ca_list(file, &text, &bytes, nr, why);
	if (ret)
		return ret;
	ret = file_replace(dir_fd, DMM_KEYS_CA, 0644, text, bytes);
	if (ret)
		snprintf(why, DMM_KEYS_WHY, "cannot write " DMM_KEYS_CA ": %s", strerror(-ret));
	return ret;
}

/* --- peers --- */

void dmm_peers_remove(struct dmm_peers *p, unsigned int i)
{
	free(p->lines[i].text);
	free(p->lines[i].addresses);
	memmove(&p->lines[i], &p->lines[i + 1], (--p->nr - i) * sizeof(p->lines[0]));
}

unsigned int dmm_peers_remove_pin(struct dmm_peers *p, enum dmm_peer_kind kind, const struct dmm_pin *pin)
{
	unsigned int i, before = p->nr;

	for (i = p->nr; i--;) {
		if (p->lines[i].kind == kind && dmm_pin_equal(&p->lines[i].pin, pin))
			dmm_peers_remove(p, i);
	}
	return before - p->nr;
}

int dmm_peers_set(struct dmm_peers *p, const char *name, const struct dmm_pin *pin, const char *addresses)
{
	struct dmm_peer_line *old = dmm_peers_find(p, name), line;
	const char *comment = old ? strchr(old->text, '#') : NULL, *wrong;
	unsigned int at = old ? old - p->lines : p->nr;
	dmm_autofree char *text = NULL;
	char key[DMM_PIN_TEXT] = "ca";
	int n, ret;

	if (pin)
		dmm_pin_format(pin, key);
	if (!addresses)
		addresses = old ? old->addresses : "";
	n = asprintf(&text, "%s %s%s%s%s%s", name, key, *addresses ? " " : "", addresses, comment ? " " : "",
		     comment ? comment : "");
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (old)
		dmm_peers_remove(p, at);
	ret = dmm_peers_add(p, text, n, &wrong);
	if (ret || at == p->nr - 1)
		return ret;
	line = p->lines[p->nr - 1];
	memmove(&p->lines[at + 1], &p->lines[at], (p->nr - 1 - at) * sizeof(line));
	p->lines[at] = line;
	return 0;
}

int dmm_peers_revoke(struct dmm_peers *p, const struct dmm_pin *pin)
{
	char text[16 + DMM_PIN_TEXT];
	const char *wrong;
	int n;

	if (dmm_peers_revoked(p, pin))
		return 0;
	n = sprintf(text, "revoked ");
	dmm_pin_format(pin, text + n);
	return dmm_peers_add(p, text, strlen(text), &wrong);
}

int dmm_peers_save(int dir_fd, const struct dmm_peers *p)
{
	dmm_autofree char *text = NULL;
	unsigned int i;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	if (!f)
		return -ENOMEM;
	for (i = 0; i < p->nr; i++)
		fprintf(f, "%s\n", p->lines[i].text);
	if (fclose(f))
		return -ENOMEM;
	return file_replace(dir_fd, DMM_KEYS_PEERS, 0644, text, bytes);
}
