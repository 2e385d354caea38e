// SPDX-License-Identifier: GPL-2.0
/*
 * VOLUME: a destination in a storage repository.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "control_priv.h"
#include "migrations.h"

bool dmm_control_sr_next(struct dmm_session *s, u32 *i, char text[PATH_MAX], struct dmm_sr *sr)
{
	while (dmm_allow_next(&s->rc->srs, i, s->local ? NULL : s->peer_name, text)) {
		text[strcspn(text, "=")] = ' ';
		if (!dmm_sr_parse(text, sr))
			return true;
	}
	return false;
}

/* The storage repository of this name, if it is for who asks. 0, or -ENOENT with @r filled. */
static int find_sr(struct dmm_session *s, const char *name, struct dmm_sr *sr, struct dmm_refusal *r)
{
	char text[PATH_MAX];
	u32 i = 0;

	while (dmm_control_sr_next(s, &i, text, sr)) {
		if (!strcmp(sr->name, name))
			return 0;
	}
	return dmm_refuse(r, DMM_WERR_NOTFOUND, "there is no storage repository %.31s%s%.64s: add 'sr = %.31s KIND:PLACE' to dmmigrated.conf "
			  "and reload", name, s->peer_name[0] ? " for " : "", s->peer_name, name);
}

int dmm_control_volume(struct dmm_session *s, const u8 *payload, struct dmm_wire_volume_ok *ok,
		       struct dmm_refusal *r)
{
	struct dmm_volume_request rq;
	char path[DMM_PATH_MAX];
	struct dmm_volume v;
	struct dmm_sr sr;
	u64 room;
	int ret;

	if (!(s->features & DMM_FEATURE_VOLUME))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "VOLUME without its feature in HELLO");
	if (!s->rc->migrations)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no journals are kept here");
	ret = dmm_volume_decode(payload, &rq, r);
	if (!ret)
		ret = dmm_channel_check_again(s, r);
	if (!ret)
		ret = find_sr(s, rq.sr, &sr, r);
	if (ret)
		return ret;
	memcpy(rq.peer, s->peer_name, sizeof(rq.peer));
	memcpy(s->log_id.migration, rq.name.migration, DMM_ID_BYTES);
	s->log_id.disk = rq.name.disk;
	ret = dmm_migrations_volume(s->rc->migrations, &rq, &sr, &v, &room, r);
	if (ret)
		return ret;
	dmm_volume_path(&v, path);
	memset(ok, 0, sizeof(*ok));
	ok->size_bytes = cpu_to_le64(v.size_bytes);
	ok->room_bytes = cpu_to_le64(room);
	ok->flags = cpu_to_le32(sr.kind == DMM_SR_DIR ? DMM_VOLUME_FILE : sr.kind == DMM_SR_THIN ? DMM_VOLUME_THIN : 0);
	return dmm_text_put(ok->path, sizeof(ok->path), path) ? dmm_refuse(r, DMM_WERR_INTERNAL, "the path is too long") : 0;
}
