// SPDX-License-Identifier: GPL-2.0
/*
 * Making and removing volumes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cleanup.h"
#include "dm.h"
#include "facts_host.h"
#include "lv_priv.h"
#include "volume.h"

void dmm_volume_call(struct dmm_volume *v, const char *label, u32 disk, const u8 id[DMM_ID_BYTES])
{
	char hex[DMM_ID_HEX];

	dmm_id_format(id, hex);
	snprintf(v->name, sizeof(v->name), "dmm-%.63s-%u-%.8s", label, disk, hex);
}

/* Of a place of LVM. */
static void place_vg(const struct dmm_sr *sr, char vg[DMM_SR_PLACE])
{
	snprintf(vg, DMM_SR_PLACE, "%.*s", (int)strcspn(sr->place, "/"), sr->place);
}

static const char *place_pool(const struct dmm_sr *sr)
{
	return sr->kind == DMM_SR_THIN ? strchr(sr->place, '/') + 1 : NULL;
}

void dmm_volume_path(const struct dmm_volume *v, char path[DMM_PATH_MAX])
{
	char vg[DMM_SR_PLACE];

	if (v->sr.kind == DMM_SR_DIR) {
		snprintf(path, DMM_PATH_MAX, "%s/%s", v->sr.place, v->name);
		return;
	}
	place_vg(&v->sr, vg);
	snprintf(path, DMM_PATH_MAX, "/dev/%s/%s", vg, v->name);
}

static int fail(char why[DMM_LV_WHY], int err, const char *what, const char *path)
{
	snprintf(why, DMM_LV_WHY, "cannot %s %.150s: %s", what, path, strerror(err));
	return -err;
}

static int not_there(const struct dmm_sr *sr, int ret, char why[DMM_LV_WHY])
{
	snprintf(why, DMM_LV_WHY, "%s %.128s %s", sr->kind == DMM_SR_THIN ? "the thin pool" : "the volume group", sr->place,
		 ret == -ETIMEDOUT || ret == -EBUSY ? "cannot be looked for: LVM does not answer" :
		 sr->kind == DMM_SR_THIN ? "is not there, or not active" : "is not there");
	return ret < 0 && ret != -ENOENT ? ret : -ENOENT;
}

int dmm_volume_space(const struct dmm_sr *sr, const struct dmm_facts *places, u64 *size, u64 *room)
{
	const char *key = sr->kind == DMM_SR_LVM ? "vg" : "pool";
	char value[DMM_FACT_VALUE], word[DMM_SR_PLACE];
	unsigned int n, at = sr->kind == DMM_SR_LVM ? 2 : 1;
	struct statvfs st;

	if (sr->kind == DMM_SR_DIR) {
		if (statvfs(sr->place, &st))
			return -errno;
		*size = (u64)st.f_blocks * st.f_frsize;
		*room = (u64)st.f_bavail * st.f_frsize;
		return 0;
	}
	for (n = 0; dmm_facts_nth(places, key, n, value); n++) {
		if (dmm_fact_word(value, 0, word, sizeof(word)) && !strcmp(word, sr->place))
			return dmm_fact_word_u64(value, at, size) && dmm_fact_word_u64(value, at + 1, room) ? 0 : -ENOENT;
	}
	return -ENOENT;
}

int dmm_volume_room(const struct dmm_sr *sr, u64 *bytes, int stop_fd, char why[DMM_LV_WHY])
{
	dmm_autofree struct dmm_facts *f = malloc(sizeof(*f));
	char vg[DMM_SR_PLACE];
	int ret = 0;
	u64 size;

	if (!f)
		return fail(why, ENOMEM, "look at", sr->place);
	dmm_facts_init(f);
	if (sr->kind != DMM_SR_DIR) {
		place_vg(sr, vg);
		ret = dmm_facts_place(f, vg, place_pool(sr), stop_fd);
	}
	if (!ret)
		ret = dmm_volume_space(sr, f, &size, bytes);
	if (ret && sr->kind == DMM_SR_DIR)
		return fail(why, -ret, "look at", sr->place);
	return ret ? not_there(sr, ret, why) : 0;
}

