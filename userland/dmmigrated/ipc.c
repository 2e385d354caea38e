// SPDX-License-Identifier: GPL-2.0
/*
 * Requests between the daemon's processes.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "ipc.h"
#include "thread.h"

#define ERROR_MS	10	/* out of memory or descriptors: that request is lost, not those who ask */
#define ALL_FDS	(DMM_IPC_FDS + 1)	/* and where the answer goes */

struct header {
	u32 op;
	u32 fds;		/* bits: which of DMM_IPC_FDS there are */
};

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(ALL_FDS * sizeof(int))];
};

int dmm_ipc_pair(int fds[2])
{
	int bytes = 2 * DMM_IPC_BYTES, i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	for (i = 0; i < 2; i++)	/* what cannot be had is found out by the first large message */
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

static void message_free(struct dmm_ipc_msg *m)
{
	u32 i;

	free(m->data);
	m->data = NULL;
	for (i = 0; i < DMM_IPC_FDS; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
		m->fds[i] = -1;
	}
}

void dmm_ipc_free(struct dmm_ipc_msg *m)
{
	message_free(m);
	if (m->reply >= 0)
		close(m->reply);
	m->reply = -1;
}

int dmm_ipc_take(struct dmm_ipc_msg *m, u32 i)
{
	return dmm_take_fd(m->fds[i]);
}

static int ipc_send(int sock, u32 op, const void *data, u32 bytes, const int *fds, u32 nr_fds, int reply, int flags)
{
	struct header h = { .op = op };
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)data, bytes } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = bytes ? 2 : 1 };
	int all[ALL_FDS];
	union control c;
	u32 nr = 0, i;
	ssize_t n;

	for (i = 0; i < nr_fds; i++) {
		if (fds[i] < 0)
			continue;
		h.fds |= 1u << i;
		all[nr++] = fds[i];
	}
	if (reply >= 0)
		all[nr++] = reply;
	if (nr) {
		memset(&c, 0, sizeof(c));
		msg.msg_control = &c;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), all, nr * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | flags);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

