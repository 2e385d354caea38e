// SPDX-License-Identifier: GPL-2.0
/*
 * Where the kernel has no TLS: a thread or a process between the connection and one end of a socketpair.  It has
 * an end when either side has closed and what was on the way has been passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tls_priv.h"

#define RECORD_BYTES	16384u
#define TURN		16u		/* records, and then the other way's */
#if defined(__SANITIZE_ADDRESS__)
#define STACK_BYTES	(1u << 20)
#else
#define STACK_BYTES	(256u << 10)
#endif
#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif
#define LOCAL_BYTES	(1 << 20)	/* of the socketpair's buffers: what a frame has */

struct relay {
	gnutls_session_t session;
	int net, local;
	u8 *out, *in;			/* one record each */
	size_t out_bytes;		/* GnuTLS has them and wants to be asked again */
	size_t in_bytes, in_done;	/* not yet passed on */
	bool out_over, in_over;		/* nothing more comes from the local side, from the net */
	bool net_closed;
	bool more;			/* a turn was over before all was passed on */
	ino_t user;			/* of the socket that the user of a thread has; 0: a process */
	struct relay *next;		/* relays_lock; of those of this process */
};

static pthread_mutex_t relays_lock = PTHREAD_MUTEX_INITIALIZER;	/* a leaf */
static struct relay *relays;

ssize_t dmm_tls_push(int fd, const giovec_t *iov, int parts)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)parts };

	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t relay_push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int parts)
{
	const struct relay *r = ptr;

	return dmm_tls_push(r->net, iov, parts);
}

/* GnuTLS is not told of an end of the connection: it would send nothing any more, and the other way goes on. */
static ssize_t relay_pull(gnutls_transport_ptr_t ptr, void *buf, size_t bytes)
{
	struct relay *r = ptr;
	ssize_t n = recv(r->net, buf, bytes, MSG_DONTWAIT);

	if (n || !bytes)
		return n;
	r->net_closed = true;
	errno = EAGAIN;
	return -1;
}

/* From the local side to the net.  False: the connection is over. */
static bool relay_out(struct relay *r)
{
	unsigned int turn;
	ssize_t n;

	for (turn = 0; !r->out_over; turn++) {
		if (turn == TURN) {
			r->more = true;
			return true;
		}
		if (!r->out_bytes) {
			n = recv(r->local, r->out, RECORD_BYTES, MSG_DONTWAIT);
			if (n < 0)
				return errno == EAGAIN || errno == EINTR;
			if (!n) {
				/* an end within TLS is not data to a kernel; what must not be cut off has its own */
				r->out_over = true;
				shutdown(r->net, SHUT_WR);
				return true;
			}
			r->out_bytes = (size_t)n;
			n = gnutls_record_send(r->session, r->out, r->out_bytes);
		} else {
			n = gnutls_record_send(r->session, NULL, 0);
		}
		if (dmm_tls_is_again(n))
			return true;
		if (n < 0) {
			/* nobody takes anything any more, but what had come before says why, perhaps: that is passed on still */
			r->out_bytes = 0;
			r->out_over = true;
			shutdown(r->local, SHUT_RD);
			return true;
		}
		if ((size_t)n != r->out_bytes)	/* a peer that wants small records, as none of ours does */
			return false;
		r->out_bytes = 0;
	}
	return true;
}

