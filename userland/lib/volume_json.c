// SPDX-License-Identifier: GPL-2.0
/*
 * Volumes, as manifests and records remember them.
 */
#include <errno.h>

#include <json-c/json.h>

#include "jsonfield.h"
#include "volume.h"

struct json_object *dmm_volume_to_json(const struct dmm_volume *v)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "sr", json_object_new_string(v->sr.name));
	json_object_object_add(o, "kind", json_object_new_string(dmm_sr_kind_name(v->sr.kind)));
	json_object_object_add(o, "place", json_object_new_string(v->sr.place));
	json_object_object_add(o, "name", json_object_new_string(v->name));
	json_object_object_add(o, "size_bytes", json_object_new_uint64(v->size_bytes));
	json_object_object_add(o, "inode", json_object_new_uint64(v->inode));
	return o;
}

int dmm_volume_from_json(struct json_object *o, struct dmm_volume *v)
{
	char kind[8];

	if (!json_object_is_type(o, json_type_object) ||
	    dmm_jsonfield_text(o, "kind", kind, sizeof(kind)) || dmm_jsonfield_text(o, "sr", v->sr.name, sizeof(v->sr.name)) ||
	    dmm_jsonfield_text(o, "place", v->sr.place, sizeof(v->sr.place)) ||
	    dmm_jsonfield_text(o, "name", v->name, sizeof(v->name)) ||
	    dmm_jsonfield_number(o, "size_bytes", 1, ~0ull >> 1, &v->size_bytes) ||
	    dmm_jsonfield_number(o, "inode", 0, ~0ull >> 1, &v->inode))
		return -EBADMSG;
	v->sr.kind = dmm_sr_kind_find(kind);
	return dmm_sr_name_ok(v->sr.name) && dmm_sr_place_ok(v->sr.kind, v->sr.place) && dmm_sr_volume_ok(v->name) ? 0 : -EBADMSG;
}
