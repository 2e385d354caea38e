// SPDX-License-Identifier: GPL-2.0
/*
 * Status as JSON.  Pure: from the kernel's counters and the figures to an object.
 */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "core/state.h"
#include "nl.h"
#include "parse.h"
#include "progress.h"
#include "record.h"
#include "status_json.h"

const char *dmm_side_name(unsigned int side)
{
	static const char *const names[] = {
		[DMM_SIDE_NONE] = "none",
		[DMM_SIDE_ORIGIN] = "origin",
		[DMM_SIDE_LINK] = "link",
		[DMM_SIDE_RECEIVER] = "receiver",
		[DMM_SIDE_LOCAL] = "local",
	};

	return side < sizeof(names) / sizeof(names[0]) ? names[side] : "unknown";
}

struct json_object *dmm_json_text(const char *s)
{
	dmm_autofree char *clean = s ? strdup(s) : NULL;

	if (!clean)
		return NULL;
	dmm_text_clean(clean);
	return json_object_new_string(clean);
}

static void put_u64(struct json_object *o, const char *key, u64 v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static void put_text(struct json_object *o, const char *key, const char *v)
{
	json_object_object_add(o, key, dmm_json_text(v));
}

static struct json_object *progress_json(const struct dmm_nl_info *info,
					 const struct dmm_figures *f)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "phase", f->phase);
	put_u64(o, "percent_x100", f->percent_x100);
	json_object_object_add(o, "sweep_done", json_object_new_boolean(f->sweep_done));
	put_u64(o, "ship_bytes_per_s", f->ship_bps);
	put_u64(o, "link_bytes_per_s", info->speed_bps);
	put_u64(o, "dirty_bytes_per_s", f->dirty_bps);
	put_u64(o, "remaining_bytes", f->remaining_bytes);
	json_object_object_add(o, "eta_ns", f->eta == DMM_ETA_KNOWN ?
			       json_object_new_uint64(f->eta_ms * 1000000) : NULL);
	json_object_object_add(o, "converging", f->eta == DMM_ETA_KNOWN ||
			       f->eta == DMM_ETA_NOT_CONVERGING ?
			       json_object_new_boolean(f->eta == DMM_ETA_KNOWN) : NULL);
	json_object_object_add(o, "projected_pause_ns", f->pause_known ?
			       json_object_new_uint64(f->pause_ms * 1000000) : NULL);
	put_u64(o, "dirty_bytes", info->dirty_blocks * info->block_bytes);
	put_u64(o, "inflight_bytes", info->inflight_bytes);
	return o;
}

/* One number a bucket; those at the end that are empty are left out. */
static struct json_object *latency_json(const u64 buckets[DMM_LATENCY_BUCKETS])
{
	struct json_object *a = json_object_new_array();
	unsigned int i, nr = DMM_LATENCY_BUCKETS;

	while (nr && !buckets[nr - 1])
		nr--;
	for (i = 0; i < nr; i++)
		json_object_array_add(a, json_object_new_uint64(buckets[i]));
	return a;
}

static struct json_object *counters_json(const struct dmm_nl_info *info)
{
	struct json_object *o = json_object_new_object();

	put_u64(o, "shipped_bytes", info->shipped_bytes);
	put_u64(o, "acked_bytes", info->acked_bytes);
	put_u64(o, "zero_bytes", info->zero_bytes);
	put_u64(o, "zero_blocks", info->zero_blocks);
	put_u64(o, "data_blocks", info->data_blocks);
	put_u64(o, "prehold_bytes", info->prehold_bytes);
	put_u64(o, "dirty_blocks", info->dirty_blocks);
	put_u64(o, "sweep_blocks", info->sweep_blocks);
	put_u64(o, "resent_blocks", info->resent_blocks);
	put_u64(o, "redirtied_blocks", info->redirtied_blocks);
	put_u64(o, "writes_submitted", info->writes_submitted);
	put_u64(o, "writes_completed", info->writes_completed);
	put_u64(o, "reads", info->reads);
	put_u64(o, "held", info->held);
	put_u64(o, "alerts", info->alerts);
	put_u64(o, "failed_reads", info->failed_reads);
	put_u64(o, "failed_writes", info->failed_writes);
	put_u64(o, "barrier", info->barrier);
	put_u64(o, "unflushed_bytes", info->unflushed_bytes);
	put_u64(o, "read_ns", info->read_ns);
	put_u64(o, "send_ns", info->send_ns);
	json_object_object_add(o, "guest_read_latency_log2_us", latency_json(info->read_latency));
	json_object_object_add(o, "guest_write_latency_log2_us", latency_json(info->write_latency));
	return o;
}

static struct json_object *freeze_json(const struct dmm_nl_info *info)
{
	struct json_object *o;

	if (!info->epoch)
		return NULL;
	o = json_object_new_object();
	put_u64(o, "epoch", info->epoch);
	json_object_object_add(o, "result", json_object_new_int(info->freeze_result));
	put_u64(o, "drain_ns", info->drain_ns);
	put_u64(o, "ship_ns", info->ship_ns);
	put_u64(o, "barrier_ns", info->barrier_ns);
	put_u64(o, "blocks", info->freeze_blocks);
	return o;
}

struct json_object *dmm_status_json(const struct dmm_nl_info *info, const struct dmm_figures *f,
				    const char *source, const struct dmm_record *record,
				    enum dmm_owner owner)
{
	struct json_object *o = json_object_new_object();
	char hex[DMM_ID_HEX];
	char device[32];

	snprintf(device, sizeof(device), "%llu:%llu", info->dev >> 20, info->dev & 0xfffff);
	dmm_id_format(info->migration, hex);
	put_text(o, "source", source);
	put_text(o, "device", device);
	put_text(o, "migration", dmm_id_is_zero(info->migration) ? NULL : hex);
	json_object_object_add(o, "disk", json_object_new_int64(record ? record->disk : info->disk));
	json_object_object_add(o, "disks", record ? json_object_new_int64(record->disks) : NULL);
	put_text(o, "host", record ? record->to.host : NULL);
	json_object_object_add(o, "port", record ? json_object_new_int(record->to.port) : NULL);
	put_text(o, "dest", record ? record->to.path : NULL);
	put_text(o, "state", dmm_state_name(info->state));
	put_text(o, "owner", dmm_owner_name(owner));
	put_u64(o, "size_bytes", info->size_bytes);
	put_u64(o, "block_bytes", info->block_bytes);
	put_u64(o, "connections", info->conns);
	json_object_object_add(o, "security", json_object_new_string(dmm_security_name(info->security)));
	put_u64(o, "host_bandwidth_bytes_per_s", info->host_rate);
	put_u64(o, "bandwidth_bytes_per_s", info->rate);
	json_object_object_add(o, "errno", json_object_new_int(info->error));
	put_text(o, "error_side", dmm_side_name(info->error_side));
	put_text(o, "reason", *info->reason ? info->reason : NULL);
	json_object_object_add(o, "progress", progress_json(info, f));
	json_object_object_add(o, "counters", counters_json(info));
	json_object_object_add(o, "freeze", freeze_json(info));
	return o;
}
