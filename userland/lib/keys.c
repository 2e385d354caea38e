// SPDX-License-Identifier: GPL-2.0
/*
 * This host's key and certificate, read and believed; pins as text.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "keys_priv.h"

#define MAX_FILE_BYTES	(1u << 20)
#define LOCK_MS		2000u
#define PIN_PREFIX	"SHA256:"

static pthread_mutex_t pairs_lock = PTHREAD_MUTEX_INITIALIZER;	/* a leaf */

int dmm_keys_default_dir(char *buf, size_t bytes)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *under = "";
	struct passwd *pw;
	int n;

	if (!geteuid()) {
		n = snprintf(buf, bytes, "%s", DMM_KEYS_DIR);
		return (size_t)n < bytes ? 0 : -ENAMETOOLONG;
	}
	if (!base || *base != '/') {	/* a relative one does not count, says its specification */
		under = "/.config";
		base = getenv("HOME");
	}
	if (!base || *base != '/') {
		pw = getpwuid(geteuid());
		base = pw ? pw->pw_dir : NULL;
	}
	if (!base || *base != '/')
		return -ENOENT;
	n = snprintf(buf, bytes, "%s%s/dmmigrate", base, under);
	return (size_t)n < bytes ? 0 : -ENAMETOOLONG;
}

/* --- files --- */

int dmm_keys_wrong(const char *dir, const char *name, int ret, char why[DMM_KEYS_WHY], const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(why, DMM_KEYS_WHY, "%.120s/%s: ", dir, name);
	va_start(ap, fmt);
	vsnprintf(why + n, DMM_KEYS_WHY - n, fmt, ap);
	va_end(ap);
	return ret;
}

void dmm_keys_wipe(gnutls_datum_t *data)
{
	if (data->data)
		gnutls_memset(data->data, 0, data->size);
	gnutls_free(data->data);
	data->size = 0;
}

/* As opened, so that nobody can change places in between. */
static int file_check(int fd, const char *dir, const char *name, mode_t forbidden, size_t *bytes, char *why)
{
	struct stat st;

	if (fstat(fd, &st))
		return dmm_keys_wrong(dir, name, -errno, why, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return dmm_keys_wrong(dir, name, -EPERM, why, "it is no regular file");
	if (forbidden && st.st_uid != geteuid() && st.st_uid)
		return dmm_keys_wrong(dir, name, -EPERM, why, "it belongs to another user: chown %u %.120s/%s",
				      (unsigned int)geteuid(), dir, name);
	if (st.st_mode & forbidden)
		return dmm_keys_wrong(dir, name, -EPERM, why, "others may %s it: chmod %s %.120s/%s",
				      forbidden == DMM_KEYS_SECRET ? "use" : "write to",
				      forbidden == DMM_KEYS_SECRET ? "600" : "go-w", dir, name);
	if (st.st_size > MAX_FILE_BYTES)
		return dmm_keys_wrong(dir, name, -EFBIG, why, "it is too large");
	*bytes = st.st_size;
	return 0;
}

int dmm_keys_check_dir(int fd, const char *dir, char why[DMM_KEYS_WHY])
{
	struct stat st;

	if (fstat(fd, &st))
		return dmm_keys_wrong(dir, "", -errno, why, "%s", strerror(errno));
	if (st.st_uid != geteuid() && st.st_uid)
		return dmm_keys_wrong(dir, "", -EPERM, why, "it belongs to another user: chown %u %.200s",
				      (unsigned int)geteuid(), dir);
	if (st.st_mode & DMM_KEYS_OURS)
		return dmm_keys_wrong(dir, "", -EPERM, why, "others may write to it: chmod go-w %.200s", dir);
	return 0;
}

/* 0 or more, or -errno with @why. */
static int open_here(const char *dir, const char *name, mode_t forbidden, char why[DMM_KEYS_WHY])
{
	dmm_autoclose int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_PATH);
	int fd, ret;

	if (dir_fd < 0)
		return dmm_keys_wrong(dir, name, -errno, why, "%s", strerror(errno));
	ret = forbidden ? dmm_keys_check_dir(dir_fd, dir, why) : 0;
	if (ret)
		return ret;
	fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (forbidden == DMM_KEYS_SECRET ? O_NOFOLLOW : 0));
	if (fd < 0 && errno == ELOOP)
		return dmm_keys_wrong(dir, name, -EPERM, why, "it is a symbolic link, and must be a regular file");
	return fd < 0 ? dmm_keys_wrong(dir, name, -errno, why, "%s", strerror(errno)) : fd;
}

