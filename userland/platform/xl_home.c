// SPDX-License-Identifier: GPL-2.0
/*
 * What xl migrate leaves when it was killed, or when its other end was lost after its GO: a suspended domain, perhaps with another name.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "runner.h"
#include "xl.h"
#include "xl_home.h"

#define LIST_MS		20000u
#define LIST_BYTES	(256u << 10)
#define RESUME_MS	60000u	/* its devices have to answer */
#define AGAIN_MS	300	/* between two looks */
#define MAKE_MS		60000u	/* from its new id to its configuration: hotplug scripts may have to wait */
#define NOT_SUSPENDED	3	/* exit code of DMM_XL_RESUME */

/* "NAME ID MEM VCPUS STATE TIME": names have no spaces. 0; -EBADMSG. */
static int parse_line(const char *line, const char *name, struct dmm_xl_here *h)
{
	size_t n = strlen(name);
	char state[16];
	bool away;
	u64 domid;

	if (strncmp(line, name, n))
		return 0;
	away = !strncmp(line + n, DMM_XL_AWAY " ", sizeof(DMM_XL_AWAY));
	if (!away && line[n] != ' ')
		return 0;
	if (sscanf(line, "%*s %llu %*s %*s %15s", &domid, state) != 2 || !domid || strlen(state) < 6)
		return -EBADMSG;
	h->twice = h->domid;
	if (h->twice && away)
		return 0;
	h->domid = domid;
	h->away = away;
	h->suspended = state[3] == 's' && state[4] == 's';
	h->ended = state[3] == 's' && !h->suspended;
	return 0;
}

int dmm_xl_here_parse(const char *text, const char *name, struct dmm_xl_here *h)
{
	int ret = strncmp(text, "Name ", 5) ? -EBADMSG : 0;
	const char *line = text;

	memset(h, 0, sizeof(*h));
	while (!ret && (line = strchr(line, '\n')))
		ret = parse_line(++line, name, h);
	return ret;
}

int dmm_xl_look(const char *name, struct dmm_xl_here *h, char *why)
{
	char *const argv[] = { (char *)"xl", (char *)"list", NULL };
	dmm_autofree char *out = malloc(LIST_BYTES);
	int ret = out ? dmm_runner_ask(argv, LIST_MS, -1, out, LIST_BYTES) : -ENOMEM;

	if (!ret)
		ret = dmm_xl_here_parse(out, name, h);
	if (!ret)
		return 0;
	if (ret > 0)
		snprintf(why, DMM_XL_TEXT, "xl list ends with %d: whether %.64s runs here is not known", ret, name);
	else
		snprintf(why, DMM_XL_TEXT, "xl list: %s: whether %.64s runs here is not known", strerror(-ret), name);
	return ret > 0 ? -EIO : ret;
}

/* Runs a program for its last line. 0, or its exit code or -errno, with @why. */
static int run(char *const argv[], char *why)
{
	struct dmm_runner r;
	char line[160] = "";
	int ret = dmm_runner_begin(&r, argv), waited;

	if (!ret) {
		waited = dmm_runner_wait(&r, dmm_now_ms() + RESUME_MS, -1);
		dmm_runner_line(&r, line, sizeof(line));
		ret = dmm_runner_end(&r);
		if (waited)
			ret = waited;
	}
	if (ret > 0)
		snprintf(why, DMM_XL_TEXT, "%.64s ends with %d: %.150s", argv[0], ret, line);
	else if (ret)
		snprintf(why, DMM_XL_TEXT, "%.64s: %s", argv[0], strerror(-ret));
	return ret;
}

/* Where the helper is: where this program is. 0 or -errno. */
static int resume_path(char *path, size_t bytes)
{
	ssize_t n = readlink("/proc/self/exe", path, bytes - sizeof(DMM_XL_RESUME));
	char *slash;

	if (n <= 0)
		return n ? -errno : -ENOENT;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return -ENOENT;
	strcpy(slash + 1, DMM_XL_RESUME);
	return 0;
}

/* 0; -EAGAIN: it was not suspended by then; -errno; both with @why. */
static int resume(const char *name, const struct dmm_xl_here *h, char *why)
{
	char path[512], domid[24], reason[DMM_XL_TEXT];
	char *const argv[] = { path, domid, NULL };
	int ret = resume_path(path, sizeof(path));

	snprintf(domid, sizeof(domid), "%llu", h->domid);
	if (!ret && access(path, X_OK))
		ret = -errno;
	if (ret) {
		snprintf(why, DMM_XL_TEXT, "xl has left %.64s%s suspended, and " DMM_XL_RESUME " is missing on this host (dmmigrate was "
			 "built without libxen-dev): install it, then " DMM_XL_RESUME " %s", name, h->away ? DMM_XL_AWAY : "", domid);
		return ret;
	}
	ret = run(argv, reason);
	if (ret)
		snprintf(why, DMM_XL_TEXT, "xl has left %.48s%s suspended: %.150s", name, h->away ? DMM_XL_AWAY : "", reason);
	return ret == NOT_SUSPENDED ? -EAGAIN : ret > 0 ? -EIO : ret;
}

