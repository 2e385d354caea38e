// SPDX-License-Identifier: GPL-2.0
/*
 * dmmigrated: start-up, the main loop (signals, accepting, timers), and an end within
 * five seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "acceptor.h"
#include "channel.h"
#include "fullio.h"
#include "holder.h"
#include "listener.h"
#include "log.h"
#include "migrations.h"
#include "opener.h"
#include "processes.h"
#include "receiver.h"
#include "stop_points.h"
#include "workers.h"

#define TICK_MS		5000u	/* orphans, status */
#define REST_MS		200u	/* out of descriptors or threads: accept nothing for as long */
#define LEAVE_MS	5u	/* for those who have to make way: accept nothing for as long */
#define READY_MS	10000u	/* for one that begins: names of addresses may have to be looked up */
#define ACCEPTOR_MS	1000u	/* between the beginnings of two */
#define LOCK_MS		10000u	/* for another one's end */
#define RESTORE_MS	30000u	/* for gates and fences after a reboot */
#define STOP_MS		4500u	/* for sessions to end */
#define STOP_PROOFS_MS	300u	/* and then for those who read a disk back */

enum { EXIT_USAGE = 2, EXIT_LISTEN = 4, EXIT_LOCAL = 5 };

struct daemon {
	int argc;
	char **argv;
	struct dmm_processes processes;
	struct dmm_workers workers;
	struct dmm_channel channel;
	struct dmm_receiver rc;
	struct dmm_migrations migrations;
	struct dmm_listener listener;	/* of the local socket */
	int acceptor;		/* where it asks; -1: there is none */
	u64 acceptor_ms;	/* when the next process may begin in place of one that has ended */
	int signal_fd;
	int lock_fd;		/* of the state directory, as long as the process lives */
	u64 orphan_ms;
	u64 rest_until_ms;	/* no accepting before */
	u64 next_tick_ms;
};