/* From the net to the local side. */
static bool relay_in(struct relay *r)
{
	unsigned int turn;
	ssize_t n;

	for (turn = 0; !r->in_over; turn++) {
		if (turn == TURN) {
			r->more = true;
			return true;
		}
		if (r->in_done == r->in_bytes) {
			n = gnutls_record_recv(r->session, r->in, RECORD_BYTES);
			if (dmm_tls_is_again(n) && !r->net_closed)
				return true;
			if (n <= 0) {
				/* closed; or altered, or no data: then nothing that comes after counts either */
				r->in_over = true;
				shutdown(r->local, SHUT_WR);
				return !n || dmm_tls_is_again(n);
			}
			r->in_bytes = (size_t)n;
			r->in_done = 0;
		}
		n = send(r->local, r->in + r->in_done, r->in_bytes - r->in_done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		r->in_done += (size_t)n;
	}
	return true;
}

/* False: the local side is closed for good. */
static bool relay_wait(struct relay *r)
{
	int timeout_ms = r->more ? 0 : -1;
	struct pollfd p[2] = { { .fd = r->net }, { .fd = r->local } };

	if (r->out_bytes)
		p[0].events |= POLLOUT;
	else if (!r->out_over)
		p[1].events |= POLLIN;
	if (r->in_done < r->in_bytes)
		p[1].events |= POLLOUT;
	else if (!r->in_over)
		p[0].events |= POLLIN;
	/* who has hung up is not looked at before something can be done about it */
	if (!p[0].events)
		p[0].fd = -1;
	if (!p[1].events && !r->out_over)
		p[1].fd = -1;
	r->more = false;
	return poll(p, 2, timeout_ms) < 0 || !r->out_over || !(p[1].revents & POLLHUP);
}

static void relay_run(struct relay *r)
{
	while (relay_out(r) && relay_in(r) && !(r->out_over && r->in_over) && relay_wait(r))
		;
}

static void relay_free(struct relay *r)
{
	gnutls_deinit(r->session);
	if (r->out)
		gnutls_memset(r->out, 0, RECORD_BYTES);
	if (r->in)
		gnutls_memset(r->in, 0, RECORD_BYTES);
	free(r->out);
	free(r->in);
	if (r->local >= 0)
		close(r->local);
	close(r->net);
	free(r);
}

/* Who has gone without a word is noticed soon by who hands over, and by who ships before the kernel gives up. */
static void relay_options(int fd)
{
	static const struct { int name, value; } options[] = {
		{ TCP_KEEPIDLE, 5 }, { TCP_KEEPINTVL, 5 }, { TCP_KEEPCNT, 2 }, { TCP_USER_TIMEOUT, 30000 },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)	/* not essential */
		setsockopt(fd, IPPROTO_TCP, options[i].name, &options[i].value, sizeof(options[i].value));
}

static void relays_add(struct relay *r)
{
	pthread_mutex_lock(&relays_lock);
	r->next = relays;
	relays = r;
	pthread_mutex_unlock(&relays_lock);
}

static void relays_remove(struct relay *r)
{
	struct relay **p;

	pthread_mutex_lock(&relays_lock);
	for (p = &relays; *p != r; p = &(*p)->next)
		;
	*p = r->next;
	pthread_mutex_unlock(&relays_lock);
}

int dmm_tls_setsockopt(int fd, int name, int value)
{
	struct relay *r;
	struct stat st;
	int ret;

	if (!setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value)))
		return 0;
	ret = -errno;
	if (ret != -EOPNOTSUPP || fstat(fd, &st))
		return ret;
	pthread_mutex_lock(&relays_lock);
	for (r = relays; r && r->user != st.st_ino; r = r->next)
		;
	if (r)
		ret = setsockopt(r->net, IPPROTO_TCP, name, &value, sizeof(value)) ? -errno : 0;
	pthread_mutex_unlock(&relays_lock);
	return ret;
}

static void *relay_thread(void *arg)
{
	relay_run(arg);
	relays_remove(arg);
	relay_free(arg);
	return NULL;
}

static int begin_thread(struct relay *r)
{
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	relays_add(r);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	ret = -pthread_create(&thread, &attr, relay_thread, r);
	pthread_attr_destroy(&attr);
	if (ret)
		relays_remove(r);
	return ret;
}

/* Nobody's child, with two descriptors and nothing else. */
__attribute__((noreturn))
static void relay_process(struct relay *r)
{
	int null = open("/dev/null", O_RDWR), fd;
	long max = sysconf(_SC_OPEN_MAX);
	sigset_t none;

	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "dmmigrate-tls");
	/* a source that is frozen waits for it: it must not wait for a disk (hazard 19); who is not root does without */
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	r->net = fcntl(r->net, F_DUPFD, 5);
	r->local = fcntl(r->local, F_DUPFD, 5);
	if (chdir("/") || null < 0 || r->net < 0 || r->local < 0)
		_exit(1);
	for (fd = 0; fd < 3; fd++)
		dup2(null, fd);
	r->net = dup2(r->net, 3);
	r->local = dup2(r->local, 4);
	for (fd = 5; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
		close(fd);
	relay_run(r);
	_exit(0);
}

static int begin_process(struct relay *r)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) {
		setsid();
		pid = fork();
		if (!pid)
			relay_process(r);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status ? -EAGAIN : 0;
}

int dmm_tls_relay(gnutls_session_t session, int fd, bool outlives)
{
	struct relay *r = calloc(1, sizeof(*r));
	int pair[2], ret, i, bytes = LOCAL_BYTES;
	struct stat st;

	if (!r) {
		gnutls_deinit(session);
		close(fd);
		return -ENOMEM;
	}
	r->session = session;
	gnutls_transport_set_ptr(session, r);
	gnutls_transport_set_pull_function(session, relay_pull);
	gnutls_transport_set_vec_push_function(session, relay_push);
	r->net = fd;
	relay_options(fd);
	r->local = -1;
	r->out = malloc(RECORD_BYTES);
	r->in = malloc(RECORD_BYTES);
	ret = r->out && r->in ? 0 : -ENOMEM;
	if (!ret && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		ret = -errno;
	if (ret)
		goto err_free;
	for (i = 0; i < 2; i++) {	/* not essential */
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		setsockopt(pair[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	r->local = pair[1];
	r->user = outlives || fstat(pair[0], &st) ? 0 : st.st_ino;
	ret = outlives ? begin_process(r) : begin_thread(r);
	if (ret)
		goto err_close;
	if (outlives)
		relay_free(r);	/* ours; the process has its own */
	return pair[0];

err_close:
	close(pair[0]);
err_free:
	relay_free(r);
	return ret;
}
