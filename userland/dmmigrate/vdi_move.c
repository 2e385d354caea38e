// SPDX-License-Identifier: GPL-2.0
/*
 * From a copy that is nearly done to the new disk.  The order is doc/vdi.rst's; nothing here may be taken
 * before what stands above it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "attach.h"
#include "fullio.h"
#include "monitor.h"
#include "source.h"
#include "vdi.h"

#define LOOK_MS		20	/* where no event comes */
#define GRACE_MS	2000u	/* the kernel's timeout comes first */

static int table_over(const struct dmm_source *s, unsigned int major, unsigned int minor, struct dmm_dm_table *table)
{
	char params[48];

	snprintf(params, sizeof(params), "%u:%u 0", major, minor);
	return dmm_dm_table_add(table, 0, dmm_dm_table_sectors(&s->table), "linear", params);
}

/* The table that the device is to have: the sink, in its whole length. 0 or -errno. */
static int move_table(const struct dmm_source *s, struct dmm_dm_table *table)
{
	unsigned int major, minor;
	int ret = dmm_dm_table_sink(&s->table, &major, &minor);

	return ret ? ret : table_over(s, major, minor, table);
}

bool dmm_vdi_on_new(const struct dmm_source *s)
{
	struct dmm_dm_table table = { 0 };
	struct stat st;
	bool on_new;

	if (stat(s->vdi.dest, &st) || !S_ISBLK(st.st_mode))
		return false;
	on_new = !table_over(s, major(st.st_rdev), minor(st.st_rdev), &table) && dmm_dm_table_equal(&table, &s->table);
	dmm_dm_table_clear(&table);
	return on_new;
}

void dmm_vdi_unload(struct dmm_source *s)
{
	struct dmm_dm_table ours = { 0 }, inactive = { 0 };

	/* a stranger's stays */
	if (s->live.inactive_table && !move_table(s, &ours) && !dmm_dm_table(&s->live, true, &inactive) &&
	    dmm_dm_table_equal(&ours, &inactive) && !dmm_dm_drop_inactive(&s->live))
		s->live.inactive_table = false;
	dmm_dm_table_clear(&ours);
	dmm_dm_table_clear(&inactive);
}

/* Loads it, over what an interrupted run has loaded. 0 or an exit code, reported. */
static int move_load(struct dmm_tool *t, struct dmm_source *s, struct dmm_dm_table *table, enum dmm_owner owner,
		     enum dmm_use use)
{
	int ret = move_table(s, table);

	if (!ret)
		ret = dmm_dm_load(&s->live, table, s->live.read_only);
	if (!ret)
		return 0;
	dmm_next(t, "dmsetup table %s", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, owner, use, "cannot load a table over the new disk: %s",
			*dmm_dm_reason() ? dmm_dm_reason() : strerror(-ret));
}

static int move_mark(struct dmm_tool *t, struct dmm_source *s)
{
	char why[DMM_LV_WHY];

	if (!s->vdi.lv[0] || !dmm_lv_mark(s->vdi.lv, s->id, true, -1, why))
		return 0;
	dmm_next(t, "dmmigrate vdi %s (again)", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
			"the old volume cannot be kept from being activated after a restart of this host: %s", why);
}

/*
 * Frozen, and all that is known of it agrees?  @device_bytes were read before the hold: some kernels count as written what
 * waits there. 0 or -errno with @why.
 */
static int move_frozen(struct dmm_source *s, const struct dmm_nl_info *info, u64 device_bytes, char *why, size_t why_bytes)
{
	u64 missing;

	if (info->writes_submitted != info->writes_completed) {
		snprintf(why, why_bytes, "the target saw %llu writes and the end of %llu: its tracking cannot be trusted",
			 info->writes_submitted, info->writes_completed);
		return -EUCLEAN;
	}
	if (!s->vdi.has_witness ||
	    dmm_witness_agrees(&s->vdi.witness, device_bytes, info->write_bytes, &missing))
		return 0;
	snprintf(why, why_bytes, "%llu bytes were written to it since the start that the migrate target has not seen: "
		 "something went round it; start again from a table of its own", missing);
	return -EUCLEAN;
}

