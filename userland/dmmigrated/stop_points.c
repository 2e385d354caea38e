// SPDX-License-Identifier: GPL-2.0
/*
 * The table of stop points: on which host, what for, and whether before, after, or both.
 */
#include "stop_points.h"

#ifdef DMM_DEBUG
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * What for: a hand-over, one that is given "back", what "restore" does after a reboot, "marks" of LVM, a "volume" that is made and removed.
 * An action of the state machine that is of no test of its own (a fence outside of a reboot) has the test that reaches it.
 */
static const struct {
	const char *side, *what, *name;
	enum { BOTH, ONLY_AFTER, OF_WORKER } how;
} points[] = {
	{ "source", "hand-over", "adopt", BOTH },
	{ "source", "hand-over", "append-active", BOTH },
	{ "source", "hand-over", "freeze", BOTH },
	{ "source", "hand-over", "commit", BOTH },
	{ "source", "hand-over", "append-relinquished", BOTH },
	{ "source", "hand-over", "append-released", BOTH },
	{ "source", "hand-over", "release", BOTH },
	{ "destination", "hand-over", "prepare", BOTH },
	{ "destination", "hand-over", "append-receiving", BOTH },
	{ "destination", "hand-over", "flush", OF_WORKER },
	{ "destination", "hand-over", "sample", BOTH },
	{ "destination", "hand-over", "append-complete", BOTH },
	{ "destination", "hand-over", "append-owned", BOTH },
	{ "destination", "hand-over", "gates-reads", BOTH },
	{ "destination", "hand-over", "append-running", BOTH },
	{ "destination", "hand-over", "gates-open", BOTH },
	{ "destination", "hand-over", "append-settled", BOTH },
	{ "destination", "hand-over", "settle", BOTH },
	{ "source", "back", "reclaim", BOTH },
	{ "source", "back", "thaw", BOTH },
	{ "destination", "back", "append-refused", BOTH },
	{ "destination", "back", "gates-shut", BOTH },
	{ "source", "restore", "fence", BOTH },
	{ "source", "restore", "fence-kept", ONLY_AFTER },
	{ "destination", "restore", "gates-shut", BOTH },
	{ "source", "marks", "mark", BOTH },
	{ "destination", "volume", "volume-entered", BOTH },
	{ "destination", "volume", "volume-made", ONLY_AFTER },
	{ "destination", "volume", "volume-removed", BOTH },
};

#define NR_POINTS	(sizeof(points) / sizeof(points[0]))

void dmm_stop_points_list(void)
{
	const char *at = getenv("DMM_DAEMON_STOP_AT");
	size_t i;

	if (!at || strcmp(at, "list"))
		return;
	for (i = 0; i < NR_POINTS; i++) {
		if (points[i].how != ONLY_AFTER)
			printf("%s %s before-%s\n", points[i].side, points[i].what, points[i].name);
		printf("%s %s after-%s\n", points[i].side, points[i].what, points[i].name);
	}
	exit(0);
}

static bool is_listed(const char *here, bool of_worker)
{
	const char *name = strchr(here, '-');
	size_t i;

	for (i = 0; i < NR_POINTS && name; i++) {
		if (!strcmp(points[i].name, name + 1) && (points[i].how == OF_WORKER) == of_worker &&
		    (*here == 'a' || points[i].how != ONLY_AFTER))
			return true;
	}
	return false;
}

static void check_listed(const char *here, bool of_worker)
{
	if (is_listed(here, of_worker))
		return;
	fprintf(stderr, "%s is a stop point that stop_points.c does not have: no test would stop there\n", here);
	abort();
}

void dmm_stop_point(const char *here)
{
	const char *point = getenv("DMM_DAEMON_STOP_AT"), *tell = getenv("DMM_DAEMON_TELL");
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* one is told after the other */
	char command[512];

	check_listed(here, false);
	if (tell) {
		pthread_mutex_lock(&lock);
		if (snprintf(command, sizeof(command), "%s %s", tell, here) >= (int)sizeof(command) || system(command))
			kill(getpid(), SIGKILL);	/* nobody is to believe that all was told */
		pthread_mutex_unlock(&lock);
	}
	if (point && !strcmp(here, point))
		kill(getpid(), SIGKILL);
}

void dmm_stop_point_of_worker(const char *here)
{
	const char *point = getenv("DMM_DAEMON_STOP_AT");

	check_listed(here, true);
	if (point && !strcmp(here, point))
		raise(SIGKILL);		/* tgkill(), where kill() is not allowed */
}

void dmm_stop_point_worker_ended(void)
{
	const char *point = getenv("DMM_DAEMON_STOP_AT");

	if (point && is_listed(point, true))
		kill(getpid(), SIGKILL);
}
#endif
