// SPDX-License-Identifier: GPL-2.0
/*
 * Debug builds: the table of steps at which a test may kill the tool.
 */
#include "tool.h"

#ifdef DMM_DEBUG
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* By the test that kills it there, tests/integration/WHAT-killed-at-every-step.sh or WHAT.sh; "resume" is resume-killed.sh. */
static const struct {
	const char *what, *step;
} steps[] = {
	{ "tool", "prepared" }, { "tool", "origin-created" }, { "tool", "table-loaded" }, { "tool", "swapped" }, { "tool", "attached" },
	{ "tool", "started" }, { "tool", "canary" },
	{ "tool", "stop-sent" }, { "tool", "restored" }, { "tool", "origin-removed" },
	{ "tool", "stopped" }, { "tool", "committed" }, { "tool", "finished" }, { "tool", "running" }, { "tool", "handed-over" },
	{ "tool", "error-loaded" }, { "tool", "error-live" },
	{ "owners", "acquire-asked" }, { "owners", "acquire-owned" },
	{ "owners", "run-opened" }, { "owners", "run-confirmed" },
	{ "owners", "return-asked" },
	{ "owners", "recover-asked" }, { "owners", "recover-ended" },
	{ "owners", "release-asked" }, { "owners", "release-dropped" },
	{ "resume", "comparing" },
	{ "vm-no-disks", "unpaused" },
	{ "vdi", "recorded" }, { "vdi", "freeze-sent" }, { "vdi", "marked" }, { "vdi", "new-table-loaded" }, { "vdi", "committed" },
	{ "vdi", "moved" }, { "vdi", "new-table-live" }, { "vdi", "attached" }, { "vdi", "started" },
	{ "vdi-lvm", "put-aside" }, { "vdi-storage-repository", "volume-made" }, { "vdi-storage-repository", "unmarked" },
	{ "vdi-storage-repository", "volume-removed" },
};

#define NR_STEPS	(sizeof(steps) / sizeof(steps[0]))

void dmm_stop_list(void)
{
	const char *at = getenv("DMM_TOOL_STOP_AT");
	size_t i;

	if (!at || strcmp(at, "list"))
		return;
	for (i = 0; i < NR_STEPS; i++)
		printf("%s %s\n", steps[i].what, steps[i].step);
	exit(0);
}

static void check_listed(const char *step)
{
	size_t i;

	for (i = 0; i < NR_STEPS; i++) {
		if (!strcmp(steps[i].step, step))
			return;
	}
	fprintf(stderr, "%s is a step that stop_at.c does not have: no test would kill the tool there\n", step);
	abort();
}

static void run_at(const char *step)
{
	const char *at = getenv("DMM_TOOL_RUN_AT");
	size_t n = strlen(step);
	int ret;

	if (!at || strncmp(at, step, n) || at[n] != ' ')
		return;
	ret = system(at + n + 1);
	if (ret)
		fprintf(stderr, "DMM_TOOL_RUN_AT: %s: %d\n", step, ret);
}

void dmm_stop_at(const char *step)
{
	const char *at = getenv("DMM_TOOL_STOP_AT");
	static unsigned int reached;
	size_t n = strlen(step);

	check_listed(step);
	run_at(step);
	if (!at || strncmp(at, step, n) || (at[n] && at[n] != ':'))
		return;
	if (++reached >= (at[n] ? (unsigned int)atoi(at + n + 1) : 1))
		kill(getpid(), SIGKILL);
}
#endif
