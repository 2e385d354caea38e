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
	bool only_after;
} points[] = {
	{ "source", "hand-over", "adopt", false },
	{ "source", "hand-over", "append-active", false },
	{ "source", "hand-over", "freeze", false },
	{ "source", "hand-over", "commit", false },
	{ "source", "hand-over", "append-relinquished", false },
	{ "source", "hand-over", "append-released", false },
	{ "source", "hand-over", "release", false },
	{ "destination", "hand-over", "prepare", false },
	{ "destination", "hand-over", "append-receiving", false },
	{ "destination", "hand-over", "sample", false },
	{ "destination", "hand-over", "append-complete", false },
	{ "destination", "hand-over", "append-owned", false },
	{ "destination", "hand-over", "gates-reads", false },
	{ "destination", "hand-over", "append-running", false },
	{ "destination", "hand-over", "gates-open", false },
	{ "destination", "hand-over", "append-settled", false },
	{ "destination", "hand-over", "settle", false },
	{ "source", "back", "reclaim", false },
	{ "source", "back", "thaw", false },
	{ "destination", "back", "append-refused", false },
	{ "destination", "back", "gates-shut", false },
	{ "source", "restore", "fence", false },
	{ "source", "restore", "fence-kept", true },
	{ "destination", "restore", "gates-shut", false },
	{ "source", "marks", "mark", false },
	{ "destination", "volume", "volume-entered", false },
	{ "destination", "volume", "volume-made", true },
	{ "destination", "volume", "volume-removed", false },
};

#define NR_POINTS	(sizeof(points) / sizeof(points[0]))

void dmm_stop_points_list(void)
{
	const char *at = getenv("DMM_DAEMON_STOP_AT");
	size_t i;

	if (!at || strcmp(at, "list"))
		return;
	for (i = 0; i < NR_POINTS; i++) {
		if (!points[i].only_after)
			printf("%s %s before-%s\n", points[i].side, points[i].what, points[i].name);
		printf("%s %s after-%s\n", points[i].side, points[i].what, points[i].name);
	}
	exit(0);
}

static void check_listed(const char *here)
{
	const char *name = strchr(here, '-') + 1;
	size_t i;

	for (i = 0; i < NR_POINTS; i++) {
		if (!strcmp(points[i].name, name) && (*here == 'a' || !points[i].only_after))
			return;
	}
	fprintf(stderr, "%s is a stop point that stop_points.c does not have: no test would stop there\n", here);
	abort();
}

void dmm_stop_point(const char *here)
{
	const char *point = getenv("DMM_DAEMON_STOP_AT"), *tell = getenv("DMM_DAEMON_TELL");
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* one is told after the other */
	char command[512];

	check_listed(here);
	if (tell) {
		pthread_mutex_lock(&lock);
		if (snprintf(command, sizeof(command), "%s %s", tell, here) >= (int)sizeof(command) || system(command))
			kill(getpid(), SIGKILL);	/* nobody is to believe that all was told */
		pthread_mutex_unlock(&lock);
	}
	if (point && !strcmp(here, point))
		kill(getpid(), SIGKILL);
}
#endif
