// SPDX-License-Identifier: GPL-2.0
/*
 * Reading fields of JSON objects.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "jsonfield.h"

int dmm_jsonfield_text(struct json_object *o, const char *key, char *buf, size_t bytes)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string) ||
	    (size_t)json_object_get_string_len(v) >= bytes ||
	    strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v))
		return -EBADMSG;
	snprintf(buf, bytes, "%s", json_object_get_string(v));
	return 0;
}

int dmm_jsonfield_number(struct json_object *o, const char *key, u64 min, u64 max, u64 *value)
{
	struct json_object *v;
	u64 n;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_int) ||
	    json_object_get_int64(v) < 0)
		return -EBADMSG;
	n = json_object_get_uint64(v);
	if (n < min || n > max)
		return -EBADMSG;
	*value = n;
	return 0;
}
