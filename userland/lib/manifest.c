// SPDX-License-Identifier: GPL-2.0
/*
 * Manifests on disk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "journal.h"
#include "jsonfield.h"
#include "manifest.h"

#define MANIFEST_NAME		"manifest"
#define MANIFEST_NEW		"manifest.new"
#define MANIFEST_SCHEMA		1
#define MANIFEST_MAX_BYTES	(1u << 20)	/* 64 disks whose paths have nothing but what JSON escapes fit */

static const char *const role_names[] = {
	[DMM_HO_SOURCE] = "source", [DMM_HO_DEST] = "destination",
};

struct dmm_manifest *dmm_manifest_new(const u8 id[DMM_ID_BYTES], enum dmm_ho_role role, u32 nr_disks)
{
	struct dmm_manifest *m = calloc(1, sizeof(*m) + nr_disks * sizeof(m->disks[0]));

	if (!m)
		return NULL;
	memcpy(m->id, id, sizeof(m->id));
	m->role = role;
	m->nr_disks = nr_disks;
	return m;
}

bool dmm_manifest_complete(const struct dmm_manifest *m)
{
	u32 i;

	if (!m->nr_disks)
		return m->guest[0];
	for (i = 0; i < m->nr_disks && m->disks[i].known; i++)
		;
	return i == m->nr_disks;
}

static struct json_object *disk_to_json(const struct dmm_manifest_disk *d, enum dmm_ho_role role)
{
	struct json_object *o;

	if (!d->known && !d->volume.sr.kind)
		return NULL;	/* json-c's null */
	o = json_object_new_object();
	if (d->volume.sr.kind)
		json_object_object_add(o, "volume", dmm_volume_to_json(&d->volume));
	if (!d->known)
		return o;
	json_object_object_add(o, "name", json_object_new_string(d->name));
	json_object_object_add(o, "path", json_object_new_string(d->path));
	json_object_object_add(o, "size_bytes", json_object_new_uint64(d->size_bytes));
	if (role == DMM_HO_DEST)
		json_object_object_add(o, "block_bytes", json_object_new_int64(d->block_bytes));
	if (*d->identity)
		json_object_object_add(o, "identity", json_object_new_string(d->identity));
	if (*d->lv)
		json_object_object_add(o, "lv", json_object_new_string(d->lv));
	if (d->has_witness) {
		json_object_object_add(o, "device_bytes",
				       json_object_new_uint64(d->witness.device_bytes));
		json_object_object_add(o, "target_bytes",
				       json_object_new_uint64(d->witness.target_bytes));
		json_object_object_add(o, "inflight", json_object_new_uint64(d->witness.inflight));
	}
	return o;
}

static struct json_object *manifest_to_json(const struct dmm_manifest *m)
{
	struct json_object *o = json_object_new_object(), *disks = json_object_new_array();
	char hex[DMM_ID_HEX];
	u32 i;

	dmm_id_format(m->id, hex);
	json_object_object_add(o, "schema_version", json_object_new_int(MANIFEST_SCHEMA));
	json_object_object_add(o, "migration", json_object_new_string(hex));
	json_object_object_add(o, "role", json_object_new_string(role_names[m->role]));
	json_object_object_add(o, "begun", json_object_new_int(m->begun));
	json_object_object_add(o, "host", json_object_new_string(m->host));
	if (*m->peer)
		json_object_object_add(o, "peer", json_object_new_string(m->peer));
	if (m->role == DMM_HO_SOURCE)
		json_object_object_add(o, "port", json_object_new_int(m->port));
	if (*m->from)
		json_object_object_add(o, "from", json_object_new_string(m->from));
	if (!m->nr_disks)
		json_object_object_add(o, "guest", json_object_new_string(m->guest));
	for (i = 0; i < m->nr_disks; i++)
		json_object_array_add(disks, disk_to_json(&m->disks[i], m->role));
	json_object_object_add(o, "disks", disks);
	return o;
}

/* These return NULL, or what is wrong. */

