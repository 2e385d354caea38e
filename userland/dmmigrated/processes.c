// SPDX-License-Identifier: GPL-2.0
/*
 * The nursery.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "acceptor.h"
#include "cleanup.h"
#include "fullio.h"
#include "ipc.h"
#include "log.h"
#include "opener.h"
#include "prober.h"
#include "processes.h"
#include "worker.h"

#define BEGIN_MS	10000u

enum nursery_op {
	NURSERY_WORKER = 1,	/* descriptor 0: its end of the socket; 1: the lock */
	NURSERY_ACCEPTOR,	/* the same */
	NURSERY_OPENER,		/* the same */
	NURSERY_XL,		/* 0: its standard input and output; 1: standard error */
};

struct nursery_ask {
	u32 slot;
	bool export;
	int log_level;
};

/* Who ends is told by a socket that closes: what a terminal or a service manager sends to all is for the daemon. */
static void leave_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * With systemd it is a unit of its own: our sandbox is not for it, and the domain's monitor, which xl leaves behind, must outlive us.
 * Where xl is was looked at before.
 */
__attribute__((noreturn))
static void run_xl(const struct dmm_config *c, struct dmm_ipc_msg *msg)
{
	bool has_systemd = !access("/run/systemd/system", F_OK);
	int stream = dmm_ipc_take(msg, 0), words = dmm_ipc_take(msg, 1);
	long max = sysconf(_SC_OPEN_MAX);
	int fd, sig;

	/* also what whoever has begun the daemon had it ignore */
	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	if (setsid() < 0 || dup2(stream, 0) < 0 || dup2(stream, 1) < 0 || dup2(words, 2) < 0)
		_exit(EXIT_FAILURE);
	for (fd = 3; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
		close(fd);
	if (has_systemd)
		execlp("systemd-run", "systemd-run", "--quiet", "--pipe", "--collect", "--slice=dmmigrate.slice",
		       "--property=KillMode=process", c->xl, "migrate-receive", (char *)NULL);
	else
		execl(c->xl, c->xl, "migrate-receive", (char *)NULL);
	dprintf(2, "cannot run %s: %s\n", has_systemd ? "systemd-run" : c->xl, strerror(errno));
	_exit(127);
}

__attribute__((noreturn))
static void nursery_child(struct dmm_config *c, struct dmm_ipc_msg *msg, pid_t parent)
{
	const struct nursery_ask *ask = msg->data;
	struct dmm_sandbox box = { .parent = parent };
	int sock;

	close(msg->reply);
	dmm_log_set_max(ask->log_level);
	if (msg->op == NURSERY_XL)
		run_xl(c, msg);
	if (msg->op != NURSERY_OPENER)
		dmm_prober_leave();
	sock = dmm_ipc_take(msg, 0);	/* the lock, descriptor 1, stays open */
	switch ((enum nursery_op)msg->op) {
	case NURSERY_ACCEPTOR:
		prctl(PR_SET_NAME, "dmm-acceptor");
		box.kind = DMM_SANDBOX_ACCEPTOR;
		box.uid = DMM_SANDBOX_UID;
		dmm_acceptor_run(c, sock, &box);
	case NURSERY_OPENER:
		prctl(PR_SET_NAME, "dmm-opener");
		box.kind = DMM_SANDBOX_OPENER;
		dmm_opener_run(c, sock, &box);
	case NURSERY_WORKER:
	case NURSERY_XL:
		break;
	}
	prctl(PR_SET_NAME, ask->export ? "dmm-export" : "dmm-worker");
	box.kind = ask->export ? DMM_SANDBOX_EXPORT : DMM_SANDBOX_WORKER;
	box.uid = DMM_SANDBOX_UID + 1 + ask->slot;
	dmm_worker_run(c, sock, &box);
}

__attribute__((noreturn))
static void nursery_run(struct dmm_config *c, int sock, pid_t daemon)
{
	struct dmm_ipc_msg msg;
	pid_t self = getpid(), pid;
	int ret, pidfd;

	prctl(PR_SET_NAME, "dmm-nursery");
	leave_signals();
	signal(SIGCHLD, SIG_IGN);	/* none is waited for */
	dmm_end_with_parent(daemon);
	while ((ret = dmm_ipc_next(sock, &msg))) {
		if (ret < 0)	/* that request is lost, and nobody else */
			continue;
		ret = msg.op == NURSERY_XL && access(c->xl, X_OK) ? -errno : 0;
		pid = ret ? -1 : fork();
		if (!pid) {
			close(sock);
			nursery_child(c, &msg, self);
		}
		if (!ret && pid < 0)
			ret = -errno;
		/* Linux 5.3; before it is gone, for nobody waits for it */
		pidfd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
		dmm_ipc_answer(&msg, &ret, sizeof(ret), pidfd, -1);
	}
	_exit(EXIT_SUCCESS);
}

/* Before the nursery, whose children ask it as well. */
static int prober_start(pid_t daemon)
{
	int pair[2], ret = dmm_ipc_pair(pair);
	pid_t pid;

	if (ret)
		return ret;
	pid = fork();
	if (!pid) {
		close(pair[0]);
		leave_signals();
		dmm_prober_run(pair[1], daemon);
	}
	ret = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (ret)
		close(pair[0]);
	else
		dmm_prober_use(pair[0]);
	return ret;
}

int dmm_processes_start(struct dmm_processes *p, struct dmm_config *c)
{
	pid_t daemon = getpid(), pid;
	int pair[2], ret;

	p->sock = -1;
	memcpy(p->xl, c->xl, sizeof(p->xl));
	ret = prober_start(daemon);
	if (ret)
		return ret;
	ret = dmm_ipc_pair(pair);
	if (ret)
		return ret;
	pid = fork();
	if (!pid) {
		close(pair[0]);
		nursery_run(c, pair[1], daemon);
	}
	close(pair[1]);
	if (pid < 0) {
		ret = -errno;
		close(pair[0]);
		return ret;
	}
	p->sock = pair[0];
	return 0;
}

void dmm_processes_end(struct dmm_processes *p)
{
	if (p->sock >= 0)
		close(p->sock);
	p->sock = -1;
}

/* *pidfd: becomes readable once the process has ended and closed all that it had; -1: the kernel has none. */
static int begin(struct dmm_processes *p, enum nursery_op op, u32 slot, bool export, int lock_fd, int *pidfd)
{
	const struct nursery_ask ask = { .slot = slot, .export = export, .log_level = dmm_log_max() };
	struct dmm_ipc_msg answer;
	int pair[2], fds[2], ret;

	ret = dmm_ipc_pair(pair);
	if (ret)
		return ret;
	fds[0] = pair[1];
	fds[1] = lock_fd;
	ret = dmm_ipc_ask(p->sock, op, &ask, sizeof(ask), fds, 2, &answer, dmm_now_ms() + BEGIN_MS, -1);
	close(pair[1]);
	if (!ret) {
		memcpy(&ret, answer.data, sizeof(ret));
		if (pidfd)
			*pidfd = dmm_ipc_take(&answer, 0);
		dmm_ipc_free(&answer);
	}
	if (!ret)
		return pair[0];
	close(pair[0]);
	return ret;
}

int dmm_processes_worker(struct dmm_processes *p, u32 slot, bool export, int lock_fd, int *pidfd)
{
	return begin(p, NURSERY_WORKER, slot, export, lock_fd, pidfd);
}

int dmm_processes_acceptor(struct dmm_processes *p, int lock_fd)
{
	return begin(p, NURSERY_ACCEPTOR, 0, false, lock_fd, NULL);
}

int dmm_processes_opener(struct dmm_processes *p, int lock_fd)
{
	return begin(p, NURSERY_OPENER, 0, false, lock_fd, NULL);
}

int dmm_processes_guest(struct dmm_processes *p, enum dmm_wire_platform platform, int *stream, int *words, int *pidfd)
{
	const struct nursery_ask ask = { .log_level = dmm_log_max() };
	dmm_autoclose int stream_there = -1;
	dmm_autoclose int words_there = -1;
	struct dmm_ipc_msg answer;
	int pair[2], out[2], fds[2], ret;

	if (platform != DMM_PLATFORM_XL)
		return -ENOENT;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	*stream = pair[0];
	stream_there = pair[1];
	if (pipe2(out, O_CLOEXEC)) {
		ret = -errno;
		close(*stream);
		return ret;
	}
	*words = out[0];
	words_there = out[1];
	fds[0] = stream_there;
	fds[1] = words_there;
	ret = dmm_ipc_ask(p->sock, NURSERY_XL, &ask, sizeof(ask), fds, 2, &answer, dmm_now_ms() + BEGIN_MS, -1);
	if (!ret) {
		memcpy(&ret, answer.data, sizeof(ret));
		*pidfd = dmm_ipc_take(&answer, 0);
		dmm_ipc_free(&answer);
	}
	if (!ret)
		return 0;
	close(*stream);
	close(*words);
	return ret;
}