static void wait_a_little(struct dmm_nl_events *ev)
{
	struct pollfd p = { .fd = ev ? dmm_nl_events_fd(ev) : -1, .events = POLLIN };
	struct dmm_nl_info info;

	if (poll(&p, 1, LOOK_MS) > 0)
		while (dmm_nl_events_next(ev, &info) == 1)
			;
}

/* FREEZE, until it is frozen. 0 with @info, -EAGAIN: it goes on copying, or another errno; both with @why. */
static int move_freeze(struct dmm_tool *t, struct dmm_source *s, u32 timeout_ms, struct dmm_nl_info *info, char *why,
		       size_t why_bytes)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_FREEZE, .dev = dmm_source_dev(s), .timeout_ms = timeout_ms,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH) | DMM_NL_BIT(DMM_A_TIMEOUT_MS),
	};
	u64 until_ms = dmm_now_ms() + timeout_ms + GRACE_MS, device_bytes = 0;
	struct dmm_nl_events *ev = NULL;
	int ret;

	if (dmm_nl_events_open(&ev))
		ev = NULL;	/* slower, not wrong */
	ret = dmm_witness_device(&s->live, &device_bytes);
	if (!ret)
		ret = dmm_nl_get(t->nl, req.dev, info);
	req.epoch = info->epoch + 1;
	if (!ret)
		ret = dmm_nl_do(t->nl, &req);
	dmm_stop_at("freeze-sent");
	while (!ret) {
		ret = dmm_nl_get(t->nl, req.dev, info);
		if (ret || info->state != DMM_STATE_FREEZING || dmm_now_ms() > until_ms)
			break;
		wait_a_little(ev);
	}
	dmm_nl_events_close(ev);
	if (ret) {
		snprintf(why, why_bytes, "it cannot be frozen: %s", dmm_nl_text(t, ret));
		return ret == -EAGAIN ? -EIO : ret;
	}
	if (info->epoch == req.epoch && info->state == DMM_STATE_FROZEN)
		return move_frozen(s, info, device_bytes, why, why_bytes);
	snprintf(why, why_bytes, info->freeze_result == -ETIME ? "what was left did not fit into %u ms" :
		 "the freeze of %u ms ended: %s%s%s", timeout_ms,
		 strerror(info->freeze_result ? -info->freeze_result : ECANCELED), *info->reason ? ": " : "", info->reason);
	return info->state == DMM_STATE_COPYING ? -EAGAIN : -EIO;
}

static void thaw(struct dmm_tool *t, const struct dmm_source *s, u64 epoch)
{
	struct dmm_nl_req req = { .cmd = DMM_CMD_THAW, .dev = dmm_source_dev(s), .epoch = epoch,
				  .set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH) };

	dmm_nl_do(t->nl, &req);	/* else it thaws in time, by itself */
}

/*
 * COMMIT.  An answer that was lost is none: what is, is asked for. 0, -EAGAIN: it has thawed meanwhile, or another errno.
 */
static int move_commit(struct dmm_tool *t, const struct dmm_source *s, u64 epoch)
{
	struct dmm_nl_req req = { .cmd = DMM_CMD_COMMIT, .dev = dmm_source_dev(s), .epoch = epoch,
				  .set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH) };
	struct dmm_nl_info info;
	int ret = dmm_nl_do(t->nl, &req);

	if (ret && !dmm_nl_get(t->nl, req.dev, &info) && info.epoch == epoch && info.state == DMM_STATE_COMMITTED)
		ret = 0;
	return ret == -ETIME ? -EAGAIN : ret;
}

/*
 * The record, or back. 0; -EIO: it goes on at the old disk, with @why; or an exit code, reported: nobody can say what the
 * record says, and everything is held until that can be read.
 */
