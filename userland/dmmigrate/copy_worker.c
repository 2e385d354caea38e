// SPDX-License-Identifier: GPL-2.0
/*
 * One connection of an offline copy: reads units of its windows, finds out what
 * of them has to be shipped, ships it, and waits for what is acknowledged.  One
 * thread; it blocks nowhere but in worker_wait() and, where a file is not
 * in the page cache and O_DIRECT not to be had, in its reads.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "copy_job.h"
#include "fullio.h"

#define ACK_MS		60000u	/* without any acknowledgement: the link or the receiver hangs */
#define READ_ALIGN	4096u

int dmm_copy_worker_open(struct dmm_copy_worker *w)
{
	struct dmm_copy_job *job = w->job;
	size_t bytes = (size_t)DMM_COPY_SLOTS * DMM_COPY_UNIT_BYTES;
	u32 i;
	int ret;

	w->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->memory == MAP_FAILED) {
		w->memory = NULL;
		return -ENOMEM;
	}
	madvise(w->memory, bytes, MADV_HUGEPAGE);
	for (i = 0; i < DMM_COPY_SLOTS; i++)
		w->slots[i].buf = w->memory + (size_t)i * DMM_COPY_UNIT_BYTES;
	ret = dmm_copy_reader_open(&job->engine, job->source->fd, job->depth, &w->reader);
	if (ret)
		dmm_copy_worker_close(w);
	return ret;
}

void dmm_copy_worker_close(struct dmm_copy_worker *w)
{
	dmm_remote_close(&w->data);
	dmm_remote_close(&w->ask);
	if (w->reader)
		w->job->engine->close(w->reader);
	w->reader = NULL;
	if (w->memory)
		munmap(w->memory, (size_t)DMM_COPY_SLOTS * DMM_COPY_UNIT_BYTES);
	w->memory = NULL;
}

void dmm_copy_window_put(struct dmm_copy_worker *w, struct dmm_copy_window *win)
{
	(void)w;
	if (!--win->pending)
		win->used = false;
}

void dmm_copy_window_count(struct dmm_copy_worker *w, struct dmm_copy_window *win, u64 bytes)
{
	win->counted_bytes += bytes;
	atomic_fetch_add(&w->job->done_bytes, bytes);
}

/* What was in flight may have arrived or not: all of the window is done once more. */
void dmm_copy_worker_return(struct dmm_copy_worker *w)
{
	u32 i;

	while (w->reads) {
		if (w->job->engine->reap(w->reader))
			w->reads--;
		else
			dmm_wait_fd(w->job->engine->event_fd(w->reader), POLLIN, dmm_now_ms() + 100, -1);
	}
	for (i = 0; i < DMM_COPY_WINDOWS; i++) {
		if (w->windows[i].used)
			dmm_copy_job_again(w->job, &w->windows[i].range, w->windows[i].counted_bytes);
		w->windows[i].used = false;
	}
	for (i = 0; i < DMM_COPY_SLOTS; i++) {
		w->slots[i].refs = 0;
		w->slots[i].window = NULL;
	}
	w->cur = w->next = w->zero_window = NULL;
	w->plan_done = false;
}

static enum dmm_copy_zeros worker_zeros(const struct dmm_copy_job *job, bool compared)
{
	if (job->empty && !compared)
		return DMM_COPY_ZEROS_SKIP;
	return job->features & DMM_FEATURE_ZERO ? DMM_COPY_ZEROS_SEND : DMM_COPY_ZEROS_SHIP;
}

/* --- windows --- */

static int ask_failed(struct dmm_copy_worker *w, int err, enum dmm_copy_end *end)
{
	struct dmm_client *c = &w->ask.client;
	u32 code = le32_to_cpu(w->ask.refuse.code);

	/* others have all turns at reading, perhaps because a disk there hangs; or it goes down */
	if (err == -EREMOTEIO)
		*end = dmm_copy_fail(w, code == DMM_WERR_BUSY || code == DMM_WERR_SHUTDOWN ?
				     DMM_COPY_LINK : DMM_COPY_FAILED, dmm_exit_from_wire(code),
				     "the receiver gave no hashes: %s", (char *)w->ask.refuse.text);
	else
		*end = dmm_copy_fail(w, DMM_COPY_LINK, DMM_EXIT_TRANSPORT,
				     "the receiver gave no hashes: %s", c->why ? c->why :
				     strerror(-err));
	return -1;
}

