// SPDX-License-Identifier: GPL-2.0
/*
 * Records of migrations, and the locks that go with their devices.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "jsonfield.h"
#include "record.h"
#include "tool.h"

#define RECORD_MAX_BYTES	65536	/* of the file; a longer table is left out */

void dmm_record_clear(struct dmm_record *r)
{
	free(r->table);
	memset(r, 0, sizeof(*r));
}

void dmm_dest_device(const char *gate, const char *path, char *buf, size_t bytes)
{
	snprintf(buf, bytes, "%s%s", *gate ? "/dev/mapper/" : "", *gate ? gate : path);
}

/* "<32 hex>.json", "<32 hex>-<disk>.json" of all but disk 0. */
static void record_path(char *path, size_t bytes, const char *dir, const u8 id[DMM_ID_BYTES], u32 disk,
			const char *suffix)
{
	char hex[DMM_ID_HEX], number[16] = "";

	dmm_id_format(id, hex);
	if (disk)
		snprintf(number, sizeof(number), "-%u", disk);
	snprintf(path, bytes, "%s/%s%s.json%s", dir, hex, number, suffix);
}

static int record_mkdir(const char *dir)
{
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	return 0;
}

static struct json_object *record_to_json(const struct dmm_record *r)
{
	struct json_object *o = json_object_new_object();
	char hex[DMM_ID_HEX];

	dmm_id_format(r->id, hex);
	json_object_object_add(o, "schema_version", json_object_new_int(DMM_SCHEMA_VERSION));
	json_object_object_add(o, "migration", json_object_new_string(hex));
	json_object_object_add(o, "disk", json_object_new_int64(r->disk));
	json_object_object_add(o, "disks", json_object_new_int64(r->disks));
	json_object_object_add(o, "source", json_object_new_string(r->source));
	json_object_object_add(o, "major", json_object_new_int64(r->major));
	json_object_object_add(o, "minor", json_object_new_int64(r->minor));
	json_object_object_add(o, "host", json_object_new_string(r->to.host));
	json_object_object_add(o, "port", json_object_new_int(r->to.port));
	json_object_object_add(o, "dest", json_object_new_string(r->to.path));
	if (r->to.sr[0])
		json_object_object_add(o, "sr", json_object_new_string(r->to.sr));
	if (r->to.from[0])
		json_object_object_add(o, "from", json_object_new_string(r->to.from));
	json_object_object_add(o, "plaintext", json_object_new_boolean(r->to.plaintext));
	json_object_object_add(o, "size_bytes", json_object_new_uint64(r->size_bytes));
	json_object_object_add(o, "block_bytes", json_object_new_int64(r->block_bytes));
	json_object_object_add(o, "started_s", json_object_new_uint64(r->started_s));
	json_object_object_add(o, "conn_epoch", json_object_new_uint64(r->conn_epoch));
	json_object_object_add(o, "connections", json_object_new_int64(r->conns));
	json_object_object_add(o, "gate", json_object_new_string(r->gate));
	json_object_object_add(o, "moves_guest", json_object_new_boolean(r->moves_guest));
	if (r->guest[0])
		json_object_object_add(o, "guest", json_object_new_string(r->guest));
	json_object_object_add(o, "start_begun", json_object_new_boolean(r->start_begun));
	if (r->has_witness) {
		json_object_object_add(o, "device_bytes",
				       json_object_new_uint64(r->witness.device_bytes));
		json_object_object_add(o, "target_bytes",
				       json_object_new_uint64(r->witness.target_bytes));
		json_object_object_add(o, "inflight", json_object_new_uint64(r->witness.inflight));
	}
	if (r->table)
		json_object_object_add(o, "table", json_object_new_string(r->table));
	return o;
}

int dmm_record_save(const char *dir, const struct dmm_record *r)
{
	const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE;
	char path[512], tmp[520];
	dmm_autoclose int fd = -1;
	struct json_object *o;
	const char *text;
	int ret;

	ret = record_mkdir(dir);
	if (ret)
		return ret;
	record_path(path, sizeof(path), dir, r->id, r->disk, "");
	record_path(tmp, sizeof(tmp), dir, r->id, r->disk, ".new");
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	o = record_to_json(r);
	text = json_object_to_json_string_ext(o, flags);
	if (strlen(text) >= RECORD_MAX_BYTES - 1) {	/* the origin device has the table, too */
		json_object_object_del(o, "table");
		text = json_object_to_json_string_ext(o, flags);
	}
	ret = dprintf(fd, "%s\n", text) < 0 ? -errno : 0;
	json_object_put(o);
	if (!ret && fsync(fd))
		ret = -errno;
	if (!ret && rename(tmp, path))
		ret = -errno;
	if (ret)
		unlink(tmp);
	return ret;
}

