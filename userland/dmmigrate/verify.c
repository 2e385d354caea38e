// SPDX-License-Identifier: GPL-2.0
/*
 * Digests of both sides.  While the receiver reads its range a thread reads ours,
 * so a range costs the slower side's time, not the sum.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <xxhash.h>

#include "fullio.h"
#include "monitor.h"
#include "progress.h"
#include "status_json.h"
#include "verify.h"

int dmm_verify_origin(const struct dmm_source *s, u64 *size_bytes)
{
	char node[160];
	int fd, ret;

	ret = dmm_dm_node(&s->origin, node, sizeof(node));
	if (ret)
		return ret;
	fd = open(node, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*size_bytes = dmm_dm_table_sectors(&s->table) * DMM_SECTOR_BYTES;
	return fd;
}

static int verify_add(struct dmm_verify *v, const struct dmm_source *s)
{
	struct dmm_verify_disk *d = &v->disks[v->nr];

	d->fd = dmm_verify_origin(s, &d->size_bytes);
	if (d->fd < 0)
		return d->fd;
	d->disk = s->disk;
	snprintf(d->name, sizeof(d->name), "%s", s->live.name);
	v->size_bytes += d->size_bytes;
	v->nr++;
	return 0;
}

int dmm_verify_open(struct dmm_tool *t, struct dmm_verify *v, const struct dmm_group *g)
{
	u32 i;
	int ret = 0;

	memset(v, 0, sizeof(*v));
	v->disks = calloc(g->nr, sizeof(*v->disks));
	if (!v->disks)
		return -ENOMEM;
	memcpy(v->id, g->disks[0].id, DMM_ID_BYTES);
	for (i = 0; i < g->nr && !ret; i++) {
		ret = verify_add(v, &g->disks[i]);
		if (ret)
			dmm_group_speak_of(t, g, i);
	}
	return ret;
}

void dmm_verify_clear(struct dmm_verify *v)
{
	while (v->nr)
		close(v->disks[--v->nr].fd);
	free(v->disks);
	memset(v, 0, sizeof(*v));
}

int dmm_verify_digest(int fd, u64 offset_bytes, u64 length_bytes, void *buf, u8 digest[16])
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_canonical_t canonical;
	u64 done = 0, n;
	int ret = 0;

	if (!state)
		return -ENOMEM;
	XXH3_128bits_reset(state);
	while (done < length_bytes) {
		n = dmm_min_u64(length_bytes - done, DMM_VERIFY_FINE_BYTES);
		ret = dmm_pread_full(fd, buf, n, offset_bytes + done);
		if (ret)
			break;
		XXH3_128bits_update(state, buf, n);
		done += n;
	}
	if (!ret) {
		XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
		memcpy(digest, canonical.digest, 16);
	}
	XXH3_freeState(state);
	return ret;
}

struct local_job {
	int fd;
	u64 offset_bytes, length_bytes;
	void *buf;
	u8 digest[16];
	int ret;
};

static void *local_thread(void *arg)
{
	struct local_job *j = arg;

	j->ret = dmm_verify_digest(j->fd, j->offset_bytes, j->length_bytes, j->buf, j->digest);
	return NULL;
}

/* 1: equal, 0: they differ, -errno. */
static int verify_range(struct dmm_verify *v, struct dmm_remote *r, const struct dmm_verify_disk *d,
			u64 offset_bytes, u64 length_bytes, void *buf)
{
	struct local_job job = { .fd = d->fd, .offset_bytes = offset_bytes,
				 .length_bytes = length_bytes, .buf = buf };
	pthread_t thread;
	u8 digest[16];
	int ret;

	ret = pthread_create(&thread, NULL, local_thread, &job);
	if (ret) {
		v->local_failed = true;
		return -ret;
	}
	ret = dmm_remote_digest(r, v->id, d->disk, offset_bytes, length_bytes, digest);
	pthread_join(thread, NULL);
	if (ret)
		return ret;
	if (job.ret) {
		v->local_failed = true;
		return job.ret;
	}
	return !memcmp(digest, job.digest, sizeof(digest));
}

/* A range differs: find out where. */
static int verify_refine(struct dmm_verify *v, struct dmm_remote *r, const struct dmm_verify_disk *d,
			 u64 offset_bytes, u64 length_bytes, void *buf)
{
	u64 done, n;
	int ret;

	for (done = 0; done < length_bytes; done += n) {
		n = dmm_min_u64(length_bytes - done, DMM_VERIFY_FINE_BYTES);
		ret = verify_range(v, r, d, offset_bytes + done, n, buf);
		if (ret < 0)
			return ret;
		if (ret)
			continue;
		if (v->diff_ranges < DMM_VERIFY_LISTED) {
			v->diff_offset[v->diff_ranges] = offset_bytes + done;
			v->diff_disk[v->diff_ranges] = (u32)(d - v->disks);
		}
		v->diff_ranges++;
	}
	return 0;
}

