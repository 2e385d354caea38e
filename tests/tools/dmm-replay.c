// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-replay: reads what the device-mapper target log-writes has logged, and makes the disk that a crash would have
 * left.  An entry stands behind all that was durable when it completed: writes are logged with the flush that covers
 * them, FUA writes and marks at once.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static const char help[] =
"usage: dmm-replay LOG                    list the entries: INDEX KIND SECTOR SECTORS [TEXT of a mark]\n"
"       dmm-replay LOG FROM TO DISK       do entries FROM to TO - 1 to DISK, a device or a file\n"
"A KIND is one or more of flush, fua, discard, mark, meta with + between them, or write.\n"
"Exit: 0, 1 the log is damaged or an entry lies outside the disk, 2 usage or I/O.\n";

/* drivers/md/dm-log-writes.c; the log's own sector size counts, little-endian */
#define LOG_MAGIC	0x6a736677736872ull
#define LOG_VERSION	1u
#define LOG_FLUSH	(1u << 0)
#define LOG_FUA		(1u << 1)
#define LOG_DISCARD	(1u << 2)
#define LOG_MARK	(1u << 3)
#define LOG_METADATA	(1u << 4)
#define LOG_FLAGS	(LOG_FLUSH | LOG_FUA | LOG_DISCARD | LOG_MARK | LOG_METADATA)

#define MAX_SECTOR_BYTES	65536u
#define STEP_BYTES		(1u << 20)

struct log_super {
	uint64_t magic;
	uint64_t version;
	uint64_t nr_entries;
	uint32_t sector_bytes;
};

struct log_entry {
	uint64_t sector;
	uint64_t nr_sectors;
	uint64_t flags;
	uint64_t data_bytes;	/* of the text that follows in the same sector */
};

struct replay {
	const char *path;
	int fd;
	uint64_t nr;
	uint32_t sector_bytes;
	uint64_t next;		/* where the next entry is, bytes */
	uint64_t data;		/* where the last one's data is */
	struct log_entry e;
	char text[MAX_SECTOR_BYTES];
};

static void quit(int status, const char *path, const char *what)
{
	fprintf(stderr, "dmm-replay: %s: %s\n", path, what);
	exit(status);
}

static void read_at(const struct replay *r, void *buf, size_t bytes, uint64_t at)
{
	ssize_t n = pread(r->fd, buf, bytes, (off_t)at);

	if (n < 0)
		quit(EXIT_USAGE, r->path, strerror(errno));
	if ((size_t)n != bytes)
		quit(1, r->path, "it ends within an entry");
}

static void log_open(struct replay *r, const char *path)
{
	struct log_super s;

	r->path = path;
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		quit(EXIT_USAGE, path, strerror(errno));
	read_at(r, &s, sizeof(s), 0);
	if (le64toh(s.magic) != LOG_MAGIC || le64toh(s.version) != LOG_VERSION)
		quit(1, path, "no log of log-writes, version 1");
	r->nr = le64toh(s.nr_entries);
	r->sector_bytes = le32toh(s.sector_bytes);
	if (r->sector_bytes < 512 || r->sector_bytes > MAX_SECTOR_BYTES)
		quit(1, path, "an impossible sector size");
	r->next = r->sector_bytes;
}

/* The next entry to r->e, its text, NUL terminated, to r->text. */
static void log_next(struct replay *r)
{
	char buf[MAX_SECTOR_BYTES];
	struct log_entry *e = (struct log_entry *)buf;

	read_at(r, buf, r->sector_bytes, r->next);
	r->e.sector = le64toh(e->sector);
	r->e.nr_sectors = le64toh(e->nr_sectors);
	r->e.flags = le64toh(e->flags);
	r->e.data_bytes = le64toh(e->data_bytes);
	if (r->e.flags & ~(uint64_t)LOG_FLAGS || r->e.data_bytes >= r->sector_bytes - sizeof(*e) ||
	    r->e.nr_sectors > UINT32_MAX || r->e.sector > UINT64_MAX / MAX_SECTOR_BYTES / 2)
		quit(1, r->path, "an impossible entry");
	memcpy(r->text, buf + sizeof(*e), r->e.data_bytes);
	r->text[r->e.data_bytes] = '\0';
	r->data = r->next + r->sector_bytes;
	r->next = r->data;
	if (!(r->e.flags & LOG_DISCARD))
		r->next += r->e.nr_sectors * r->sector_bytes;
}

static void show(const struct replay *r, uint64_t index)
{
	static const char *const names[] = { "flush", "fua", "discard", "mark", "meta" };
	const char *between = "";
	unsigned int i;

	printf("%" PRIu64 " ", index);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (r->e.flags & 1u << i) {
			printf("%s%s", between, names[i]);
			between = "+";
		}
	printf("%s %" PRIu64 " %" PRIu64 "%s%s\n", *between ? "" : "write", r->e.sector, r->e.nr_sectors,
	       r->e.flags & LOG_MARK ? " " : "", r->e.flags & LOG_MARK ? r->text : "");
}

/* What was discarded reads as zeroes from then on. */
static void apply(const struct replay *r, int disk, const char *path, uint64_t size)
{
	static uint8_t buf[STEP_BYTES];
	uint64_t at = r->e.sector * r->sector_bytes, left = r->e.nr_sectors * r->sector_bytes, from = r->data;
	bool discard = r->e.flags & LOG_DISCARD;
	size_t n;

	if (at > size || left > size - at)
		quit(1, r->path, "an entry lies outside the disk");
	for (; left; left -= n, at += n, from += n) {
		n = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		if (discard)
			memset(buf, 0, n);
		else
			read_at(r, buf, n, from);
		if (pwrite(disk, buf, n, (off_t)at) != (ssize_t)n)
			quit(EXIT_USAGE, path, "cannot be written");
	}
}

int main(int argc, char **argv)
{
	static struct replay r;
	uint64_t i, from, to;
	off_t size;
	int disk;

	if ((argc != 2 && argc != 5) || argv[1][0] == '-') {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	log_open(&r, argv[1]);
	if (argc == 2) {
		for (i = 0; i < r.nr; i++) {
			log_next(&r);
			show(&r, i);
		}
		return 0;
	}
	from = need_number(argv[2], "FROM", 0, r.nr);
	to = need_number(argv[3], "TO", from, r.nr);
	disk = open(argv[4], O_WRONLY | O_CLOEXEC);
	size = disk < 0 ? -1 : lseek(disk, 0, SEEK_END);
	if (size < 0)
		quit(EXIT_USAGE, argv[4], strerror(errno));
	for (i = 0; i < to; i++) {
		log_next(&r);
		if (i >= from)
			apply(&r, disk, argv[4], (uint64_t)size);
	}
	if (close(disk))
		quit(EXIT_USAGE, argv[4], strerror(errno));
	return 0;
}
