// SPDX-License-Identifier: GPL-2.0
/*
 * Proof of a disk that is still being copied.
 *
 * In rounds: the destination reads a window of extents back and says generation and checksum of each; then, and only
 * then, this side reads the same ones.  Where both agree the extent is done, unless its generation is another one in
 * the end.  Where not, the source may have written it and not shipped it yet, so that is for the destination to
 * remember, and for the freeze to judge; or for us, when nothing was on its way for a moment.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "crc32c.h"
#include "cutover_prove.h"
#include "fullio.h"
#include "monitor.h"
#include "progress.h"
#include "remote.h"
#include "verify.h"

#define ROUNDS		8u	/* at most; fewer when they do not get shorter */
#define ROUND_PAUSE_MS	500	/* so that what is dirty gets a chance to be shipped */
#define IDLE_LOOKS	20u	/* for a moment at which nothing is on its way */
#define IDLE_LOOK_MS	100

/* What is known of an extent. */
struct extent {
	u32 generation;
	bool agreed;
};

/* Extents that are proved by one message. */
struct window {
	u64 first;
	u32 nr;
	struct dmm_wire_prove_ok ok;
	u32 crcs[DMM_MAX_PROVE];	/* of this side */
	int ret;			/* of reading it */
};

struct prover {
	struct dmm_tool *t;
	const struct dmm_source *s;
	struct dmm_proof_result *res;
	char *why;
	struct dmm_remote remote;
	int fd;				/* the origin device */
	u64 size_bytes;
	struct extent *extents;
	void *buf;
	u64 todo;			/* extents of this round, and those that were looked at */
	u64 done;
	u64 begin_ns, shown_ns;
	struct window windows[2];	/* one is read here while the next is read there */
};

static int prove_fail(struct prover *p, int code, const char *what, int err)
{
	snprintf(p->why, DMM_PROVE_WHY, "%s: %s", what, strerror(-err));
	return code;
}

static int remote_failed(struct prover *p)
{
	snprintf(p->why, DMM_PROVE_WHY, "%.*s", (int)DMM_PROVE_WHY - 1, p->remote.why);
	return p->remote.exit;
}

static u32 extent_bytes(const struct prover *p, u64 i)
{
	return (u32)dmm_min_u64(p->size_bytes - i * DMM_PROVE_BYTES, DMM_PROVE_BYTES);
}

static void name_disk(const struct dmm_source *s, struct dmm_wire_disk *id)
{
	memcpy(id->migration, s->id, sizeof(id->migration));
	id->disk = cpu_to_le32(s->disk);
}

/* The destination's side of @w. 0 or an exit code. */
static int ask_window(struct prover *p, struct window *w, u32 flags)
{
	struct dmm_wire_prove req;

	memset(&req, 0, sizeof(req));
	name_disk(p->s, &req.id);
	req.offset_bytes = cpu_to_le64(w->first * DMM_PROVE_BYTES);
	req.extents = cpu_to_le32(w->nr);
	req.flags = cpu_to_le32(flags);
	return dmm_remote_prove(&p->remote, &req, &w->ok) ? remote_failed(p) : 0;
}

/* This side of a window, by a thread of its own. */
struct reading {
	struct prover *p;
	struct window *w;
};

static void *read_thread(void *arg)
{
	const struct reading *rd = arg;
	struct window *w = rd->w;
	u32 i, bytes;

	w->ret = 0;
	for (i = 0; i < w->nr && !w->ret; i++) {
		if (le32_to_cpu(w->ok.extents[i].state) == DMM_PROVED_BUSY)
			continue;
		bytes = extent_bytes(rd->p, w->first + i);
		w->ret = dmm_pread_full(rd->p->fd, rd->p->buf, bytes, (w->first + i) * DMM_PROVE_BYTES);
		w->crcs[i] = ~dmm_crc32c(~0u, rd->p->buf, bytes);
	}
	return NULL;
}