/* Its own name again. 0 or -errno with @why. */
static int rename_back(const char *name, const struct dmm_xl_here *h, char *why)
{
	char domid[24];
	char *const argv[] = { (char *)"xl", (char *)"rename", domid, (char *)name, NULL };
	int ret;

	snprintf(domid, sizeof(domid), "%llu", h->domid);
	ret = run(argv, why);
	return ret > 0 ? -EIO : ret;
}

/* As dmm_xl_home(), now; -EAGAIN: xl may be at it. */
static int home_now(const char *name, char *why)
{
	struct dmm_xl_here h;
	int ret = dmm_xl_look(name, &h, why);

	if (ret)
		return ret;
	if (h.twice) {
		snprintf(why, DMM_XL_TEXT, "%.64s is here, and %.64s" DMM_XL_AWAY ", too, which has the same disks: see which is right, and xl "
			 "destroy the other", name, name);
		return -EEXIST;
	}
	if (!h.domid) {
		snprintf(why, DMM_XL_TEXT, "%.64s is not there any more: xl list; its disks are, and were not changed", name);
		return -ENOENT;
	}
	if (h.ended) {	/* xl, if it watches, makes it anew or destroys it */
		snprintf(why, DMM_XL_TEXT, "%.64s has ended here: xl list; its disks are here, and were not changed", name);
		return -EAGAIN;
	}
	if (h.suspended)
		ret = resume(name, &h, why);
	if (!ret && h.away)
		ret = rename_back(name, &h, why);
	return ret ? ret : h.suspended;
}

int dmm_xl_home(const char *name, u32 wait_ms, char *why)
{
	u64 until_ms = dmm_now_ms() + wait_ms;
	int ret;

	/* one that is rebooted is gone for some seconds */
	while ((ret = home_now(name, why)) == -ENOENT || ret == -EAGAIN) {
		if (dmm_now_ms() >= until_ms)
			return -ENOENT;
		poll(NULL, 0, AGAIN_MS);
	}
	return ret;
}

bool dmm_xl_left(const char *name, char *why)
{
	struct dmm_xl_here h;
	const char *away;

	if (dmm_xl_look(name, &h, why) || !h.domid)
		return false;
	away = h.away || h.twice ? DMM_XL_AWAY : "";
	snprintf(why, DMM_XL_TEXT, "%.64s%s is still here, without its disks, which are the other host's: xl destroy %.64s%s", name, away, name,
		 away);
	return true;
}

/* Another domain than @d was, of the same name. 0; -EBUSY with @why: it has other disks. */
static int compare(const struct dmm_xl_domain *d, const struct dmm_xl_domain *now, char *why)
{
	bool same = d->nr == now->nr && d->passthrough == now->passthrough;
	u32 i;

	for (i = 0; same && i < d->nr; i++)
		same = !strcmp(d->disks[i].vdev, now->disks[i].vdev) && !strcmp(d->disks[i].path, now->disks[i].path);
	if (same)
		return 0;
	snprintf(why, DMM_XL_TEXT, "the disks or devices of %.64s were changed meanwhile", d->name);
	return -EBUSY;
}

int dmm_xl_still_there(struct dmm_xl_domain *d, u32 wait_ms, char *why)
{
	u64 until_ms = dmm_now_ms() + wait_ms;
	dmm_autofree struct dmm_xl_domain *now = malloc(sizeof(*now));
	bool again, seen = false;
	int ret;

	if (!now) {
		snprintf(why, DMM_XL_TEXT, "out of memory");
		return -ENOMEM;
	}
	while (((ret = dmm_xl_domain_read(d->name, now, why)) == -ENOENT || ret == -ENODATA) && dmm_now_ms() < until_ms) {
		if (ret == -ENODATA && !seen)	/* it has come back; its memory and disks come after it */
			until_ms = dmm_now_ms() + MAKE_MS;
		seen = seen || ret == -ENODATA;
		poll(NULL, 0, AGAIN_MS);
	}
	if (!ret)
		ret = compare(d, now, why);
	if (ret)
		return ret;
	again = d->domid != now->domid;
	*d = *now;
	return again;
}
