/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What several test tools need: sizes on the command line, opening a device
 * under test, random numbers that a seed repeats.
 */
#ifndef TESTS_TOOLS_UTIL_H
#define TESTS_TOOLS_UTIL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define EXIT_USAGE	2

/* "512", "4K", "16M", "1G" -> bytes; false for anything else.  *end gets what follows the number. */
bool parse_bytes(const char *text, uint64_t *bytes, const char **end);
/* The same, but the whole text must be one, else a message naming @what and exit. */
uint64_t need_bytes(const char *text, const char *what);
/* A number in [min, max], else a message naming @what and exit. */
uint64_t need_number(const char *text, const char *what, uint64_t min, uint64_t max);
/* "A<sep>B": two sizes. */
void need_pair(const char *text, const char *what, const char *sep, uint64_t *a, uint64_t *b);

struct disk {
	const char *path;
	int fd;
	bool is_bdev;
	uint64_t size_bytes;
	uint32_t lbs;		/* logical block size */
};

/* Open with @flags (and O_DIRECT unless @buffered); prints what is wrong and exits. */
void disk_open(struct disk *d, const char *path, int flags, bool buffered);

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return n ? rng_next(r) % n : 0;
}

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* CAP_SYS_ADMIN, from now on. 0, or -1 with errno. */
int drop_cap_sys_admin(void);

#endif
