// SPDX-License-Identifier: GPL-2.0
/*
 * What a destination may hold.  Every sector has a list of frames: the one whose data is there is
 * among them.  A frame joins the lists of its sectors when it is sent.  When it is
 * acknowledged, those leave that the receiver took in before it for certain:
 * overlapping extents are written in that order, so they are overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fire.h"
#include "fullio.h"

#define SECTOR	512u
#define WORDS	(SECTOR / 8)

struct list {
	u32 *frames;
	u32 nr, room;
};

static struct list *sectors;
static u32 nr_sectors;
static struct fire_frame *frames;
static u32 nr_frames, frames_room;
static u32 checked_frames;	/* those before it are settled */

static void list_add(struct list *l, u32 frame)
{
	if (l->nr == l->room) {
		l->room = l->room ? 2 * l->room : 4;
		l->frames = realloc(l->frames, l->room * sizeof(*l->frames));
		if (!l->frames)
			fire_die("out of memory");
	}
	l->frames[l->nr++] = frame;
}

void fire_model_init(u64 bytes)
{
	const struct fire_frame before = { .zero = true, .acked = true };
	u32 i;

	nr_sectors = bytes / SECTOR;
	sectors = calloc(nr_sectors, sizeof(*sectors));
	if (!sectors)
		fire_die("out of memory");
	fire_model_send(&before);
	checked_frames = 1;
	for (i = 0; i < nr_sectors; i++)
		list_add(&sectors[i], 0);
}

u32 fire_model_send(const struct fire_frame *f)
{
	u32 i;

	if (nr_frames == frames_room) {
		frames_room = frames_room ? 2 * frames_room : 1024;
		frames = realloc(frames, frames_room * sizeof(*frames));
		if (!frames)
			fire_die("out of memory");
	}
	frames[nr_frames] = *f;
	for (i = 0; i < f->nr; i++)
		list_add(&sectors[f->first + i], nr_frames);
	return nr_frames++;
}

const struct fire_frame *fire_model_frame(u32 frame)
{
	return &frames[frame];
}

/* Had the receiver taken in @x before @y for certain? */
static bool before(u32 x, u32 y)
{
	const struct fire_frame *fx = &frames[x], *fy = &frames[y];

	if (x < checked_frames || fx->epoch != fy->epoch)
		return x < y;	/* connections of an older epoch are drained before a newer one begins */
	if (fx->conn == fy->conn)
		return fx->seq < fy->seq;
	return fx->seq <= fy->known[fx->conn];
}

void fire_model_ack(u32 frame)
{
	struct fire_frame *f = &frames[frame];
	u32 i, j, nr;

	f->acked = true;
	for (i = f->first; i < f->first + f->nr; i++) {
		struct list *l = &sectors[i];

		for (j = nr = 0; j < l->nr; j++) {
			if (!before(l->frames[j], frame))
				l->frames[nr++] = l->frames[j];
		}
		l->nr = nr;
	}
}

static u64 word_of(u32 frame, u32 sector, u32 i)
{
	u64 v = ((u64)frame << 32 | sector) * 0x9e3779b97f4a7c15ull + i;

	return i ? v ^ v >> 29 : frame;
}

void fire_model_fill(u32 frame, u32 first, u32 nr, void *buf)
{
	u64 *p = buf;
	u32 s, i;

	for (s = first; s < first + nr; s++) {
		for (i = 0; i < WORDS; i++)
			*p++ = frames[frame].zero ? 0 : word_of(frame, s, i);
	}
}

bool fire_model_unsure(u32 first, u32 nr)
{
	u32 i;

	for (i = checked_frames; i < nr_frames; i++) {
		if (!frames[i].acked && frames[i].first < first + nr &&
		    first < frames[i].first + frames[i].nr)
			return true;
	}
	return false;
}

static void complain(const u64 *got, u32 sector)
{
	const struct list *l = &sectors[sector];
	char text[600] = "";
	u32 j, at = 0;

	for (j = 0; j < l->nr && at < sizeof(text) - 80; j++) {
		const struct fire_frame *f = &frames[l->frames[j]];

		at += snprintf(text + at, sizeof(text) - at, " %u(%s %u+%u by %u/%u%s)", l->frames[j],
			       f->zero ? "zero" : "data", f->first, f->nr, f->epoch, f->conn,
			       f->acked ? " acked" : "");
	}
	fire_die("sector %u holds %016llx %016llx, as of frame %llu; allowed:%s", sector, got[0], got[1],
		 got[0], text);
}

/* Which frame of the list the sector is of; dies when none. */
static u32 whose(const u64 *got, u32 sector)
{
	const struct list *l = &sectors[sector];
	u64 want[WORDS];
	u32 j;

	for (j = 0; j < l->nr; j++) {
		fire_model_fill(l->frames[j], sector, 1, want);
		if (!memcmp(want, got, SECTOR))
			return l->frames[j];
	}
	complain(got, sector);
	return 0;
}

void fire_model_check(const char *path, bool settled)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	u64 *all = malloc((size_t)nr_sectors * SECTOR);
	u32 i, frame;

	if (fd < 0 || !all)
		fire_die("%s: %s", path, strerror(errno));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (dmm_pread_full(fd, all, (size_t)nr_sectors * SECTOR, 0))
		fire_die("%s cannot be read whole", path);
	close(fd);
	for (i = 0; i < nr_sectors; i++) {
		frame = whose(all + (size_t)i * WORDS, i);
		if (settled) {
			sectors[i].frames[0] = frame;
			sectors[i].nr = 1;
		}
	}
	free(all);
	if (settled)
		checked_frames = nr_frames;
}
