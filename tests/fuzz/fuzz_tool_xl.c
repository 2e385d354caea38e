// SPDX-License-Identifier: GPL-2.0
/*
 * What xl says: a byte that tells of what kind, then `xl list -l`, a configuration, a name and `xl list`, or the words of two xl that
 * move a guest: one byte how many of them are the receiver's, the others the sender's.  In a configuration, and in what `xl list -l`
 * says, the disk that is looked for is the one whose path begins with OLD; the byte of two xl also says how they fare (enum manner).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "fuzz.h"
#include "platform/xl_domain.h"
#include "platform/xl_home.h"
#include "platform/xl_stream.h"

#define OLD "/dev/vg/a"
#define NEW "/dev/mapper/moved"

enum kind { XL_DOMAIN, XL_CONFIG, XL_HERE, XL_UNTIL_READY, XL_READY, XL_GO };
/* Of the last three; three kinds a manner. */
enum manner { PLAIN, PACE_ON, PACE_WAIT, PACE_STOP, SENDER_GONE, RECEIVER_GONE, MANNERS };

struct looked_for {
	const char *begins;
	size_t bytes;			/* of those that were it */
};

static bool is_it(void *arg, const char *path)
{
	struct looked_for *l = arg;

	if (strncmp(path, l->begins, strlen(l->begins)))
		return false;
	l->bytes += strlen(path);
	return true;
}

/* Whose disk is it?  There is none behind one that is found. */
static void domain_with(const char *text)
{
	struct looked_for old = { .begins = OLD };
	char why[DMM_XL_TEXT] = "";
	struct dmm_xl_domain d;
	u32 which = 0;
	int ret = dmm_xl_domain_with(text, is_it, &old, &d, &which, why);

	if (!ret)
		fuzz_assert(which < d.nr && old.bytes == strlen(d.disks[which].path) && old.bytes >= strlen(OLD));
	else
		fuzz_assert(!old.bytes && (ret == -ENOENT || (ret == -EBADMSG && why[0] && memchr(why, '\0', sizeof(why)))));
}

static void domain(const char *text)
{
	char why[DMM_XL_TEXT] = "";
	struct dmm_xl_domain d;
	u32 i;

	if (dmm_xl_domain_parse(text, &d, why)) {
		fuzz_assert(why[0] && memchr(why, '\0', sizeof(why)));
		return;
	}
	fuzz_assert(d.nr <= DMM_MAX_GROUP && d.domid <= 0x7ff0 && memchr(d.name, '\0', sizeof(d.name)));
	for (i = 0; i < d.nr; i++)
		fuzz_assert(memchr(d.disks[i].vdev, '\0', DMM_XL_VDEV) && memchr(d.disks[i].path, '\0', DMM_PATH_MAX));
}

/* What has new disks is understood, and has those: once more changes nothing. */
static void config(const char *text)
{
	static const char *const disks[] = { "format=raw, vdev=xvda, target=/dev/vg/a", "vdev=hdc, devtype=cdrom" };
	char why[DMM_XL_TEXT] = "", *out, *again;
	u32 nr;

	for (nr = 0; nr <= 2; nr++) {
		if (dmm_xl_config_disks(text, disks, nr, &out, why)) {
			fuzz_assert(why[0] && memchr(why, '\0', sizeof(why)));
			return;
		}
		/* where it names none and is to have none it stays as it is */
		fuzz_assert(strstr(out, nr ? disks[nr - 1] : "[]") || (!nr && !strcmp(out, text)));
		fuzz_assert(!dmm_xl_config_disks(out, disks, nr, &again, why) && !strcmp(out, again));
		free(again);
		free(out);
	}
}

/*
 * With another path for a disk it is understood, and names that in place of the old one: once more changes nothing, and nothing but
 * paths has changed.
 */
static void config_repath(const char *text)
{
	struct looked_for old = { .begins = OLD }, new = { .begins = NEW };
	char why[DMM_XL_TEXT] = "", was[DMM_PATH_MAX] = "", *out, *again;
	int had, nr, ret;

	had = dmm_xl_config_repath(text, is_it, &new, NEW, &out, was, why);
	if (had > 0)
		free(out);
	nr = dmm_xl_config_repath(text, is_it, &old, NEW, &out, was, why);
	if (nr < 0) {
		fuzz_assert(nr == had && why[0] && memchr(why, '\0', sizeof(why)));
		return;
	}
	fuzz_assert(had >= 0 && !nr == !old.bytes);
	if (!nr)
		return;
	fuzz_assert(!strncmp(was, OLD, strlen(OLD)) && strstr(text, was));
	fuzz_assert(strlen(out) == strlen(text) - old.bytes + (size_t)nr * strlen(NEW));
	fuzz_assert(!dmm_xl_config_repath(out, is_it, &old, NEW, &again, was, why));
	new.bytes = 0;
	ret = dmm_xl_config_repath(out, is_it, &new, NEW, &again, was, why);
	fuzz_assert(ret == had + nr && strlen(again) == strlen(out) - new.bytes + (size_t)ret * strlen(NEW));
	fuzz_assert(had || !strcmp(out, again));
	free(again);
	free(out);
}

