// SPDX-License-Identifier: GPL-2.0
/*
 * What xl says: a byte that tells of what kind, then `xl list -l`, a configuration, a name and `xl list`, or the words of two xl that
 * move a guest: one byte how many of them are the receiver's, the others the sender's.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "fuzz.h"
#include "platform/xl_domain.h"
#include "platform/xl_home.h"
#include "platform/xl_stream.h"

enum kind { XL_DOMAIN, XL_CONFIG, XL_HERE, XL_UNTIL_READY, XL_READY, XL_GO };

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

static void conversation(enum kind kind, const u8 *data, size_t size)
{
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
	if (kind == XL_UNTIL_READY)
		ret = dmm_xl_until_ready(&s);
	else if (kind == XL_READY)
		ret = dmm_xl_ready(&s, DMM_NO_DEADLINE);
	else
		ret = dmm_xl_go(&s, DMM_NO_DEADLINE);
	if (ret)
		fuzz_assert(s.why[0] && memchr(s.why, '\0', sizeof(s.why)));
	/* a sender hears what was said, or nothing */
	if (!ret && kind != XL_READY)
		ret = dmm_xl_report(&s, s.report);
	close(to[1]);
	close(net[0]);
	while ((n = read(to[0], buf + moved, sizeof(buf) - moved)) > 0)
		moved += (size_t)n;
	if (kind == XL_UNTIL_READY) {
		fuzz_assert(moved < 54 || !memcmp(buf, data, 54));
		for (moved = 0; (n = recv(net[1], buf, sizeof(buf), 0)) > 0; moved += (size_t)n)
			fuzz_assert(moved + (size_t)n <= size - theirs && !memcmp(buf, data + theirs + moved, (size_t)n));
		fuzz_assert(moved == s.bytes);
	}
	close(net[1]);
	close(from[0]);
	close(to[0]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text;

	if (size < 2)
		return 0;
	if (data[0] >= XL_UNTIL_READY) {
		conversation(XL_UNTIL_READY + (data[0] - XL_UNTIL_READY) % 3, data + 1, size - 1);
		return 0;
	}
	text = fuzz_text(data + 1, size - 1);
	if (data[0] == XL_DOMAIN)
		domain(text);
	else if (data[0] == XL_CONFIG)
		config(text);
	else
		here(text);
	free(text);
	return 0;
}
