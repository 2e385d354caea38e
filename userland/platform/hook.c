// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of the admin that stop the writer here and start it there: run by sh -c, with DMM_MIGRATION, DMM_HOST, DMM_PORT,
 * DMM_DISKS and, of each disk, DMM_SOURCE, DMM_DEST and DMM_DEVICE set (of the second one DMM_SOURCE_1 ...).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform.h"

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

/* Its output goes to stderr.  0, its exit status (1 to 255; 128 + signal), or -errno when it could not be run. */
static int hook_run(struct dmm_tool *t, const struct dmm_group *g, const char *command)
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

static int hook_stop(struct dmm_platform *p)
{
	int ret = hook_run(p->t, p->g, p->t->args.hook_stop);

	if (ret)
		snprintf(p->why, sizeof(p->why), "the stop hook failed (%d)", ret);
	return ret ? -EIO : 0;
}

static int hook_release(struct dmm_platform *p)
{
	(void)p;
	return 0;
}

static enum dmm_platform_run hook_start(struct dmm_platform *p)
{
	int ret = hook_run(p->t, p->g, p->t->args.hook_start);

	if (!ret)
		return DMM_RUN_RUNS;
	if (ret >= 128) {
		snprintf(p->why, sizeof(p->why), "the start hook was killed (%d)", ret);
		return DMM_RUN_UNKNOWN;
	}
	snprintf(p->why, sizeof(p->why), "the start hook failed (%d)", ret);
	return DMM_RUN_NOT;
}

static int hook_abort(struct dmm_platform *p)
{
	int ret;

	if (!p->t->args.hook_abort) {
		snprintf(p->why, sizeof(p->why), "the stop hook may have stopped the writer, and nothing has started it again: "
			 "start it here (--hook-abort CMD would have)");
		return -ENOENT;
	}
	ret = hook_run(p->t, p->g, p->t->args.hook_abort);
	if (ret)
		snprintf(p->why, sizeof(p->why), "the abort hook failed (%d): start the writer here by hand", ret);
	return ret ? -EIO : 0;
}

static void hook_end(struct dmm_platform *p)
{
	(void)p;
}

/* By which of the two there are. */
static const struct dmm_platform_ops hook_ops[2][2] = {
#define HOOKS(_stop, _start) {						\
		.stop_name = _stop, .run_name = _start,			\
		.stop = hook_stop, .release = hook_release,		\
		.run = hook_start, .abort = hook_abort, .end = hook_end, \
	}
	{ HOOKS(NULL, NULL), HOOKS(NULL, "start hook") },
	{ HOOKS("stop hook", NULL), HOOKS("stop hook", "start hook") },
};

void dmm_platform_hook(struct dmm_platform *p, struct dmm_tool *t)
{
	*p = (struct dmm_platform){ .ops = &hook_ops[!!t->args.hook_stop][!!t->args.hook_start], .t = t };
}
