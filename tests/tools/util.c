// SPDX-License-Identifier: GPL-2.0
/*
 * What several test tools need; see util.h.
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool parse_bytes(const char *text, uint64_t *bytes, const char **end)
{
	char *e;
	unsigned long long v;
	unsigned int shift = 0;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &e, 10);
	if (errno)
		return false;
	switch (*e) {
	case 'K':
		shift = 10;
		e++;
		break;
	case 'M':
		shift = 20;
		e++;
		break;
	case 'G':
		shift = 30;
		e++;
		break;
	case 'T':
		shift = 40;
		e++;
		break;
	}
	if (v > UINT64_MAX >> shift)
		return false;
	*bytes = (uint64_t)v << shift;
	*end = e;
	return true;
}

static void __attribute__((noreturn)) bad(const char *text, const char *what, const char *want)
{
	fprintf(stderr, "%s: '%s' is not %s\n", what, text, want);
	exit(EXIT_USAGE);
}

uint64_t need_bytes(const char *text, const char *what)
{
	const char *end;
	uint64_t v;

	if (!parse_bytes(text, &v, &end) || *end)
		bad(text, what, "a size such as 512, 4K or 1M");
	return v;
}

uint64_t need_number(const char *text, const char *what, uint64_t min, uint64_t max)
{
	char want[80], *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || v < min || v > max) {
		snprintf(want, sizeof(want), "a number from %llu to %llu",
			 (unsigned long long)min, (unsigned long long)max);
		bad(text, what, want);
	}
	return v;
}

void need_pair(const char *text, const char *what, const char *sep, uint64_t *a, uint64_t *b)
{
	const char *end, *end2;

	if (!parse_bytes(text, a, &end) || strncmp(end, sep, strlen(sep)) ||
	    !parse_bytes(end + strlen(sep), b, &end2) || *end2)
		bad(text, what, "two sizes, as the help shows");
}

void disk_open(struct disk *d, const char *path, int flags, bool buffered)
{
	struct stat st;
	int lbs;

	d->path = path;
	d->fd = open(path, flags | O_CLOEXEC | (buffered ? 0 : O_DIRECT));
	if (d->fd < 0 || fstat(d->fd, &st))
		goto err;
	d->is_bdev = S_ISBLK(st.st_mode);
	d->lbs = 512;
	if (d->is_bdev) {
		if (ioctl(d->fd, BLKGETSIZE64, &d->size_bytes) || ioctl(d->fd, BLKSSZGET, &lbs))
			goto err;
		d->lbs = (uint32_t)lbs;
	} else if (S_ISREG(st.st_mode)) {
		d->size_bytes = (uint64_t)st.st_size;
	} else {
		fprintf(stderr, "%s: neither a block device nor a file\n", path);
		exit(EXIT_USAGE);
	}
	return;
err:
	fprintf(stderr, "%s: %s%s\n", path, strerror(errno),
		errno == EINVAL && !buffered ? " (no O_DIRECT there? try --buffered)" : "");
	exit(EXIT_USAGE);
}

uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

int drop_cap_sys_admin(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return -1;
	d[0].effective &= ~(1u << CAP_SYS_ADMIN);
	d[0].permitted &= ~(1u << CAP_SYS_ADMIN);
	return (int)syscall(SYS_capset, &h, d);
}
