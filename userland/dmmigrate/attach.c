// SPDX-License-Identifier: GPL-2.0
/*
 * Attach and detach by swapping the live table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "owners.h"
#include "remote.h"
#include "standing.h"

#define STOP_WAIT_MS	3000	/* the kernel promises one second */

int dmm_attach_table(u64 sectors, unsigned int major, unsigned int minor, u32 block_bytes, const char *sink,
		     struct dmm_dm_table *table)
{
	char params[96];

	snprintf(params, sizeof(params), "%u:%u %u%s%s", major, minor, block_bytes / DMM_SECTOR_BYTES,
		 sink ? " 2 sink " : "", sink ? sink : "");
	return dmm_dm_table_add(table, 0, sectors, DMM_TARGET_NAME, params);
}

/* It is of no use any more. */
static void attach_drop_origin(struct dmm_tool *t, struct dmm_source *s)
{
	if (dmm_dm_remove(&s->origin)) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		dmm_note(t, "the origin device %s stays: it is in use", s->origin.name);
	} else {
		s->has_origin = false;
	}
}

/* The load or the swap of the live device failed. */
static int attach_failed(struct dmm_tool *t, struct dmm_source *s, enum dmm_swap_end end, int err,
			 const char *doing)
{
	char reason[512];

	snprintf(reason, sizeof(reason), "%s", dmm_dm_reason());
	if (end == DMM_SWAP_SUSPENDED) {
		dmm_next(t, "dmsetup load %s with the table of %s (dmsetup table --showkeys), then "
			    "dmsetup resume %s", s->live.name, s->origin.name, s->live.name);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_SUSPENDED,
				"cannot %s, and the table of before did not come back: %s", doing,
				*reason ? reason : strerror(-err));
	}
	attach_drop_origin(t, s);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "cannot %s: %s",
			doing, *reason ? reason : strerror(-err));
}

/*
 * A person may have been asked since the device was read, and a receiver waited for: is it still
 * that, and is nobody else at work on it?  An inactive table is one that an interrupted run
 * of ours left (@left, or the original one), or a stranger's.
 */
static int attach_recheck(struct dmm_tool *t, const struct dmm_source *s,
			  const struct dmm_dm_table *left, enum dmm_owner owner, enum dmm_use use)
{
	struct dmm_dm_table live = { 0 }, inactive = { 0 };
	struct dmm_dm_dev dev;
	int ret;

	ret = dmm_dm_find_number(s->live.major, s->live.minor, &dev);
	if (!ret)
		ret = dmm_dm_table(&dev, false, &live);
	if (!ret && dev.inactive_table)
		ret = dmm_dm_table(&dev, true, &inactive);
	if (!ret && (strcmp(dev.name, s->live.name) || strcmp(dev.uuid, s->live.uuid) ||
		     dev.suspended || dev.read_only != s->live.read_only ||
		     !dmm_dm_table_equal(&live, &s->table) ||
		     (dev.inactive_table && !(left && dmm_dm_table_equal(&inactive, left)) &&
		      !(s->origin_table.nr && dmm_dm_table_equal(&inactive, &s->origin_table)))))
		ret = -ESTALE;
	dmm_dm_table_clear(&live);
	dmm_dm_table_clear(&inactive);
	if (!ret)
		return 0;
	dmm_next(t, "dmsetup info %s; dmsetup table %s; dmsetup table --inactive %s",
		 s->live.name, s->live.name, s->live.name);
	if (ret != -ESTALE && ret != -ENODEV)
		return dmm_fail(t, DMM_EXIT_LOCAL, owner, use, "cannot look at %s once more: %s",
				s->live.name, *dmm_dm_reason() ? dmm_dm_reason() : strerror(-ret));
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
			"somebody is changing %s: its table is not exchanged", s->live.name);
}