static int signals_open(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	/* before any thread is made: all inherit the mask */
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Only the allow-list, storage repositories and the log level can change while running. */
static void daemon_reload(struct daemon *dm)
{
	struct dmm_config c;

	sd_notify(0, "RELOADING=1");
	if (dmm_options_parse(dm->argc, dm->argv, &c) == DMM_OPTIONS_RUN) {
		dmm_log_set_max(c.log_level);
		dmm_workers_log(&dm->workers);
		dmm_notice(NULL, "reloaded %s: %u patterns on the allow-list; addresses, buffers and limits "
			   "need a restart", c.path, c.nr_allow);
		dmm_allow_replace(&dm->rc.allow, c.allow, c.nr_allow);
		if (dmm_opener_allow(dm->rc.registry.opener, &dm->rc.allow))
			dmm_err(NULL, "the process that opens destinations does not take the allow-list: restart dmmigrated");
		dmm_allow_replace(&dm->rc.srs, c.srs, c.nr_srs);
		c.allow = c.srs = NULL;
		c.nr_allow = c.nr_srs = 0;
		dmm_config_exit(&c);
	} else {
		dmm_err(NULL, "reload: the configuration has an error, the old one stays");
	}
	sd_notify(0, "READY=1");
}

static void daemon_tick(struct daemon *dm)
{
	dmm_registry_expire(&dm->rc.registry, dm->orphan_ms);
	dmm_migrations_tick(&dm->migrations);
	dmm_channel_tick(&dm->channel, dmm_now_ms());
	dmm_complaints_tick(&dm->rc.complaints, dmm_now_ms());
	sd_notifyf(0, "STATUS=%u disks prepared, %u connections",
		   dmm_registry_count(&dm->rc.registry), dmm_receiver_sessions(&dm->rc));
	dm->next_tick_ms = dmm_now_ms() + TICK_MS;
}

/* Returns true when it is time to stop. */
static bool daemon_signals(struct daemon *dm)
{
	struct signalfd_siginfo si;
	bool stop = false;

	while (read(dm->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			daemon_reload(dm);
		else
			stop = true;
	}
	return stop;
}

static void daemon_accept(struct daemon *dm)
{
	int ret = dmm_listener_accept(&dm->listener, 0, &dm->rc, NULL);

	if (!ret)
		return;
	dmm_err(NULL, "cannot accept connections: %s", strerror(-ret));
	dm->rest_until_ms = dmm_now_ms() + REST_MS;
}

/* 0 once it listens, or -errno, with a line in the log. */
static int acceptor_begin(struct daemon *dm)
{
	u64 deadline_ms = dmm_now_ms() + READY_MS;
	int ready = 1;

	dm->acceptor_ms = dmm_now_ms() + ACCEPTOR_MS;
	dm->acceptor = dmm_processes_acceptor(&dm->processes, dm->lock_fd);
	if (dm->acceptor < 0) {
		dmm_err(NULL, "nobody can be listened to: %s", strerror(-dm->acceptor));
		return dm->acceptor;
	}
	while (ready > 0 && !dmm_wait_fd(dm->acceptor, POLLIN, deadline_ms, -1) &&
	       dmm_acceptor_serve(&dm->rc, dm->acceptor, &ready))
		;
	if (!ready)
		return 0;
	close(dm->acceptor);
	dm->acceptor = -1;
	return ready > 0 ? -EPIPE : ready;
}

static void daemon_acceptor(struct daemon *dm)
{
	int ready = 0;

	if (dmm_acceptor_serve(&dm->rc, dm->acceptor, &ready))
		return;
	dmm_err(NULL, "the process that listens has ended: beginning another one");
	close(dm->acceptor);
	dm->acceptor = -1;
}

/* Who asks has the same descriptor, by which the next one is reached. */
static void daemon_opener(struct daemon *dm)
{
	int sock;

	dmm_err(NULL, "the process that opens destinations has ended: beginning another one");
	sock = dmm_processes_opener(&dm->processes, dm->lock_fd);
	/* it was begun with the list of the daemon's beginning */
	if (sock >= 0 && dmm_opener_allow(sock, &dm->rc.allow)) {
		close(sock);
		sock = -EPIPE;
	}
	if (sock < 0 || dup3(sock, dm->rc.registry.opener, O_CLOEXEC) < 0)
		dmm_err(NULL, "no destination can be opened: %s", strerror(sock < 0 ? -sock : errno));
	if (sock >= 0)
		close(sock);
	dm->acceptor_ms = dmm_now_ms() + ACCEPTOR_MS;
}

static void daemon_loop(struct daemon *dm)
{
	u64 now_ms, until_ms;
	struct pollfd p[5];
	bool rests;

	for (;;) {
		now_ms = dmm_now_ms();
		if (now_ms >= dm->next_tick_ms)
			daemon_tick(dm);
		until_ms = dm->next_tick_ms;
		if (dm->acceptor < 0 && now_ms >= dm->acceptor_ms)
			acceptor_begin(dm);
		if (dm->acceptor < 0 || now_ms < dm->acceptor_ms)
			until_ms = dmm_min_u64(until_ms, dm->acceptor_ms);
		rests = now_ms < dm->rest_until_ms || dmm_silent_crowded(&dm->rc);
		if (rests)
			until_ms = dmm_min_u64(until_ms, now_ms + REST_MS);
		p[0] = (struct pollfd){ .fd = dm->signal_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = rests ? -1 : dm->acceptor, .events = POLLIN };
		p[2] = (struct pollfd){ .fd = rests || !dm->listener.nr ? -1 : dm->listener.fds[0], .events = POLLIN };
		p[3] = (struct pollfd){ .fd = now_ms < dm->acceptor_ms ? -1 : dm->rc.registry.opener };
		p[4] = (struct pollfd){ .fd = dm->processes.sock };
		if (poll(p, 5, until_ms > now_ms ? (int)(until_ms - now_ms) : 0) <= 0)
			continue;
		if (p[0].revents && daemon_signals(dm))
			return;
		if (p[1].revents)
			daemon_acceptor(dm);
		if (p[2].revents)
			daemon_accept(dm);
		if (p[3].revents)
			daemon_opener(dm);
		if (p[4].revents) {
			dmm_err(NULL, "the process that begins others has ended: so do we");
			_exit(EXIT_LOCAL);
		}
	}
}

/* Acknowledges what is in flight and goes. Returns the exit code. */
static int daemon_stop(struct daemon *dm)
{
	sd_notify(0, "STOPPING=1");
	dmm_notice(NULL, "stopping");
	dmm_listener_close(&dm->listener);
	if (dm->acceptor >= 0)	/* it listens no more, but encrypts what is under way */
		shutdown(dm->acceptor, SHUT_WR);
	dmm_receiver_stop(&dm->rc);
	dmm_workers_stop(&dm->workers);
	if (dmm_receiver_wait(&dm->rc, STOP_MS) || dmm_migrations_await_proofs(&dm->migrations, STOP_PROOFS_MS)) {
		/* Their memory must not be freed under them: leave without ceremony. */
		dmm_err(NULL, "%u connections wait for disks that do not answer: not waiting any longer",
			dmm_receiver_sessions(&dm->rc));
		_exit(EXIT_LOCAL);
	}
	dmm_migrations_exit(&dm->migrations);
	dmm_receiver_exit(&dm->rc);
	if (dmm_workers_exit(&dm->workers, STOP_PROOFS_MS))
		dmm_warn(NULL, "a process that writes disks has not ended yet");
	dmm_processes_end(&dm->processes);
	dmm_channel_close(&dm->channel);
	close(dm->signal_fd);
	dmm_notice(NULL, "stopped");
	return EXIT_SUCCESS;
}

static void raise_limits(const struct dmm_config *c)
{
	struct rlimit rl;
	rlim_t want = 64 + DMM_LOBBY_PLACES + 8 * (rlim_t)c->max_sessions + 4 * (rlim_t)c->max_disks;

	if (getrlimit(RLIMIT_NOFILE, &rl) || rl.rlim_cur >= want)
		return;
	rl.rlim_cur = rl.rlim_max < want ? rl.rlim_max : want;
	setrlimit(RLIMIT_NOFILE, &rl);
}

/* 0, or an exit code: the engine that was asked for is not to be had. */
static int choose_engine(struct dmm_config *c)
{
	const char *wanted = c->engine ? c->engine->name : DMM_ENGINE_AUTO;
	char why[DMM_ENGINE_WHY];

	c->engine = dmm_engine_choose(c->engine, why);
	if (!c->engine) {
		dmm_err(NULL, "engine %s: %s; 'engine = auto' takes what there is", wanted, why);
		return EXIT_LOCAL;
	}
	dmm_notice(NULL, "writing by %s%s%s", c->engine->name,
		   why[0] ? "; no io_uring here: " : "", why);
	return 0;
}

/*
 * One at a time decides: another, begun by hand beside the service, would act on what it has read in a journal, and the first
 * go on meanwhile.  Who was killed has it until the kernel is done with him.  0, or -EWOULDBLOCK, -errno.
 */
static int lock_state(struct daemon *dm, const char *dir)
{
	u64 until_ms = dmm_now_ms() + LOCK_MS;
	const char *p;
	char path[512];

	for (p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(p - dir), dir);
		mkdir(path, 0700);	/* what is there, or cannot be made, the next says */
	}
	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/lock", dir);
	dm->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (dm->lock_fd < 0 && (errno == EACCES || errno == EROFS)) {
		dmm_warn(NULL, "no hand-over without a journal, and none can be kept in %s: %s", dir, strerror(errno));
		return 0;
	}
	if (dm->lock_fd < 0)
		return -errno;
	while (flock(dm->lock_fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK || dmm_now_ms() >= until_ms)
			return -errno;
		poll(NULL, 0, REST_MS);
	}
	return 0;
}

/* 0 or an exit code. */
static int open_migrations(struct daemon *dm, const struct dmm_config *c)
{
	int ret = lock_state(dm, c->state_dir);

	if (ret) {
		if (ret == -EWOULDBLOCK)
			dmm_holder_complain(dm->lock_fd, c->state_dir);
		else
			dmm_err(NULL, "cannot lock %s: %s", c->state_dir, strerror(-ret));
		return EXIT_LOCAL;
	}
	ret = dmm_migrations_init(&dm->migrations, c->state_dir, &dm->rc.registry, dm->rc.instance,
				      dm->rc.boot, dm->rc.stop_fd, dmm_channel_to(&dm->channel),
				      c->restore ? NULL : c->control, c->by_hand, c->guest_configs);

	if (ret) {
		dmm_err(NULL, "cannot read %s: %s", c->state_dir, strerror(-ret));
		return EXIT_LOCAL;
	}
	dm->rc.migrations = &dm->migrations;
	return 0;
}

/* Until every gate and fence is as its journal says. Returns the exit code. */
static int daemon_restore(struct daemon *dm)
{
	u64 until_ms = dmm_now_ms() + RESTORE_MS;
	u32 owing;

	while ((owing = dmm_migrations_owing(&dm->migrations)) && dmm_now_ms() < until_ms) {
		poll(NULL, 0, REST_MS);
		dmm_migrations_tick(&dm->migrations);
	}
	if (owing)
		dmm_err(NULL, "%u migrations are not as their journals say: nobody may use their disks; see "
			"dmmigrate recover", owing);
	dmm_migrations_exit(&dm->migrations);
	dmm_receiver_exit(&dm->rc);
	return owing ? EXIT_LOCAL : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct daemon dm;	/* a link that is connecting looks at the channel as long as the process lives */
	struct dmm_config c;
	int ret;

	dmm_stop_points_list();
	dm.lock_fd = -1;
	dm.acceptor = -1;
	dm.argc = argc;
	dm.argv = argv;
	switch (dmm_options_parse(argc, argv, &c)) {
	case DMM_OPTIONS_DONE:
		return EXIT_SUCCESS;
	case DMM_OPTIONS_ERROR:
		return EXIT_USAGE;
	case DMM_OPTIONS_RUN:
		break;
	}
	dmm_log_init("dmmigrated", c.foreground);
	dmm_log_set_max(c.log_level);
	mallopt(M_ARENA_MAX, 2);	/* many threads, little malloc */
	raise_limits(&c);
	dm.orphan_ms = c.orphan_ms;
	ret = choose_engine(&c);
	if (ret) {
		dmm_config_exit(&c);
		return ret;
	}
	/* gates and fences alone write nothing */
	ret = c.restore ? 0 : dmm_processes_start(&dm.processes, &c);
	if (ret) {
		dmm_err(NULL, "cannot begin a process: %s", strerror(-ret));
		dmm_config_exit(&c);
		return EXIT_LOCAL;
	}
	dm.signal_fd = signals_open();
	if (dm.signal_fd < 0) {
		dmm_err(NULL, "cannot set up signals: %s", strerror(-dm.signal_fd));
		dmm_config_exit(&c);
		return EXIT_LOCAL;
	}
	if (!c.nr_allow && !c.nr_srs)
		dmm_warn(NULL, "no 'allow' and no 'sr' in %s: every destination will be refused", c.path);
	/* what only puts up gates and fences speaks to nobody, and must not fail for a key */
	if (!c.restore && dmm_channel_open(&dm.channel, &c, false)) {
		dmm_config_exit(&c);
		return EXIT_USAGE;
	}
	ret = dmm_receiver_init(&dm.rc, &c);
	if (ret) {
		dmm_err(NULL, "cannot start: %s", strerror(-ret));
		dmm_config_exit(&c);
		return EXIT_LOCAL;
	}
	dm.rc.channel = &dm.channel;
	ret = open_migrations(&dm, &c);
	if (ret) {
		dmm_receiver_exit(&dm.rc);
		dmm_config_exit(&c);
		return ret;
	}
	if (c.restore) {
		dmm_config_exit(&c);
		return daemon_restore(&dm);
	}
	dm.rc.processes = &dm.processes;
	dmm_workers_init(&dm.workers, &dm.processes, &dm.rc.registry, dm.lock_fd);
	dm.rc.registry.workers = &dm.workers;
	dm.rc.registry.opener = dmm_processes_opener(&dm.processes, dm.lock_fd);
	ret = dm.rc.registry.opener < 0 ? dm.rc.registry.opener : acceptor_begin(&dm);
	if (!ret)
		dmm_listener_open_local(&dm.listener, c.control);
	dmm_config_exit(&c);
	if (ret) {
		dmm_migrations_exit(&dm.migrations);
		dmm_receiver_exit(&dm.rc);
		return EXIT_LISTEN;
	}
	sd_notify(0, "READY=1\nSTATUS=waiting for sources");
	daemon_loop(&dm);
	return daemon_stop(&dm);
}