u64 dmm_volume_taken(const struct dmm_volume *v)
{
	char path[DMM_PATH_MAX];
	struct dmm_dm_dev dev;
	u64 sectors = 0;
	struct stat st;

	dmm_volume_path(v, path);
	if (stat(path, &st))
		return 0;
	if (v->sr.kind == DMM_SR_DIR)
		return (u64)st.st_blocks * DMM_SECTOR_BYTES;
	if (v->sr.kind == DMM_SR_LVM)
		return v->size_bytes;
	if (dmm_dm_find_number(major(st.st_rdev), minor(st.st_rdev), &dev) || dmm_dm_thin_mapped(&dev, &sectors))
		return 0;
	return sectors * DMM_SECTOR_BYTES;
}

/* --- logical volumes --- */

static void made_tag(const u8 id[DMM_ID_BYTES], const char *prefix, char tag[64])
{
	char hex[DMM_ID_HEX];

	dmm_id_format(id, hex);
	snprintf(tag, 64, "%s%s", prefix, hex);
}

/* As dmm_volume_find(), @lv filled where it is there. */
static int lv_look(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], struct dmm_lv *lv, int stop_fd, char *why)
{
	char vg[DMM_SR_PLACE], select[DMM_SR_PLACE + DMM_VOLUME_NAME + 40], tag[64];
	char *const lvs[] = {
		(char *)"lvs", DMM_LVM_CONFIG, (char *)"--noheadings", (char *)"--nameprefixes", (char *)"--binary",
		(char *)"-o", (char *)"vg_name,lv_name,lv_skip_activation,lv_tags", (char *)"-S", select, NULL,
	};
	struct dmm_runner *r;
	int ret;

	place_vg(&v->sr, vg);
	snprintf(select, sizeof(select), "vg_name=\"%s\" && lv_name=\"%s\"", vg, v->name);
	ret = dmm_lvm_run(lvs, stop_fd, &r, why);
	if (ret)
		return ret;
	ret = dmm_lv_parse(r->text, lv);
	free(r);
	if (ret)
		return 0;
	made_tag(id, DMM_VOLUME_TAG, tag);
	if (dmm_lv_has_tag(lv->tags, tag))
		return 1;
	snprintf(why, DMM_LV_WHY, "there is a volume %.200s already, of somebody else", lv->name);
	return -EEXIST;
}

static int lv_run(char *const argv[], int stop_fd, char *why)
{
	struct dmm_runner *r;
	int ret = dmm_lvm_run(argv, stop_fd, &r, why);

	if (!ret)
		free(r);
	else if (strcasestr(why, "insufficient"))
		ret = -ENOSPC;
	return ret;
}

/*
 * In one step with the tag that says whose it is, and the mark.  What was there before in the same place is neither zeroed nor asked about:
 * all of the source is written over it, and the rest zeroed by who opens it (dest.c).
 */
static int lv_make(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char *why)
{
	const char *pool = place_pool(&v->sr);
	char vg[DMM_SR_PLACE], tag[64], mark[64], size[32];
	char *const thick[] = {
		(char *)"lvcreate", DMM_LVM_CONFIG, (char *)"--yes", (char *)"-Wn", (char *)"-Zn", (char *)"-ky", (char *)"-K",
		(char *)"-ay", (char *)"--addtag", tag, (char *)"--addtag", mark, (char *)"-n", (char *)v->name, (char *)"-L", size,
		vg, NULL,
	};
	char *const thin[] = {
		(char *)"lvcreate", DMM_LVM_CONFIG, (char *)"--yes", (char *)"-Wn", (char *)"-ky", (char *)"-K", (char *)"-ay",
		(char *)"--addtag", tag, (char *)"--addtag", mark, (char *)"-n", (char *)v->name, (char *)"-V", size,
		(char *)"--thinpool", (char *)pool, vg, NULL,
	};

	place_vg(&v->sr, vg);
	made_tag(id, DMM_VOLUME_TAG, tag);
	made_tag(id, DMM_LV_TAG, mark);
	snprintf(size, sizeof(size), "%llub", v->size_bytes);
	return lv_run(pool ? thin : thick, stop_fd, why);
}

