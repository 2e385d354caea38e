// SPDX-License-Identifier: GPL-2.0
/*
 * A domain moves: `xl migrate` here, `xl migrate-receive` there, their words held back where the disks change hands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "dmmigrate/monitor.h"
#include "fullio.h"
#include "xl.h"
#include "xl_home.h"

#define ASK_MS		20000u
#define LIST_BYTES	(1u << 20)
#define TRANSPORT_MS	60000u	/* for xl to begin its transport */
#define GO_MS		30000u
#define REPORT_MS	60000u	/* for the domain there to be unpaused, or destroyed */
#define SAY_MS		10000u	/* between two lines that memory waits */
#define KILLED		128	/* exit codes from there on are signals */
#define HOME_MS		15000u	/* for one that reboots at this moment to be back */
#define END_MS		60000u	/* for the domain here to be resumed, or destroyed */

static struct dmm_xl *xl_of(struct dmm_platform *p)
{
	return (struct dmm_xl *)((char *)p - offsetof(struct dmm_xl, p));
}

int dmm_xl_domain_read(const char *name, struct dmm_xl_domain *d, char *why)
{
	char *const argv[] = { (char *)"xl", (char *)"list", (char *)"-l", (char *)name, NULL };
	dmm_autofree char *out = malloc(LIST_BYTES);
	int ret;

	if (!out) {
		snprintf(why, DMM_XL_TEXT, "out of memory");
		return -ENOMEM;
	}
	ret = dmm_runner_ask(argv, ASK_MS, -1, out, LIST_BYTES);
	if (!ret)
		return dmm_xl_domain_parse(out, d, why);
	if (ret > 0) {
		snprintf(why, DMM_XL_TEXT, "there is no domain %.64s on this host (xl list ends with %d)", name, ret);
		return -ENOENT;
	}
	snprintf(why, DMM_XL_TEXT, "cannot run xl: %s%s", strerror(-ret), ret == -ENOENT ? ": is this a Xen host?" : "");
	return ret == -ENOENT ? -ENOSYS : ret;
}

int dmm_xl_domain_read_with(bool (*is_it)(void *arg, const char *path), void *arg, struct dmm_xl_domain *d, u32 *which, char *why)
{
	char *const argv[] = { (char *)"xl", (char *)"list", (char *)"-l", NULL };
	dmm_autofree char *out = malloc(LIST_BYTES);
	int ret = out ? dmm_runner_ask(argv, ASK_MS, -1, out, LIST_BYTES) : -ENOMEM;

	if (!ret)
		return dmm_xl_domain_with(out, is_it, arg, d, which, why);
	if (ret > 0)
		snprintf(why, DMM_XL_TEXT, "xl list -l ends with %d", ret);
	else
		snprintf(why, DMM_XL_TEXT, "cannot run xl: %s", strerror(-ret));
	return ret == -ENOENT ? -ENOSYS : ret > 0 ? -EIO : ret;
}

static void *xl_reader(void *arg)
{
	struct dmm_xl *x = arg;

	dmm_runner_wait(&x->migrate, DMM_NO_DEADLINE, -1);
	return NULL;
}

/* Ours end, so that xl's do. */
static void xl_close(struct dmm_xl *x)
{
	dmm_remote_close(&x->remote);
	dmm_close_fd(&x->stream.from_sender);
	dmm_close_fd(&x->stream.to_sender);
	dmm_close_fd(&x->stream.stop_fd);
	dmm_close_fd(&x->transport);
	x->stream.from_sender = x->stream.to_sender = x->stream.receiver = x->stream.stop_fd = x->transport = -1;
}

/* xl's exit code, with its last word in @line; -ETIMEDOUT: it goes on, by itself from here on. */
static int xl_await_end(struct dmm_xl *x, char *line, size_t bytes)
{
	struct timespec until;

	line[0] = '\0';
	if (!x->runs)
		return 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_MS / 1000;
	if (pthread_timedjoin_np(x->reader, NULL, &until))
		return -ETIMEDOUT;
	x->runs = false;
	dmm_runner_line(&x->migrate, line, bytes);
	return dmm_runner_end(&x->migrate);
}

