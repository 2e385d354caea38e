// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-nlfuzz: thousands of random, half right and right messages to the
 * netlink family, from several threads at once.  Each has to be answered; what the
 * kernel thinks of it otherwise, its log and its sanitisers tell.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nlfuzz.h"
#include "rawnl.h"

#define ANSWER_SECONDS	20
#define MAX_THREADS	16
#define MAX_ERRNO	4096

struct nlfuzz fuzz;

static struct {
	uint64_t count, seed;
	unsigned int threads;
	bool no_cap;
} opt;

static struct {
	_Atomic uint64_t answers[MAX_ERRNO];	/* by errno; 0: success */
	_Atomic uint64_t unanswered, unframed, sent, succeeded[256];
} tally;

/* --- its answer ----------------------------------------------------------------------- */

static void count_answer(uint8_t cmd, int err)
{
	if (err <= 0 && err > -MAX_ERRNO)
		atomic_fetch_add(&tally.answers[-err], 1);
	if (!err)
		atomic_fetch_add(&tally.succeeded[cmd], 1);
}

/* Takes datagrams until message @seq is answered.  The errno, or 1: no answer. */
static int await_answer(struct nlfuzz_worker *w, uint32_t seq)
{
	struct nlmsghdr *h;
	ssize_t n;
	int err;

	for (;;) {
		n = recv(w->fd, w->reply, sizeof(w->reply), 0);
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n < 0)
			return 1;	/* EAGAIN: ANSWER_SECONDS are over */
		for (h = (void *)w->reply; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_seq != seq ||
			    (h->nlmsg_type != NLMSG_ERROR && h->nlmsg_type != NLMSG_DONE))
				continue;
			/* both begin with it */
			memcpy(&err, NLMSG_DATA(h), sizeof(err));
			return err > 0 ? 0 : err;
		}
	}
}

/* Send what is in w->msg and count its answer. */
static int talk(struct nlfuzz_worker *w)
{
	struct nlmsghdr *h = (void *)w->msg;
	uint8_t cmd = w->msg[NLMSG_HDRLEN];
	int err;

	h->nlmsg_len = w->bytes;
	atomic_fetch_add(&tally.sent, 1);
	if (send(w->fd, w->msg, w->bytes, 0) < 0) {
		fprintf(stderr, "dmm-nlfuzz: send: %s\n", strerror(errno));
		atomic_fetch_add(&tally.unanswered, 1);
		return 1;
	}
	err = await_answer(w, h->nlmsg_seq);
	if (err == 1) {
		fprintf(stderr, "dmm-nlfuzz: command %u was not answered within %u s\n", cmd,
			ANSWER_SECONDS);
		atomic_fetch_add(&tally.unanswered, 1);
		return 1;
	}
	count_answer(cmd, err);
	return err;
}

/*
 * Something that netlink itself throws away, because it is no message.  Whether the socket
 * still answers, the next message tells.
 */
static void send_unframed(struct nlfuzz_worker *w)
{
	struct nlmsghdr *h = (void *)w->msg;

	nlfuzz_begin(w, DMM_CMD_GET, 0);
	nlfuzz_put_right(w, DMM_A_DEV, fuzz.dev, 8);
	if (nlfuzz_odds(w, 2)) {
		h->nlmsg_len = (uint32_t)(w->bytes + 1 + rng_below(&w->r, 100000));
	} else {
		h->nlmsg_len = (uint32_t)rng_below(&w->r, NLMSG_HDRLEN);
		w->bytes = (uint32_t)(1 + rng_below(&w->r, w->bytes));
	}
	if (send(w->fd, w->msg, w->bytes, 0) >= 0)
		atomic_fetch_add(&tally.unframed, 1);
}

/* --- right ones, in an order that makes sense -------------------------------------------- */

