// SPDX-License-Identifier: GPL-2.0
/*
 * Zeros by the cheapest means that a destination has.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fullio.h"
#include "zero.h"

/* "It cannot", as files, devices and the drivers below them say it. */
static bool refused(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == ENOTTY || err == EREMOTEIO;
}

static u64 piece_of(u64 at, u64 end, u64 most)
{
	return end - at < most ? end - at : most;
}

static s64 zero_punch(struct dmm_zeroer *z, int fd, bool file, u64 at, u64 end)
{
	u64 bytes = piece_of(at, end, DMM_ZERO_PUNCH_BYTES);
	off_t data;

	if (file) {
		/* a position of its own is what nobody else uses: all other I/O says where */
		data = lseek(fd, at, SEEK_DATA);
		if ((data < 0 && errno == ENXIO) || (data >= 0 && (u64)data >= end))
			return end - at;
		if (data > (off_t)at)
			return data - at;
	}
	if (atomic_load(&z->no_punch))
		return -EOPNOTSUPP;
	while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, bytes)) {
		if (errno == EINTR)
			continue;
		if (!refused(errno))
			return -errno;
		atomic_store(&z->no_punch, true);
		return -EAGAIN;
	}
	return bytes;
}

static bool is_zero(const void *buf, size_t bytes)
{
	const char *p = buf;

	return !p[0] && !memcmp(p, p + 1, bytes - 1);
}

/* How much from @at on reads as zeros already, or -errno. */
static s64 zero_look(int fd, u64 at, u64 end, void *look)
{
	u64 from = at, bytes;
	int ret;

	for (; from < end; from += bytes) {
		bytes = piece_of(from, end, DMM_ZERO_LOOK_BYTES);
		ret = dmm_pread_full(fd, look, bytes, from);
		if (ret)
			return ret;
		if (!is_zero(look, bytes))
			break;
	}
	return from - at;
}

static s64 zero_out(struct dmm_zeroer *z, int fd, u64 at, u64 end)
{
	u64 range[2] = { at, end - at };

	if (atomic_load(&z->no_zeroout))
		return -EOPNOTSUPP;
	while (ioctl(fd, BLKZEROOUT, range)) {
		if (errno == EINTR)
			continue;
		if (!refused(errno))
			return -errno;
		atomic_store(&z->no_zeroout, true);
		return -EOPNOTSUPP;
	}
	return end - at;
}

s64 dmm_zero_some(struct dmm_zeroer *z, int fd, bool file, u64 at, u64 end, void *look)
{
	s64 n = zero_punch(z, fd, file, at, end);

	if (n != -EOPNOTSUPP)
		return n;
	end = at + piece_of(at, end, DMM_ZERO_PIECE_BYTES);
	if (look) {
		n = zero_look(fd, at, end, look);
		if (n)
			return n;
	}
	/* a file is never a block device: do not ask it */
	return file ? -EOPNOTSUPP : zero_out(z, fd, at, end);
}