/* Two descriptors that xl's transport sends: where the domain comes from, and where answers go. */
static int xl_take_pipes(struct dmm_xl *x)
{
	union {
		char buf[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c;
	int fds[2], ret;

	ret = dmm_wait_fd(x->transport, 1 /* POLLIN */, dmm_now_ms() + TRANSPORT_MS, x->stream.stop_fd);
	if (ret)
		return ret;
	if (recvmsg(x->transport, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -EPIPE;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	x->stream.from_sender = fds[0];
	x->stream.to_sender = fds[1];
	return 0;
}

static int xl_spawn(struct dmm_xl *x)
{
	char self[512], rune[640];
	char *const argv[] = { (char *)"xl", (char *)"migrate", (char *)"-s", (char *)"", (char *)"-C", (char *)x->config,
			       (char *)x->domain->name, rune, NULL };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int pair[2], ret;

	if (n <= 0)
		return -errno;
	self[n] = '\0';
	if (strchr(self, '\''))	/* the rune is for a shell */
		return -EINVAL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	x->transport = pair[0];
	snprintf(rune, sizeof(rune), "exec '%s' " DMM_XL_TRANSPORT " %d", self, pair[1]);
	fcntl(pair[1], F_SETFD, 0);	/* xl is to inherit it */
	ret = dmm_runner_begin(&x->migrate, argv);
	close(pair[1]);
	if (ret)
		return ret;
	ret = pthread_create(&x->reader, NULL, xl_reader, x);
	if (ret) {
		dmm_runner_end(&x->migrate);	/* whose transport ends when ours does */
		return -ret;
	}
	x->runs = true;
	return 0;
}

/* Why xl or its receiver has ended; what xl says of it is better than what we see. */
static int xl_failed(struct dmm_xl *x, int err, const char *why)
{
	char line[160];
	int ret;

	xl_close(x);
	ret = err == -ECANCELED ? 0 : xl_await_end(x, line, sizeof(line));
	if (ret > KILLED && err == -EPIPE)	/* and its last line is of something else */
		snprintf(x->p.why, sizeof(x->p.why), "xl migrate was killed by signal %d", ret - KILLED);
	else if (ret > 0 && err == -EPIPE && line[0])
		snprintf(x->p.why, sizeof(x->p.why), "xl migrate: %s", line);
	else if (err == -ECONNRESET)
		snprintf(x->p.why, sizeof(x->p.why), "%s: see dmmigrated's log at %.64s", why, x->p.g->disks[0].record.to.host);
	else
		snprintf(x->p.why, sizeof(x->p.why), "%s", why);
	return err;
}

/*
 * Too much is left of the disks: as long as the domain still runs its memory waits, and it with that.  One that is suspended already would
 * only stand still for longer.  As dmm_xl_stream.pace.
 */
static int xl_pace(void *arg)
{
	struct dmm_xl *x = arg;
	char text[DMM_PACE_TEXT], why[DMM_XL_TEXT];
	enum dmm_pace_verdict verdict;
	struct dmm_xl_here here;

	verdict = x->suspended ? DMM_PACE_GO : dmm_pace_look(&x->pace, x->p.t, x->p.g);
	if (verdict == DMM_PACE_GO || dmm_xl_look(x->domain->name, &here, why))
		return 0;
	x->suspended = here.suspended;
	if (!here.domid || here.suspended || here.ended)
		return 0;
	if (verdict == DMM_PACE_OVER)
		return -ETIME;
	if (!x->said_ms || dmm_now_ms() - x->said_ms >= SAY_MS) {
		dmm_note(x->p.t, "memory waits: %s; see dmmigrate throttle, or --max-pause",
			 dmm_pace_text(text, &x->pace.figures, x->pace.max_pause_ms));
		x->said_ms = dmm_now_ms();
	}
	return 1;
}

static int xl_stop(struct dmm_platform *p)
{
	const struct dmm_record *record = &p->g->disks[0].record;
	struct dmm_xl *x = xl_of(p);
	char why[DMM_PACE_TEXT];
	int ret;

	x->remote.exit = DMM_EXIT_REMOTE;
	x->remote.offer = DMM_FEATURE_GUEST;
	ret = dmm_remote_open(&x->remote, &record->to);
	if (!ret)
		ret = dmm_remote_guest(&x->remote, record->id, x->domain->name);
	if (ret) {
		snprintf(p->why, sizeof(p->why), "%.250s", x->remote.why);
		return ret;
	}
	x->stream.receiver = x->remote.client.fd;
	x->stream.stop_fd = dmm_signals_fd();
	ret = xl_spawn(x);
	if (!ret)
		ret = xl_take_pipes(x);
	if (ret) {
		snprintf(why, sizeof(why), "cannot run xl migrate: %s", strerror(-ret));
		return xl_failed(x, ret, why);
	}
	dmm_say(p->t, "The memory of %s is being copied.", x->domain->name);
	ret = dmm_xl_until_ready(&x->stream);
	if (ret == -ETIME)
		return xl_failed(x, ret, dmm_pace_text(why, &x->pace.figures, x->pace.max_pause_ms));
	if (ret)
		return xl_failed(x, ret, x->stream.why);
	p->stopped_ns = x->stream.last_ns;
	/* it stands still, and nothing else makes less of what is left than the freeze, which hurries: waiting gains nothing */
	if (x->firm && dmm_pace_look(&x->pace, p->t, p->g) != DMM_PACE_GO)
		return xl_failed(x, -ETIME, dmm_pace_text(why, &x->pace.figures, x->pace.max_pause_ms));
	return 0;
}

static int xl_release(struct dmm_platform *p)
{
	struct dmm_xl *x = xl_of(p);
	int ret = dmm_xl_ready(&x->stream, dmm_now_ms() + GO_MS);

	if (ret)
		return xl_failed(x, ret, x->stream.why);
	x->has_gone = true;
	return 0;
}

static enum dmm_platform_run xl_run(struct dmm_platform *p)
{
	struct dmm_xl *x = xl_of(p);

	if (dmm_xl_go(&x->stream, dmm_now_ms() + REPORT_MS)) {
		snprintf(p->why, sizeof(p->why), "the domain may run there, or may not: %s", x->stream.why);
		return DMM_RUN_UNKNOWN;
	}
	if (x->stream.report) {
		snprintf(p->why, sizeof(p->why), "xl there could not unpause the domain (%u)", x->stream.report);
		return DMM_RUN_NOT;
	}
	x->told = true;
	dmm_xl_report(&x->stream, 0);	/* should it not hear: the domain here is suspended, without disks */
	return DMM_RUN_RUNS;
}

static int xl_abort(struct dmm_platform *p)
{
	struct dmm_xl *x = xl_of(p);
	char line[160];
	int ret;

	/* after its GO nothing but a report has xl go on here */
	if (x->has_gone && x->stream.to_sender >= 0)
		dmm_xl_report(&x->stream, x->stream.report ? x->stream.report : 1);
	xl_close(x);
	if (xl_await_end(x, line, sizeof(line)) == -ETIMEDOUT)
		dmm_note(p->t, "xl migrate has not ended yet: see xl list");
	/* it has resumed the domain, unless it was killed, or did not hear enough */
	ret = dmm_xl_home(x->domain->name, HOME_MS, p->why);
	if (ret > 0)
		dmm_note(p->t, "xl had left %s suspended: it was resumed here", x->domain->name);
	/* xl create's process ends when its domain is suspended, whatever for */
	if (ret >= 0 && p->stopped_ns)
		dmm_note(p->t, "xl does not watch %s any more: should it reboot or shut down here, xl destroy it, then xl create",
			 x->domain->name);
	return ret < 0 ? ret : 0;
}

static void xl_end(struct dmm_platform *p)
{
	struct dmm_xl *x = xl_of(p);
	char line[160];
	int ret;

	/* what it was told is in its pipe, and the domain here is destroyed by that */
	xl_close(x);
	ret = xl_await_end(x, line, sizeof(line));
	if (ret == -ETIMEDOUT)
		dmm_note(p->t, "xl migrate has not ended yet: see xl list");
	else if (ret && x->told)
		dmm_note(p->t, "xl migrate ends with %d: %s", ret, line);
	/* who runs there is to have no other half here */
	if (ret && x->told && dmm_xl_left(x->domain->name, p->why))
		dmm_note(p->t, "%s", p->why);
}

static const struct dmm_platform_ops xl_ops = {
	.stop_name = "memory",
	.run_name = "unpause",
	.stop = xl_stop,
	.release = xl_release,
	.run = xl_run,
	.abort = xl_abort,
	.end = xl_end,
	.moves_writer = true,
};

void dmm_xl_init(struct dmm_xl *x, struct dmm_tool *t, const struct dmm_xl_domain *domain, const char *config)
{
	memset(x, 0, sizeof(*x));
	x->p.ops = &xl_ops;
	x->p.t = t;
	x->p.guest = domain->name;
	x->domain = domain;
	x->config = config;
	x->firm = t->args.max_pause_ms != DMM_UNSET;
	x->pace.max_pause_ms = x->firm ? t->args.max_pause_ms : DMM_READY_PAUSE_MS;
	x->pace.patience_ms = t->args.patience_ms;
	x->stream.pace = xl_pace;
	x->stream.pace_arg = x;
	dmm_remote_init(&x->remote);
	x->stream.from_sender = x->stream.to_sender = x->stream.receiver = x->stream.stop_fd = x->transport = -1;
}

int dmm_xl_transport(const char *arg)
{
	union {
		char buf[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { .buf = "" };
	const int fds[2] = { STDIN_FILENO, STDOUT_FILENO };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int sock = atoi(arg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) != 1)
		return DMM_EXIT_LOCAL;
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	/* xl takes our end for the connection's */
	while (recv(sock, &byte, 1, 0) < 0 && errno == EINTR)
		;
	return DMM_EXIT_OK;
}
