// SPDX-License-Identifier: GPL-2.0
/*
 * plan: the migrate target is put above the disks and only tracks; the link and the disks are tried out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "cleanup.h"
#include "core/state.h"
#include "diskspeed.h"
#include "fullio.h"
#include "monitor.h"
#include "plan.h"

#define LINK_FIRST_BYTES	(1ull << 20)
#define LINK_ENOUGH_NS		500000000ull
#define LINK_RTT_TRIES		3

int dmm_plan_link(struct dmm_remote *r, u64 *bps, u64 *rtt_ns)
{
	u64 bytes = LINK_FIRST_BYTES, ns = 0;
	unsigned int i;
	int ret;

	*rtt_ns = ~0ull;
	for (i = 0; i < LINK_RTT_TRIES; i++) {
		ret = dmm_remote_probe_link(r, 1, &ns);
		if (ret)
			return ret;
		*rtt_ns = ns < *rtt_ns ? ns : *rtt_ns;
	}
	for (;;) {
		ret = dmm_remote_probe_link(r, bytes, &ns);
		if (ret)
			return ret;
		if (ns >= LINK_ENOUGH_NS || bytes >= DMM_MAX_PROBE_BYTES)
			break;
		bytes = bytes * 4 < DMM_MAX_PROBE_BYTES ? bytes * 4 : DMM_MAX_PROBE_BYTES;
	}
	*bps = (u64)((double)bytes * 1e9 / (double)(ns > *rtt_ns ? ns - *rtt_ns : 1));
	return 0;
}

int dmm_plan_read(struct dmm_tool *t, struct dmm_plan_disk *d)
{
	dmm_autoclose int fd = -1;
	char node[160];
	u64 bytes, ns;
	int ret;

	ret = dmm_dm_node(&d->s.live, node, sizeof(node));
	if (!ret) {
		fd = open(node, O_RDONLY | O_DIRECT | O_CLOEXEC);
		ret = fd < 0 ? -errno : dmm_disk_speed(fd, d->pre.size_bytes, -1, &bytes, &ns);
	}
	if (ret == -EFBIG)	/* nothing can be said of it, nor need be */
		return 0;
	if (ret) {
		dmm_next(t, "dd if=%s of=/dev/null iflag=direct bs=1M (says where it fails); dmesg", node);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "cannot read %s: %s", t->source, strerror(-ret));
	}
	d->read_bps = (u64)((double)bytes * 1e9 / (double)ns);
	return 0;
}

static int track_failed(struct dmm_tool *t, int err)
{
	if (err == -EOPNOTSUPP || err == -EINVAL)
		dmm_next(t, "install the module of this version, then rmmod dm-migrate and modprobe dm-migrate");
	else
		dmm_next(t, "dmmigrate plan (again)");
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "the kernel does not track %s: %s", t->source,
			dmm_nl_text(t, err));
}

/* 0 or an exit code, reported. */
static int track_begin(struct dmm_tool *t, struct dmm_plan_disk *d, const u8 id[DMM_ID_BYTES], u32 disk)
{
	int ret = dmm_attach(t, &d->s, id, disk, d->pre.block_bytes, NULL);

	if (ret)
		return ret;
	d->attached = true;
	ret = dmm_tool_nl(t);
	if (!ret)
		ret = dmm_nl_simple(t->nl, DMM_CMD_TRACK, dmm_source_dev(&d->s));
	return ret ? track_failed(t, ret) : 0;
}

static int track_sample(struct dmm_tool *t, struct dmm_plan_disk *d, u64 now_ms)
{
	struct dmm_nl_info info;
	int ret = dmm_source_info(t, &d->s, &info);

	if (ret)
		return ret;
	if (info.state != DMM_STATE_IDLE) {
		dmm_next(t, "dmmigrate status %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "somebody else is at work on %s: it is %s now",
				t->source, dmm_state_name(info.state));
	}
	d->curve.at[d->curve.nr].ms = now_ms;
	d->curve.at[d->curve.nr].bytes = info.dirty_blocks * info.block_bytes;
	d->curve.nr++;
	return 0;
}

static int track_watch(struct dmm_tool *t, struct dmm_plan_disk *disks, unsigned int nr, u64 ms)
{
	u64 began_ms = dmm_now_ms(), due_ms;
	unsigned int n, i;
	int ret;

	for (n = 1; n <= DMM_PLAN_SAMPLES; n++) {
		due_ms = began_ms + ms * n / DMM_PLAN_SAMPLES;
		if (dmm_now_ms() < due_ms && !dmm_signal_sleep((u32)(due_ms - dmm_now_ms()))) {
			dmm_next(t, "dmmigrate plan (again)");
			return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "interrupted");
		}
		for (i = 0; i < nr; i++) {
			dmm_source_speak_of(t, &disks[i].s);
			ret = track_sample(t, &disks[i], dmm_now_ms() - began_ms);
			if (ret)
				return ret;
		}
	}
	return 0;
}

int dmm_plan_track(struct dmm_tool *t, struct dmm_plan_disk *disks, unsigned int nr, u64 ms)
{
	u8 id[DMM_ID_BYTES];
	bool restored;
	unsigned int i;
	int ret = 0, undo;

	if (dmm_id_random(id))
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "no random numbers");
	dmm_signals_block();
	for (i = 0; i < nr && !ret; i++) {
		dmm_source_speak_of(t, &disks[i].s);
		disks[i].curve.size_bytes = disks[i].pre.size_bytes;
		ret = track_begin(t, &disks[i], id, i);
	}
	if (!ret)
		ret = track_watch(t, disks, nr, ms);
	for (i = 0; i < nr; i++) {
		if (!disks[i].attached)
			continue;
		dmm_source_speak_of(t, &disks[i].s);
		undo = dmm_detach(t, &disks[i].s, &restored);
		if (undo && !ret)
			ret = undo;
	}
	return ret;
}