static int move_decide(struct dmm_tool *t, struct dmm_source *s, u64 epoch, char *why, size_t why_bytes)
{
	int ret;

	s->vdi.moved = true;
	ret = dmm_vdi_save(DMM_VDI_DIR, &s->vdi);
	if (!ret)
		return 0;
	snprintf(why, why_bytes, "the record of the move cannot be written in %s: %s", DMM_VDI_DIR, strerror(-ret));
	/* it may be there all the same: only one that says otherwise lets the guest go on at the old disk */
	s->vdi.moved = false;
	if (!dmm_vdi_save(DMM_VDI_DIR, &s->vdi) && !dmm_reclaim(t, s, epoch))
		return -EIO;
	dmm_next(t, "dmmigrate vdi %s (once that is mended)", t->source);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED, "%s", why);
}

static int move_swap(struct dmm_tool *t, struct dmm_source *s, const struct dmm_dm_table *table)
{
	enum dmm_swap_end end = DMM_SWAP_UNCHANGED;
	/* the way out of a failed resume is the new disk, too: the target would begin idle, over the old one */
	int ret = dmm_dm_swap(&s->live, table, DMM_SWAP_HELD, &end);

	if (!ret) {
		s->sink = false;
		s->migrate = false;
		s->ours = false;
		return 0;
	}
	dmm_next(t, end == DMM_SWAP_SUSPENDED ? "dmsetup resume --noflush --nolockfs %s" : "dmmigrate vdi %s (again)", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_DEST, end == DMM_SWAP_SUSPENDED ? DMM_USE_SUSPENDED : DMM_USE_COMMITTED,
			"cannot make the table over the new disk live: %s",
			*dmm_dm_reason() ? dmm_dm_reason() : strerror(-ret));
}

int dmm_vdi_finish(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_dm_table table = { 0 };
	int ret = 0;

	if (s->sink) {
		ret = move_load(t, s, &table, DMM_OWNER_DEST, DMM_USE_COMMITTED);
		if (!ret)
			ret = move_swap(t, s, &table);
		dmm_dm_table_clear(&table);
	}
	if (!ret)
		ret = dmm_origin_remove(t, s, DMM_OWNER_DEST, DMM_USE_MOVED);
	return ret ? ret : dmm_vdi_sr_settle(t, s);
}

/* Frozen for nothing: everything is as it was, and goes on. */
static int move_undo(struct dmm_tool *t, struct dmm_source *s, u64 epoch, int err)
{
	thaw(t, s, epoch);
	if (err != -EAGAIN)	/* an answer to COMMIT was lost */
		dmm_reclaim(t, s, epoch);
	dmm_dm_drop_inactive(&s->live);
	return err;
}

int dmm_vdi_move(struct dmm_tool *t, struct dmm_source *s, u32 timeout_ms, u64 *pause_ns, char *why, size_t why_bytes)
{
	struct dmm_dm_table table = { 0 };
	struct dmm_nl_info info = { 0 };
	int ret;

	ret = move_mark(t, s);
	if (ret)
		return ret;
	dmm_stop_at("marked");
	ret = move_load(t, s, &table, DMM_OWNER_SOURCE, DMM_USE_ATTACHED);
	if (ret)
		goto out_clear;
	dmm_stop_at("new-table-loaded");
	ret = move_freeze(t, s, timeout_ms, &info, why, why_bytes);
	if (!ret)
		ret = move_commit(t, s, info.epoch);
	if (ret) {
		ret = move_undo(t, s, info.epoch, ret);
		goto out_why;
	}
	dmm_stop_at("committed");
	ret = move_decide(t, s, info.epoch, why, why_bytes);
	if (ret)
		dmm_dm_drop_inactive(&s->live);
	if (ret > 0)
		goto out_clear;
	if (ret)
		goto out_why;
	dmm_stop_at("moved");
	ret = move_swap(t, s, &table);
	if (ret)
		goto out_clear;
	*pause_ns = dmm_now_ns() - info.hold_ns;
	dmm_stop_at("new-table-live");
	ret = dmm_vdi_finish(t, s);
	goto out_clear;

out_why:
	if (ret != -EAGAIN) {
		dmm_next(t, ret == -EUCLEAN ? "dmmigrate cancel %s" : "dmmigrate status %s", t->source);
		ret = dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s", *why ? why : strerror(-ret));
	}
out_clear:
	dmm_dm_table_clear(&table);
	return ret;
}