/* lvchange @how @more VG/LV */
static int lv_change(const struct dmm_volume *v, const char *how, const char *more, int stop_fd, char *why)
{
	char name[DMM_LV_NAME + DMM_VOLUME_NAME], vg[DMM_SR_PLACE];
	char *const lvchange[] = { (char *)"lvchange", DMM_LVM_CONFIG, (char *)how, (char *)more, name, NULL };

	place_vg(&v->sr, vg);
	snprintf(name, sizeof(name), "%s/%s", vg, v->name);
	return lv_run(lvchange, stop_fd, why);
}

static int lv_remove(const struct dmm_volume *v, int stop_fd, char *why)
{
	char name[DMM_LV_NAME + DMM_VOLUME_NAME], vg[DMM_SR_PLACE];
	char *const lvremove[] = { (char *)"lvremove", DMM_LVM_CONFIG, (char *)"-f", name, NULL };

	place_vg(&v->sr, vg);
	snprintf(name, sizeof(name), "%s/%s", vg, v->name);
	return lv_run(lvremove, stop_fd, why);
}

/* --- files --- */

static int dir_open(const struct dmm_volume *v, char *why)
{
	int fd = open(v->sr.place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail(why, errno, "open", v->sr.place) : fd;
}

bool dmm_volume_file_of(const char *path, u8 id[DMM_ID_BYTES])
{
	char hex[DMM_ID_HEX] = "";

	return lgetxattr(path, DMM_VOLUME_XATTR, hex, sizeof(hex) - 1) == (ssize_t)sizeof(hex) - 1 && !dmm_id_parse(hex, id);
}

/*
 * For who finds it and no journal.  Where the filesystem has no such thing, or takes a block for it, there is none: an empty file is known
 * by that.
 */
static void file_mark(int fd, const u8 id[DMM_ID_BYTES])
{
	char hex[DMM_ID_HEX];
	struct stat st;

	dmm_id_format(id, hex);
	if (!fstat(fd, &st) && !st.st_blocks && !fsetxattr(fd, DMM_VOLUME_XATTR, hex, strlen(hex), 0) && (fstat(fd, &st) || st.st_blocks))
		fremovexattr(fd, DMM_VOLUME_XATTR);
}

/* As dmm_volume_find(), @st filled. */
static int file_look(int dir_fd, const struct dmm_volume *v, struct stat *st, char *why)
{
	if (fstatat(dir_fd, v->name, st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : fail(why, errno, "look at", v->name);
	if (S_ISREG(st->st_mode) && (v->inode ? st->st_ino == v->inode : !st->st_blocks))
		return 1;
	snprintf(why, DMM_LV_WHY, "there is a file %.90s in %.100s already, of somebody else", v->name, v->sr.place);
	return -EEXIST;
}

static int file_make(struct dmm_volume *v, const u8 id[DMM_ID_BYTES], char *why)
{
	dmm_autoclose int dir_fd = dir_open(v, why);
	dmm_autoclose int fd = -1;
	struct stat st;
	int ret;

	if (dir_fd < 0)
		return dir_fd;
	ret = file_look(dir_fd, v, &st, why);
	if (ret < 0)
		return ret;
	fd = openat(dir_fd, v->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | (ret ? 0 : O_EXCL), 0600);
	if (fd >= 0)
		file_mark(fd, id);
	/* or a barrier could be acknowledged that covers a file whose name is lost with the power */
	if (fd < 0 || fstat(fd, &st) || ((u64)st.st_size < v->size_bytes && ftruncate(fd, (off_t)v->size_bytes)) || fsync(fd) ||
	    (fsync(dir_fd) && errno != EINVAL))
		return fail(why, errno, "make", v->name);
	v->inode = st.st_ino;
	return 0;
}

static int file_remove(const struct dmm_volume *v, char *why)
{
	dmm_autoclose int dir_fd = dir_open(v, why);
	struct stat st;
	int ret;

	if (dir_fd < 0)
		return dir_fd;
	ret = file_look(dir_fd, v, &st, why);
	if (ret <= 0)
		return ret == -EEXIST ? 0 : ret;
	if (unlinkat(dir_fd, v->name, 0))
		return fail(why, errno, "remove", v->name);
	return fsync(dir_fd) && errno != EINVAL ? fail(why, errno, "sync", v->sr.place) : 0;
}

static int file_settle(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], char *why)
{
	char path[DMM_PATH_MAX];
	u8 whose[DMM_ID_BYTES];

	dmm_volume_path(v, path);
	if (dmm_volume_file_of(path, whose) && !memcmp(whose, id, sizeof(whose)) && lremovexattr(path, DMM_VOLUME_XATTR) && errno != ENODATA)
		return fail(why, errno, "unmark", path);
	return 0;
}

/* --- either --- */

int dmm_volume_find(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY])
{
	dmm_autoclose int dir_fd = -1;
	struct dmm_lv lv;
	struct stat st;

	if (v->sr.kind != DMM_SR_DIR)
		return lv_look(v, id, &lv, stop_fd, why);
	dir_fd = dir_open(v, why);
	return dir_fd < 0 ? dir_fd : file_look(dir_fd, v, &st, why);
}

int dmm_volume_make(struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY])
{
	struct dmm_lv lv;
	int ret;

	if (v->sr.kind == DMM_SR_DIR)
		return file_make(v, id, why);
	ret = lv_look(v, id, &lv, stop_fd, why);
	if (ret < 0)
		return ret;
	return ret ? lv_change(v, "-ay", "-K", stop_fd, why) : lv_make(v, id, stop_fd, why);
}