/* Sorts what came: descriptors that were announced, and one more when a request was expected. */
static int take_fds(struct msghdr *msg, u32 bits, bool request, struct dmm_ipc_msg *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int all[ALL_FDS];
	u32 nr = 0, at = 0, i;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		nr = (u32)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(all, CMSG_DATA(c), nr * sizeof(int));
	}
	for (i = 0; i < DMM_IPC_FDS; i++) {
		if (bits & 1u << i && at < nr)
			m->fds[i] = all[at++];
	}
	if (request && at < nr)
		m->reply = all[at++];
	if (at == nr && (!request || m->reply >= 0) && !(msg->msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
		return 0;
	while (at < nr)
		close(all[at++]);
	return -EPROTO;
}

static int ipc_recv(int sock, struct dmm_ipc_msg *m, bool request)
{
	struct header h = { 0 };
	struct iovec iov[2] = { { &h, sizeof(h) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union control c;
	ssize_t n;
	u32 i;
	int ret;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < DMM_IPC_FDS; i++)
		m->fds[i] = -1;
	m->reply = -1;
	do
		n = recv(sock, NULL, 0, MSG_PEEK | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n && errno != ECONNRESET ? -errno : 0;
	m->data = malloc(DMM_IPC_BYTES);
	if (!m->data)
		return -ENOMEM;
	iov[1] = (struct iovec){ m->data, DMM_IPC_BYTES };
	msg.msg_control = &c;
	msg.msg_controllen = sizeof(c);
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(h)) {
		ret = n < 0 ? -errno : n ? -EPROTO : 0;
		if (n > 0)
			take_fds(&msg, 0, false, m);	/* none is announced: closes all */
		message_free(m);
		return ret;
	}
	m->op = h.op;
	m->bytes = (u32)((size_t)n - sizeof(h));
	ret = take_fds(&msg, h.fds, request, m);
	if (!ret)
		return 1;
	dmm_ipc_free(m);
	return ret;
}

int dmm_ipc_ask(int sock, u32 op, const void *data, u32 bytes, const int *fds, u32 nr_fds, struct dmm_ipc_msg *answer,
		u64 deadline_ms, int stop_fd)
{
	int pair[2], ret;

	ret = dmm_ipc_pair(pair);
	if (ret)
		return ret;
	/* when many have asked and nothing is taken, who asks next waits no longer than for an answer */
	while ((ret = ipc_send(sock, op, data, bytes, fds, nr_fds, pair[1], MSG_DONTWAIT)) == -EAGAIN) {
		ret = dmm_wait_fd(sock, POLLOUT, deadline_ms, stop_fd);
		if (ret)
			break;
	}
	close(pair[1]);
	if (!ret)
		ret = dmm_wait_fd(pair[0], POLLIN, deadline_ms, stop_fd);
	if (!ret) {
		ret = ipc_recv(pair[0], answer, false);
		ret = ret > 0 ? 0 : ret ? ret : -EPIPE;
	}
	/* what was given is ours alone once the other end is shut: somebody may look who has it open */
	if (!ret)
		dmm_wait_fd(pair[0], POLLIN, deadline_ms, stop_fd);
	close(pair[0]);
	return ret;
}

int dmm_ipc_next(int sock, struct dmm_ipc_msg *request)
{
	return ipc_recv(sock, request, true);
}

void dmm_ipc_answer(struct dmm_ipc_msg *request, const void *data, u32 bytes, int fd, int fd2)
{
	const int fds[2] = { fd, fd2 };

	/* one answer fits; who has filled his own socket waits for it alone */
	ipc_send(request->reply, 0, data, bytes, fds, 2, -1, MSG_DONTWAIT);
	if (fd >= 0)
		close(fd);
	if (fd2 >= 0)
		close(fd2);
	dmm_ipc_free(request);	/* which tells that they are closed */
}

/* --- serving --- */

struct server {
	void (*handle)(void *ctx, struct dmm_ipc_msg *request);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	u32 nr;			/* under way; protected by lock */
};

/* One request; its thread frees it. */
struct job {
	struct server *s;
	struct dmm_ipc_msg msg;
};

static void job_ended(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	s->nr--;
	pthread_cond_signal(&s->ended);
	pthread_mutex_unlock(&s->lock);
}

static void *job_thread(void *arg)
{
	struct job *j = arg;
	struct server *s = j->s;

	s->handle(s->ctx, &j->msg);
	free(j);
	job_ended(s);
	return NULL;
}

static void job_begin(struct server *s, struct dmm_ipc_msg *msg)
{
	struct job *j = malloc(sizeof(*j));

	if (j) {
		*j = (struct job){ .s = s, .msg = *msg };
		pthread_mutex_lock(&s->lock);
		s->nr++;
		pthread_mutex_unlock(&s->lock);
		if (!dmm_thread_detached(job_thread, j, DMM_STACK_BYTES))
			return;
		job_ended(s);
	}
	free(j);
	dmm_ipc_free(msg);	/* who asked sees that there is no answer */
}

int dmm_ipc_serve(int sock, void (*handle)(void *ctx, struct dmm_ipc_msg *request), void (*gone)(void *ctx), void *ctx,
		  u64 wait_ms)
{
	static struct server s = { .lock = PTHREAD_MUTEX_INITIALIZER };	/* those who are not waited for need it still */
	struct dmm_ipc_msg msg;
	struct timespec until;
	int ret = 0;

	s.handle = handle;
	s.ctx = ctx;
	dmm_cond_init(&s.ended);
	while ((ret = dmm_ipc_next(sock, &msg))) {
		if (ret > 0)
			job_begin(&s, &msg);
		else
			poll(NULL, 0, ERROR_MS);
	}
	if (gone)
		gone(ctx);
	dmm_deadline(wait_ms, &until);
	pthread_mutex_lock(&s.lock);
	while (s.nr && !ret)
		ret = -pthread_cond_timedwait(&s.ended, &s.lock, &until);
	ret = s.nr ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&s.lock);
	return ret;
}