static int json_flag(struct json_object *o, const char *key, bool *value)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_boolean))
		return -EBADMSG;
	*value = json_object_get_boolean(v);
	return 0;
}

/* All of it, or nothing: a record is written before the device is attached, and once more after. */
static int json_witness(struct json_object *o, struct dmm_record *r)
{
	r->has_witness = json_object_object_get_ex(o, "device_bytes", NULL);
	if (!r->has_witness)
		return 0;
	return dmm_jsonfield_number(o, "device_bytes", 0, ~0ull >> 1, &r->witness.device_bytes) ||
	       dmm_jsonfield_number(o, "target_bytes", 0, ~0ull >> 1, &r->witness.target_bytes) ||
	       dmm_jsonfield_number(o, "inflight", 0, ~0ull >> 1, &r->witness.inflight) ? -EBADMSG : 0;
}

static int record_from_json(struct json_object *o, const u8 id[DMM_ID_BYTES], u32 disk, struct dmm_record *r)
{
	u64 disks, own_disk, version, major, minor, port, size, block, started, epoch, conns;
	struct json_object *table;
	char hex[DMM_ID_HEX];
	u8 own[DMM_ID_BYTES];

	if (!json_object_is_type(o, json_type_object) ||
	    dmm_jsonfield_number(o, "schema_version", DMM_SCHEMA_VERSION, DMM_SCHEMA_VERSION,
				 &version) ||
	    dmm_jsonfield_text(o, "migration", hex, sizeof(hex)) || dmm_id_parse(hex, own) ||
	    memcmp(own, id, sizeof(own)) ||
	    dmm_jsonfield_number(o, "disks", 1, DMM_MAX_GROUP, &disks) ||
	    dmm_jsonfield_number(o, "disk", 0, disks - 1, &own_disk) || own_disk != disk ||
	    dmm_jsonfield_text(o, "source", r->source, sizeof(r->source)) ||
	    dmm_jsonfield_text(o, "host", r->to.host, sizeof(r->to.host)) ||
	    dmm_jsonfield_text(o, "dest", r->to.path, sizeof(r->to.path)) ||
	    dmm_jsonfield_number(o, "major", 0, ~0u, &major) ||
	    dmm_jsonfield_number(o, "minor", 0, ~0u, &minor) ||
	    dmm_jsonfield_number(o, "port", 1, 65535, &port) ||
	    dmm_jsonfield_number(o, "size_bytes", 1, ~0ull >> 1, &size) ||
	    dmm_jsonfield_number(o, "block_bytes", DMM_MIN_BLOCK_BYTES, DMM_MAX_BLOCK_BYTES, &block) ||
	    dmm_jsonfield_number(o, "started_s", 0, ~0ull >> 1, &started) ||
	    dmm_jsonfield_number(o, "conn_epoch", 0, ~0ull >> 1, &epoch) || json_witness(o, r) ||
	    dmm_jsonfield_number(o, "connections", 1, DMM_MAX_CONNS, &conns) ||
	    dmm_jsonfield_text(o, "gate", r->gate, sizeof(r->gate)) ||
	    json_flag(o, "start_begun", &r->start_begun))
		return -EBADMSG;
	if (json_flag(o, "moves_guest", &r->moves_guest))	/* older than that */
		r->moves_guest = false;
	if (!r->moves_guest || dmm_jsonfield_text(o, "guest", r->guest, sizeof(r->guest)))
		r->guest[0] = '\0';
	if (json_object_object_get_ex(o, "sr", NULL) && dmm_jsonfield_text(o, "sr", r->to.sr, sizeof(r->to.sr)))
		return -EBADMSG;
	if (json_object_object_get_ex(o, "from", NULL) && dmm_jsonfield_text(o, "from", r->to.from, sizeof(r->to.from)))
		return -EBADMSG;
	/* one that is older than TLS */
	if (json_flag(o, "plaintext", &r->to.plaintext))
		r->to.plaintext = true;
	memcpy(r->id, id, DMM_ID_BYTES);
	r->disk = disk;
	r->disks = disks;
	r->major = major;
	r->minor = minor;
	r->to.port = port;
	r->size_bytes = size;
	r->block_bytes = block;
	r->started_s = started;
	r->conn_epoch = epoch;
	r->conns = conns;
	if (json_object_object_get_ex(o, "table", &table) &&
	    json_object_is_type(table, json_type_string)) {
		r->table = strdup(json_object_get_string(table));
		if (!r->table)
			return -ENOMEM;
	}
	return 0;
}