int dmm_attach(struct dmm_tool *t, struct dmm_source *s, const u8 id[DMM_ID_BYTES], u32 disk,
	       u32 block_bytes, const char *sink)
{
	char name[DMM_DM_NAME_BYTES], uuid[DMM_DM_UUID_BYTES];
	u64 sectors = dmm_dm_table_sectors(&s->table);
	struct dmm_dm_table table = { 0 };
	enum dmm_swap_end end;
	int ret;

	ret = attach_recheck(t, s, NULL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED);
	if (ret)
		return ret;
	dmm_origin_name(s->live.name, id, disk, name);
	dmm_origin_uuid_format(id, disk, uuid);
	ret = dmm_dm_create(name, uuid, &s->table, s->live.read_only, &s->origin);
	if (ret)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"cannot make the origin device %s: %s", name, dmm_dm_reason());
	s->has_origin = true;
	memcpy(s->id, id, DMM_ID_BYTES);
	s->disk = disk;
	dmm_id_format(id, s->hex);
	s->has_id = true;
	dmm_stop_at("origin-created");

	/* making it took its time, too: udev was waited for */
	ret = attach_recheck(t, s, NULL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED);
	if (ret) {
		attach_drop_origin(t, s);
		return ret;
	}
	ret = dmm_attach_table(sectors, s->origin.major, s->origin.minor, block_bytes, sink, &table);
	if (!ret)
		ret = dmm_dm_load(&s->live, &table, s->live.read_only);
	if (ret) {
		ret = attach_failed(t, s, DMM_SWAP_UNCHANGED, ret, "load the migrate target");
		goto out_clear;
	}
	dmm_stop_at("table-loaded");

	ret = dmm_dm_swap(&s->live, &s->table, DMM_SWAP_DRAIN, &end);
	if (ret) {
		ret = attach_failed(t, s, end, ret, "make the migrate target live");
		goto out_clear;
	}
	dmm_stop_at("swapped");
	s->origin_table = s->table;
	s->table = table;
	s->migrate = true;
	s->ours = true;
	s->sink = sink != NULL;
	s->block_sectors = block_bytes / DMM_SECTOR_BYTES;
	return 0;

out_clear:
	dmm_dm_table_clear(&table);
	return ret;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000l };

	nanosleep(&ts, NULL);
}

int dmm_stop(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_nl_info info = { 0 };
	unsigned int waited_ms = 0;
	bool seen = false;
	int ret = dmm_tool_nl(t);

	if (!ret)
		ret = dmm_nl_get(t->nl, dmm_source_dev(s), &info);
	seen = !ret;
	if (!ret && dmm_state_is_cut(info.state)) {
		dmm_next(t, "dmmigrate clean %s (gives the source up)", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_DEST, dmm_standing_use(info.state),
				"the cutover is done and cannot be taken back");
	}
	if (!ret) {
		ret = dmm_nl_simple(t->nl, DMM_CMD_STOP, dmm_source_dev(s));
		if (info.state == DMM_STATE_IDLE)	/* there was at most a connection to close */
			ret = 0;
	}
	while (!ret) {
		ret = dmm_nl_get(t->nl, dmm_source_dev(s), &info);
		if (ret || info.state == DMM_STATE_IDLE)
			break;
		if (waited_ms >= STOP_WAIT_MS) {
			dmm_next(t, "dmmigrate cancel %s (again, once the disk answers)", t->source);
			return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
					"the migration is stopped but still waits for %s%s%s",
					s->sink ? "one of its two disks to answer" :
					"the source's disk to answer a read", *info.reason ? ": " : "",
					info.reason);
		}
		sleep_ms(20);
		waited_ms += 20;
	}
	if (!ret)
		return 0;
	dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, seen ? DMM_OWNER_SOURCE : DMM_OWNER_UNKNOWN,
			seen ? DMM_USE_ATTACHED : DMM_USE_UNKNOWN,
			"cannot stop the migration: %s", dmm_nl_text(t, ret));
}

