// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations that wait, on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "fullio.h"
#include "guest_stage.h"
#include "journal.h"
#include "jsonfield.h"
#include "manifest.h"

#define STAGE_NEW	DMM_MANIFEST_GUEST ".new"
#define STAGE_SCHEMA	1
#define STAGE_MAX_BYTES	(1u << 20)	/* a text of nothing but what JSON escapes */

void dmm_guest_stage_clear(struct dmm_guest_stage *g)
{
	free(g->text);
	memset(g, 0, sizeof(*g));
}

void dmm_guest_stage_path(const char *dir, const u8 id[DMM_ID_BYTES], char *path, size_t bytes)
{
	char hex[DMM_ID_HEX];

	dmm_id_format(id, hex);
	snprintf(path, bytes, "%s/%s/" DMM_MANIFEST_GUEST, dir, hex);
}

static struct json_object *stage_to_json(const struct dmm_guest_stage *g)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "schema_version", json_object_new_int(STAGE_SCHEMA));
	json_object_object_add(o, "name", json_object_new_string(g->name));
	json_object_object_add(o, "autostart", json_object_new_int(g->autostart));
	json_object_object_add(o, "done", json_object_new_int(g->done));
	json_object_object_add(o, "path", json_object_new_string(g->path));
	json_object_object_add(o, "kept", json_object_new_string(g->kept));
	json_object_object_add(o, "text", json_object_new_string(g->text));
	return o;
}

static int stage_write(int dir_fd, const char *json)
{
	dmm_autoclose int fd = openat(dir_fd, STAGE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = dmm_pwrite_full(fd, json, strlen(json), 0);
	if (!ret && (fsync(fd) || renameat(dir_fd, STAGE_NEW, dir_fd, DMM_MANIFEST_GUEST) || fsync(dir_fd)))
		ret = -errno;
	if (ret)
		unlinkat(dir_fd, STAGE_NEW, 0);
	return ret;
}

int dmm_guest_stage_save(const char *dir, const u8 id[DMM_ID_BYTES], const struct dmm_guest_stage *g)
{
	dmm_autoclose int dir_fd = dmm_journal_mkdir(dir, id, NULL);
	struct json_object *o;
	int ret;

	if (dir_fd < 0)
		return dir_fd;
	o = stage_to_json(g);
	ret = stage_write(dir_fd, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return ret;
}

static int stage_from_json(struct json_object *o, struct dmm_guest_stage *g)
{
	u64 version, autostart, done;

	g->text = malloc(DMM_MAX_GUEST_CONFIG_BYTES + 1);
	if (!g->text)
		return -ENOMEM;
	if (!json_object_is_type(o, json_type_object) ||
	    dmm_jsonfield_number(o, "schema_version", STAGE_SCHEMA, STAGE_SCHEMA, &version) ||
	    dmm_jsonfield_number(o, "autostart", 0, 1, &autostart) || dmm_jsonfield_number(o, "done", 0, 1, &done) ||
	    dmm_jsonfield_text(o, "name", g->name, sizeof(g->name)) ||
	    dmm_jsonfield_text(o, "path", g->path, sizeof(g->path)) ||
	    dmm_jsonfield_text(o, "kept", g->kept, sizeof(g->kept)) ||
	    dmm_jsonfield_text(o, "text", g->text, DMM_MAX_GUEST_CONFIG_BYTES + 1))
		return -EBADMSG;
	g->autostart = autostart;
	g->done = done;
	return 0;
}

int dmm_guest_stage_load(const char *dir, const u8 id[DMM_ID_BYTES], struct dmm_guest_stage *g)
{
	dmm_autofree char *text = malloc(STAGE_MAX_BYTES);
	struct json_object *o;
	char path[512];
	ssize_t n;
	int ret;

	memset(g, 0, sizeof(*g));
	dmm_guest_stage_path(dir, id, path, sizeof(path));
	n = text ? dmm_read_text(path, text, STAGE_MAX_BYTES) : -ENOMEM;
	if (n < 0)
		return n == -EFBIG ? -EBADMSG : (int)n;
	o = json_tokener_parse(text);
	ret = stage_from_json(o, g);
	json_object_put(o);
	if (ret)
		dmm_guest_stage_clear(g);
	return ret;
}
