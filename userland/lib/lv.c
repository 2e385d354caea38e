// SPDX-License-Identifier: GPL-2.0
/*
 * Running lvm, and reading what it says.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "dm.h"
#include "dmlock.h"
#include "fullio.h"
#include "lv_priv.h"
#include "parse.h"
#include "sysfs.h"
#include "thread.h"

#define LVM_MS		20000u
#define MAX_DEPTH	8	/* of gates above gates */
#define NOT_FOUND	127	/* of env: no such program */

struct lv_claim {
	struct lv_claim *next;
	const char *uuid;
};

/* One that hangs is enough: those after it would hang where it does. */
static atomic_uint lvm_hangs;
/* Volumes that are looked at, and changed by what they have: by one migration at a time. */
static struct lv_claim *lv_claims;
static pthread_mutex_t lv_claims_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- running lvm --- */

static void *reaper_thread(void *arg)
{
	dmm_runner_end(arg);
	free(arg);
	atomic_fetch_sub(&lvm_hangs, 1);
	return NULL;
}

/* It was killed, and may not end before a disk answers. */
static void lvm_abandon(struct dmm_runner *r)
{
	atomic_fetch_add(&lvm_hangs, 1);
	if (dmm_thread_detached(reaper_thread, r, 0))
		reaper_thread(r);
}

int dmm_lvm_run(char *const lvm[], int stop_fd, struct dmm_runner **out, char why[DMM_LV_WHY])
{
	char *argv[28] = { (char *)"env", (char *)"LC_ALL=C", (char *)"lvm" };
	struct dmm_runner *r;
	char line[160];
	int i, ret;

	if (atomic_load(&lvm_hangs)) {
		snprintf(why, DMM_LV_WHY, "an earlier lvm still hangs on a device that does not answer");
		return -EBUSY;
	}
	r = malloc(sizeof(*r));
	if (!r) {
		snprintf(why, DMM_LV_WHY, "out of memory");
		return -ENOMEM;
	}
	for (i = 0; lvm[i]; i++)
		argv[3 + i] = lvm[i];
	ret = dmm_runner_begin(r, argv);
	if (ret) {
		snprintf(why, DMM_LV_WHY, "cannot run lvm: %s", strerror(-ret));
		goto err_free;
	}
	ret = dmm_runner_wait(r, dmm_now_ms() + LVM_MS, stop_fd);
	if (ret) {
		snprintf(why, DMM_LV_WHY, "lvm %s did not end: %s", lvm[0], strerror(-ret));
		lvm_abandon(r);
		return ret;
	}
	ret = dmm_runner_end(r);
	if (!ret) {
		if (r->bytes == sizeof(r->text))
			r->bytes--;
		r->text[r->bytes] = '\0';
		*out = r;
		return 0;
	}
	dmm_runner_line(r, line, sizeof(line));
	if (ret == NOT_FOUND)
		snprintf(why, DMM_LV_WHY, "lvm is not installed");
	else
		snprintf(why, DMM_LV_WHY, "lvm %s: %s", lvm[0],
			 *line ? line + strspn(line, " ") : "it failed, and does not say why");
	ret = -EIO;
err_free:
	free(r);
	return ret;
}

/* --- finding a volume --- */

/* Ours lie over all of one volume: a gate that has settled, and its origin when it migrates itself. */
static void lv_of_dev(unsigned int major, unsigned int minor, char uuid[DMM_LV_UUID_BYTES])
{
	char text[DMM_DM_UUID_BYTES + 1];
	dev_t beneath[2];
	int depth;

	uuid[0] = '\0';
	for (depth = 0; depth < MAX_DEPTH; depth++) {
		if (dmm_sysfs_read(major, minor, "dm/uuid", text, sizeof(text)) <= 0)
			return;
		if (dmm_dm_uuid_is_lv(text)) {
			memcpy(uuid, text, DMM_LV_UUID_BYTES);
			return;
		}
		if (strncmp(text, DMM_UUID_PREFIX, strlen(DMM_UUID_PREFIX)) ||
		    dmm_sysfs_related(major, minor, "slaves", beneath, 2) != 1)
			return;
		major = major(beneath[0]);
		minor = minor(beneath[0]);
	}
}

void dmm_lv_of_name(const char *name, char uuid[DMM_LV_UUID_BYTES])
{
	struct dmm_dm_dev dev;
	int ret;

	uuid[0] = '\0';
	dmm_dm_lock();
	ret = dmm_dm_find_name(name, &dev);
	dmm_dm_unlock();
	if (!ret)
		lv_of_dev(dev.major, dev.minor, uuid);
}

void dmm_lv_of_path(const char *path, char uuid[DMM_LV_UUID_BYTES])
{
	struct stat st;

	uuid[0] = '\0';
	if (!stat(path, &st) && S_ISBLK(st.st_mode))
		lv_of_dev(major(st.st_rdev), minor(st.st_rdev), uuid);
}