static void here(char *text)
{
	char *list = strchr(text, '\n');
	struct dmm_xl_here h;

	if (!list)
		return;
	*list++ = '\0';
	if (dmm_xl_here_parse(list, text, &h))
		return;
	fuzz_assert(!(h.suspended && h.ended) && (h.domid || (!h.suspended && !h.ended && !h.away && !h.twice)));
	fuzz_assert(!h.domid || strstr(list, text));
}

static int pace(void *arg)
{
	return *(int *)arg;
}

static void conversation(enum kind kind, enum manner manner, const u8 *data, size_t size)
{
	static const int paces[] = { [PACE_ON] = 0, [PACE_WAIT] = 1, [PACE_STOP] = -ECANCELED };
	int paced = manner <= PACE_STOP ? paces[manner] : 0;
	struct dmm_xl_stream s = { .stop_fd = -1 };
	size_t theirs = data[0] < size - 1 ? data[0] : size - 1, moved = 0;
	int net[2], from[2], to[2], ret;
	u8 buf[4096];
	ssize_t n;

	fuzz_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, net) && !pipe(from) && !pipe(to));
	data++;
	size--;
	fuzz_assert(send(net[1], data, theirs, 0) == (ssize_t)theirs && !shutdown(net[1], SHUT_WR));
	fuzz_assert(write(from[1], data + theirs, size - theirs) == (ssize_t)(size - theirs));
	close(from[1]);
	s.receiver = net[0];
	s.from_sender = from[0];
	s.to_sender = to[1];
	if (manner >= PACE_ON && manner <= PACE_STOP) {
		s.pace = pace;
		s.pace_arg = &paced;
	}
	if (manner == SENDER_GONE)
		close(to[0]);
	if (manner == RECEIVER_GONE)
		close(net[1]);
	if (kind == XL_UNTIL_READY)
		ret = dmm_xl_until_ready(&s);
	else if (kind == XL_READY)
		ret = dmm_xl_ready(&s, DMM_NO_DEADLINE);
	else
		ret = dmm_xl_go(&s, DMM_NO_DEADLINE);
	if (ret)
		fuzz_assert(s.why[0] && memchr(s.why, '\0', sizeof(s.why)));
	/* told to stop it moves nothing */
	if (kind == XL_UNTIL_READY && manner == PACE_STOP)
		fuzz_assert(ret == -ECANCELED && !s.bytes);
	/* what cannot be said is not taken for said */
	if ((kind == XL_READY && manner == SENDER_GONE) || (kind == XL_GO && manner == RECEIVER_GONE))
		fuzz_assert(ret);
	/* a sender hears what was said, or nothing */
	if (!ret && kind != XL_READY)
		ret = dmm_xl_report(&s, s.report);
	fuzz_assert(ret || manner != SENDER_GONE);
	close(to[1]);
	close(net[0]);
	while (manner != SENDER_GONE && (n = read(to[0], buf + moved, sizeof(buf) - moved)) > 0)
		moved += (size_t)n;
	if (kind == XL_UNTIL_READY && manner != RECEIVER_GONE) {
		fuzz_assert(moved < 54 || !memcmp(buf, data, 54));
		for (moved = 0; (n = recv(net[1], buf, sizeof(buf), 0)) > 0; moved += (size_t)n)
			fuzz_assert(moved + (size_t)n <= size - theirs && !memcmp(buf, data + theirs + moved, (size_t)n));
		fuzz_assert(moved == s.bytes);
	}
	if (manner != RECEIVER_GONE)
		close(net[1]);
	close(from[0]);
	if (manner != SENDER_GONE)
		close(to[0]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);	/* as the tool does */
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text;

	if (size < 2)
		return 0;
	if (data[0] >= XL_UNTIL_READY) {
		conversation(XL_UNTIL_READY + (data[0] - XL_UNTIL_READY) % 3, (data[0] - XL_UNTIL_READY) / 3 % MANNERS, data + 1, size - 1);
		return 0;
	}
	text = fuzz_text(data + 1, size - 1);
	if (data[0] == XL_DOMAIN) {
		domain(text);
		domain_with(text);
	} else if (data[0] == XL_CONFIG) {
		config(text);
		config_repath(text);
	} else {
		here(text);
	}
	free(text);
	return 0;
}