/* All of it, or nothing. */
static const char *witness_from_json(struct json_object *o, struct dmm_manifest_disk *d)
{
	d->has_witness = json_object_object_get_ex(o, "device_bytes", NULL) ||
			 json_object_object_get_ex(o, "target_bytes", NULL) ||
			 json_object_object_get_ex(o, "inflight", NULL);
	if (d->has_witness &&
	    (dmm_jsonfield_number(o, "device_bytes", 0, ~0ull >> 1, &d->witness.device_bytes) ||
	     dmm_jsonfield_number(o, "target_bytes", 0, ~0ull >> 1, &d->witness.target_bytes) ||
	     dmm_jsonfield_number(o, "inflight", 0, ~0ull >> 1, &d->witness.inflight)))
		return "a disk's statistics";
	return NULL;
}

static const char *disk_from_json(struct json_object *o, enum dmm_ho_role role,
				  struct dmm_manifest_disk *d)
{
	struct json_object *volume;
	const char *wrong;
	u64 block;

	if (!o)
		return NULL;	/* not known yet */
	if (!json_object_is_type(o, json_type_object))
		return "a disk";
	if (role == DMM_HO_DEST && json_object_object_get_ex(o, "volume", &volume)) {
		wrong = dmm_volume_from_json(volume, &d->volume) ? "a disk's volume" : NULL;
		if (wrong || !json_object_object_get_ex(o, "name", NULL))
			return wrong;
	}
	if (dmm_jsonfield_text(o, "name", d->name, sizeof(d->name)) ||
	    (role == DMM_HO_SOURCE && !*d->name))
		return "a disk's name";
	if (dmm_jsonfield_text(o, "path", d->path, sizeof(d->path)) || !*d->path)
		return "a disk's path";
	if (dmm_jsonfield_number(o, "size_bytes", 1, ~0ull >> 1, &d->size_bytes))
		return "a disk's size_bytes";
	if (json_object_object_get_ex(o, "identity", NULL) &&
	    dmm_jsonfield_text(o, "identity", d->identity, sizeof(d->identity)))
		return "a disk's identity";
	if (json_object_object_get_ex(o, "lv", NULL) &&
	    (dmm_jsonfield_text(o, "lv", d->lv, sizeof(d->lv)) || !dmm_dm_uuid_is_lv(d->lv)))
		return "a disk's lv";
	d->known = true;
	if (role == DMM_HO_SOURCE)
		return witness_from_json(o, d);
	if (dmm_jsonfield_number(o, "block_bytes", DMM_MIN_BLOCK_BYTES, DMM_MAX_BLOCK_BYTES, &block) ||
	    block & (block - 1))
		return "a disk's block_bytes";
	d->block_bytes = block;
	return NULL;
}

static const char *role_from_json(struct json_object *o, enum dmm_ho_role *role)
{
	char name[16];

	if (dmm_jsonfield_text(o, "role", name, sizeof(name)))
		return "role";
	for (*role = DMM_HO_SOURCE; *role <= DMM_HO_DEST; (*role)++) {
		if (!strcmp(name, role_names[*role]))
			return NULL;
	}
	return "role";
}

static const char *peer_from_json(struct json_object *o, struct dmm_manifest *m)
{
	u64 port;

	if (dmm_jsonfield_text(o, "host", m->host, sizeof(m->host)) ||
	    (m->role == DMM_HO_SOURCE && !*m->host))
		return "host";
	if (m->role == DMM_HO_DEST)
		return json_object_object_get_ex(o, "peer", NULL) &&
		       dmm_jsonfield_text(o, "peer", m->peer, sizeof(m->peer)) ? "peer" : NULL;
	if (dmm_jsonfield_number(o, "port", 1, 65535, &port))
		return "port";
	m->port = port;
	if (json_object_object_get_ex(o, "from", NULL) && dmm_jsonfield_text(o, "from", m->from, sizeof(m->from)))
		return "from";
	return NULL;
}

/* *@result stays NULL without memory. */
static const char *manifest_from_json(struct json_object *o, const u8 id[DMM_ID_BYTES],
				      struct dmm_manifest **result)
{
	u8 own[DMM_ID_BYTES];
	struct json_object *disks;
	char hex[DMM_ID_HEX];
	enum dmm_ho_role role;
	const char *wrong;
	u64 version, begun;
	size_t nr, i;