bool dmm_lv_active(const char *uuid)
{
	struct dmm_dm_dev dev;
	int ret;

	dmm_dm_lock();
	ret = dmm_dm_find_uuid(uuid, &dev);
	dmm_dm_unlock();
	return !ret;
}

/* LVM2_@key='...' in @line. NULL: not there, or it does not fit. */
static const char *field(const char *line, const char *key, char *value, size_t bytes)
{
	const char *at = strstr(line, key);
	size_t n;

	if (!at)
		return NULL;
	at += strlen(key);
	n = strcspn(at, "'\n");
	if (at[n] != '\'' || n >= bytes)
		return NULL;
	memcpy(value, at, n);
	value[n] = '\0';
	return value;
}

/* The first of @tags that is @tag (@own), or another migration's. What is behind it, or NULL: none. */
static const char *find_tag(const char *tags, const char *tag, bool own, char found[DMM_LV_TAGS])
{
	size_t n;

	for (;; tags += n + 1) {
		n = strcspn(tags, ",");
		snprintf(found, DMM_LV_TAGS, "%.*s", (int)n, tags);
		if (!strncmp(found, DMM_LV_TAG, strlen(DMM_LV_TAG)) && !strcmp(found, tag) == own)
			return tags + n;
		if (!tags[n])
			return NULL;
	}
}

bool dmm_lv_has_tag(const char *tags, const char *tag)
{
	char found[DMM_LV_TAGS];

	for (;;) {
		size_t n = strcspn(tags, ",");

		snprintf(found, sizeof(found), "%.*s", (int)n, tags);
		if (!strcmp(found, tag))
			return true;
		if (!tags[n])
			return false;
		tags += n + 1;
	}
}

int dmm_lv_parse(const char *text, struct dmm_lv *lv)
{
	char vg[DMM_LV_NAME / 2], name[DMM_LV_NAME / 2 - 1], skip[8];

	if (!field(text, "LVM2_VG_NAME='", vg, sizeof(vg)) || !*vg ||
	    !field(text, "LVM2_LV_NAME='", name, sizeof(name)) || !*name ||
	    !field(text, "LVM2_LV_SKIP_ACTIVATION='", skip, sizeof(skip)) ||
	    !field(text, "LVM2_LV_TAGS='", lv->tags, sizeof(lv->tags)))
		return -ENOENT;
	snprintf(lv->name, sizeof(lv->name), "%s/%s", vg, name);
	lv->skip = !strcmp(skip, "1");
	return 0;
}

/* As LVM writes an id: 6-4-4-4-4-4-6. */
static void hyphenate(const char *id, char out[40])
{
	snprintf(out, 40, "%.6s-%.4s-%.4s-%.4s-%.4s-%.4s-%.6s", id, id + 6, id + 10, id + 14, id + 18, id + 22,
		 id + 26);
}

/* 0, -ENOENT: there is none any more, -errno with @why. */
static int lv_find(const char *uuid, struct dmm_lv *lv, int stop_fd, char *why)
{
	char vg_id[40], lv_id[40], select[128];
	char *const lvs[] = {
		(char *)"lvs", DMM_LVM_CONFIG, (char *)"--noheadings", (char *)"--nameprefixes", (char *)"--binary",
		(char *)"-o", (char *)"vg_name,lv_name,lv_skip_activation,lv_tags", (char *)"-S", select, NULL,
	};
	struct dmm_runner *r;
	int ret;

	hyphenate(uuid + 4, vg_id);
	hyphenate(uuid + 36, lv_id);
	snprintf(select, sizeof(select), "vg_uuid=\"%s\" && lv_uuid=\"%s\"", vg_id, lv_id);
	ret = dmm_lvm_run(lvs, stop_fd, &r, why);
	if (ret)
		return ret == -ENOENT ? -EIO : ret;
	ret = dmm_lv_parse(r->text, lv);
	free(r);
	if (ret && dmm_lv_active(uuid)) {
		snprintf(why, DMM_LV_WHY, "LVM does not find the volume of id %s (is it in a group that lies on logical "
			 "volumes?)", lv_id);
		return -ENODEV;
	}
	if (ret)
		snprintf(why, DMM_LV_WHY, "LVM knows no volume of id %s", lv_id);
	return ret;
}

/* --- changing it --- */

/* lvchange @how @more VG/LV */
static int lv_change(const struct dmm_lv *lv, const char *how, const char *more, int stop_fd, char *why)
{
	char *const lvchange[] = {
		(char *)"lvchange", DMM_LVM_CONFIG, (char *)how, (char *)more, (char *)lv->name, NULL,
	};
	struct dmm_runner *r;
	int ret = dmm_lvm_run(lvchange, stop_fd, &r, why);

	if (!ret)
		free(r);
	return ret;
}

