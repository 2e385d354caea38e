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

static void hook_env(const struct dmm_source *s)
{
	char path[160], node[160], device[DMM_PATH_MAX + 16], port[16];

	/* udev mangles names that have odd characters: then the node that does exist */
	snprintf(path, sizeof(path), "/dev/mapper/%s", s->live.name);
	if (access(path, F_OK) && !dmm_dm_node(&s->live, node, sizeof(node)))
		memcpy(path, node, sizeof(path));
	snprintf(port, sizeof(port), "%u", s->record.to.port);
	setenv("DMM_MIGRATION", s->hex, 1);
	setenv("DMM_SOURCE", path, 1);
	setenv("DMM_DEST", s->record.to.path, 1);
	dmm_dest_device(s->record.gate, s->record.to.path, device, sizeof(device));
	setenv("DMM_DEVICE", device, 1);
	setenv("DMM_HOST", s->record.to.host, 1);
	setenv("DMM_PORT", port, 1);
}

int dmm_hook_run(struct dmm_tool *t, const struct dmm_source *s, const char *command)
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
		hook_env(s);
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
