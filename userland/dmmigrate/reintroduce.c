// SPDX-License-Identifier: GPL-2.0
/*
 * After COMMIT: a receiver that was restarted and forgot the disk.
 */
#include <stdio.h>
#include <string.h>

#include "reintroduce.h"
#include <dmmigrate/wire.h>

static int reintroduce_prepare(struct dmm_remote *r, const struct dmm_source *s, u32 flags)
{
	struct dmm_wire_prepared prepared;
	struct dmm_wire_prepare req;
	char path[DMM_DM_NAME_BYTES + 16];
	char lbs[32];
	u64 lbs_bytes;
	int ret;

	if (dmm_sysfs_read(s->live.major, s->live.minor, "queue/logical_block_size", lbs,
			   sizeof(lbs)) <= 0 ||
	    dmm_parse_u64(lbs, DMM_SECTOR_BYTES, DMM_MAX_BLOCK_BYTES, &lbs_bytes))
		lbs_bytes = DMM_SECTOR_BYTES;
	memset(&req, 0, sizeof(req));
	memcpy(req.id.migration, s->id, DMM_ID_BYTES);
	req.size_bytes = cpu_to_le64(dmm_dm_table_sectors(&s->table) * DMM_SECTOR_BYTES);
	req.block_bytes = cpu_to_le32(s->block_sectors * DMM_SECTOR_BYTES);
	req.lbs_bytes = cpu_to_le32(lbs_bytes);
	req.conns = cpu_to_le32(s->record.conns);
	req.flags = cpu_to_le32(DMM_PREPARE_OVERWRITE | flags);
	snprintf(path, sizeof(path), "/dev/mapper/%s", s->live.name);
	dmm_text_put(req.source_path, sizeof(req.source_path), path);
	dmm_text_put(req.dest_path, sizeof(req.dest_path), s->record.to.path);

	ret = r->client.fd < 0 ? dmm_remote_open(r, &s->record.to) : 0;
	return ret ? ret : dmm_remote_prepare(r, &req, &prepared);
}

int dmm_reintroduce(struct dmm_remote *r, const struct dmm_source *s)
{
	int ret = reintroduce_prepare(r, s, 0);

	return ret ? ret : dmm_remote_finish(r, s->id);
}

int dmm_reintroduce_check(struct dmm_remote *r, const struct dmm_source *s)
{
	return reintroduce_prepare(r, s, DMM_PREPARE_CHECK);
}