int dmm_volume_remove(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY])
{
	struct dmm_lv lv;
	int ret;

	if (v->sr.kind == DMM_SR_DIR)
		return file_remove(v, why);
	ret = lv_look(v, id, &lv, stop_fd, why);
	if (ret <= 0)
		return ret == -EEXIST ? 0 : ret;
	return lv_remove(v, stop_fd, why);
}

int dmm_volume_check_new(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], u64 promised_bytes, u64 *room_bytes, int stop_fd,
			 char why[DMM_LV_WHY])
{
	char what[DMM_LV_WHY] = "", others[48] = "";
	int ret = dmm_volume_room(&v->sr, room_bytes, stop_fd, what);

	if (!ret)
		ret = dmm_volume_find(v, id, stop_fd, what);
	if (ret > 0) {
		snprintf(what, sizeof(what), "there is a volume %s already, which an earlier one of this migration has left: remove it", v->name);
		ret = -EEXIST;
	}
	*room_bytes -= ret ? 0 : dmm_min_u64(promised_bytes, *room_bytes);
	if (!ret && *room_bytes < v->size_bytes) {
		if (promised_bytes)
			snprintf(others, sizeof(others), ", beside %llu for other disks", promised_bytes);
		snprintf(why, DMM_LV_WHY, "storage repository %s (%s:%.60s) has %llu bytes free%s, and the disk takes %llu: make room there, or "
			 "choose another", v->sr.name, dmm_sr_kind_name(v->sr.kind), v->sr.place, *room_bytes, others, v->size_bytes);
		return -ENOSPC;
	}
	if (ret)
		snprintf(why, DMM_LV_WHY, "storage repository %s: %.190s", v->sr.name, what);
	return ret;
}

int dmm_volume_settle(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY])
{
	struct dmm_lv lv;
	char mark[64];
	int ret;

	if (v->sr.kind == DMM_SR_DIR)
		return file_settle(v, id, why);
	ret = lv_look(v, id, &lv, stop_fd, why);
	if (!ret) {
		snprintf(why, DMM_LV_WHY, "there is no volume %s in %.128s", v->name, v->sr.place);
		return -ENOENT;
	}
	if (ret < 0)
		return ret;
	made_tag(id, DMM_LV_TAG, mark);
	ret = lv_change(v, "-ay", "-K", stop_fd, why);
	if (!ret && lv.skip)
		ret = lv_change(v, "-k", "n", stop_fd, why);
	/* the mark last, as lv.c has it */
	return ret || !dmm_lv_has_tag(lv.tags, mark) ? ret : lv_change(v, "--deltag", mark, stop_fd, why);
}
