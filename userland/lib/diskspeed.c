// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "cleanup.h"
#include "diskspeed.h"
#include "fullio.h"

#define PIECE_BYTES	(1u << 20)
#define PIECES		256u
#define SPEED_NS	1000000000ull

int dmm_disk_speed(int fd, u64 size_bytes, int stop_fd, u64 *bytes, u64 *ns)
{
	u64 pieces = size_bytes / PIECE_BYTES, step = pieces / PIECES + 1, began_ns = dmm_now_ns(), at;
	dmm_autofree void *buf = NULL;
	int ret;

	if (!pieces)
		return -EFBIG;
	if (posix_memalign(&buf, PIECE_BYTES, PIECE_BYTES))
		return -ENOMEM;
	*bytes = 0;
	for (at = 0; at < pieces && dmm_now_ns() - began_ns < SPEED_NS; at += step) {
		if (stop_fd >= 0 && !dmm_wait_fd(stop_fd, POLLIN, 0, -1))
			return -ECANCELED;
		ret = dmm_pread_full(fd, buf, PIECE_BYTES, at * PIECE_BYTES);
		if (ret)
			return ret;
		*bytes += PIECE_BYTES;
	}
	*ns = dmm_now_ns() - began_ns;
	return 0;
}