/* The tag first: a mark without it would be somebody else's, and stay.  Those of earlier migrations last. */
static int lv_set(const struct dmm_lv *lv, const char *tag, int stop_fd, char *why)
{
	char found[DMM_LV_TAGS];
	const char *rest = lv->tags;
	int ret = 0;

	if (!find_tag(lv->tags, tag, true, found)) {
		if (lv->skip && !find_tag(lv->tags, tag, false, found))
			return 0;
		ret = lv_change(lv, "--addtag", tag, stop_fd, why);
	}
	if (!ret && !lv->skip)
		ret = lv_change(lv, "-k", "y", stop_fd, why);
	while (!ret && (rest = find_tag(rest, tag, false, found)))
		ret = lv_change(lv, "--deltag", found, stop_fd, why);
	return ret;
}

/* And last: it is what remembers that something is left to be done. */
static int lv_clear(const char *uuid, const struct dmm_lv *lv, const char *tag, int stop_fd, char *why)
{
	char found[DMM_LV_TAGS];
	int ret = 0;

	if (!find_tag(lv->tags, tag, true, found))
		return 0;
	if (lv->skip && !dmm_lv_active(uuid))
		ret = lv_change(lv, "-aay", "-K", stop_fd, why);
	if (!ret && lv->skip)
		ret = lv_change(lv, "-k", "n", stop_fd, why);
	return ret ? ret : lv_change(lv, "--deltag", tag, stop_fd, why);
}

static bool lv_try_claim(struct lv_claim *c)
{
	struct lv_claim *other;

	pthread_mutex_lock(&lv_claims_lock);
	for (other = lv_claims; other && strcmp(other->uuid, c->uuid); other = other->next)
		;
	if (!other) {
		c->next = lv_claims;
		lv_claims = c;
	}
	pthread_mutex_unlock(&lv_claims_lock);
	return !other;
}

/* 0 or -ECANCELED. */
static int lv_claim(struct lv_claim *c, int stop_fd)
{
	while (!lv_try_claim(c)) {
		if (dmm_wait_fd(-1, 0, dmm_now_ms() + 50, stop_fd) == -ECANCELED)
			return -ECANCELED;
	}
	return 0;
}

static void lv_unclaim(const struct lv_claim *c)
{
	struct lv_claim **at;

	pthread_mutex_lock(&lv_claims_lock);
	for (at = &lv_claims; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	pthread_mutex_unlock(&lv_claims_lock);
}

int dmm_lv_mark(const char *uuid, const u8 id[DMM_ID_BYTES], bool marked, int stop_fd, char why[DMM_LV_WHY])
{
	char hex[DMM_ID_HEX], tag[sizeof(DMM_LV_TAG) + DMM_ID_HEX];
	struct lv_claim claim = { .uuid = uuid };
	struct dmm_lv lv;
	int ret = lv_claim(&claim, stop_fd);

	if (ret)
		return ret;
	dmm_id_format(id, hex);
	snprintf(tag, sizeof(tag), "%s%s", DMM_LV_TAG, hex);
	ret = lv_find(uuid, &lv, stop_fd, why);
	if (!ret)
		ret = marked ? lv_set(&lv, tag, stop_fd, why) : lv_clear(uuid, &lv, tag, stop_fd, why);
	else if (ret == -ENOENT)
		ret = 0;
	lv_unclaim(&claim);
	return ret;
}

int dmm_lv_activate(const char *uuid, int stop_fd, char why[DMM_LV_WHY])
{
	struct dmm_lv lv;
	int ret;

	if (dmm_lv_active(uuid))
		return 0;
	ret = lv_find(uuid, &lv, stop_fd, why);
	return ret ? ret : lv_change(&lv, "-ay", "-K", stop_fd, why);
}

/* Has anything opened its device? */
static bool lv_open(const char *uuid)
{
	struct dmm_dm_dev dev;
	int ret;

	dmm_dm_lock();
	ret = dmm_dm_find_uuid(uuid, &dev);
	dmm_dm_unlock();
	return !ret && dev.open_count > 0;
}

int dmm_lv_put_aside(const char *uuid, const char *suffix, int stop_fd, char name[DMM_LV_NAME], char why[DMM_LV_WHY])
{
	struct dmm_lv lv;
	char *const lvrename[] = { (char *)"lvrename", DMM_LVM_CONFIG, lv.name, name, NULL };
	struct dmm_runner *r;
	size_t n, m = strlen(suffix);
	int ret;

	if (lv_open(uuid)) {
		snprintf(why, DMM_LV_WHY, "it is open");
		return -EBUSY;
	}
	ret = lv_find(uuid, &lv, stop_fd, why);
	if (ret)
		return ret;
	if (dmm_lv_active(uuid))
		ret = lv_change(&lv, "-an", "-y", stop_fd, why);
	if (ret)
		return ret;
	n = strlen(lv.name);
	snprintf(name, DMM_LV_NAME, "%s", lv.name);
	if (n > m && !strcmp(lv.name + n - m, suffix))
		return 0;
	/* LVM takes 127 characters */
	n = strcspn(lv.name, "/") + 1;
	snprintf(name, DMM_LV_NAME, "%.*s%.*s%s", (int)n, lv.name, (int)(127 - m), lv.name + n, suffix);
	ret = dmm_lvm_run(lvrename, stop_fd, &r, why);
	if (!ret)
		free(r);
	return ret;
}