	if (!json_object_is_type(o, json_type_object))
		return "it is no object";
	if (dmm_jsonfield_number(o, "schema_version", MANIFEST_SCHEMA, MANIFEST_SCHEMA, &version))
		return "schema_version";
	if (dmm_jsonfield_text(o, "migration", hex, sizeof(hex)) || dmm_id_parse(hex, own))
		return "migration";
	if (memcmp(own, id, sizeof(own)))
		return "it is another migration's";
	wrong = role_from_json(o, &role);
	if (wrong)
		return wrong;
	if (dmm_jsonfield_number(o, "begun", 0, 1, &begun))
		return "begun";
	if (!json_object_object_get_ex(o, "disks", &disks) ||
	    !json_object_is_type(disks, json_type_array))
		return "disks";
	nr = json_object_array_length(disks);
	if (nr > DMM_MAX_GROUP)
		return "disks";
	*result = dmm_manifest_new(id, role, nr);
	if (!*result)
		return NULL;
	(*result)->begun = begun;
	wrong = peer_from_json(o, *result);
	if (!nr && !wrong && (dmm_jsonfield_text(o, "guest", (*result)->guest, sizeof((*result)->guest)) || !*(*result)->guest))
		wrong = "guest";
	for (i = 0; i < nr && !wrong; i++)
		wrong = disk_from_json(json_object_array_get_idx(disks, i), role,
				       &(*result)->disks[i]);
	return wrong;
}

static int manifest_write(int dir_fd, const char *text)
{
	dmm_autoclose int fd = -1;

	fd = openat(dir_fd, MANIFEST_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s\n", text) < 0 || fsync(fd) ||
	    renameat(dir_fd, MANIFEST_NEW, dir_fd, MANIFEST_NAME) || fsync(dir_fd))
		return -errno;
	return 0;
}

int dmm_manifest_save(const char *dir, const struct dmm_manifest *m)
{
	dmm_autofree struct dmm_manifest *again = NULL;
	dmm_autoclose int dir_fd = -1;
	struct json_object *o = manifest_to_json(m);
	int ret;

	/* what could not be read again would be noticed when it is needed */
	if (manifest_from_json(o, m->id, &again)) {
		json_object_put(o);
		return -EINVAL;
	}
	dir_fd = dmm_journal_mkdir(dir, m->id, NULL);
	ret = dir_fd;
	if (ret >= 0)
		ret = manifest_write(dir_fd, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
									    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return ret;
}

/* The whole of @text, and nothing behind it. */
static struct json_object *manifest_parse(const char *text, size_t bytes)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;
	size_t end;

	if (!tok)
		return NULL;
	o = json_tokener_parse_ex(tok, text, (int)bytes);
	end = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	while (end < bytes && text[end] == '\n')
		end++;
	if (end == bytes)
		return o;
	json_object_put(o);
	return NULL;
}

static int manifest_read(const char *path, const u8 id[DMM_ID_BYTES], struct dmm_manifest **m,
			 const char **wrong)
{
	dmm_autofree struct dmm_manifest *got = NULL;
	dmm_autofree char *text = NULL;
	dmm_autoclose int fd = -1;
	struct json_object *o;
	struct stat st;
	size_t bytes;
	ssize_t n;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	/* more than that is cut off */
	bytes = st.st_size < (off_t)MANIFEST_MAX_BYTES ? (size_t)st.st_size : MANIFEST_MAX_BYTES;
	text = malloc(bytes + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, bytes);
	if (n < 0)
		return -errno;
	*wrong = "it is cut off, or no JSON";
	o = manifest_parse(text, (size_t)n);
	if (!o)
		return -EBADMSG;
	*wrong = manifest_from_json(o, id, &got);
	json_object_put(o);
	if (*wrong)
		return -EBADMSG;
	if (!got)
		return -ENOMEM;
	*m = got;
	got = NULL;
	return 0;
}