/* Both sides of @w are there. 0 or an exit code. */
static int compare_window(struct prover *p, const struct window *w)
{
	struct dmm_wire_compare_ok ok;
	struct dmm_wire_compare req;
	struct extent *e;
	u32 i, nr = 0;

	if (w->ret)
		return prove_fail(p, DMM_EXIT_LOCAL, "the source's disk cannot be read to compare it", w->ret);
	memset(&req, 0, sizeof(req));
	for (i = 0; i < w->nr; i++) {
		e = &p->extents[w->first + i];
		p->done++;
		e->agreed = false;
		if (le32_to_cpu(w->ok.extents[i].state) == DMM_PROVED_BUSY)
			continue;
		p->res->read_bytes += extent_bytes(p, w->first + i);
		e->generation = le32_to_cpu(w->ok.extents[i].generation);
		e->agreed = le32_to_cpu(w->ok.extents[i].crc) == w->crcs[i];
		if (e->agreed)
			continue;
		req.extent[nr].offset_bytes = cpu_to_le64((w->first + i) * DMM_PROVE_BYTES);
		req.extent[nr].generation = w->ok.extents[i].generation;
		req.extent[nr++].crc = cpu_to_le32(w->crcs[i]);
	}
	if (!nr)
		return 0;
	name_disk(p->s, &req.id);
	req.extents = cpu_to_le32(nr);
	if (dmm_remote_compare(&p->remote, &req, &ok))
		return remote_failed(p);
	p->res->differ += le32_to_cpu(ok.differ);
	return 0;
}

/* The next extents from *at on that have yet to agree. False: none. */
static bool next_window(struct prover *p, u64 *at, struct window *w)
{
	while (*at < p->res->extents && p->extents[*at].agreed)
		(*at)++;
	w->first = *at;
	w->nr = 0;
	while (*at < p->res->extents && w->nr < DMM_MAX_PROVE && !p->extents[*at].agreed) {
		w->nr++;
		(*at)++;
	}
	return w->nr;
}

static void prove_show(struct prover *p)
{
	char line[160], done[32], rate[32];
	u64 now_ns = dmm_now_ns(), span_ns = now_ns - p->begin_ns + 1;
	u32 permille = p->todo ? (u32)((long double)p->done * 1000 / p->todo) : 1000;

	if (now_ns - p->shown_ns < 1000000000ull && p->done < p->todo)
		return;
	p->shown_ns = now_ns;
	dmm_format_bytes(done, sizeof(done), p->res->read_bytes, "");
	dmm_format_bytes(rate, sizeof(rate), (u64)((long double)p->res->read_bytes * 1e9L / span_ns), "/s");
	snprintf(line, sizeof(line), "verify %u.%u%%  round %llu  %s  %s", permille / 10, permille % 10,
		 p->res->rounds, done, rate);
	dmm_progress_line(p->t, line);
}

/* Everything that has yet to agree, once. 0 or an exit code. */
static int prove_round(struct prover *p)
{
	struct window *here = NULL, *there = &p->windows[0];
	struct reading rd = { .p = p };
	pthread_t thread;
	bool more = true;
	int ret = 0;
	u64 at = 0;

	p->done = 0;
	p->res->differ = 0;
	while (!ret && (more || here)) {
		if (dmm_signal_seen()) {
			snprintf(p->why, DMM_PROVE_WHY, "the proof was interrupted");
			return DMM_EXIT_ABORTED;
		}
		rd.w = here;
		if (here && pthread_create(&thread, NULL, read_thread, &rd))
			return prove_fail(p, DMM_EXIT_LOCAL, "no thread", -EAGAIN);
		more = more && next_window(p, &at, there);
		ret = more ? ask_window(p, there, DMM_PROVE_READ) : 0;
		if (here) {
			pthread_join(thread, NULL);
			if (!ret)
				ret = compare_window(p, here);
		}
		here = more && !ret ? there : NULL;
		there = there == &p->windows[0] ? &p->windows[1] : &p->windows[0];
		prove_show(p);
	}
	return ret;
}