int (*dmm_keys_open)(const char *dir, const char *name, mode_t forbidden, char why[DMM_KEYS_WHY]) = open_here;

int dmm_keys_read(const char *dir, const char *name, mode_t forbidden, gnutls_datum_t *data, char why[DMM_KEYS_WHY])
{
	dmm_autoclose int fd = -1;
	gnutls_datum_t got = { 0 };
	size_t bytes = 0;
	int ret;

	fd = dmm_keys_open(dir, name, forbidden, why);
	if (fd < 0)
		return fd;
	ret = file_check(fd, dir, name, forbidden, &bytes, why);
	if (ret)
		return ret;
	got.data = gnutls_malloc(bytes + 1);
	if (!got.data)
		return dmm_keys_wrong(dir, name, -ENOMEM, why, "out of memory");
	got.size = bytes;
	got.data[bytes] = '\0';
	ret = dmm_pread_full(fd, got.data, bytes, 0);
	if (ret) {
		dmm_keys_wipe(&got);
		return dmm_keys_wrong(dir, name, ret, why, "cannot be read: %s", strerror(-ret));
	}
	*data = got;
	return 0;
}

/* --- pins --- */

int dmm_keys_pin_of(gnutls_x509_crt_t crt, struct dmm_pin *pin)
{
	size_t bytes = sizeof(pin->sha256);

	if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, pin->sha256, &bytes) ||
	    bytes != sizeof(pin->sha256))
		return -EBADMSG;
	return 0;
}

void dmm_pin_format(const struct dmm_pin *pin, char text[DMM_PIN_TEXT])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned int i, bits = 0, have = 0;
	char *to = text + strlen(PIN_PREFIX);

	memcpy(text, PIN_PREFIX, strlen(PIN_PREFIX));
	for (i = 0; i < sizeof(pin->sha256); i++) {
		bits = bits << 8 | pin->sha256[i];
		for (have += 8; have >= 6; have -= 6)
			*to++ = digits[bits >> (have - 6) & 63];
	}
	*to++ = digits[bits << (6 - have) & 63];
	*to = '\0';
}

int dmm_pin_parse(const char *text, struct dmm_pin *pin)
{
	char padded[DMM_PIN_TEXT + 1], again[DMM_PIN_TEXT];
	gnutls_datum_t in = { .data = (void *)padded }, out = { 0 };
	struct dmm_pin got;

	if (strncmp(text, PIN_PREFIX, strlen(PIN_PREFIX)) || strlen(text) != DMM_PIN_TEXT - 1)
		return -EINVAL;
	in.size = snprintf(padded, sizeof(padded), "%s=", text + strlen(PIN_PREFIX));
	if (gnutls_base64_decode2(&in, &out))
		return -EINVAL;
	if (out.size != sizeof(got.sha256)) {
		gnutls_free(out.data);
		return -EINVAL;
	}
	memcpy(got.sha256, out.data, sizeof(got.sha256));
	gnutls_free(out.data);
	/* one text for each pin: who compares by eye or grep(1) is right */
	dmm_pin_format(&got, again);
	if (strcmp(again, text))
		return -EINVAL;
	*pin = got;
	return 0;
}

/* --- key and certificate --- */

int dmm_keys_load_key(const char *dir, gnutls_x509_privkey_t *key, char why[DMM_KEYS_WHY])
{
	gnutls_datum_t pem = { 0 };
	char no_key[DMM_KEYS_WHY];
	int ret;

	ret = dmm_keys_read(dir, DMM_KEYS_KEY, DMM_KEYS_SECRET, &pem, why);
	if (ret == -ENOENT) {
		snprintf(no_key, sizeof(no_key), "there is no key in %.200s yet: dmmigrate keys init%s%.200s", dir,
			 strcmp(dir, DMM_KEYS_DIR) ? " --keys " : "", strcmp(dir, DMM_KEYS_DIR) ? dir : "");
		memcpy(why, no_key, DMM_KEYS_WHY);
	}
	if (ret)
		return ret;
	ret = gnutls_x509_privkey_init(key);
	if (ret) {
		dmm_keys_wipe(&pem);
		return dmm_keys_wrong(dir, DMM_KEYS_KEY, -ENOMEM, why, "%s", gnutls_strerror(ret));
	}
	ret = gnutls_x509_privkey_import(*key, &pem, GNUTLS_X509_FMT_PEM);
	dmm_keys_wipe(&pem);
	if (!ret)
		return 0;
	gnutls_x509_privkey_deinit(*key);
	return dmm_keys_wrong(dir, DMM_KEYS_KEY, -EBADMSG, why, "damaged, or no private key in PEM: %s",
			      gnutls_strerror(ret));
}

