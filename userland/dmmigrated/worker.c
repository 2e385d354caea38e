// SPDX-License-Identifier: GPL-2.0
/*
 * A worker's life.  Those requests that are data connections take as long as the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data.h"
#include "dest_priv.h"
#include "engine.h"
#include "ipc.h"
#include "nbduri.h"
#include "worker.h"
#include "worker_msg.h"

#define RINGS		(2 * DMM_MAX_CONNS)	/* of io_uring, made before none may be */
#define END_MS		5000u			/* for what is in flight once the daemon has gone */

static int work_open(struct dmm_receiver *rc, struct dmm_ipc_msg *msg, struct dmm_worker_ask *ask,
		     struct dmm_worker_answer *answer)
{
	const struct dmm_prepare *p = &ask->u.open.prepare;
	const struct dmm_dest_request rq = dmm_prepare_request(p, NULL);
	struct dmm_dest *dest = &ask->u.open.dest;
	int ret = 0;

	dest->nbd = NULL;
	dest->nameless = true;
	dest->fd = dmm_ipc_take(msg, 0);
	if (dmm_is_nbd(p->dest_path))
		ret = dmm_dest_connect_export(&rq, dest, &answer->refusal);
	if (ret)
		return ret;
	ret = dmm_registry_add(&rc->registry, p, ask->serial, dest, &answer->refusal);
	answer->u.dest = *dest;
	return ret;
}

static void work_serve(struct dmm_receiver *rc, struct dmm_disk *d, struct dmm_ipc_msg *msg, struct dmm_worker_ask *ask,
		       struct dmm_worker_answer *answer)
{
	struct dmm_session *s = &ask->u.serve.session;

	s->rc = rc;
	s->fd = dmm_ipc_take(msg, 0);
	s->log_id.peer = s->peer;
	dmm_data_serve(d, s, &ask->u.serve.attach);
	answer->u.refused = s->refused;
	close(s->fd);
}

/* What is asked of one disk, which is the caller's reference. */
static int work_disk(struct dmm_receiver *rc, struct dmm_disk *d, struct dmm_ipc_msg *msg, struct dmm_worker_ask *ask,
		     struct dmm_worker_answer *answer)
{
	const struct dmm_disk_ops *ops = &dmm_disk_here;
	struct dmm_refusal *r = &answer->refusal;

	switch ((enum dmm_worker_op)msg->op) {
	case DMM_WORKER_DESTROY:
		dmm_registry_forget(&rc->registry, d);
		return 0;
	case DMM_WORKER_SERVE:
		work_serve(rc, d, msg, ask, answer);
		return 0;
	case DMM_WORKER_STATUS:
		return ops->status(d, &answer->u.status, r);
	case DMM_WORKER_QUERY:
		return ops->query(d, &answer->u.query, r);
	case DMM_WORKER_FINISH:
		return ops->finish(d, ask->u.kick, rc->stop_fd, r);
	case DMM_WORKER_RELEASE:
		return ops->release(d, rc->stop_fd, r);
	case DMM_WORKER_DIGEST:
		return dmm_disk_digest(d, &ask->u.digest, dmm_ipc_take(msg, 0), rc->stop_fd, answer->u.digest, r);
	case DMM_WORKER_HASHES:
		return dmm_disk_hashes(d, &ask->u.hashes, dmm_ipc_take(msg, 0), rc->stop_fd, answer->u.hashes, r);
	case DMM_WORKER_PROVE:
		return ops->prove(d, &ask->u.prove, rc->stop_fd, answer->u.proved, r);
	case DMM_WORKER_COMPARE:
		return ops->compare(d, &ask->u.compare, &answer->u.differ, r);
	case DMM_WORKER_BARRIER:
		return ops->barrier(d, ask->u.barrier.conn_epoch, ask->u.barrier.barrier, &answer->u.barrier.flushed,
				    &answer->u.barrier.sample);
	case DMM_WORKER_SAMPLE:
		return ops->sample(d, ask->u.barrier.conn_epoch, ask->u.barrier.barrier, rc->stop_fd, answer->u.why);
	case DMM_WORKER_SAMPLE_DROP:
		ops->sample_drop(d);
		return 0;
	case DMM_WORKER_OPEN:
	case DMM_WORKER_STOP:
	case DMM_WORKER_LOG:
		break;
	}
	return dmm_refuse(r, DMM_WERR_INTERNAL, "unknown request %u of a worker", msg->op);
}

static int work(struct dmm_receiver *rc, struct dmm_ipc_msg *msg, struct dmm_worker_ask *ask,
		struct dmm_worker_answer *answer)
{
	struct dmm_disk *d;
	int ret;

	if (msg->bytes != sizeof(*ask))
		return dmm_refuse(&answer->refusal, DMM_WERR_INTERNAL, "a request of another size");
	if (msg->op == DMM_WORKER_OPEN)
		return work_open(rc, msg, ask, answer);
	if (msg->op == DMM_WORKER_STOP) {
		dmm_receiver_stop(rc);
		return 0;
	}
	if (msg->op == DMM_WORKER_LOG) {
		dmm_log_set_max(ask->u.log_level);
		return 0;
	}
	d = dmm_registry_get(&rc->registry, &ask->name, &answer->refusal);
	if (!d)
		return -ENOENT;
	if (d->serial == ask->serial)
		ret = work_disk(rc, d, msg, ask, answer);
	else
		ret = dmm_refuse(&answer->refusal, DMM_WERR_BUSY, "the disk of before is still being closed: try again");
	dmm_registry_put(&rc->registry, d);
	return ret;
}

static void work_handle(void *ctx, struct dmm_ipc_msg *msg)
{
	struct dmm_worker_answer *answer = calloc(1, sizeof(*answer));

	if (answer) {
		answer->ret = work(ctx, msg, msg->data, answer);
		dmm_ipc_answer(msg, answer, sizeof(*answer), -1, -1);
	} else {
		dmm_ipc_free(msg);	/* who asked sees that there is no answer */
	}
	free(answer);
}

static void work_gone(void *ctx)
{
	dmm_receiver_stop(ctx);
}

void dmm_worker_run(struct dmm_config *c, int sock, const struct dmm_sandbox *box)
{
	static struct dmm_receiver rc;
	char what[DMM_SANDBOX_WHAT];
	int ret;

	ret = dmm_receiver_init(&rc, c);
	if (!ret && rc.engine == &dmm_engine_uring && dmm_uring_stock(RINGS)) {
		dmm_notice(NULL, "no I/O by io_uring: its rings cannot be kept to what they are for here");
		rc.engine = &dmm_engine_libaio;
	}
	if (!ret)
		ret = dmm_sandbox_enter(box, what);
	if (ret) {
		dmm_err(NULL, "a worker cannot begin: %s", ret == -EPERM ? what : strerror(-ret));
		_exit(EXIT_FAILURE);
	}
	dmm_debug(NULL, "worker: %s", what);
	/* at the end nobody hears of it any more, but what was acknowledged is written */
	ret = dmm_ipc_serve(sock, work_handle, work_gone, &rc, END_MS);
	_exit(ret ? EXIT_FAILURE : EXIT_SUCCESS);
}
