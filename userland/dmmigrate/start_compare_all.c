// SPDX-License-Identifier: GPL-2.0
/*
 * The comparisons of a start --resume, one disk after the other, and their way through a link that is lost: it
 * is waited for, as long as it takes, and the comparison goes on where it was.
 */
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "core/state.h"
#include "progress.h"
#include "start.h"
#include "start_compare.h"

#define BACKOFF_MIN_MS	1000u
#define BACKOFF_MAX_MS	15000u

/* --- the link --- */

/* Until the receiver answers. 0 or DMM_EXIT_ABORTED. */
static int await_receiver(struct dmm_tool *t, struct dmm_start *c, const struct dmm_start_disk *d)
{
	u32 backoff_ms = BACKOFF_MIN_MS;

	do {
		if (!dmm_signal_sleep(backoff_ms))
			return DMM_EXIT_ABORTED;
		backoff_ms = (u32)dmm_min_u64(2ull * backoff_ms, BACKOFF_MAX_MS);
		dmm_remote_close(&c->remote);
	} while (dmm_remote_open(&c->remote, &d->to));
	dmm_note(t, "%s answers again", d->to.host);
	return 0;
}

/* What has lost its connections gets new ones. 0 or an exit code, reported. */
static int connect_again(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_nl_info info;
	struct dmm_start_disk *d;
	bool any = false;
	int ret;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		dmm_source_speak_of(t, &d->s);
		ret = dmm_source_info(t, &d->s, &info);
		if (ret)
			return ret;
		d->attached = d->again = true;
		d->running = info.state != DMM_STATE_DISCONNECTED;
		if (d->running)
			continue;
		any = d->resume = true;
		d->conn_epoch = info.conn_epoch + 1;
		memcpy(d->instance, info.instance, sizeof(d->instance));
	}
	if (!any)
		return 0;
	ret = dmm_start_prepare_all(t, c);
	return ret ? ret : dmm_start_change(t, c);
}

/* --- one disk --- */

/* Nobody shall begin to copy all of what is disconnected, and not compared: stopped, it can be resumed later. */
static void stop_comparing(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (!d->compare)
			continue;
		dmm_source_speak_of(t, &d->s);
		dmm_stop(t, &d->s);
	}
}

static int compare_failed(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d,
			  const struct dmm_start_compare *cmp, int code)
{
	if (cmp->lost)
		stop_comparing(t, c);
	dmm_source_speak_of(t, &d->s);
	dmm_next(t, "dmmigrate start --resume %s (compares again; only then it can be cut over)", c->hex);
	return dmm_fail(t, code, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s", cmp->why);
}

/* The link was lost. 0: it goes on; or an exit code, reported. */
static int compare_again(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d,
			 struct dmm_start_compare *cmp)
{
	u8 before[DMM_ID_BYTES];
	int ret;

	dmm_note(t, "%s; it goes on once %s answers (Ctrl-C: later, by another --resume)", cmp->why, d->to.host);
	ret = await_receiver(t, c, d);
	if (ret) {
		snprintf(cmp->why, sizeof(cmp->why), "interrupted while the link to %s was lost", d->to.host);
		return compare_failed(t, c, d, cmp, ret);
	}
	memcpy(before, d->receiver, sizeof(before));
	ret = connect_again(t, c);
	if (ret)	/* reported */
		stop_comparing(t, c);
	dmm_source_speak_of(t, &d->s);
	if (ret)
		return ret;
	cmp->conn_epoch = d->conn_epoch;
	memcpy(cmp->instance, d->receiver, sizeof(cmp->instance));
	/* what was equal may be lost there, or written by another; and what was stopped has no marks any more */
	if (memcmp(before, d->receiver, sizeof(before)) || (!d->running && (!d->resume || !d->known))) {
		dmm_note(t, "the receiver was restarted, or has opened the disk anew: compared from the beginning");
		dmm_start_compare_restart(cmp);
	}
	return 0;
}

static int compare_one(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d, u64 sums[3])
{
	struct dmm_start_compare cmp = {
		.dev = dmm_source_dev(&d->s), .origin = &d->s.origin, .size_bytes = d->pre.size_bytes, .to = &d->to,
		.disk = d->disk, .conn_epoch = d->conn_epoch, .conns = d->conns,
	};
	char differing[32], hashes[32];
	int ret;

	memcpy(cmp.id, c->id, sizeof(cmp.id));
	memcpy(cmp.instance, d->receiver, sizeof(cmp.instance));
	ret = dmm_start_compare_open(t, &cmp);
	while (!ret) {
		ret = dmm_start_compare_run(t, &cmp);
		if (!ret || !cmp.lost)
			break;
		ret = compare_again(t, c, d, &cmp);
		if (ret)
			goto out_close;	/* reported */
	}
	sums[0] += cmp.done_bytes;
	sums[1] += cmp.differing_bytes;
	sums[2] += cmp.hash_bytes;
	if (ret) {
		ret = compare_failed(t, c, d, &cmp, ret);
		goto out_close;
	}
	dmm_say(t, "Both sides of %s are compared: %s differ, for %s of hashes.", t->source,
		dmm_format_bytes(differing, sizeof(differing), cmp.differing_bytes, ""),
		dmm_format_bytes(hashes, sizeof(hashes), cmp.hash_bytes, ""));
out_close:
	dmm_start_compare_close(&cmp);
	return ret;
}

int dmm_start_by_id_compare(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	u64 sums[3] = { 0 }, compared = 0;
	int ret = 0;

	for (d = c->disks; d < c->disks + c->nr && !ret; d++) {
		if (!d->compare)
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = compare_one(t, c, d, sums);
		if (!ret && d->comparing)
			memcpy(d->gate, d->s.record.gate, sizeof(d->gate));
		d->compare = false;
		compared |= 1ull << (d - c->disks);
	}
	/* for what is said of them: each is copied again from here on, whatever it did before */
	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (compared & 1ull << (d - c->disks))
			d->running = d->comparing = false;
	}
	dmm_result_u64(t, "compared_bytes", sums[0]);
	dmm_result_u64(t, "differing_bytes", sums[1]);
	dmm_result_u64(t, "hash_bytes", sums[2]);
	return ret;
}