static u32 window_hashes(const struct dmm_copy_window *win)
{
	u64 bytes = win->range.end_bytes - win->range.first_bytes;

	return (u32)((bytes + DMM_COPY_GRANULE_BYTES - 1) / DMM_COPY_GRANULE_BYTES);
}

static int window_ask(struct dmm_copy_worker *w, struct dmm_copy_window *win,
		      enum dmm_copy_end *end)
{
	struct dmm_wire_hashes req;
	int ret;

	memset(&req, 0, sizeof(req));
	memcpy(req.id.migration, w->job->id, DMM_ID_BYTES);
	req.id.disk = cpu_to_le32(w->job->disk);
	req.offset_bytes = cpu_to_le64(win->range.first_bytes);
	req.length_bytes = cpu_to_le64(win->range.end_bytes - win->range.first_bytes);
	req.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	req.granule_bytes = cpu_to_le32(DMM_COPY_GRANULE_BYTES);
	ret = dmm_client_send(&w->ask.client, DMM_MSG_HASHES, &req, sizeof(req));
	if (ret)
		return ask_failed(w, ret, end);
	win->hashes = HASHES_ASKED;
	w->asked_ms = dmm_now_ms();
	return 0;
}

static int window_answer(struct dmm_copy_worker *w, struct dmm_copy_window *win,
			 enum dmm_copy_end *end)
{
	u32 bytes = window_hashes(win) * DMM_HASH_BYTES;
	int ret;

	ret = dmm_client_receive(&w->ask.client, DMM_MSG_HASHES_OK, win->theirs, bytes,
				 &w->ask.refuse);
	if (ret)
		return ask_failed(w, ret, end);
	atomic_fetch_add(&w->job->hash_bytes, bytes);
	win->hashes = HASHES_HERE;
	return 0;
}

/* Takes a window from the plan, and asks what of it is there already. */
static int window_take(struct dmm_copy_worker *w, enum dmm_copy_end *end)
{
	struct dmm_copy_window *win = NULL;
	u32 i;

	for (i = 0; i < DMM_COPY_WINDOWS && !win; i++) {
		if (!w->windows[i].used)
			win = &w->windows[i];
	}
	if (w->plan_done || w->next || !win)
		return 0;
	if (!dmm_copy_job_take(w->job, &win->range)) {
		w->plan_done = true;
		return 0;
	}
	win->used = true;
	win->next_bytes = win->range.first_bytes;
	win->pending = 1;
	win->counted_bytes = 0;
	win->hashes = HASHES_NONE;
	w->next = win;
	if (w->job->compare && !win->range.hole)
		return window_ask(w, win, end);
	return 0;
}

static void window_hole(struct dmm_copy_worker *w, struct dmm_copy_window *win)
{
	u64 bytes = win->range.end_bytes - win->range.first_bytes;

	win->next_bytes = win->range.end_bytes;
	if (worker_zeros(w->job, false) == DMM_COPY_ZEROS_SEND) {
		dmm_copy_queue_zero(w, win, win->range.first_bytes, bytes);
		dmm_copy_flush_zero(w);
	} else {
		atomic_fetch_add(&w->job->skipped_bytes, bytes);
		dmm_copy_window_count(w, win, bytes);
	}
}

/* Makes sure that cur has something to cut. 1: it has; 0: not now; -1: *end. */
static int window_advance(struct dmm_copy_worker *w, enum dmm_copy_end *end)
{
	for (;;) {
		if (w->cur && w->cur->next_bytes < w->cur->range.end_bytes)
			return 1;
		if (!dmm_copy_has_room(w))
			return 0;
		if (w->cur)
			dmm_copy_window_put(w, w->cur);
		w->cur = NULL;
		if (window_take(w, end))
			return -1;
		if (!w->next)
			return 0;
		if (w->next->hashes == HASHES_ASKED) {
			if (dmm_wait_fd(w->ask.client.fd, POLLIN, 0, -1))
				return 0;
			if (window_answer(w, w->next, end))
				return -1;
		}
		w->cur = w->next;
		w->next = NULL;
		if (w->cur->range.hole)
			window_hole(w, w->cur);
		/* the answer for the next one comes while this one is shipped */
		if (window_take(w, end))
			return -1;
	}
}

/* --- units --- */

static struct dmm_copy_slot *slot_free(struct dmm_copy_worker *w)
{
	u32 i;

