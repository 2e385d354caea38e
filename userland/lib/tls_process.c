// SPDX-License-Identifier: GPL-2.0
/*
 * A relay as a process: this very program once more, which has the secrets of one connection, by a pipe, and nothing of the
 * memory of whoever began it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "tls_priv.h"

#define NAME		"dmmigrate-tls"
#define FIRST_FREE	10		/* descriptors are put aside from here on, so that none is in another's place */
enum { FD_SECRETS, FD_NET = 3, FD_LOCAL };
#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

static bool may_spawn;		/* set before there are threads */

/* --- of the new process --- */

static int secrets_read(struct dmm_tls_secrets *s)
{
	size_t done = 0;
	ssize_t n;

	while (done < sizeof(*s)) {
		n = read(FD_SECRETS, (u8 *)s + done, sizeof(*s) - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		done += (size_t)n;
	}
	return 0;
}

static void close_others(void)
{
	int null = open("/dev/null", O_RDWR), fd;
	long max = sysconf(_SC_OPEN_MAX);

	for (fd = 0; fd < 3; fd++) {
		if (dup2(null, fd) < 0)
			_exit(1);
	}
	for (fd = FD_LOCAL + 1; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
		close(fd);
}

/* Nobody's child, with two descriptors and nothing else. Whoever has begun it waits for the return of its first half. */
__attribute__((noreturn))
static void relay_main(void)
{
	struct dmm_tls_secrets s;
	struct dmm_relay *r;
	pid_t pid;

	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, NAME);
	if (secrets_read(&s) || chdir("/"))
		_exit(1);
	close_others();
	setsid();
	pid = fork();
	if (pid)
		_exit(pid < 0);
	/* a source that is frozen waits for it: it must not wait for a disk (hazard 19); who is not root does without */
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	r = dmm_relay_create(&s, FD_NET, FD_LOCAL);
	gnutls_memset(&s, 0, sizeof(s));
	if (!r)
		_exit(1);
	dmm_relay_run(r);
	_exit(0);
}

void dmm_tls_main(int argc, char **argv)
{
	may_spawn = true;
	if (argc == 1 && !strcmp(argv[0], NAME))
		relay_main();
}

/* --- of whoever begins it --- */

/* A descriptor with the secrets to be read from it. */
static int secrets_pipe(const struct dmm_tls_secrets *s)
{
	dmm_autoclose int in = -1;
	dmm_autoclose int out = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	in = fds[1];
	out = fds[0];
	/* an empty pipe holds at least a page */
	if (write(in, s, sizeof(*s)) != (ssize_t)sizeof(*s))
		return -EIO;
	return dmm_take_fd(out);
}

static int spawn(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, pid_t *pid)
{
	char *const argv[] = { (char *)NAME, NULL }, *const envp[] = { NULL };
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return -posix_spawn(pid, "/proc/self/exe", actions, attr, argv, envp);
}

int dmm_relay_spawn(const struct dmm_tls_secrets *s, int net, int local)
{
	static const int at[] = { FD_SECRETS, FD_NET, FD_LOCAL };
	dmm_autoclose int secrets_fd = -1;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int fds[3], ret = 0, i, status;
	pid_t pid;

	if (!may_spawn)
		return -ENOSYS;
	secrets_fd = secrets_pipe(s);
	if (secrets_fd < 0)
		return secrets_fd;
	fds[0] = fcntl(secrets_fd, F_DUPFD_CLOEXEC, FIRST_FREE);
	fds[1] = fcntl(net, F_DUPFD_CLOEXEC, FIRST_FREE);
	fds[2] = fcntl(local, F_DUPFD_CLOEXEC, FIRST_FREE);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	for (i = 0; i < 3; i++) {
		if (fds[i] < 0)
			ret = -EMFILE;
		else if (!ret)
			ret = -posix_spawn_file_actions_adddup2(&actions, fds[i], at[i]);
	}
	if (!ret)
		ret = spawn(&actions, &attr, &pid);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	for (i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (ret)
		return ret;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status ? -EAGAIN : 0;
}