/* What was written since it agreed has to be proved again. 0 or an exit code. */
static int look_again(struct prover *p)
{
	struct window *w = &p->windows[0];
	struct extent *e;
	u64 at;
	u32 i;
	int ret;

	p->todo = 0;
	for (at = 0; at < p->res->extents; at += w->nr) {
		w->first = at;
		w->nr = (u32)dmm_min_u64(p->res->extents - at, DMM_MAX_PROVE);
		ret = ask_window(p, w, 0);
		if (ret)
			return ret;
		for (i = 0; i < w->nr; i++) {
			e = &p->extents[at + i];
			e->agreed = e->agreed && e->generation == le32_to_cpu(w->ok.extents[i].generation);
			p->todo += !e->agreed;
		}
	}
	p->res->agreed = p->res->extents - p->todo;
	return 0;
}

/*
 * Was there a moment, since we last read, at which no write was on its way to the disk, and after it one at which nothing was
 * dirty or in flight?  Then all that we have read was shipped.  0: yes; -EAGAIN; or an exit code.
 */
static int was_idle(struct prover *p)
{
	struct dmm_nl_info before, after;
	int ret;

	ret = dmm_source_info(p->t, p->s, &before);
	if (!ret)
		ret = dmm_source_info(p->t, p->s, &after);
	if (ret) {
		snprintf(p->why, DMM_PROVE_WHY, "the kernel does not say how the migration is");
		return ret;
	}
	return after.writes_submitted == before.writes_completed && !after.dirty_blocks &&
	       !after.inflight_bytes ? 0 : -EAGAIN;
}

/* What differs may do so because the source has not shipped it yet. 0 or an exit code. */
static int judge(struct prover *p)
{
	struct dmm_wire_compare_ok ok;
	struct dmm_wire_compare req;
	u32 look;
	int ret = -EAGAIN;

	for (look = 0; look < IDLE_LOOKS && ret == -EAGAIN && !dmm_signal_seen(); look++) {
		if (look)
			poll(NULL, 0, IDLE_LOOK_MS);
		ret = was_idle(p);
	}
	if (ret)
		return ret == -EAGAIN ? 0 : ret;
	memset(&req, 0, sizeof(req));
	name_disk(p->s, &req.id);
	req.flags = cpu_to_le32(DMM_COMPARE_JUDGE);
	if (dmm_remote_compare(&p->remote, &req, &ok))
		return remote_failed(p);
	p->res->differ = 0;
	return 0;
}

static int prove_rounds(struct prover *p)
{
	u64 last = p->res->extents, stuck = 0;
	int ret;

	p->todo = p->res->extents;
	do {
		if (p->res->rounds++)
			poll(NULL, 0, ROUND_PAUSE_MS);
		ret = prove_round(p);
		if (!ret)
			ret = look_again(p);
		if (ret)
			return ret;
		stuck += p->res->rounds > 1 && p->todo * 2 > last;
		last = p->todo;
	} while (p->todo && stuck < 2 && p->res->rounds < ROUNDS);
	return p->res->differ ? judge(p) : 0;
}

static int prove_open(struct prover *p)
{
	p->fd = dmm_verify_origin(p->s, &p->size_bytes);
	if (p->fd < 0)
		return prove_fail(p, DMM_EXIT_LOCAL, "cannot open the origin device", p->fd);
	p->res->extents = (p->size_bytes + DMM_PROVE_BYTES - 1) / DMM_PROVE_BYTES;
	p->extents = calloc(p->res->extents, sizeof(*p->extents));
	if (!p->extents || posix_memalign(&p->buf, 4096, DMM_PROVE_BYTES))
		return prove_fail(p, DMM_EXIT_LOCAL, "the proof takes 8 MiB for each TiB of the disk", -ENOMEM);
	p->remote.offer = DMM_FEATURE_PROVE;
	if (dmm_remote_open(&p->remote, &p->s->record.to))
		return remote_failed(p);
	if (p->remote.client.features & DMM_FEATURE_PROVE)
		return 0;
	snprintf(p->why, DMM_PROVE_WHY, "the receiver at %.64s cannot prove its data: upgrade it, or cut over "
		 "without --verify=full", p->remote.where);
	return DMM_EXIT_PREFLIGHT;
}