	for (i = 0; i < DMM_COPY_SLOTS; i++) {
		if (!w->slots[i].refs)
			return &w->slots[i];
	}
	return NULL;
}

static u32 unit_bytes(const struct dmm_copy_window *win)
{
	return (u32)dmm_min_u64(win->range.end_bytes - win->next_bytes, DMM_COPY_UNIT_BYTES);
}

static int unit_submit(struct dmm_copy_worker *w, struct dmm_copy_slot *slot, enum dmm_copy_end *end)
{
	struct dmm_copy_window *win = w->cur;
	int ret;

	slot->bytes = unit_bytes(win);
	slot->read.buf = slot->buf;
	slot->read.bytes = (slot->bytes + READ_ALIGN - 1) & ~(READ_ALIGN - 1);
	slot->read.offset_bytes = win->next_bytes;
	ret = w->job->engine->submit(w->reader, &slot->read);
	if (ret) {
		*end = dmm_copy_fail(w, DMM_COPY_FAILED, DMM_EXIT_LOCAL, "cannot read the source by %s: "
				     "%s", w->job->engine->name, strerror(-ret));
		return -1;
	}
	slot->refs = 1;
	slot->window = win;
	win->pending++;
	win->next_bytes += slot->bytes;
	w->reads++;
	return 0;
}

/* 0, or -1 with *end. */
static int unit_differs(struct dmm_copy_worker *w, struct dmm_copy_window *win, u64 first, u32 bytes,
			enum dmm_copy_end *end)
{
	struct dmm_copy_job *job = w->job;
	int ret = job->differs(job->differs_arg, first, bytes);

	if (ret) {
		*end = dmm_copy_fail(w, DMM_COPY_FAILED, DMM_EXIT_LOCAL,
				     "that %u bytes at %llu differ was not taken: %s", bytes, first,
				     strerror(-ret));
		return -1;
	}
	atomic_fetch_add(&job->differing_bytes, bytes);
	dmm_copy_window_count(w, win, bytes);
	return 0;
}

static int unit_cut(struct dmm_copy_worker *w, struct dmm_copy_slot *slot, enum dmm_copy_end *end)
{
	struct dmm_copy_window *win = slot->window;
	struct dmm_copy_run runs[DMM_COPY_UNIT_GRANULES], *r;
	u64 at = slot->read.offset_bytes;
	const u8 *theirs = NULL;
	unsigned int i, nr;

	if (slot->read.result < (s64)slot->bytes) {
		*end = dmm_copy_fail(w, DMM_COPY_FAILED, DMM_EXIT_LOCAL,
				     "cannot read %u bytes of the source at %llu: %s", slot->bytes, at,
				     slot->read.result < 0 ? strerror((int)-slot->read.result) :
				     "they are not there any more");
		return -1;
	}
	if (win->hashes == HASHES_HERE)
		theirs = win->theirs + (at - win->range.first_bytes) / DMM_COPY_GRANULE_BYTES *
			 DMM_HASH_BYTES;
	nr = dmm_copy_cut(slot->buf, slot->bytes, theirs, worker_zeros(w->job, theirs), runs);
	for (i = 0; i < nr; i++) {
		r = &runs[i];
		if (w->job->differs && r->kind != DMM_COPY_SKIP) {
			if (unit_differs(w, win, at + r->at_bytes, r->bytes, end))
				return -1;
			continue;
		}
		switch (r->kind) {
		case DMM_COPY_SHIP:
			dmm_copy_queue_data(w, slot, r->at_bytes, r->bytes);
			break;
		case DMM_COPY_ZERO:
			dmm_copy_queue_zero(w, win, at + r->at_bytes, r->bytes);
			break;
		case DMM_COPY_SKIP:
			atomic_fetch_add(theirs ? &w->job->equal_bytes : &w->job->skipped_bytes,
					 r->bytes);
			dmm_copy_window_count(w, win, r->bytes);
			break;
		}
	}
	dmm_copy_slot_put(w, slot);
	return 0;
}

/* Cuts what was read. 1: something was, 0, -1. */
static int worker_reap(struct dmm_copy_worker *w, enum dmm_copy_end *end)
{
	struct dmm_copy_read *rd;
	int any = 0;

	while (w->reads && dmm_copy_has_room(w)) {
		rd = w->job->engine->reap(w->reader);
		if (!rd)
			break;
		w->reads--;
		any = 1;
		if (unit_cut(w, (struct dmm_copy_slot *)rd, end))
			return -1;
	}
	return any;
}

