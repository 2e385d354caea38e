// SPDX-License-Identifier: GPL-2.0
/*
 * Life of a data connection: set-up in order, a loop of named steps, the
 * mirror of the set-up.  One thread; once attached it never waits for anything but in
 * data_wait(), for a flush, for a queue that is full, and at the very end for its own writes.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "data_priv.h"
#include "disk_ops.h"
#include "fullio.h"
#include "keys_peers.h"
#include "migrations.h"
#include "wireio.h"

#define JOIN_TIMEOUT_MS	3000u	/* for buffers that others hold beyond their guarantee */

/* Acknowledges what has ended; the last word comes when nothing is in flight. */
static void data_say_final(struct dmm_data *d)
{
	if (d->phase != RX_OVER || d->in_order || !d->have_final)
		return;
	d->have_final = false;
	dmm_data_queue_ack(d, &d->final);
}

static bool data_is_over(const struct dmm_data *d)
{
	if (d->engine_broken)
		return true;
	if (d->phase != RX_OVER || d->in_order)
		return false;
	return d->broken || (!d->have_final && d->acks_sent == d->acks_bytes);
}

static void data_check_orders(struct dmm_data *d, bool stopping)
{
	if (stopping && !d->stop_ms)
		d->stop_ms = dmm_now_ms();
	if (d->phase == RX_OVER)
		return;
	if (stopping) {
		d->frame.seq = 0;
		d->frame.type = DMM_MSG_DATA;
		dmm_data_refuse(d, DMM_WERR_SHUTDOWN, "the receiver is going down");
	} else if (atomic_load(&d->at.kicked)) {
		/* whoever wants the disk has a newer connection: this one is dead or unwanted */
		dmm_notice(&d->s->log_id, "closed: the disk was attached anew or forgotten");
		d->broken = true;
		d->phase = RX_OVER;
	} else if (atomic_load(&d->at.failed)) {
		d->frame.seq = 0;
		d->frame.type = DMM_MSG_DATA;
		dmm_data_refuse(d, dmm_disk_error(d->disk), "the disk has failed");
	}
}

/* When a source that does not take its acknowledgements is given up; soon when we go down. */
static u64 data_ack_deadline(const struct dmm_data *d)
{
	u64 until = d->tx_progress_ms + d->s->rc->ack_ms, soon;

	if (!d->stop_ms)
		return until;
	/* the first one that was queued after the stop has its time, too; dribbling does not help */
	soon = d->stop_ms > d->tx_began_ms ? d->stop_ms : d->tx_began_ms;
	soon += DMM_STOP_GRACE_MS;
	return soon < until ? soon : until;
}

static void data_check_deadlines(struct dmm_data *d)
{
	u64 now_ms = dmm_now_ms();

	if (dmm_data_wants_bytes(d) && dmm_data_in_frame(d) &&
	    now_ms - d->rx_progress_ms >= d->s->rc->stall_ms)
		dmm_data_refuse(d, DMM_WERR_PROTOCOL, "the rest of a frame did not come in time");
	if (!d->broken && d->acks_sent < d->acks_bytes &&
	    now_ms >= data_ack_deadline(d)) {
		dmm_warn(&d->s->log_id, "closed: the source does not take its acknowledgements");
		d->broken = true;
		d->phase = RX_OVER;
	}
}

static int data_timeout(const struct dmm_data *d)
{
	u64 now_ms = dmm_now_ms(), until = DMM_NO_DEADLINE;

	if (dmm_data_wants_bytes(d) && dmm_data_in_frame(d))
		until = d->rx_progress_ms + d->s->rc->stall_ms;
	if (d->acks_sent < d->acks_bytes && data_ack_deadline(d) < until)
		until = data_ack_deadline(d);
	if (until == DMM_NO_DEADLINE)
		return -1;
	if (until <= now_ms)
		return 0;
	return until - now_ms >= INT_MAX ? INT_MAX : (int)(until - now_ms) + 1;
}

/* Waits for something to do. Returns whether the daemon is going down. */
static bool data_wait(struct dmm_data *d, bool at_once)
{
	short events = (dmm_data_wants_bytes(d) ? POLLIN : 0) |
		       (d->acks_sent < d->acks_bytes ? POLLOUT : 0);
	struct pollfd p[4] = {
		/* a socket that nothing is wanted of would report its hang-up for ever */
		{ .fd = events && !d->broken ? d->s->fd : -1, .events = events },
		{ .fd = d->wake_fd, .events = POLLIN },
		{ .fd = d->writer.ops->event_fd(d->writer.engine), .events = POLLIN },
		{ .fd = d->stop_ms ? -1 : d->s->rc->stop_fd, .events = POLLIN },
	};
	eventfd_t ignored;

	if (!at_once)
		dmm_data_expect_bytes(d);
	if (poll(p, 4, at_once ? 0 : data_timeout(d)) < 0)
		return false;
	if (p[1].revents)
		eventfd_read(d->wake_fd, &ignored);
	return p[3].revents;
}

