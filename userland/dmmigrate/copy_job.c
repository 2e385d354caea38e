// SPDX-License-Identifier: GPL-2.0
/*
 * The plan of an offline copy, its threads, and the connections as a set.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "copy_job.h"
#include "fullio.h"
#include "thread.h"

#define BARRIER_MS	300000u	/* a flush of everything that a slow disk has in its cache */
#define DIRECT_DEPTH	8u

int dmm_copy_job_init(struct dmm_copy_job *job, struct dmm_copy_source *source, u32 conns, u64 rate)
{
	u32 i;

	memset(job, 0, sizeof(*job));
	job->source = source;
	job->conns = conns;
	/* reads that end in submit are best followed by the use of what they read */
	job->depth = source->direct ? DIRECT_DEPTH : 1;
	job->silence_ms = DMM_REMOTE_SLOW_MS;
	pthread_mutex_init(&job->lock, NULL);
	dmm_cond_init(&job->changed);
	dmm_pacer_init(&job->pacer, rate, dmm_now_ns());
	job->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->workers = calloc(conns, sizeof(*job->workers));
	if (!job->workers || job->stop_fd < 0)
		return job->workers ? -errno : -ENOMEM;
	/* all set up before any is opened: exit closes each of them */
	for (i = 0; i < conns; i++) {
		job->workers[i].job = job;
		job->workers[i].index = i;
		dmm_remote_init(&job->workers[i].data);
		dmm_remote_init(&job->workers[i].ask);
	}
	return 0;
}

int dmm_copy_job_open_engine(struct dmm_copy_job *job)
{
	u32 i;
	int ret = 0;

	for (i = 0; i < job->conns && !ret; i++)
		ret = dmm_copy_worker_open(&job->workers[i]);
	return ret;
}

void dmm_copy_job_exit(struct dmm_copy_job *job)
{
	u32 i;

	for (i = 0; job->workers && i < job->conns; i++)
		dmm_copy_worker_close(&job->workers[i]);
	free(job->workers);
	free(job->again);
	if (job->stop_fd >= 0)
		close(job->stop_fd);
	pthread_cond_destroy(&job->changed);
	pthread_mutex_destroy(&job->lock);
}

/* --- the plan --- */

static u64 job_seek(const struct dmm_copy_job *job, u64 pos, int whence, u64 unknown)
{
	off_t at;

	at = lseek(job->source->plain_fd, (off_t)pos, whence);
	if (at < 0)
		return errno == ENXIO && whence == SEEK_DATA ? job->source->size_bytes : unknown;
	return (u64)at;
}

/*
 * Finds the next data. A hole is of use only where zeros need no payload.  Looked for once for
 * each, because tmpfs looks page by page.
 */
static void job_look(struct dmm_copy_job *job, u64 pos)
{
	u64 size = job->source->size_bytes;

	job->data_bytes = pos;
	job->data_end_bytes = size;
	if ((!job->empty && !(job->features & DMM_FEATURE_ZERO)) || !job->source->holes)
		return;
	job->data_bytes = job_seek(job, pos, SEEK_DATA, pos);
	if (job->data_bytes < size)
		job->data_end_bytes = job_seek(job, job->data_bytes, SEEK_HOLE, size);
}

bool dmm_copy_job_take(struct dmm_copy_job *job, struct dmm_copy_range *range)
{
	u64 size = job->source->size_bytes, data;
	bool some = true;

	pthread_mutex_lock(&job->lock);
	if (job->nr_again) {
		*range = job->again[--job->nr_again];
	} else if (job->pos_bytes < size) {
		if (job->pos_bytes >= job->data_end_bytes)
			job_look(job, job->pos_bytes);
		data = dmm_max_u64(job->pos_bytes, job->data_bytes);
		*range = dmm_copy_next(job->pos_bytes, size, data, job->data_end_bytes);
		job->pos_bytes = range->end_bytes;
	} else {
		some = false;
	}
	pthread_mutex_unlock(&job->lock);
	return some;
}

void dmm_copy_job_again(struct dmm_copy_job *job, const struct dmm_copy_range *range,
			u64 counted_bytes)
{
	struct dmm_copy_range *more;

	pthread_mutex_lock(&job->lock);
	atomic_fetch_sub(&job->done_bytes, counted_bytes);
	if (job->nr_again == job->room_again) {
		more = realloc(job->again, (job->room_again + 64) * sizeof(*more));
		if (!more) {	/* a few bytes: then from the beginning, rather than never */
			job->pos_bytes = job->data_end_bytes = 0;
			job->nr_again = 0;
			atomic_store(&job->done_bytes, 0);
			goto out_unlock;
		}
		job->again = more;
		job->room_again += 64;
	}
	job->again[job->nr_again++] = *range;
out_unlock:
	pthread_mutex_unlock(&job->lock);
}

