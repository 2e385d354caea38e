// SPDX-License-Identifier: GPL-2.0
/*
 * Records of disks that move on the same host: which of two volumes is right.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "fullio.h"
#include "journal.h"
#include "jsonfield.h"
#include "tool.h"
#include "vdi.h"

#define VDI_MAX_BYTES	8192	/* of the file */

static void vdi_path(char *path, size_t bytes, const char *dir, const u8 id[DMM_ID_BYTES], const char *suffix)
{
	char hex[DMM_ID_HEX];

	dmm_id_format(id, hex);
	snprintf(path, bytes, "%s/%s.json%s", dir, hex, suffix);
}

static struct json_object *vdi_to_json(const struct dmm_vdi *v)
{
	struct json_object *o = json_object_new_object();
	char hex[DMM_ID_HEX];

	dmm_id_format(v->id, hex);
	json_object_object_add(o, "schema_version", json_object_new_int(DMM_SCHEMA_VERSION));
	json_object_object_add(o, "migration", json_object_new_string(hex));
	json_object_object_add(o, "moved", json_object_new_int(v->moved));
	json_object_object_add(o, "source", json_object_new_string(v->source));
	json_object_object_add(o, "uuid", json_object_new_string(v->uuid));
	json_object_object_add(o, "dest", json_object_new_string(v->dest));
	if (v->volume.sr.kind)
		json_object_object_add(o, "volume", dmm_volume_to_json(&v->volume));
	json_object_object_add(o, "lv", json_object_new_string(v->lv));
	json_object_object_add(o, "size_bytes", json_object_new_uint64(v->size_bytes));
	json_object_object_add(o, "started_s", json_object_new_uint64(v->started_s));
	json_object_object_add(o, "has_witness", json_object_new_int(v->has_witness));
	json_object_object_add(o, "device_bytes", json_object_new_uint64(v->witness.device_bytes));
	json_object_object_add(o, "target_bytes", json_object_new_uint64(v->witness.target_bytes));
	json_object_object_add(o, "inflight", json_object_new_uint64(v->witness.inflight));
	return o;
}

static int vdi_from_json(struct json_object *o, const u8 id[DMM_ID_BYTES], struct dmm_vdi *v)
{
	struct json_object *volume;
	u64 version, moved, has_witness;
	char hex[DMM_ID_HEX];

	if (!json_object_is_type(o, json_type_object) ||
	    dmm_jsonfield_number(o, "schema_version", DMM_SCHEMA_VERSION, DMM_SCHEMA_VERSION, &version) ||
	    dmm_jsonfield_text(o, "migration", hex, sizeof(hex)) || dmm_id_parse(hex, v->id) ||
	    memcmp(v->id, id, sizeof(v->id)) ||
	    dmm_jsonfield_number(o, "moved", 0, 1, &moved) ||
	    dmm_jsonfield_text(o, "source", v->source, sizeof(v->source)) ||
	    dmm_jsonfield_text(o, "uuid", v->uuid, sizeof(v->uuid)) ||
	    dmm_jsonfield_text(o, "dest", v->dest, sizeof(v->dest)) ||
	    dmm_jsonfield_text(o, "lv", v->lv, sizeof(v->lv)) ||
	    (v->lv[0] && !dmm_dm_uuid_is_lv(v->lv)) ||
	    (json_object_object_get_ex(o, "volume", &volume) && dmm_volume_from_json(volume, &v->volume)) ||
	    dmm_jsonfield_number(o, "size_bytes", 1, ~0ull >> 1, &v->size_bytes) ||
	    dmm_jsonfield_number(o, "started_s", 0, ~0ull >> 1, &v->started_s) ||
	    dmm_jsonfield_number(o, "has_witness", 0, 1, &has_witness) ||
	    dmm_jsonfield_number(o, "device_bytes", 0, ~0ull >> 1, &v->witness.device_bytes) ||
	    dmm_jsonfield_number(o, "target_bytes", 0, ~0ull >> 1, &v->witness.target_bytes) ||
	    dmm_jsonfield_number(o, "inflight", 0, ~0ull >> 1, &v->witness.inflight))
		return -EBADMSG;
	v->moved = moved;
	v->has_witness = has_witness;
	return 0;
}

int dmm_vdi_save(const char *dir, const struct dmm_vdi *v)
{
	const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE;
	char path[512], tmp[520];
	dmm_autoclose int fd = -1;
	struct json_object *o;
	int ret;

	ret = dmm_journal_mkdirs(dir, NULL);
	if (ret)
		return ret;
	vdi_path(path, sizeof(path), dir, v->id, "");
	vdi_path(tmp, sizeof(tmp), dir, v->id, ".new");
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	o = vdi_to_json(v);
	ret = dprintf(fd, "%s\n", json_object_to_json_string_ext(o, flags)) < 0 ? -errno : 0;
	json_object_put(o);
	if (!ret && fsync(fd))
		ret = -errno;
	if (!ret && rename(tmp, path))
		ret = -errno;
	if (ret) {
		unlink(tmp);
		return ret;
	}
	return dmm_journal_sync_dir(dir, NULL);
}

int dmm_vdi_load(const char *dir, const u8 id[DMM_ID_BYTES], struct dmm_vdi *v)
{
	char path[512], text[VDI_MAX_BYTES];
	struct dmm_vdi read = { 0 };
	struct json_object *o;
	ssize_t n;
	int ret;

	vdi_path(path, sizeof(path), dir, id, "");
	n = dmm_read_text(path, text, sizeof(text));
	if (n < 0)
		return n == -EFBIG ? -EBADMSG : (int)n;
	o = json_tokener_parse(text);
	if (!o)
		return -EBADMSG;
	ret = vdi_from_json(o, id, &read);
	json_object_put(o);
	if (!ret)
		*v = read;
	return ret;
}

int dmm_vdi_remove(const char *dir, const u8 id[DMM_ID_BYTES])
{
	char path[512];

	vdi_path(path, sizeof(path), dir, id, ".new");
	unlink(path);
	vdi_path(path, sizeof(path), dir, id, "");
	if (unlink(path))
		return errno == ENOENT ? 0 : -errno;
	return dmm_journal_sync_dir(dir, NULL);
}

int dmm_vdi_each(const char *dir, bool (*fn)(void *arg, const struct dmm_vdi *v), void *arg)
{
	char hex[DMM_ID_HEX];
	u8 id[DMM_ID_BYTES];
	struct dmm_vdi v;
	bool stop = false;
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && !stop && (e = readdir(d))) {
		if (strlen(e->d_name) != DMM_ID_HEX - 1 + strlen(".json") || !strstr(e->d_name, ".json"))
			continue;
		snprintf(hex, sizeof(hex), "%.*s", DMM_ID_HEX - 1, e->d_name);
		stop = !dmm_id_parse(hex, id) && !dmm_vdi_load(dir, id, &v) && fn(arg, &v);
	}
	if (d)
		closedir(d);
	return stop ? 0 : -ENOENT;
}

struct vdi_search {
	const char *name, *uuid;
	struct dmm_vdi *v;
};

static bool vdi_is(void *arg, const struct dmm_vdi *v)
{
	struct vdi_search *search = arg;

	if (strcmp(v->source, search->name) || (search->uuid && strcmp(v->uuid, search->uuid)))
		return false;
	*search->v = *v;
	return true;
}

int dmm_vdi_find(const char *dir, const char *name, const char *uuid, struct dmm_vdi *v)
{
	struct vdi_search search = { .name = name, .uuid = uuid, .v = v };

	return dmm_vdi_each(dir, vdi_is, &search);
}
