// SPDX-License-Identifier: GPL-2.0
/*
 * The journal of a load; see journal.h.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct op) == 64, "an operation is a cache line");
_Static_assert(sizeof(struct journal_hdr) == 64, "the header is as long as an operation");

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static size_t bytes_for(uint32_t max_ops)
{
	return sizeof(struct journal_hdr) + (size_t)max_ops * sizeof(struct op);
}

static int map(struct journal *j, int fd, size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	j->hdr = p;
	j->ops = (struct op *)(j->hdr + 1);
	return 0;
}

static int complain(const char *path, int err, const char *what)
{
	fprintf(stderr, "journal %s: %s: %s\n", path, what, strerror(-err));
	return err;
}

static int open_existing(struct journal *j, int fd, int prot)
{
	struct journal_hdr hdr;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return complain(j->path, -errno, "cannot stat");
	if (pread(fd, &hdr, sizeof(hdr), 0) != sizeof(hdr) || hdr.magic != JOURNAL_MAGIC ||
	    (uint64_t)st.st_size < bytes_for(hdr.max_ops))
		return complain(j->path, -EINVAL, "not a journal of dmm-load");
	/* a copy on a disk ends with the disk */
	err = map(j, fd, bytes_for(hdr.max_ops), prot);
	return err ? complain(j->path, err, "cannot map") : 0;
}

static int create(struct journal *j, uint64_t size_bytes, uint32_t max_ops)
{
	struct journal_hdr hdr = {
		.magic = JOURNAL_MAGIC,
		.max_ops = max_ops,
		.size_bytes = size_bytes,
		.clock = 1,
	};
	int fd, err = 0;

	fd = open(j->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return complain(j->path, -errno, "cannot create");
	if (getrandom(&hdr.id, sizeof(hdr.id), 0) != sizeof(hdr.id) ||
	    ftruncate(fd, (off_t)bytes_for(max_ops)) ||
	    pwrite(fd, &hdr, sizeof(hdr), 0) != sizeof(hdr))
		err = complain(j->path, -errno, "cannot initialise");
	if (!err) {
		err = map(j, fd, bytes_for(max_ops), PROT_READ | PROT_WRITE);
		if (err)
			complain(j->path, err, "cannot map");
	}
	close(fd);
	return err;
}

int journal_open(struct journal *j, const char *path, uint64_t size_bytes, uint32_t max_ops)
{
	int fd, err;

	j->path = path;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? create(j, size_bytes, max_ops ? max_ops : JOURNAL_OPS) :
					 complain(path, -errno, "cannot open");
	err = open_existing(j, fd, PROT_READ | PROT_WRITE);
	close(fd);
	if (!err && j->hdr->size_bytes != size_bytes) {
		fprintf(stderr, "journal %s: of a disk of %llu bytes, this one has %llu\n", path,
			(unsigned long long)j->hdr->size_bytes, (unsigned long long)size_bytes);
		err = -EINVAL;
	}
	return err;
}

int journal_open_readonly(struct journal *j, const char *path)
{
	int fd, err;

	j->path = path;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain(path, -errno, "cannot open");
	err = open_existing(j, fd, PROT_READ);
	close(fd);
	return err;
}

uint64_t journal_ops(const struct journal *j)
{
	uint64_t n = __atomic_load_n(&j->hdr->next_op, __ATOMIC_ACQUIRE);

	return n < j->hdr->max_ops ? n : j->hdr->max_ops;
}

struct op *journal_take(struct journal *j, uint64_t *seq)
{
	uint64_t n = __atomic_fetch_add(&j->hdr->next_op, 1, __ATOMIC_ACQ_REL);

	if (n >= j->hdr->max_ops)
		return NULL;
	*seq = n + 1;
	return &j->ops[n];
}

void journal_issue(struct journal *j, struct op *op)
{
	op->start_ns = now_ns();
	/* The other fields first: who sees the stamp sees them. */
	__atomic_store_n(&op->issued, __atomic_fetch_add(&j->hdr->clock, 1, __ATOMIC_SEQ_CST),
			 __ATOMIC_SEQ_CST);
}

void journal_complete(struct journal *j, struct op *op, int status)
{
	uint64_t t = __atomic_fetch_add(&j->hdr->clock, 1, __ATOMIC_SEQ_CST);

	op->end_ns = now_ns();
	op->status = status;
	__atomic_store_n(&op->completed, t, __ATOMIC_SEQ_CST);
}
