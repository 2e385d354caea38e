// SPDX-License-Identifier: GPL-2.0
/*
 * xl's JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "jsonfield.h"
#include "xl_domain.h"

static int bad(char *why, const char *what)
{
	snprintf(why, DMM_XL_TEXT, "xl list -l tells of %s that is not understood: is it xl of another Xen than 4.17?", what);
	return -EBADMSG;
}

struct json_object *dmm_xl_member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *m = NULL;

	return o && json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &m) &&
	       json_object_is_type(m, type) ? m : NULL;
}

/* xl has flags as 0 and 1, or as "True" and "False"; what is not there is false. */
static bool is_set(struct json_object *o, const char *key)
{
	struct json_object *m = NULL;

	if (!json_object_object_get_ex(o, key, &m))
		return false;
	return json_object_is_type(m, json_type_string) ? !strcmp(json_object_get_string(m), "True") : json_object_get_int(m) != 0;
}

int dmm_xl_disk_parse(struct json_object *o, struct dmm_xl_disk *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->readwrite = is_set(o, "readwrite");
	disk->cdrom = is_set(o, "is_cdrom");
	if (dmm_jsonfield_text(o, "vdev", disk->vdev, sizeof(disk->vdev)))
		return -EBADMSG;
	return dmm_xl_member(o, "pdev_path", json_type_string) && dmm_jsonfield_text(o, "pdev_path", disk->path, sizeof(disk->path)) ?
	       -ENAMETOOLONG : 0;
}

static bool has_some(struct json_object *config, const char *key)
{
	struct json_object *list = dmm_xl_member(config, key, json_type_array);

	return list && json_object_array_length(list);
}

static int domain_parse(struct json_object *o, struct dmm_xl_domain *d, char *why)
{
	struct json_object *config, *disks;
	size_t i, nr;
	int ret = 0;

	config = dmm_xl_member(o, "config", json_type_object);
	if (!config || dmm_jsonfield_number(o, "domid", 0, 0x7ff0, &d->domid) ||
	    dmm_jsonfield_text(dmm_xl_member(config, "c_info", json_type_object), "name", d->name, sizeof(d->name)))
		return bad(why, "a domain");
	d->passthrough = has_some(config, "pcidevs") || has_some(config, "dtdevs") || has_some(config, "usbdevs");
	disks = dmm_xl_member(config, "disks", json_type_array);
	nr = disks ? json_object_array_length(disks) : 0;
	if (nr > DMM_MAX_GROUP)
		return bad(why, "more disks than 64,");
	for (i = 0; i < nr && !ret; i++)
		ret = dmm_xl_disk_parse(json_object_array_get_idx(disks, i), &d->disks[i]);
	if (ret)
		return bad(why, ret == -ENAMETOOLONG ? "a disk's path" : "a disk");
	d->nr = (u32)nr;
	return 0;
}

int dmm_xl_domain_parse(const char *json, struct dmm_xl_domain *d, char *why)
{
	struct json_object *root = json_tokener_parse(json), *o = root;
	int ret;

	memset(d, 0, sizeof(*d));
	if (json_object_is_type(root, json_type_array) && !json_object_array_length(root)) {
		json_object_put(root);
		snprintf(why, DMM_XL_TEXT, "xl has no configuration of the domain: it is being made at this moment, or it was not made by xl");
		return -ENODATA;
	}
	if (json_object_is_type(root, json_type_array))
		o = json_object_array_length(root) == 1 ? json_object_array_get_idx(root, 0) : NULL;
	if (!root)
		ret = bad(why, "something");
	else
		ret = o ? domain_parse(o, d, why) : bad(why, "more than one domain");
	json_object_put(root);
	return ret;
}

int dmm_xl_domain_with(const char *json, bool (*is_it)(void *arg, const char *path), void *arg, struct dmm_xl_domain *d, u32 *which,
		       char *why)
{
	struct json_object *root = json_tokener_parse(json);
	size_t i, nr;
	int ret = -ENOENT;

	if (!json_object_is_type(root, json_type_array)) {
		ret = bad(why, "something");
		json_object_put(root);
		return ret;
	}
	nr = json_object_array_length(root);
	for (i = 0; i < nr && ret == -ENOENT; i++) {
		memset(d, 0, sizeof(*d));
		/* one that has no configuration, as dom0, has no disk */
		if (domain_parse(json_object_array_get_idx(root, i), d, why))
			continue;
		for (*which = 0; *which < d->nr; ++*which) {
			if (is_it(arg, d->disks[*which].path)) {
				ret = 0;
				break;
			}
		}
	}
	json_object_put(root);
	return ret;
}