void dmm_copy_job_restart(struct dmm_copy_job *job)
{
	pthread_mutex_lock(&job->lock);
	job->pos_bytes = job->data_end_bytes = 0;
	job->nr_again = 0;
	atomic_store(&job->done_bytes, 0);
	job->compare = job->features & DMM_FEATURE_HASHES;
	pthread_mutex_unlock(&job->lock);
}

bool dmm_copy_job_complete(struct dmm_copy_job *job)
{
	return atomic_load(&job->done_bytes) == job->source->size_bytes;
}

bool dmm_copy_is_paced(struct dmm_copy_worker *w, u32 bytes)
{
	struct dmm_copy_job *job = w->job;
	u64 now_ns, delay_ns = 0;

	if (!job->differs && !job->pacer.rate)	/* which stays so: no lock for each frame */
		return false;
	now_ns = dmm_now_ns();
	pthread_mutex_lock(&job->lock);
	if (bytes)
		delay_ns = dmm_pacer_delay_ns(&job->pacer, bytes, now_ns);
	if (!delay_ns)
		dmm_pacer_take(&job->pacer, bytes, now_ns);
	pthread_mutex_unlock(&job->lock);
	w->paced_until_ns = delay_ns ? now_ns + delay_ns : 0;
	return delay_ns;
}

void dmm_copy_job_set_rate(struct dmm_copy_job *job, u64 rate)
{
	pthread_mutex_lock(&job->lock);
	if (rate != job->pacer.rate)
		dmm_pacer_set_rate(&job->pacer, rate, dmm_now_ns());
	pthread_mutex_unlock(&job->lock);
}

/* --- failures --- */

static void job_fail(struct dmm_copy_job *job, enum dmm_copy_end end, enum dmm_exit code,
		     const char *why)
{
	pthread_mutex_lock(&job->lock);
	if (end > job->first) {
		job->first = end;
		job->exit = code;
		snprintf(job->why, sizeof(job->why), "%s", why);
	}
	pthread_mutex_unlock(&job->lock);
	atomic_store(&job->stopping, true);
	eventfd_write(job->stop_fd, 1);
}