/*
 * Whatever decides that it is over comes before data_say_final(): nothing would wake the
 * thread for a word that nobody has said yet.
 */
static void data_loop(struct dmm_data *d)
{
	bool more = false, stopping = false;

	for (;;) {
		data_check_orders(d, stopping);
		dmm_data_reap(d);
		if (d->engine_broken)
			return;
		dmm_disk_bound_dirty(d->disk);
		dmm_data_start_ready(d);
		more = dmm_data_receive(d);
		data_check_deadlines(d);	/* what came may not have been enough to wake us */
		more |= dmm_data_zero(d);
		dmm_writer_submit(&d->writer);
		dmm_data_barrier(d);
		data_say_final(d);
		more |= dmm_data_send_acks(d);
		if (data_is_over(d))
			return;
		/* writes that an engine did at once will not raise its event */
		stopping = data_wait(d, more || dmm_writer_has_ended(&d->writer));
	}
}

/* Nothing may refer to the slots or their buffers after this. */
static void data_drain(struct dmm_data *d)
{
	u32 i;

	dmm_writer_close(&d->writer);	/* waits for every write */
	if (d->slot)
		dmm_data_put_slot(d, d->slot);
	for (i = 0; i < DMM_DATA_DEPTH; i++) {
		if (!d->slots[i].ordered)
			continue;
		/* whatever became of its write */
		dmm_proof_unsure(&d->disk->proof, d->slots[i].extent.first_bytes,
				 d->slots[i].extent.end_bytes);
		dmm_order_done(&d->disk->order, &d->slots[i].extent);
		dmm_data_put_slot(d, &d->slots[i]);
	}
}

/* The engine broke: whatever was in flight may be lost. The source must not wait for it. */
static void data_say_broken(struct dmm_data *d)
{
	const struct dmm_ack ack = { .type = DMM_MSG_DATA, .status = dmm_disk_error(d->disk) };

	if (d->broken)
		return;
	dmm_data_queue_ack(d, &ack);	/* has_ack_room() keeps room for a last one */
	dmm_sock_write(d->s->fd, (u8 *)d->acks + d->acks_sent, d->acks_bytes - d->acks_sent,
		       dmm_now_ms() + DMM_STOP_GRACE_MS, -1);
}

static int data_open_writer(struct dmm_data *d, struct dmm_refusal *r)
{
	struct dmm_receiver *rc = d->s->rc;
	const struct dmm_engine_ops *engine = rc->engine;
	const struct dmm_engine_target t = {
		.fd = d->disk->dest.fd,
		.nbd = d->disk->dest.nbd,
		.buffers = rc->pool->memory,
		.buffers_bytes = dmm_bufpool_bytes(rc->pool),
	};
	int ret;

	if (t.nbd)
		engine = &dmm_engine_nbd;
	else if (rc->engine_auto && dmm_engine_inline_suits(t.fd))
		engine = &dmm_engine_inline;
	ret = dmm_writer_open(&d->writer, engine, &t, DMM_DATA_DEPTH, d->disk->dest.align_bytes);
	if (ret && (rc->engine_auto || ret == -EUSERS) && engine == &dmm_engine_uring) {
		/* there is a limit to locked memory, perhaps, and others are below it */
		dmm_notice(&d->s->log_id, "no I/O by %s for this connection: %s", engine->name,
			   strerror(-ret));
		engine = &dmm_engine_libaio;
		ret = dmm_writer_open(&d->writer, engine, &t, DMM_DATA_DEPTH,
				      d->disk->dest.align_bytes);
	}
	if (!ret)
		return 0;
	return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot set up I/O by %s: %s%s", engine->name,
			  strerror(-ret), ret == -EAGAIN ? ": raise fs.aio-max-nr" : "");
}