static int command(struct nlfuzz_worker *w, uint8_t cmd)
{
	nlfuzz_begin(w, cmd, 0);
	nlfuzz_put_right(w, DMM_A_DEV, fuzz.dev, 8);
	if (cmd == DMM_CMD_RATE)
		nlfuzz_put_right(w, DMM_A_RATE, rng_below(&w->r, 64 << 20), 8);
	if (cmd == DMM_CMD_COMPARED)
		nlfuzz_put_right(w, DMM_A_CONN_EPOCH, 1, 8);
	if (cmd == DMM_CMD_FREEZE) {
		nlfuzz_put_right(w, DMM_A_EPOCH, atomic_fetch_add(&fuzz.epoch, 1) + 1, 8);
		nlfuzz_put_right(w, DMM_A_TIMEOUT_MS, 1 + rng_below(&w->r, 2000), 4);
	}
	if (cmd == DMM_CMD_THAW || cmd == DMM_CMD_COMMIT || cmd == DMM_CMD_RECLAIM ||
	    cmd == DMM_CMD_RELEASE)
		nlfuzz_put_right(w, DMM_A_EPOCH, atomic_load(&fuzz.epoch), 8);
	return talk(w);
}

static int attach_fd(struct nlfuzz_worker *w, int fd, uint32_t index, uint32_t conns)
{
	uint8_t id[16];

	memset(id, 0x5a, sizeof(id));
	memcpy(id, &w->migrations, sizeof(w->migrations));
	nlfuzz_begin(w, DMM_CMD_ATTACH, 0);
	nlfuzz_put_right(w, DMM_A_DEV, fuzz.dev, 8);
	nlfuzz_put(w, DMM_A_MIGRATION, id, sizeof(id), NLA_HDRLEN + sizeof(id));
	nlfuzz_put_right(w, DMM_A_DISK, 0, 4);
	nlfuzz_put_right(w, DMM_A_CONN_EPOCH, 1, 8);
	nlfuzz_put_right(w, DMM_A_CONN_INDEX, index, 4);
	nlfuzz_put_right(w, DMM_A_CONNS, conns, 4);
	nlfuzz_put_right(w, DMM_A_FD, (uint32_t)fd, 4);
	return talk(w);
}