enum dmm_copy_end dmm_copy_fail(struct dmm_copy_worker *w, enum dmm_copy_end end, enum dmm_exit code,
				const char *fmt, ...)
{
	char why[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	job_fail(w->job, end, code, why);
	return end;
}

/* What a request of ours met, by its kind: worth another try, or not. */
static int remote_failed(struct dmm_copy_job *job, const struct dmm_remote *r)
{
	bool again = !r->code || r->code == DMM_WERR_SHUTDOWN;

	job_fail(job, again ? DMM_COPY_LINK : DMM_COPY_FAILED, r->exit, r->why);
	return r->err;
}

/* --- connections and threads --- */

/* What is compared with has to be the very receiver that has the data connections. */
static int worker_compares(struct dmm_copy_worker *w)
{
	struct dmm_copy_job *job = w->job;

	if (!(w->ask.client.features & DMM_FEATURE_HASHES)) {
		job_fail(job, DMM_COPY_FAILED, DMM_EXIT_PREFLIGHT,
			 "the receiver is older and has no hashes: nothing can be compared");
		return -EOPNOTSUPP;
	}
	if (!memcmp(w->ask.hello.instance, job->instance, sizeof(job->instance)))
		return 0;
	job_fail(job, DMM_COPY_LINK, DMM_EXIT_TRANSPORT, "the receiver was restarted just now");
	return -ECONNRESET;
}

static int worker_attach(struct dmm_copy_worker *w)
{
	struct dmm_copy_job *job = w->job;
	struct dmm_wire_attach at;
	int ret;

	w->data.offer = w->ask.offer = job->features;
	if (!job->differs) {
		dmm_remote_attach_to(&at, job->id, job->disk, job->conn_epoch, w->index, job->conns);
		if (dmm_remote_open_data(&w->data, job->control, job->to, &at, false))
			return remote_failed(job, &w->data);
	}
	if (job->compare && dmm_remote_open(&w->ask, job->to))
		return remote_failed(job, &w->ask);
	ret = job->differs ? worker_compares(w) : 0;
	if (ret)
		return ret;
	w->ask.client.timeout_ms = DMM_REMOTE_SLOW_MS;
	dmm_copy_send_reset(w);
	return 0;
}

static void *worker_thread(void *arg)
{
	struct dmm_copy_worker *w = arg;
	struct dmm_copy_job *job = w->job;

	w->end = dmm_copy_worker_run(w);
	pthread_mutex_lock(&job->lock);
	job->running--;
	pthread_cond_signal(&job->changed);
	pthread_mutex_unlock(&job->lock);
	return NULL;
}

int dmm_copy_job_start(struct dmm_copy_job *job)
{
	eventfd_t ignored;
	u32 i;
	int ret = 0;

	eventfd_read(job->stop_fd, &ignored);
	atomic_store(&job->stopping, false);
	job->first = DMM_COPY_DONE;
	for (i = 0; i < job->conns && !ret; i++)
		ret = worker_attach(&job->workers[i]);
	for (i = 0; i < job->conns && !ret; i++) {
		pthread_mutex_lock(&job->lock);
		job->running++;
		pthread_mutex_unlock(&job->lock);
		ret = -pthread_create(&job->workers[i].thread, NULL, worker_thread, &job->workers[i]);
		job->workers[i].running = !ret;
		if (!ret)
			continue;
		pthread_mutex_lock(&job->lock);
		job->running--;
		pthread_mutex_unlock(&job->lock);
		job_fail(job, DMM_COPY_FAILED, DMM_EXIT_LOCAL, "cannot start a thread");
	}
	if (!ret)
		return 0;
	dmm_copy_job_stop(job);
	dmm_copy_job_disconnect(job, false);
	return ret;
}

bool dmm_copy_job_wait(struct dmm_copy_job *job, u32 timeout_ms)
{
	struct timespec until;
	bool ended;

	dmm_deadline(timeout_ms, &until);
	pthread_mutex_lock(&job->lock);
	while (job->running && !pthread_cond_timedwait(&job->changed, &job->lock, &until))
		;
	ended = !job->running;
	pthread_mutex_unlock(&job->lock);
	return ended;
}

void dmm_copy_job_stop(struct dmm_copy_job *job)
{
	struct dmm_copy_worker *w;
	u32 i;

	atomic_store(&job->stopping, true);
	eventfd_write(job->stop_fd, 1);
	for (i = 0; i < job->conns; i++) {
		w = &job->workers[i];
		if (!w->running)
			continue;
		pthread_join(w->thread, NULL);
		w->running = false;
		dmm_copy_worker_return(w);
	}
}

void dmm_copy_job_disconnect(struct dmm_copy_job *job, bool orderly)
{
	/* nothing of what TCP still has is worth being delivered any more */
	static const struct linger reset = { .l_onoff = 1 };
	struct dmm_copy_worker *w;
	u32 i;

	for (i = 0; i < job->conns; i++) {
		w = &job->workers[i];
		if (w->data.client.fd >= 0 && orderly) {
			w->cut--;	/* the number of the last frame */
			dmm_wireio_send(w->data.client.fd, DMM_MSG_END, &w->cut, NULL, 0, 1000);
		} else if (w->data.client.fd >= 0) {
			setsockopt(w->data.client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		}
		dmm_remote_close(&w->data);
		dmm_remote_close(&w->ask);
	}
}

int dmm_copy_job_barrier(struct dmm_copy_job *job)
{
	struct dmm_copy_worker *w = &job->workers[0];
	struct dmm_frame f = { .type = DMM_MSG_BARRIER, .seq = w->cut, .arg = 1 };
	struct dmm_wire_hdr hdr;
	struct dmm_wire_ack wire;
	struct dmm_ack a;
	int ret;

	dmm_wire_hdr_encode(&hdr, &f);
	dmm_wire_hdr_seal(&hdr, dmm_wire_hdr_crc(&hdr));
	ret = dmm_sock_write(w->data.client.fd, &hdr, sizeof(hdr), dmm_now_ms() + BARRIER_MS, -1);
	if (!ret)
		ret = dmm_sock_read(w->data.client.fd, &wire, sizeof(wire), dmm_now_ms() + BARRIER_MS,
				    -1);
	if (ret) {
		dmm_copy_fail(w, DMM_COPY_LINK, DMM_EXIT_TRANSPORT,
			      "the barrier was not acknowledged: %s", strerror(-ret));
		return ret;
	}
	if (dmm_wire_ack_decode(&wire, &a) ||
	    (!a.status && (a.type != f.type || a.seq != f.seq || a.arg != f.arg))) {
		dmm_copy_fail(w, DMM_COPY_FAILED, DMM_EXIT_TRANSPORT,
			      "the barrier was acknowledged wrongly");
		return -EPROTO;
	}
	if (a.status) {
		dmm_copy_fail(w, a.status == DMM_WERR_SHUTDOWN ? DMM_COPY_LINK : DMM_COPY_FAILED,
			      dmm_exit_from_wire(a.status), "the receiver could not flush: %s",
			      dmm_wire_err_text(a.status));
		return -EIO;
	}
	w->cut++;
	return 0;
}