static int data_set_up(struct dmm_data *d, const struct dmm_attach *a, struct dmm_refusal *r)
{
	struct dmm_receiver *rc = d->s->rc;
	u32 i;
	int ret;

	dmm_list_init(&d->free);
	dmm_list_init(&d->zeros);
	for (i = 0; i < DMM_DATA_DEPTH; i++)
		dmm_list_add_tail(&d->free, &d->slots[i].node);
	d->frame.type = DMM_MSG_DATA;

	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->wake_fd < 0)
		return dmm_refuse(r, DMM_WERR_LIMIT, "out of file descriptors");
	dmm_order_owner_init(&d->owner, d->wake_fd);
	ret = dmm_disk_attach(d->disk, a, &d->at, d->wake_fd, rc->stop_fd, r);
	if (ret)
		goto err_close_wake;
	ret = dmm_bufpool_join(rc->pool, &d->user, d->wake_fd, JOIN_TIMEOUT_MS);
	if (ret) {
		ret = dmm_refuse(r, DMM_WERR_LIMIT, ret == -ETIMEDOUT ?
				 "writes that hang hold all buffers: see which destinations here do "
				 "not answer, or raise 'buffers' in dmmigrated.conf" :
				 "all buffers are taken: raise 'buffers' in dmmigrated.conf "
				 "(2M for each data connection at least)");
		goto err_detach;
	}
	ret = data_open_writer(d, r);
	if (ret)
		goto err_leave;
	return 0;

err_leave:
	dmm_bufpool_leave(rc->pool, &d->user);
err_detach:
	dmm_disk_detach(d->disk, &d->at);
err_close_wake:
	close(d->wake_fd);
	return ret;
}

static void data_tear_down(struct dmm_data *d)
{
	data_drain(d);
	if (d->engine_broken)
		data_say_broken(d);
	dmm_bufpool_leave(d->s->rc->pool, &d->user);
	dmm_disk_detach(d->disk, &d->at);
	close(d->wake_fd);
	free(d->look);
}

/* Is it the connection that its key was for? */
static int data_check_key(const struct dmm_session *s, const struct dmm_attach *a, const struct dmm_disk *d,
			  struct dmm_refusal *r)
{
	const struct dmm_attach *k = &s->key.attach;

	if (!s->by_key)
		return 0;
	if (memcmp(k->name.migration, a->name.migration, sizeof(k->name.migration)) || k->name.disk != a->name.disk ||
	    k->epoch != a->epoch || k->index != a->index || k->conns != a->conns)
		return dmm_refuse(r, DMM_WERR_DENIED, "the key is that of connection %u of epoch %llu of disk %u, not of this one",
				  k->index, k->epoch, k->name.disk);
	if (s->key.size_bytes != d->prepare.size_bytes || !dmm_peer_host_equal(s->key.peer, d->prepare.peer))
		return dmm_refuse(r, DMM_WERR_DENIED, "the disk was prepared anew since the key was made");
	return 0;
}

void dmm_data_serve(struct dmm_disk *disk, struct dmm_session *s, const struct dmm_attach *a)
{
	struct dmm_data *d = calloc(1, sizeof(*d));
	struct dmm_refusal r;
	int ret;

	if (d) {
		d->s = s;
		d->disk = disk;
		d->sum_kind = dmm_sum_kind(s->features);
		ret = data_set_up(d, a, &r);
	} else {
		ret = dmm_refuse(&r, DMM_WERR_INTERNAL, "out of memory");
	}
	if (ret) {
		dmm_session_refuse(s, &r);
		free(d);
		return;
	}
	dmm_info(&s->log_id, "data connection %u of epoch %llu attached, by %s", a->index, a->epoch,
		 dmm_writer_describe(&d->writer));
	if (!dmm_session_reply(s, DMM_MSG_ATTACHED, NULL, 0))
		data_loop(d);
	/* the peer may still be sending: let it read what was said last */
	s->refused = !d->broken;
	data_tear_down(d);
	free(d);
}

void dmm_data_run(struct dmm_session *s, const u8 *payload)
{
	struct dmm_disk *d = NULL;
	struct dmm_refusal r;
	struct dmm_attach a;
	int ret;

	ret = dmm_attach_decode(payload, &a, &r);
	if (ret)
		goto out_refuse;
	memcpy(s->log_id.migration, a.name.migration, DMM_ID_BYTES);
	s->log_id.disk = a.name.disk;
	ret = s->rc->migrations ? dmm_migrations_may_attach(s->rc->migrations, &a.name, &r) : 0;
	if (ret)
		goto out_refuse;
	d = dmm_registry_get(&s->rc->registry, &a.name, &r);
	ret = d ? data_check_key(s, &a, d, &r) : -ENOENT;
	if (!ret)
		d->ops->serve(d, s, &a);
out_refuse:
	if (ret)
		dmm_session_refuse(s, &r);
	dmm_registry_put(&s->rc->registry, d);
}