static int worker_fill(struct dmm_copy_worker *w, enum dmm_copy_end *end)
{
	struct dmm_copy_slot *slot;
	int any = 0, ret;

	/* nothing is read ahead of a limit on the rate, or of a socket that takes nothing */
	while (w->reads < w->job->depth && w->cut - w->sending < DMM_COPY_CUT_FRAMES) {
		slot = slot_free(w);
		if (!slot)
			break;
		ret = window_advance(w, end);
		if (ret < 0)
			return -1;
		/* where nothing is shipped the rate is that of the reads: there, the hashes follow them */
		if (!ret || (w->job->differs && dmm_copy_is_paced(w, unit_bytes(w->cur))))
			break;
		if (unit_submit(w, slot, end))
			return -1;
		any = 1;
	}
	return any;
}

/* --- the loop --- */

static bool worker_is_done(const struct dmm_copy_worker *w)
{
	return w->plan_done && !w->cur && !w->next && !w->reads && !w->zero_window &&
	       w->oldest == w->cut;
}

static int worker_timeout(const struct dmm_copy_worker *w)
{
	u64 now_ns;

	if (!w->paced_until_ns)
		return 1000;
	now_ns = dmm_now_ns();
	if (now_ns >= w->paced_until_ns)
		return 0;
	return (int)dmm_min_u64((w->paced_until_ns - now_ns) / 1000000 + 1, 1000);
}

/* 0, or -1 with *end. */
static int worker_wait(struct dmm_copy_worker *w, bool blocked, enum dmm_copy_end *end)
{
	bool asked = w->next && w->next->hashes == HASHES_ASKED &&
		     (!w->cur || w->cur->next_bytes == w->cur->range.end_bytes);
	struct pollfd p[4] = {
		{ .fd = w->data.client.fd, .events = (short)(POLLIN | (blocked ? POLLOUT : 0)) },
		{ .fd = w->reads ? w->job->engine->event_fd(w->reader) : -1, .events = POLLIN },
		{ .fd = asked ? w->ask.client.fd : -1, .events = POLLIN },
		{ .fd = w->job->stop_fd, .events = POLLIN },
	};
	eventfd_t ignored;

	poll(p, 4, worker_timeout(w));
	if (p[1].revents)
		eventfd_read(p[1].fd, &ignored);
	if (p[3].revents) {
		*end = DMM_COPY_STOPPED;
		return -1;
	}
	/* nothing else would tell when all is equal so far: TCP waits two hours before it probes */
	if (asked && !p[2].revents && dmm_now_ms() >= w->asked_ms + w->job->silence_ms) {
		*end = dmm_copy_fail(w, DMM_COPY_LINK, DMM_EXIT_TRANSPORT, "the receiver gave no hashes for "
				     "%u s", w->job->silence_ms / 1000);
		return -1;
	}
	if (w->oldest < w->sending && dmm_now_ms() >= w->progress_ms + ACK_MS) {
		*end = dmm_copy_fail(w, DMM_COPY_LINK, DMM_EXIT_TRANSPORT, "connection %u: nothing was "
				     "acknowledged for %u s", w->index, ACK_MS / 1000);
		return -1;
	}
	return 0;
}

enum dmm_copy_end dmm_copy_worker_run(struct dmm_copy_worker *w)
{
	enum dmm_copy_end end = DMM_COPY_DONE;
	bool blocked = false;
	int reaped, filled;

	for (;;) {
		if (atomic_load(&w->job->stopping))
			return DMM_COPY_STOPPED;
		if (!w->job->differs && dmm_copy_take_acks(w, &end))
			return end;
		reaped = worker_reap(w, &end);
		if (reaped < 0)
			return end;
		if (dmm_copy_send(w, &blocked, &end))
			return end;
		filled = worker_fill(w, &end);
		if (filled < 0)
			return end;
		if (!filled && !reaped) {
			/* nothing to join them with is coming soon */
			if (w->zero_window && dmm_copy_has_room(w)) {
				dmm_copy_flush_zero(w);
				continue;
			}
			if (worker_is_done(w))
				return DMM_COPY_DONE;
		}
		/* what ended at once, or can be sent, is not waited for */
		if (filled || (reaped && !blocked) ||
		    (w->sending < w->cut && !blocked && !w->paced_until_ns))
			continue;
		if (worker_wait(w, blocked, &end))
			return end;
	}
}
