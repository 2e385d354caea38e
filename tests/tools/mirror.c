// SPDX-License-Identifier: GPL-2.0
/*
 * A journal's copy on a disk; see mirror.h.  What a reader finds there is a journal whose counters are those of one
 * that is over: only the operations are kept up to date, one write each.
 */
#include "mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_BYTES	4096u
#define BEGIN_BYTES	(64 * PAGE_BYTES)	/* of one write of a new journal */
#define CLOCK_OVER	(1ull << 55)	/* above all stamps; checkers have a journal's number in the bits above */

static int complain(const struct mirror *m, int err, const char *what)
{
	fprintf(stderr, "mirror %s: %s: %s\n", m->path, what, strerror(-err));
	return err;
}

static uint64_t bytes_of(const struct journal *j)
{
	return sizeof(*j->hdr) + (uint64_t)j->hdr->max_ops * sizeof(*j->ops);
}

/* @len bytes of the journal at @off, pages both, as it is now, or zeroes where the journal ends before. */
static int write_pages(struct mirror *m, uint64_t off, size_t len)
{
	uint64_t left = bytes_of(m->journal) - off;
	ssize_t n;

	memset(m->page, 0, len);
	memcpy(m->page, (const uint8_t *)m->journal->hdr + off, left < len ? left : len);
	if (!off) {
		struct journal_hdr *hdr = (struct journal_hdr *)m->page;

		hdr->clock = CLOCK_OVER;
		hdr->next_op = hdr->max_ops;
	}
	n = pwrite(m->fd, m->page, len, (off_t)off);
	return n == (ssize_t)len ? 0 : complain(m, n < 0 ? -errno : -ENOSPC, "cannot write");
}

/* Is there a journal that @journal may go on with? */
static bool goes_on(struct mirror *m)
{
	const struct journal_hdr *there = (const struct journal_hdr *)m->page, *here = m->journal->hdr;

	return pread(m->fd, m->page, PAGE_BYTES, 0) == PAGE_BYTES && there->magic == JOURNAL_MAGIC &&
	       there->max_ops == here->max_ops && there->size_bytes == here->size_bytes && !here->next_op;
}

static int restore(struct mirror *m)
{
	struct journal_hdr *hdr = m->journal->hdr;
	uint64_t len = bytes_of(m->journal), off, i;

	for (off = 0; off < len; off += PAGE_BYTES) {
		ssize_t n = pread(m->fd, m->page, PAGE_BYTES, (off_t)off);

		if (n != PAGE_BYTES)
			return complain(m, n < 0 ? -errno : -EIO, "cannot read");
		memcpy((uint8_t *)hdr + off, m->page, len - off < PAGE_BYTES ? len - off : PAGE_BYTES);
	}
	hdr->clock = 1;
	hdr->next_op = 0;
	for (i = 0; i < hdr->max_ops; i++) {
		const struct op *op = &m->journal->ops[i];

		if (!op->issued)
			continue;
		hdr->next_op = i + 1;
		if (op->issued >= hdr->clock)
			hdr->clock = op->issued + 1;
		if (op->completed >= hdr->clock)
			hdr->clock = op->completed + 1;
	}
	return 0;
}

int mirror_open(struct mirror *m, const char *path, struct journal *journal)
{
	uint64_t off = PAGE_BYTES, len = bytes_of(journal), left;
	int err = 0;

	m->journal = journal;
	m->path = path;
	pthread_mutex_init(&m->lock, NULL);
	m->page = aligned_alloc(PAGE_BYTES, BEGIN_BYTES);
	if (!m->page)
		return complain(m, -ENOMEM, "cannot begin");
	m->fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_DSYNC | O_CLOEXEC, 0600);
	if (m->fd < 0)
		return complain(m, -errno, "cannot open");
	if (goes_on(m))
		return restore(m);
	/* its header last: there is a journal when all of it is there */
	for (; !err && off < len; off += BEGIN_BYTES) {
		left = (len - off + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
		err = write_pages(m, off, left < BEGIN_BYTES ? left : BEGIN_BYTES);
	}
	return err ? err : write_pages(m, 0, PAGE_BYTES);
}

int mirror_op(struct mirror *m, const struct op *op)
{
	uint64_t off = (uint64_t)((const uint8_t *)op - (const uint8_t *)m->journal->hdr);
	int err;

	pthread_mutex_lock(&m->lock);
	err = write_pages(m, off - off % PAGE_BYTES, PAGE_BYTES);
	pthread_mutex_unlock(&m->lock);
	return err;
}
