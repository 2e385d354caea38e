// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-same: have two disks the same contents?  As cmp(1), but past the page cache, and quick
 * where every instruction is emulated.
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_BYTES	(1u << 20)

static uint8_t *read_at(const struct disk *d, uint8_t *buf, uint64_t at, size_t bytes)
{
	ssize_t n;

	do {
		n = pread(d->fd, buf, bytes, (off_t)at);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)bytes)
		return buf;
	fprintf(stderr, "%s at %llu: %s\n", d->path, (unsigned long long)at,
		n < 0 ? strerror(errno) : "a short read");
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	uint8_t *buf = aligned_alloc(4096, 2 * STEP_BYTES);
	const uint8_t *x, *y;
	struct disk a, b;
	uint64_t at;
	size_t n, i;

	if (argc != 3 || argv[1][0] == '-' || !buf) {
		fputs("usage: dmm-same DISK DISK\n"
		      "Exit: 0 the same, 1 they differ (says where), 2 usage or unreadable.\n", stderr);
		return EXIT_USAGE;
	}
	disk_open(&a, argv[1], O_RDONLY, false);
	disk_open(&b, argv[2], O_RDONLY, false);
	if (a.size_bytes != b.size_bytes) {
		printf("%s has %llu bytes, %s has %llu\n", a.path, (unsigned long long)a.size_bytes,
		       b.path, (unsigned long long)b.size_bytes);
		return 1;
	}
	for (at = 0; at < a.size_bytes; at += n) {
		n = a.size_bytes - at < STEP_BYTES ? (size_t)(a.size_bytes - at) : STEP_BYTES;
		x = read_at(&a, buf, at, n);
		y = read_at(&b, buf + STEP_BYTES, at, n);
		if (!memcmp(x, y, n))
			continue;
		for (i = 0; x[i] == y[i]; i++)
			;
		printf("%s and %s differ at byte %llu\n", a.path, b.path, (unsigned long long)(at + i));
		return 1;
	}
	return 0;
}