/* Puts the origin's table back into the live device. */
static int detach_restore(struct dmm_tool *t, struct dmm_source *s)
{
	enum dmm_swap_end end;
	int ret;

	if (dmm_dm_table_sectors(&s->origin_table) != dmm_dm_table_sectors(&s->table)) {
		dmm_next(t, "dmsetup table %s; dmsetup table %s", s->live.name, s->origin.name);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the origin device %s has another size than the device: somebody "
				"changed one of them", s->origin.name);
	}
	ret = attach_recheck(t, s, NULL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED);
	if (ret)
		return ret;
	ret = dmm_dm_load(&s->live, &s->origin_table, s->origin.read_only);
	if (!ret)
		ret = dmm_dm_swap(&s->live, &s->table, DMM_SWAP_DRAIN, &end);
	else
		end = DMM_SWAP_UNCHANGED;
	if (!ret)
		return 0;
	if (end == DMM_SWAP_SUSPENDED)
		dmm_next(t, "dmsetup resume %s", s->live.name);
	else
		dmm_next(t, "dmmigrate cancel %s (again)", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE,
			end == DMM_SWAP_SUSPENDED ? DMM_USE_SUSPENDED : DMM_USE_ATTACHED,
			"cannot put the original table back: %s",
			*dmm_dm_reason() ? dmm_dm_reason() : strerror(-ret));
}

/* The daemon, begun after the cutover, keeps the table that it found live, which names the origin, and is nobody's any more. */
static void remove_fence(const struct dmm_source *s)
{
	char uuid[DMM_DM_UUID_BYTES];
	struct dmm_dm_dev fence;

	dmm_fence_uuid_format(s->id, s->disk, uuid);
	if (s->has_id && !dmm_dm_find_uuid(uuid, &fence) && strcmp(fence.name, s->live.name))
		dmm_dm_remove(&fence);	/* else the origin is in use, which is said */
}

int dmm_origin_remove(struct dmm_tool *t, struct dmm_source *s, enum dmm_owner owner,
		      enum dmm_use use)
{
	int ret;

	if (!s->has_origin)
		return 0;
	if (owner == DMM_OWNER_DEST)
		remove_fence(s);
	ret = dmm_dm_remove(&s->origin);
	if (ret == -ENODEV)
		ret = 0;
	if (ret) {
		dmm_next(t, "dmmigrate clean %s (once nobody has %s open)", t->source,
			 s->origin.name);
		return dmm_fail(t, DMM_EXIT_LOCAL, owner, use,
				"cannot remove the origin device %s: %s", s->origin.name,
				ret == -EBUSY ? "somebody has it open" : dmm_dm_reason());
	}
	s->has_origin = false;
	return 0;
}

int dmm_detach(struct dmm_tool *t, struct dmm_source *s, bool *restored)
{
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	*restored = false;
	if (s->has_live && s->migrate && !s->ours) {
		dmm_next(t, "dmsetup table %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the migrate target of %s is not above an origin device of dmmigrate: it "
				"was not attached by this tool, there is no table to put back",
				t->source);
	}
	if (s->has_live && s->live.suspended && (s->ours || s->inactive_ours)) {
		dmm_next(t, "dmsetup resume %s, then this again", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_SUSPENDED,
				"somebody suspended %s: its table is not exchanged meanwhile",
				t->source);
	}
	if (s->ours) {
		ret = dmm_stop(t, s);
		if (ret)
			return ret;
		dmm_stop_at("stop-sent");
		ret = detach_restore(t, s);
		if (ret)
			return ret;
		*restored = true;
		s->migrate = false;
		s->ours = false;
		dmm_stop_at("restored");
	} else if (s->inactive_ours) {
		ret = dmm_dm_drop_inactive(&s->live);
		if (ret) {
			dmm_next(t, "dmsetup clear %s", s->live.name);
			return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
					"cannot drop the table that was loaded: %s",
					dmm_dm_reason());
		}
		s->inactive_ours = false;
	}
	dmm_source_verdict(t, s, &owner, &use);
	ret = dmm_origin_remove(t, s, owner, *restored ? DMM_USE_RESTORED : use);
	if (!ret)
		dmm_stop_at("origin-removed");
	return ret;
}

int dmm_reclaim(struct dmm_tool *t, struct dmm_source *s, u64 epoch)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_RECLAIM, .dev = dmm_source_dev(s), .epoch = epoch,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH),
	};
	struct dmm_nl_info info;
	int ret = dmm_nl_do(t->nl, &req);

	/* an answer that was lost is no answer: ask what is */
	return ret && (dmm_nl_get(t->nl, req.dev, &info) || info.epoch != epoch ||
		       dmm_state_is_cut(info.state) || info.state == DMM_STATE_IDLE) ? ret : 0;
}

