/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The JSON of a migration's status: bytes and nanoseconds as integers, every key
 * always there (null where unknown).  Keys are only ever added.
 */
#ifndef DMM_STATUS_JSON_H
#define DMM_STATUS_JSON_H

#include "tool.h"

struct json_object;
struct dmm_nl_info;
struct dmm_figures;
struct dmm_record;

/* @record may be NULL. The caller owns the object. */
struct json_object *dmm_status_json(const struct dmm_nl_info *info, const struct dmm_figures *f,
				    const char *source, const struct dmm_record *record,
				    enum dmm_owner owner);

/*
 * A string for JSON, which must be UTF-8: what is not, and control characters, become '?'.
 * NULL (null) for NULL. The caller owns the object.
 */
struct json_object *dmm_json_text(const char *s);

/* enum dmm_side as JSON and messages call it. */
const char *dmm_side_name(unsigned int side);

#endif