static int attach(struct nlfuzz_worker *w, bool good, uint32_t index, uint32_t conns)
{
	bool mine = true;
	int fd = good ? fds_good() : fds_any(&w->r, &mine), err;

	err = attach_fd(w, fd, index, conns);
	if (fd >= 0 && mine) {
		/* who hands a socket in and goes on using it gets what he deserves; we stay well */
		if (nlfuzz_odds(w, 8))
			(void)!send(fd, "surprise", 8, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (nlfuzz_odds(w, 8))
			shutdown(fd, SHUT_RDWR);
		close(fd);
	}
	return err;
}

/* In place of START. Messages sent. */
static uint64_t comparison(struct nlfuzz_worker *w)
{
	uint64_t range[2], sent = 2;

	command(w, DMM_CMD_COMPARE);
	for (; nlfuzz_odds(w, 2); sent++) {
		range[0] = rng_below(&w->r, 15 << 20);
		range[1] = 1 + rng_below(&w->r, 1 << 20);
		nlfuzz_begin(w, DMM_CMD_MARK, 0);
		nlfuzz_put_right(w, DMM_A_DEV, fuzz.dev, 8);
		nlfuzz_put(w, DMM_A_RANGE, range, sizeof(range), NLA_HDRLEN + sizeof(range));
		talk(w);
	}
	command(w, nlfuzz_odds(w, 2) ? DMM_CMD_FREEZE : DMM_CMD_GET);	/* FREEZE is too early */
	command(w, DMM_CMD_COMPARED);
	return sent;
}

/* A migration as the tool would do it, while the other threads disturb it. Messages sent. */
static uint64_t sequence(struct nlfuzz_worker *w)
{
	const uint8_t steps[] = { DMM_CMD_PAUSE, DMM_CMD_RESUME, DMM_CMD_RATE, DMM_CMD_GET,
				  DMM_CMD_FREEZE, DMM_CMD_GET, DMM_CMD_THAW,
				  DMM_CMD_FREEZE, DMM_CMD_COMMIT, DMM_CMD_GET,
				  nlfuzz_odds(w, 4) ? DMM_CMD_RELEASE : DMM_CMD_RECLAIM };
	uint64_t pause_us = nlfuzz_odds(w, 2) ? 0 : rng_below(&w->r, 20000), sent;
	unsigned int i, patience, conns;

	w->migrations++;	/* or an epoch that was drawn very large would be its last */
	command(w, DMM_CMD_STOP);
	for (sent = 3; nlfuzz_odds(w, 2); sent++)
		if (!attach(w, false, 0, 1))
			command(w, DMM_CMD_STOP);
	conns = 1 + (uint32_t)rng_below(&w->r, 4);
	for (i = 0; i < conns; i++, sent++)
		attach(w, true, i, conns);
	if (nlfuzz_odds(w, 3))
		sent += comparison(w);
	else
		command(w, DMM_CMD_START);
	for (i = 0; i < sizeof(steps); i++) {
		if (nlfuzz_odds(w, 3) || (fuzz.no_commit && steps[i] == DMM_CMD_COMMIT))
			continue;
		if (pause_us)
			usleep((useconds_t)rng_below(&w->r, pause_us + 1));
		sent++;
		/* a COMMIT that comes too early waits for FROZEN, as the tool does */
		for (patience = 100; command(w, steps[i]) == -EAGAIN && patience; patience--, sent++)
			usleep(5000);
	}
	return sent;
}

/* @group: its events are received too, and have to be told from answers; 0: none. */
static int open_netlink(uint32_t group)
{
	static const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	static const int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    (group && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
				 sizeof(group)))) {
		fprintf(stderr, "dmm-nlfuzz: netlink socket: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

/* Each bad descriptor once, before anything else happens: none may be taken. */
static bool each_bad_fd(struct nlfuzz_worker *w)
{
	unsigned int i;
	int fd;

	for (i = 0; (fd = fds_bad(i)) != -1; i++) {
		if (attach_fd(w, fd, 0, 1) == 0) {
			fprintf(stderr, "dmm-nlfuzz: bad descriptor number %u was taken\n", i);
			return false;
		}
	}
	return true;
}

static void *worker_thread(void *arg)
{
	struct nlfuzz_worker *w = arg;
	uint64_t done = 0;
	int fd;

	while (done < w->todo && !atomic_load(&tally.unanswered)) {
		if (nlfuzz_odds(w, 40)) {
			done += sequence(w);
			continue;
		}
		if (nlfuzz_odds(w, 50))
			send_unframed(w);
		fd = -1;
		nlfuzz_make(w, &fd);
		talk(w);
		if (fd >= 0)
			close(fd);
		done++;
	}
	return NULL;
}

/* --- all of it ------------------------------------------------------------------------------ */

/* CAP_SYS_ADMIN goes, the others stay: CAP_NET_ADMIN alone must not do (hazard 30). */
static uint64_t parse_dev(const char *text)
{
	unsigned int major, minor;
	char rest;

	if (sscanf(text, "%u:%u%c", &major, &minor, &rest) != 2 || major >= 1u << 12 ||
	    minor >= 1u << 20) {
		fprintf(stderr, "--dev: '%s' is not MAJOR:MINOR, as lsblk shows it\n", text);
		exit(EXIT_USAGE);
	}
	return (uint64_t)major << 20 | minor;
}

static void __attribute__((noreturn)) usage(int status)
{
	fputs("usage: dmm-nlfuzz --dev MAJOR:MINOR [--count N] [--seed S] [--threads N]\n"
	      "                  [--no-cap] [--no-commit] [--release-often]\n"
	      "Sends N messages (default 1000) to the family " DMM_GENL_NAME " from several threads and\n"
	      "prints the answers per errno.  --no-cap: without CAP_SYS_ADMIN, and none may succeed.\n"
	      "--no-commit: sends no COMMIT, so that nothing is released, after which the table would have to be replaced.\n"
	      "--release-often: RELEASE as often as RECLAIM, instead of once for twenty of them\n"
	      "exit codes: 0 every message was answered, 1 not, or something is missing, 2 usage\n",
	      status ? stderr : stdout);
	exit(status);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dev", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "no-cap", no_argument, NULL, 'n' },
		{ "no-commit", no_argument, NULL, 'f' },
		{ "release-often", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	fuzz.dev = ~0ull;
	opt.count = 1000;
	opt.seed = 1;
	opt.threads = 4;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			fuzz.dev = parse_dev(optarg);
			break;
		case 'c':
			opt.count = need_number(optarg, "--count", 1, 1ull << 32);
			break;
		case 's':
			opt.seed = need_number(optarg, "--seed", 0, ~0ull);
			break;
		case 't':
			opt.threads = (unsigned int)need_number(optarg, "--threads", 1, MAX_THREADS);
			break;
		case 'n':
			opt.no_cap = true;
			break;
		case 'f':
			fuzz.no_commit = true;
			break;
		case 'r':
			fuzz.release_often = true;
			break;
		default:
			usage(c == 'h' ? 0 : EXIT_USAGE);
		}
	}
	if (fuzz.dev == ~0ull || optind != argc)
		usage(EXIT_USAGE);
}

static int report(void)
{
	uint64_t successes = atomic_load(&tally.answers[0]);
	unsigned int i;

	printf("sent=%llu unanswered=%llu unframed=%llu seed=%llu\n",
	       (unsigned long long)atomic_load(&tally.sent),
	       (unsigned long long)atomic_load(&tally.unanswered),
	       (unsigned long long)atomic_load(&tally.unframed), (unsigned long long)opt.seed);
	for (i = 0; i < MAX_ERRNO; i++)
		if (atomic_load(&tally.answers[i]))
			printf("%s %llu\n", i ? strerrorname_np((int)i) ?: "unknown" : "success",
			       (unsigned long long)atomic_load(&tally.answers[i]));
	printf("succeeded:");
	for (i = 0; i < 256; i++)
		if (atomic_load(&tally.succeeded[i]))
			printf(" %u=%llu", i, (unsigned long long)atomic_load(&tally.succeeded[i]));
	printf("\n");
	if (opt.no_cap && successes) {
		fprintf(stderr, "dmm-nlfuzz: %llu commands succeeded without CAP_SYS_ADMIN\n",
			(unsigned long long)successes);
		return 1;
	}
	return atomic_load(&tally.unanswered) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct nlfuzz_worker workers[MAX_THREADS];
	struct rawnl nl;
	unsigned int i;
	int err;

	parse_options(argc, argv);
	err = rawnl_open(&nl);
	if (err) {
		fprintf(stderr, "dmm-nlfuzz: family " DMM_GENL_NAME ": %s (is dm-migrate loaded?)\n",
			strerror(-err));
		return 1;
	}
	fuzz.family = nl.family;
	rawnl_close(&nl);
	fds_open();
	if (opt.no_cap && drop_cap_sys_admin()) {
		fprintf(stderr, "dmm-nlfuzz: dropping CAP_SYS_ADMIN: %s\n", strerror(errno));
		return 1;
	}
	for (i = 0; i < opt.threads; i++) {
		workers[i].r.state = opt.seed * MAX_THREADS + i;
		workers[i].todo = opt.count / opt.threads + (i < opt.count % opt.threads);
		workers[i].fd = open_netlink(i || opt.no_cap ? 0 : nl.group);
		if (!i && !each_bad_fd(&workers[i]))
			return 1;
		if (pthread_create(&workers[i].thread, NULL, worker_thread, &workers[i])) {
			fprintf(stderr, "dmm-nlfuzz: no thread\n");
			return 1;
		}
	}
	for (i = 0; i < opt.threads; i++)
		pthread_join(workers[i].thread, NULL);
	fds_close();
	return report();
}