int dmm_give_up(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_dm_table error = { 0 };
	enum dmm_swap_end end = DMM_SWAP_UNCHANGED;
	int ret, code;

	ret = dmm_dm_table_add(&error, 0, dmm_dm_table_sectors(&s->table), "error", "");
	if (!ret) {
		code = attach_recheck(t, s, &error, DMM_OWNER_DEST, DMM_USE_RELEASED);
		if (code) {
			dmm_dm_table_clear(&error);
			return code;
		}
		ret = dmm_dm_load(&s->live, &error, s->live.read_only);
		if (!ret)
			dmm_stop_at("error-loaded");
	}
	/*
	 * The held writes go back to device-mapper, and from there into the error target.  That one
	 * is also the way out of a failed resume: never the migrate target again, which
	 * would start idle.
	 */
	if (!ret)
		ret = dmm_dm_swap(&s->live, &error, DMM_SWAP_HELD, &end);
	dmm_dm_table_clear(&error);
	if (ret) {
		dmm_next(t, end == DMM_SWAP_SUSPENDED ? "dmsetup resume %s" :
			    "dmmigrate clean %s (again)", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_DEST,
				end == DMM_SWAP_SUSPENDED ? DMM_USE_SUSPENDED : DMM_USE_RELEASED,
				"cannot replace its table by the error target: %s",
				*dmm_dm_reason() ? dmm_dm_reason() : strerror(-ret));
	}
	dmm_stop_at("error-live");
	s->migrate = false;
	s->ours = false;
	return dmm_origin_remove(t, s, DMM_OWNER_DEST, DMM_USE_GIVEN_UP);
}

void dmm_forget_group(struct dmm_tool *t, struct dmm_source *s, struct dmm_remote *r)
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;
	bool released;

	dmm_remote_init(&here);
	released = !dmm_owners_ask_here(t, &here, s->id, DMM_HO_SOURCE, DMM_GROUP_STATUS, 0, 0, &ok) &&
		   dmm_owners_is(&ok, DMM_STATES(DMM_HO_RELEASED));
	if (dmm_owners_ask_here(t, &here, s->id, DMM_HO_SOURCE, DMM_GROUP_DROP, 0, 0, &ok) &&
	    here.code != DMM_WERR_NOTFOUND)
		dmm_note(t, "its journal on this host stays: %s", here.why);
	dmm_remote_close(&here);
	if (released)	/* the destination's is its own */
		return;
	dmm_remote_close(r);	/* a refusal has closed it */
	if (dmm_owners_ask_there(r, &s->record.to, s->id, DMM_GROUP_DROP, 0, 0, &ok) &&
	    r->code != DMM_WERR_NOTFOUND)
		dmm_note(t, "its journal and gate at %s stay: %s", s->record.to.host, r->why);
}

/* No other disk of the migration is left here, as far as that can be found out. */
static bool is_last(const struct dmm_source *s)
{
	u64 disks;

	return !dmm_source_disks(s->id, &disks) && !(disks & ~(1ull << s->disk));
}

void dmm_forget(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_remote r;
	int ret;

	if (s->has_vdi) {
		dmm_vdi_forget(t, s);
		return;
	}
	if (s->has_record) {
		dmm_remote_init(&r);
		ret = dmm_remote_open(&r, &s->record.to);
		if (!ret)
			ret = dmm_remote_forget(&r, s->id, s->disk);
		if (is_last(s))
			dmm_forget_group(t, s, &r);
		if (ret && r.code != DMM_WERR_NOTFOUND)
			dmm_note(t, "the receiver was not told: %s", r.why);
		dmm_remote_close(&r);
	} else if (s->has_id) {
		dmm_note(t, "the record of migration %s %s: the receiver was not told", s->hex,
			 s->record_damaged ? "is damaged" : "is lost");
	}
	if (s->has_id) {
		ret = dmm_record_remove(DMM_RUN_DIR, s->id, s->disk);
		if (ret)
			dmm_note(t, "cannot remove the record of %s in %s: %s", t->source, DMM_RUN_DIR,
				 strerror(-ret));
	}
}
