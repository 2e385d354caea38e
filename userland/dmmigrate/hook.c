// SPDX-License-Identifier: GPL-2.0
/*
 * Running a hook.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hook.h"

/* @suffix: "", or of a further disk "_1". */
static void hook_put(const char *name, const char *suffix, const char *value)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%s", name, suffix);
	setenv(key, value, 1);
}

static void hook_disk(const struct dmm_source *s, const char *suffix)
{
	char path[160], node[160], device[DMM_PATH_MAX + 16];

	/* udev mangles names that have odd characters: then the node that does exist */
	snprintf(path, sizeof(path), "/dev/mapper/%s", s->live.name);
	if (access(path, F_OK) && !dmm_dm_node(&s->live, node, sizeof(node)))
		memcpy(path, node, sizeof(path));
	hook_put("DMM_SOURCE", suffix, path);
	hook_put("DMM_DEST", suffix, s->record.to.path);
	dmm_dest_device(s->record.gate, s->record.to.path, device, sizeof(device));
	hook_put("DMM_DEVICE", suffix, device);
}

static void hook_env(const struct dmm_group *g)
{
	const struct dmm_source *s = &g->disks[0];
	char port[16], suffix[16] = "";
	u32 i;

	snprintf(port, sizeof(port), "%u", s->record.to.port);
	setenv("DMM_MIGRATION", s->hex, 1);
	setenv("DMM_HOST", s->record.to.host, 1);
	setenv("DMM_PORT", port, 1);
	for (i = 0; i < g->nr; i++) {
		hook_disk(&g->disks[i], suffix);
		snprintf(suffix, sizeof(suffix), "_%u", i + 1);
	}
	snprintf(suffix, sizeof(suffix), "%u", g->nr);
	setenv("DMM_DISKS", suffix, 1);
}

int dmm_hook_run(struct dmm_tool *t, const struct dmm_group *g, const char *command)
{
	int status;
	pid_t pid;

	dmm_progress_end(t);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		dmm_signals_child();
		hook_env(g);
		/* stdout belongs to us: with --json it must stay parseable */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
