/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading and writing whole buffers: sockets with a deadline and a
 * descriptor that interrupts, files with short transfers completed.
 * Deadlines are CLOCK_MONOTONIC milliseconds (dmm_now_ms() + timeout).
 */
#ifndef DMM_LIB_FULLIO_H
#define DMM_LIB_FULLIO_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "core/env.h"

#define DMM_NO_DEADLINE	(~0ull)

/* CLOCK_MONOTONIC, as the kernel's times are. */
u64 dmm_now_ns(void);
u64 dmm_now_ms(void);

/*
 * Waits until @fd has @events (poll(2) bits; errors and hang-ups count), @stop_fd (-1: none)
 * becomes readable, or the deadline passes.
 * Returns 0, -ECANCELED (stopped), -ETIMEDOUT, or -errno of poll.
 */
int dmm_wait_fd(int fd, short events, u64 deadline_ms, int stop_fd);

/*
 * Receives exactly @bytes from a socket, blocking or not.
 * Returns 0; -ENODATA when the peer had closed before the first byte, -ECONNRESET when it
 * closed in the middle; -ETIMEDOUT, -ECANCELED; -errno.  What the buffer holds after a failure is undefined.
 */
int dmm_sock_read(int fd, void *buf, size_t bytes, u64 deadline_ms, int stop_fd);

/* Sends it all, never raising SIGPIPE. 0, -EPIPE, -ECONNRESET, -ETIMEDOUT, -ECANCELED, -errno. */
int dmm_sock_write(int fd, const void *buf, size_t bytes, u64 deadline_ms, int stop_fd);

/* The same for a vector of at most 8 parts; @iov is used up (modified). */
int dmm_sock_writev(int fd, struct iovec *iov, int parts, u64 deadline_ms, int stop_fd);

/* Transfers all of it at @offset, completing short transfers. 0, -ENODATA (end of file), -errno. */
int dmm_pread_full(int fd, void *buf, size_t bytes, u64 offset);
int dmm_pwrite_full(int fd, const void *buf, size_t bytes, u64 offset);
/* At least @want of @bytes: what a file has at its end, where direct I/O asks for whole blocks. */
int dmm_pread_at_least(int fd, void *buf, size_t bytes, size_t want, u64 offset);

/*
 * Reads a small text file (sysfs, procfs) whole, NUL terminated, trailing white space cut.
 * Returns its length, -EFBIG when it does not fit, or -errno.
 */
ssize_t dmm_read_text(const char *path, char *buf, size_t size);

#endif