int dmm_manifest_load(const char *dir, const u8 id[DMM_ID_BYTES], struct dmm_manifest **m, char *why)
{
	const char *wrong = NULL;
	char hex[DMM_ID_HEX], path[512];
	int ret;

	dmm_id_format(id, hex);
	snprintf(path, sizeof(path), "%s/%s/" MANIFEST_NAME, dir, hex);
	ret = manifest_read(path, id, m, &wrong);
	if (ret)
		snprintf(why, DMM_MANIFEST_WHY, "%.170s: %s%s", path, wrong ? "damaged: " : "",
			 wrong ? wrong : strerror(-ret));
	return ret;
}

/* As we would have named it, and a directory. */
static bool entry_parse(DIR *d, const char *name, u8 id[DMM_ID_BYTES])
{
	char hex[DMM_ID_HEX];
	struct stat st;

	if (strlen(name) != DMM_ID_HEX - 1 || dmm_id_parse(name, id))
		return false;
	dmm_id_format(id, hex);
	return !strcmp(name, hex) && !fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode);
}

int dmm_manifest_list(const char *dir, u8 (**ids)[DMM_ID_BYTES], unsigned int *nr)
{
	u8 (*list)[DMM_ID_BYTES] = NULL, (*grown)[DMM_ID_BYTES], id[DMM_ID_BYTES];
	unsigned int n = 0;
	struct dirent *e;
	int ret = 0;
	DIR *d = opendir(dir);

	if (!d && errno != ENOENT)
		return -errno;
	while (d && !ret) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			ret = -errno;	/* not to be taken for the end: a migration would be forgotten */
			break;
		}
		if (!entry_parse(d, e->d_name, id))
			continue;
		grown = reallocarray(list, n + 1, sizeof(*list));
		if (!grown) {
			ret = -ENOMEM;
			break;
		}
		list = grown;
		memcpy(list[n++], id, DMM_ID_BYTES);
	}
	if (d)
		closedir(d);
	if (ret) {
		free(list);
		return ret;
	}
	*ids = list;
	*nr = n;
	return 0;
}

/* What a directory has of ours, and nothing of a person's; best effort: it is nobody's any more. */
static void dropped_empty(int top_fd, const char *name)
{
	static const char *const names[] = { MANIFEST_NAME, MANIFEST_NEW, "journal", "journal.new", DMM_MANIFEST_GUEST,
					     DMM_MANIFEST_GUEST ".new" };
	dmm_autoclose int fd = openat(top_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t i;

	for (i = 0; fd >= 0 && i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(fd, names[i], 0);
	/* a damaged journal that was set aside stays, and its directory */
	unlinkat(top_fd, name, AT_REMOVEDIR);
}

int dmm_manifest_remove(const char *dir, const u8 id[DMM_ID_BYTES])
{
	dmm_autoclose int top_fd = -1;
	char hex[DMM_ID_HEX], gone[DMM_ID_HEX + 32];
	struct stat st;
	unsigned int i;

	dmm_id_format(id, hex);
	top_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top_fd < 0 || fstatat(top_fd, hex, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	/* in one step: half of it would have to be taken for a migration that cannot be read */
	for (i = 0;; i++) {
		snprintf(gone, sizeof(gone), "%s" DMM_MANIFEST_DROPPED "%u", hex, i);
		if (!renameat(top_fd, hex, top_fd, gone))
			break;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return errno == ENOENT ? 0 : -errno;
	}
	if (fsync(top_fd))
		return -errno;
	dropped_empty(top_fd, gone);
	return 0;
}

bool dmm_manifest_sweep(const char *dir, const u8 id[DMM_ID_BYTES])
{
	static const char *const names[] = { MANIFEST_NAME, "journal" };
	char hex[DMM_ID_HEX], path[512];
	struct stat st;
	size_t i;

	dmm_id_format(id, hex);
	snprintf(path, sizeof(path), "%s/%s", dir, hex);
	if (lstat(path, &st))
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", dir, hex, names[i]);
		if (!lstat(path, &st) || errno != ENOENT)
			return false;
	}
	return !dmm_manifest_remove(dir, id);
}