static void verify_show(struct dmm_tool *t, const struct dmm_verify *v, u64 span_ns)
{
	char line[128], done[32], rate[32];

	if (span_ns < 1000000)
		span_ns = 1000000;
	dmm_format_bytes(done, sizeof(done), v->done_bytes, "");
	dmm_format_bytes(rate, sizeof(rate), (u64)((long double)v->done_bytes * 1e9L / span_ns), "/s");
	snprintf(line, sizeof(line), "verify %u.%u%%  %s  %s  %llu ranges differ",
		 (u32)((long double)v->done_bytes * 1000 / v->size_bytes) / 10,
		 (u32)((long double)v->done_bytes * 1000 / v->size_bytes) % 10, done, rate,
		 v->diff_ranges);
	dmm_progress_line(t, line);
}

/* One disk, to its end. 0 or -errno. */
static int verify_disk(struct dmm_tool *t, struct dmm_verify *v, struct dmm_remote *r,
		       const struct dmm_verify_disk *d, void *buf, u64 begin_ns, u64 *shown_ns)
{
	u64 offset_bytes, n;
	int ret;

	for (offset_bytes = 0; offset_bytes < d->size_bytes; offset_bytes += n) {
		if (dmm_signal_seen())
			return -ECANCELED;
		n = dmm_min_u64(d->size_bytes - offset_bytes, DMM_VERIFY_RANGE_BYTES);
		ret = verify_range(v, r, d, offset_bytes, n, buf);
		if (!ret)
			ret = verify_refine(v, r, d, offset_bytes, n, buf);
		if (ret < 0)
			return ret;
		v->done_bytes += n;
		if (dmm_now_ns() - *shown_ns > 1000000000ull || v->done_bytes == v->size_bytes) {
			*shown_ns = dmm_now_ns();
			verify_show(t, v, *shown_ns - begin_ns);
		}
	}
	return 0;
}

int dmm_verify_run(struct dmm_tool *t, struct dmm_verify *v, struct dmm_remote *r)
{
	u64 begin_ns = dmm_now_ns(), shown_ns = begin_ns;
	void *buf = NULL;
	u32 i;
	int ret = 0;

	v->local_failed = false;
	if (posix_memalign(&buf, 4096, DMM_VERIFY_FINE_BYTES)) {
		v->local_failed = true;
		return -ENOMEM;
	}
	for (i = 0; i < v->nr && !ret; i++)
		ret = verify_disk(t, v, r, &v->disks[i], buf, begin_ns, &shown_ns);
	free(buf);
	dmm_progress_end(t);
	return ret;
}

void dmm_verify_result(struct dmm_tool *t, const struct dmm_verify *v)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct json_object *on = json_object_new_array();
	u64 i, listed = dmm_min_u64(v->diff_ranges, DMM_VERIFY_LISTED);

	for (i = 0; i < listed; i++) {
		const struct dmm_verify_disk *d = &v->disks[v->diff_disk[i]];

		json_object_array_add(list, json_object_new_uint64(v->diff_offset[i]));
		json_object_array_add(on, dmm_json_text(*d->name ? d->name : NULL));
		dmm_note(t, "the sides differ at bytes %llu to %llu%s%s", v->diff_offset[i],
			 dmm_min_u64(v->diff_offset[i] + DMM_VERIFY_FINE_BYTES, d->size_bytes) - 1,
			 v->nr > 1 ? " of " : "", v->nr > 1 ? d->name : "");
	}
	if (v->diff_ranges > listed)
		dmm_note(t, "... and in %llu more ranges of 1 MiB", v->diff_ranges - listed);
	json_object_object_add(o, "algorithm", json_object_new_string("xxh3-128"));
	json_object_object_add(o, "compared_bytes", json_object_new_uint64(v->done_bytes));
	json_object_object_add(o, "size_bytes", json_object_new_uint64(v->size_bytes));
	json_object_object_add(o, "equal", json_object_new_boolean(
			       v->done_bytes == v->size_bytes && !v->diff_ranges));
	json_object_object_add(o, "different_ranges", json_object_new_uint64(v->diff_ranges));
	json_object_object_add(o, "range_bytes", json_object_new_uint64(DMM_VERIFY_FINE_BYTES));
	json_object_object_add(o, "first_offsets", list);
	json_object_object_add(o, "first_offsets_of", on);
	dmm_result_add(t, "verify", o);
}
