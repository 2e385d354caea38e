// SPDX-License-Identifier: GPL-2.0
/*
 * Who has the lock of a state directory that we do not get: a daemon that runs, or what is left of one that was killed.
 *
 * A lock is an open file's, which children inherit, and /proc/locks names who took it, who may be no more; fdinfo names it wherever
 * the file is open.  The first thread of a process that was killed may be gone already: every thread is looked at.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fullio.h"
#include "holder.h"
#include "log.h"

/* Has the thread, by its directory, @path open and locked? */
static bool thread_has(const char *thread, const char *path)
{
	char name[400], target[512], info[1024];
	struct dirent *de;
	bool has = false;
	ssize_t n;
	DIR *d;

	snprintf(name, sizeof(name), "%s/fd", thread);
	d = opendir(name);
	while (d && !has && (de = readdir(d))) {
		/* by its name: to ask for more might wait for a disk, too */
		snprintf(name, sizeof(name), "%s/fd/%.20s", thread, de->d_name);
		n = readlink(name, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, path))
			continue;
		snprintf(name, sizeof(name), "%s/fdinfo/%.20s", thread, de->d_name);
		has = dmm_read_text(name, info, sizeof(info)) > 0 && strstr(info, "FLOCK");
	}
	if (d)
		closedir(d);
	return has;
}

/* Has it a SIGKILL before it? */
static bool thread_killed(const char *thread)
{
	unsigned long long pending = 0;
	char name[400], text[4096];
	const char *p;

	snprintf(name, sizeof(name), "%s/status", thread);
	p = dmm_read_text(name, text, sizeof(text)) > 0 ? strstr(text, "\nSigPnd:") : NULL;
	return p && sscanf(p, "\nSigPnd: %llx", &pending) == 1 && pending & 1ull << (SIGKILL - 1);
}

static void thread_look(const char *thread, struct dmm_holder *h)
{
	char name[400], text[1024];
	const char *p;

	h->state = '?';
	snprintf(name, sizeof(name), "%s/stat", thread);
	/* PID (COMM) STATE: a COMM may have parentheses */
	p = dmm_read_text(name, text, sizeof(text)) > 0 ? strrchr(text, ')') : NULL;
	if (p && p[1] == ' ' && p[2])
		h->state = p[2];
	snprintf(name, sizeof(name), "%s/comm", thread);
	if (dmm_read_text(name, h->comm, sizeof(h->comm)) <= 0)
		snprintf(h->comm, sizeof(h->comm), "?");
	h->stuck = h->state == 'D' && thread_killed(thread);
}

/* Is @a to be named rather than @b? */
static bool rather(const struct dmm_holder *a, const struct dmm_holder *b)
{
	if (a->stuck != b->stuck)
		return a->stuck;
	return !strcmp(a->comm, "dmmigrated") && strcmp(b->comm, "dmmigrated");
}

static bool process_look(const char *proc, const char *pid, const char *path, struct dmm_holder *h, bool found)
{
	struct dmm_holder one;
	struct dirent *de;
	char name[320];
	DIR *d;

	snprintf(name, sizeof(name), "%s/%s/task", proc, pid);
	d = opendir(name);
	while (d && (de = readdir(d))) {
		if (!isdigit(de->d_name[0]))
			continue;
		memset(&one, 0, sizeof(one));
		snprintf(one.pid, sizeof(one.pid), "%s", pid);
		snprintf(one.thread, sizeof(one.thread), "%.11s", de->d_name);
		snprintf(name, sizeof(name), "%s/%s/task/%s", proc, pid, one.thread);
		if (!thread_has(name, path))
			continue;
		thread_look(name, &one);
		if (!found || rather(&one, h))
			*h = one;
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}

bool dmm_holder_find(const char *proc, const char *path, struct dmm_holder *h)
{
	bool found = false;
	struct dirent *de;
	char pid[12];
	DIR *d;

	d = opendir(proc);
	while (d && (de = readdir(d))) {
		if (!isdigit(de->d_name[0]))
			continue;
		snprintf(pid, sizeof(pid), "%.11s", de->d_name);
		found = process_look(proc, pid, path, h, found);
	}
	if (d)
		closedir(d);
	return found;
}

void dmm_holder_complain(int fd, const char *dir)
{
	struct dmm_holder h;
	char path[512];
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (n <= 0 || !dmm_holder_find("/proc", path, &h))
		dmm_err(NULL, "another dmmigrated has %s: stop it first (systemctl stop dmmigrated)", dir);
	else if (h.stuck)
		dmm_err(NULL, "another dmmigrated has %s: its process %s (%s) was killed, but waits for a disk (state D), and ends "
			"when that answers: mend the disk (/proc/%s/task/%s/stack and dmsetup info say which), or restart the host",
			dir, h.pid, h.comm, h.pid, h.thread);
	else
		dmm_err(NULL, "another dmmigrated has %s: process %s (%s, state %c): stop it first (systemctl stop dmmigrated)",
			dir, h.pid, h.comm, h.state);
}