int dmm_keys_load_chain(const char *dir, gnutls_x509_crt_t **chain, unsigned int *nr, char why[DMM_KEYS_WHY])
{
	gnutls_datum_t pem = { 0 };
	int ret;

	ret = dmm_keys_read(dir, DMM_KEYS_CRT, DMM_KEYS_OURS, &pem, why);
	if (ret == -ENOENT)
		return dmm_keys_wrong(dir, DMM_KEYS_CRT, -EBADMSG, why,
				      "missing, but there is a " DMM_KEYS_KEY ": dmmigrate keys renew makes it anew");
	if (ret)
		return ret;
	ret = gnutls_x509_crt_list_import2(chain, nr, &pem, GNUTLS_X509_FMT_PEM, 0);
	dmm_keys_wipe(&pem);
	if (ret < 0)
		return dmm_keys_wrong(dir, DMM_KEYS_CRT, -EBADMSG, why, "damaged, or no certificate in PEM: %s",
				      gnutls_strerror(ret));
	return 0;
}

/* An edit that is going on may have replaced one of the two: waits for its end, but for nobody's who has stopped in it. */
static int read_lock(const char *dir)
{
	u64 until_ms = dmm_now_ms() + LOCK_MS;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/" DMM_KEYS_LOCK, dir);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && dmm_now_ms() < until_ms)
		poll(NULL, 0, 20);
	return fd;
}

static int mismatch(const char *dir, char *why)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" DMM_KEYS_KEY DMM_KEYS_NEW, dir);
	if (!access(path, F_OK))
		return dmm_keys_wrong(dir, DMM_KEYS_CRT, -EBADMSG, why, "it is not the certificate of " DMM_KEYS_KEY ", for "
				      "'dmmigrate keys init' was interrupted: type that once more, and it goes on");
	return dmm_keys_wrong(dir, DMM_KEYS_CRT, -EBADMSG, why, "it is not the certificate of " DMM_KEYS_KEY ": put back the one "
			      "that is, or dmmigrate keys renew");
}