int dmm_record_load(const char *dir, const u8 id[DMM_ID_BYTES], u32 disk, struct dmm_record *r)
{
	dmm_autofree char *text = malloc(RECORD_MAX_BYTES);
	struct dmm_record rec = { 0 };
	struct json_object *o;
	char path[512];
	ssize_t n;
	int fd, ret;

	if (!text)
		return -ENOMEM;
	record_path(path, sizeof(path), dir, id, disk, "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, RECORD_MAX_BYTES - 1);
	ret = n < 0 ? -errno : 0;
	close(fd);
	if (ret)
		return ret;
	text[n] = '\0';
	o = json_tokener_parse(text);
	if (!o)
		return -EBADMSG;
	ret = record_from_json(o, id, disk, &rec);
	json_object_put(o);
	if (ret) {
		dmm_record_clear(&rec);
		return ret;
	}
	*r = rec;
	return 0;
}

int dmm_record_remove(const char *dir, const u8 id[DMM_ID_BYTES], u32 disk)
{
	char path[512];

	record_path(path, sizeof(path), dir, id, disk, ".new");
	unlink(path);
	record_path(path, sizeof(path), dir, id, disk, "");
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* What record_path() makes, and nothing else. */
static int record_name_parse(const char *name, struct dmm_record_key *key)
{
	char hex[DMM_ID_HEX], number[4] = "", path[64];
	size_t digits;
	u64 disk = 0;

	if (strlen(name) < DMM_ID_HEX - 1)
		return -EINVAL;
	memcpy(hex, name, DMM_ID_HEX - 1);
	hex[DMM_ID_HEX - 1] = '\0';
	if (name[DMM_ID_HEX - 1] == '-') {
		digits = strspn(name + DMM_ID_HEX, "0123456789");
		if (digits >= sizeof(number))
			return -EINVAL;
		memcpy(number, name + DMM_ID_HEX, digits);
		if (dmm_parse_u64(number, 1, DMM_MAX_GROUP - 1, &disk))
			return -EINVAL;
	}
	if (dmm_id_parse(hex, key->id))
		return -EINVAL;
	key->disk = disk;
	record_path(path, sizeof(path), "", key->id, key->disk, "");
	return strcmp(path + 1, name) ? -EINVAL : 0;
}

int dmm_record_list(const char *dir, struct dmm_record_key **keys, unsigned int *nr)
{
	struct dmm_record_key *list = NULL, *grown, key;
	unsigned int n = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d && errno != ENOENT)
		return -errno;
	while (d && (e = readdir(d))) {
		if (record_name_parse(e->d_name, &key))
			continue;
		grown = reallocarray(list, n + 1, sizeof(*list));
		if (!grown) {
			free(list);
			closedir(d);
			return -ENOMEM;
		}
		list = grown;
		list[n++] = key;
	}
	if (d)
		closedir(d);
	*keys = list;
	*nr = n;
	return 0;
}

int dmm_record_find(const char *dir, const char *name, const struct dmm_dm_dev *dev,
		    struct dmm_record *r, bool *partly)
{
	bool same_name, same_number, found = false;
	struct dmm_record_key *keys;
	struct dmm_record rec;
	unsigned int nr, i;
	int ret;

	*partly = false;
	ret = dmm_record_list(dir, &keys, &nr);
	if (ret)
		return ret;
	for (i = 0; i < nr && (!found || *partly); i++) {
		if (dmm_record_load(dir, keys[i].id, keys[i].disk, &rec))
			continue;
		same_name = !strcmp(rec.source, name);
		same_number = dev ? rec.major == dev->major && rec.minor == dev->minor : same_name;
		if (found ? !same_name || !same_number : !same_name && !same_number) {
			dmm_record_clear(&rec);
			continue;
		}
		if (found)
			dmm_record_clear(r);
		*r = rec;
		found = true;
		*partly = !same_name || !same_number;
	}
	free(keys);
	return found ? 0 : -ENOENT;
}

int dmm_record_lock(const char *dir, const char *key)
{
	char path[512];
	int fd, ret;

	ret = record_mkdir(dir);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/lock.%s", dir, key);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}