int dmm_cutover_prove(struct dmm_tool *t, const struct dmm_source *s, struct dmm_proof_result *res, char *why)
{
	struct prover *p = calloc(1, sizeof(*p));
	int ret;

	memset(res, 0, sizeof(*res));
	if (!p) {
		snprintf(why, DMM_PROVE_WHY, "out of memory");
		return DMM_EXIT_LOCAL;
	}
	p->t = t;
	p->s = s;
	p->res = res;
	p->why = why;
	p->fd = -1;
	p->begin_ns = dmm_now_ns();
	dmm_remote_init(&p->remote);
	ret = prove_open(p);
	if (!ret)
		ret = prove_rounds(p);
	res->span_ns = dmm_now_ns() - p->begin_ns;
	dmm_progress_end(t);
	dmm_remote_close(&p->remote);
	if (p->fd >= 0)
		close(p->fd);
	free(p->extents);
	free(p->buf);
	free(p);
	return ret;
}

bool dmm_cutover_disproved(const struct dmm_source *s, char *why)
{
	struct dmm_wire_prove_ok ok;
	struct dmm_wire_prove req;
	struct dmm_remote r;
	bool so = false;

	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_PROVE;
	memset(&req, 0, sizeof(req));
	name_disk(s, &req.id);
	req.extents = cpu_to_le32(1);
	/* of a disk that has failed everything is refused, for the reason of its failure */
	if (!dmm_remote_open(&r, &s->record.to) && r.client.features & DMM_FEATURE_PROVE &&
	    dmm_remote_prove(&r, &req, &ok) && r.code == DMM_WERR_DIFFERS) {
		snprintf(why, DMM_PROVE_WHY, "%.*s", (int)DMM_PROVE_WHY - 1, r.why);
		so = true;
	}
	dmm_remote_close(&r);
	return so;
}

void dmm_cutover_proved(struct dmm_tool *t, const struct dmm_proof_result *res)
{
	struct json_object *o = json_object_new_object();
	u64 hot = res->extents - res->agreed;
	char read[32];

	dmm_say(t, "Both sides agree in %llu of %llu MiB; %s were read on each, in %.1f s.", res->agreed, res->extents,
		dmm_format_bytes(read, sizeof(read), res->read_bytes, ""), (double)res->span_ns / 1e9);
	if (res->differ)
		dmm_note(t, "%llu of 1 MiB differ for now: the source may not have shipped them yet, which the freeze "
			 "will tell", res->differ);
	if (hot > res->differ)
		dmm_note(t, "%llu extents of 1 MiB were rewritten all the time: they are proved only as far as the "
			 "hand-over's sample has them", hot - res->differ);
	json_object_object_add(o, "extents", json_object_new_uint64(res->extents));
	json_object_object_add(o, "extent_bytes", json_object_new_uint64(DMM_PROVE_BYTES));
	json_object_object_add(o, "agreed", json_object_new_uint64(res->agreed));
	json_object_object_add(o, "rewritten", json_object_new_uint64(hot));
	json_object_object_add(o, "read_bytes", json_object_new_uint64(res->read_bytes));
	json_object_object_add(o, "rounds", json_object_new_uint64(res->rounds));
	json_object_object_add(o, "ns", json_object_new_uint64(res->span_ns));
	dmm_result_add(t, "proof", o);
}
