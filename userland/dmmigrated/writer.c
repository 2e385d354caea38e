// SPDX-License-Identifier: GPL-2.0
/*
 * What all engines have in common: the rest of a short write is written
 * again from the last aligned byte, EAGAIN and EINTR are repeated, an end
 * of file or no progress at all becomes EIO.
 */
#include <errno.h>
#include <string.h>

#include "writer.h"

#define REAP_BATCH	32

int dmm_writer_open(struct dmm_writer *w, const struct dmm_engine_ops *ops,
		    const struct dmm_engine_target *target, u32 depth, u32 align_bytes)
{
	int ret;

	memset(w, 0, sizeof(*w));
	dmm_list_init(&w->backlog);
	dmm_list_init(&w->ended);
	w->align_bytes = align_bytes;
	ret = ops->open(target, depth, &w->engine);
	if (!ret)
		w->ops = ops;
	return ret;
}

void dmm_writer_close(struct dmm_writer *w)
{
	if (w->ops)
		w->ops->close(w->engine);
	w->ops = NULL;
}

static void writer_queue(struct dmm_writer *w, struct dmm_write *write)
{
	write->io.zero = write->zero;
	write->io.buf = (char *)write->buf + write->done_bytes;
	write->io.bytes = write->bytes - write->done_bytes;
	write->io.offset_bytes = write->offset_bytes + write->done_bytes;
	switch (w->ops->queue(w->engine, &write->io)) {
	case DMM_IO_QUEUED:
		w->queued++;
		break;
	case DMM_IO_DONE:
		dmm_list_add_tail(&w->ended, &write->node);
		break;
	case DMM_IO_BUSY:
		dmm_list_add_tail(&w->backlog, &write->node);
		break;
	}
}

void dmm_writer_start(struct dmm_writer *w, struct dmm_write *write)
{
	write->error = 0;
	write->done_bytes = 0;
	write->retries = 0;
	dmm_list_init(&write->node);
	w->in_flight++;
	/* first come, first served: nobody overtakes the backlog */
	if (dmm_list_empty(&w->backlog))
		writer_queue(w, write);
	else
		dmm_list_add_tail(&w->backlog, &write->node);
}

/* Tries each of the backlog once. */
static void writer_retry_backlog(struct dmm_writer *w)
{
	struct dmm_list *end = w->backlog.prev, *pos;
	bool last;

	if (dmm_list_empty(&w->backlog))
		return;
	do {
		pos = w->backlog.next;
		last = pos == end;
		dmm_list_del(pos);
		writer_queue(w, dmm_list_entry(pos, struct dmm_write, node));
	} while (!last);
}

void dmm_writer_submit(struct dmm_writer *w)
{
	writer_retry_backlog(w);
	w->ops->submit(w->engine);
	w->queued = 0;
}

/* Has @write ended? If not, it is on its way again. */
static bool writer_ended(struct dmm_writer *w, struct dmm_write *write)
{
	u32 before = write->done_bytes;
	s64 result = write->io.result;

	if (result < 0 && result != -EAGAIN && result != -EINTR) {
		write->error = result;
		return true;
	}
	if (result > (s64)write->io.bytes) {
		write->error = -EIO;
		return true;
	}
	if (result > 0) {
		write->done_bytes += result;
		if (write->done_bytes == write->bytes || DMM_MUTANT == 216)	/* hazard 16 */
			return true;
		/* O_DIRECT cannot go on in the middle of a block; writing it again is harmless */
		write->done_bytes &= ~(w->align_bytes - 1);
	}
	if (write->done_bytes == before && ++write->retries > DMM_WRITER_RETRIES) {
		write->error = result < 0 ? result : -EIO;
		return true;
	}
	writer_queue(w, write);
	return false;
}

static u32 writer_take_ended(struct dmm_writer *w, struct dmm_write **done, u32 max)
{
	struct dmm_write *write;
	u32 nr = 0;

	while (nr < max && !dmm_list_empty(&w->ended)) {
		write = dmm_list_entry(w->ended.next, struct dmm_write, node);
		dmm_list_del(&write->node);
		if (writer_ended(w, write))
			done[nr++] = write;
	}
	return nr;
}

int dmm_writer_reap(struct dmm_writer *w, struct dmm_write **done, u32 max, bool wait)
{
	struct dmm_io *ios[REAP_BATCH];
	u32 nr, batch;
	int i, n;

	if (!w->in_flight)
		return 0;
	do {
		nr = writer_take_ended(w, done, max);
		if (nr)
			wait = false;
		batch = max - nr < REAP_BATCH ? max - nr : REAP_BATCH;
		n = batch ? w->ops->reap(w->engine, ios, batch,
					 wait && dmm_list_empty(&w->ended)) : 0;
		if (n < 0)
			return n;
		for (i = 0; i < n; i++) {
			struct dmm_write *write = dmm_list_entry(ios[i], struct dmm_write, io);

			if (writer_ended(w, write))
				done[nr++] = write;
		}
		/* room again for what waited, and the rest of short writes */
		if (w->queued || (n && !dmm_list_empty(&w->backlog)))
			dmm_writer_submit(w);
	} while (wait && !nr);
	w->in_flight -= nr;
	return nr;
}

int dmm_writer_flush(struct dmm_writer *w)
{
	if (w->in_flight)
		return -EBUSY;
	return w->ops->flush(w->engine);
}