static int pair_fill(const char *dir, struct dmm_keys_pair *p, char *why)
{
	dmm_autoclose int lock_fd = read_lock(dir);
	gnutls_x509_crt_t *chain = NULL;
	gnutls_x509_privkey_t key;
	unsigned int nr = 0, i;
	int ret, err;

	(void)lock_fd;
	ret = dmm_keys_load_key(dir, &key, why);
	if (ret)
		return ret;
	ret = dmm_keys_load_chain(dir, &chain, &nr, why);
	if (ret)
		goto out_key;
	ret = dmm_keys_pin_of(chain[0], &p->pin);
	if (ret) {
		dmm_keys_wrong(dir, DMM_KEYS_CRT, ret, why, "of a kind of key that is not known here");
		goto out_chain;
	}
	p->until = gnutls_x509_crt_get_expiration_time(chain[0]);
	err = gnutls_certificate_allocate_credentials(&p->cred);
	if (!err)
		err = gnutls_certificate_set_x509_key(p->cred, chain, (int)nr, key);
	if (err == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		ret = mismatch(dir, why);
	else if (err < 0)
		ret = dmm_keys_wrong(dir, DMM_KEYS_CRT, err == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EBADMSG, why,
				     "cannot be used: %s", gnutls_strerror(err));
out_chain:
	for (i = 0; i < nr; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
out_key:
	gnutls_x509_privkey_deinit(key);	/* overwrites it */
	return ret;
}

/* Whoever may read a core dump, or trace the process, would have the key. */
static void keep_secrets(void)
{
#ifndef __SANITIZE_ADDRESS__	/* whose search for leaks traces */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

static void stamp_one(const char *dir, const char *name, struct dmm_keys_stamp *stamp)
{
	dmm_autoclose int fd = -1;
	char ignored[DMM_KEYS_WHY];
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	fd = dmm_keys_open(dir, name, 0, ignored);
	if (fd < 0 || fstat(fd, &st))
		return;
	stamp->dev = st.st_dev;
	stamp->ino = st.st_ino;
	stamp->bytes = (u64)st.st_size;
	stamp->changed_ns = (u64)st.st_ctim.tv_sec * 1000000000 + (u64)st.st_ctim.tv_nsec;
}

static void stamp_both(const char *dir, struct dmm_keys_stamp stamps[2])
{
	stamp_one(dir, DMM_KEYS_KEY, &stamps[0]);
	stamp_one(dir, DMM_KEYS_CRT, &stamps[1]);
}

static int pair_load(const char *dir, struct dmm_keys_pair **pair, char *why)
{
	struct dmm_keys_pair *p = calloc(1, sizeof(*p));
	int ret;

	if (!p) {
		snprintf(why, DMM_KEYS_WHY, "out of memory");
		return -ENOMEM;
	}
	p->refs = 1;
	ret = pair_fill(dir, p, why);
	if (ret)
		dmm_keys_release(p);
	else
		*pair = p;
	return ret;
}

int dmm_keys_load(const char *dir, struct dmm_keys **keys, char why[DMM_KEYS_WHY])
{
	struct dmm_keys *k = calloc(1, sizeof(*k));
	int ret;

	if (k)
		k->dir = strdup(dir);
	if (!k || !k->dir) {
		snprintf(why, DMM_KEYS_WHY, "out of memory");
		dmm_keys_free(k);
		return -ENOMEM;
	}
	keep_secrets();
	stamp_both(dir, k->stamps);
	ret = pair_load(dir, &k->pair, why);
	if (ret) {
		dmm_keys_free(k);
		return ret;
	}
	*keys = k;
	return 0;
}

int dmm_keys_refresh(struct dmm_keys *k, char why[DMM_KEYS_WHY])
{
	struct dmm_keys_pair *pair, *old;
	struct dmm_keys_stamp stamps[2];
	int ret;

	stamp_both(k->dir, stamps);
	if (!memcmp(stamps, k->stamps, sizeof(stamps)))
		return 0;
	ret = pair_load(k->dir, &pair, why);
	/* what a person has to mend is said once; what may be over soon is tried again */
	if (!ret || ret == -ENOENT || ret == -EPERM || ret == -EBADMSG || ret == -EFBIG)
		memcpy(k->stamps, stamps, sizeof(stamps));
	if (ret)
		return ret;
	pthread_mutex_lock(&pairs_lock);
	old = k->pair;
	k->pair = pair;
	pthread_mutex_unlock(&pairs_lock);
	dmm_keys_release(old);
	return 1;
}

void dmm_keys_free(struct dmm_keys *k)
{
	if (!k)
		return;
	dmm_keys_release(k->pair);
	free(k->dir);
	free(k);
}

struct dmm_keys_pair *dmm_keys_hold(const struct dmm_keys *k)
{
	struct dmm_keys_pair *p;

	pthread_mutex_lock(&pairs_lock);
	p = k->pair;
	p->refs++;
	pthread_mutex_unlock(&pairs_lock);
	return p;
}

void dmm_keys_release(struct dmm_keys_pair *p)
{
	bool last;

	if (!p)
		return;
	pthread_mutex_lock(&pairs_lock);
	last = !--p->refs;
	pthread_mutex_unlock(&pairs_lock);
	if (!last)
		return;
	if (p->cred)
		gnutls_certificate_free_credentials(p->cred);
	free(p);
}

gnutls_certificate_credentials_t dmm_keys_credentials(const struct dmm_keys_pair *p)
{
	return p->cred;
}

const struct dmm_pin *dmm_keys_pin(const struct dmm_keys *k)
{
	return &k->pair->pin;
}

time_t dmm_keys_valid_until(const struct dmm_keys *k)
{
	return k->pair->until;
}

const char *dmm_keys_dir(const struct dmm_keys *k)
{
	return k->dir;
}
