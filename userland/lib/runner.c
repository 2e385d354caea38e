// SPDX-License-Identifier: GPL-2.0
/*
 * By posix_spawn: a daemon with many threads does not fork.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fullio.h"
#include "parse.h"
#include "runner.h"
#include "thread.h"

#define KILLED_MS	1000u	/* for one that was killed to end */

/* Those that were asked, were killed, and have not ended. */
static atomic_uint hanging;

/* Neither the signals that the daemon blocks, nor that it ignores SIGPIPE. 0 or an error number. */
static int runner_signals(posix_spawnattr_t *attr)
{
	sigset_t none, pipe;
	int err;

	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	err = posix_spawnattr_setsigmask(attr, &none);
	if (!err)
		err = posix_spawnattr_setsigdefault(attr, &pipe);
	if (!err)
		err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return err;
}

static int runner_begin(struct dmm_runner *r, char *const argv[], char *out, size_t cap)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int fds[2], err;

	memset(r, 0, sizeof(*r));
	r->out = out;
	r->cap = cap;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	err = posix_spawn_file_actions_init(&files);
	if (err)
		goto out_close;
	err = posix_spawnattr_init(&attr);
	if (err)
		goto out_files;
	err = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&files, fds[1], STDOUT_FILENO);
	if (!err)
		err = out ? posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) :
			    posix_spawn_file_actions_adddup2(&files, fds[1], STDERR_FILENO);
	if (!err)
		err = runner_signals(&attr);
	if (!err)
		err = posix_spawnp(&r->pid, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
out_files:
	posix_spawn_file_actions_destroy(&files);
out_close:
	close(fds[1]);
	if (err)
		close(fds[0]);
	else
		r->fd = fds[0];
	return -err;
}

int dmm_runner_begin(struct dmm_runner *r, char *const argv[])
{
	return runner_begin(r, argv, NULL, 0);
}

int dmm_runner_begin_asked(struct dmm_runner *r, char *const argv[], char *out, size_t cap)
{
	return runner_begin(r, argv, out, cap);
}

/* Keeps the beginning. As below; -EMSGSIZE. */
static int runner_read_out(struct dmm_runner *r)
{
	char more;
	ssize_t n = r->bytes < r->cap ? read(r->fd, r->out + r->bytes, r->cap - r->bytes) : read(r->fd, &more, 1);

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (n && r->bytes == r->cap)
		return -EMSGSIZE;
	r->bytes += n;
	return n > 0;
}

/* Keeps the end of what it says. 1: there may be more; 0: that was all; -errno. */
static int runner_read(struct dmm_runner *r)
{
	ssize_t n;

	if (r->bytes == sizeof(r->text)) {
		r->bytes /= 2;
		memmove(r->text, r->text + sizeof(r->text) - r->bytes, r->bytes);
	}
	n = read(r->fd, r->text + r->bytes, sizeof(r->text) - r->bytes);
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	r->bytes += n;
	return n > 0;
}

int dmm_runner_wait(struct dmm_runner *r, u64 deadline_ms, int stop_fd)
{
	int ret;

	do {
		ret = dmm_wait_fd(r->fd, POLLIN, deadline_ms, stop_fd);
		if (!ret)
			ret = r->out ? runner_read_out(r) : runner_read(r);
	} while (ret > 0);
	if (ret)
		kill(r->pid, SIGKILL);
	return ret;
}

int dmm_runner_end(struct dmm_runner *r)
{
	int status;

	close(r->fd);
	while (waitpid(r->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 128;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void *reaper_thread(void *arg)
{
	dmm_runner_end(arg);
	free(arg);
	atomic_fetch_sub(&hanging, 1);
	return NULL;
}

/* It was killed: does it end? */
static bool runner_ended(struct dmm_runner *r)
{
	unsigned int i;

	for (i = 0; i < KILLED_MS / 10; i++) {
		if (waitpid(r->pid, NULL, WNOHANG) == r->pid)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

/* Not before a disk answers, perhaps. */
static void runner_abandon(struct dmm_runner *r)
{
	if (runner_ended(r)) {
		close(r->fd);
		free(r);
		return;
	}
	atomic_fetch_add(&hanging, 1);
	if (dmm_thread_detached(reaper_thread, r, 0))
		reaper_thread(r);
}

int dmm_runner_ask(char *const argv[], u32 timeout_ms, int stop_fd, char *out, size_t cap)
{
	struct dmm_runner *r;
	int ret;

	out[0] = '\0';
	if (atomic_load(&hanging))
		return -EBUSY;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	ret = dmm_runner_begin_asked(r, argv, out, cap - 1);
	if (ret) {
		free(r);
		return ret;
	}
	ret = dmm_runner_wait(r, dmm_now_ms() + timeout_ms, stop_fd);
	out[r->bytes] = '\0';
	if (ret) {
		runner_abandon(r);
		return ret;
	}
	ret = dmm_runner_end(r);
	free(r);
	return ret;
}

void dmm_runner_line(const struct dmm_runner *r, char *line, size_t bytes)
{
	size_t end = r->bytes, begin;

	while (end && (r->text[end - 1] == '\n' || r->text[end - 1] == ' '))
		end--;
	for (begin = end; begin && r->text[begin - 1] != '\n'; begin--)
		;
	snprintf(line, bytes, "%.*s", (int)(end - begin), r->text + begin);
	dmm_text_clean(line);
}
