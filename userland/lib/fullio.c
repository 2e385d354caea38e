// SPDX-License-Identifier: GPL-2.0
/*
 * Whole transfers on sockets and files.  Sockets are always used with
 * MSG_DONTWAIT, so it does not matter whether they are blocking; waiting
 * is done in one place, by poll.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"

u64 dmm_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

u64 dmm_now_ms(void)
{
	return dmm_now_ns() / 1000000;
}

static int poll_timeout(u64 deadline_ms)
{
	u64 now;

	if (deadline_ms == DMM_NO_DEADLINE)
		return -1;
	now = dmm_now_ms();
	if (now >= deadline_ms)
		return 0;
	return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

int dmm_wait_fd(int fd, short events, u64 deadline_ms, int stop_fd)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = events },
		{ .fd = stop_fd, .events = POLLIN },	/* poll ignores -1 */
	};
	int n, timeout;

	for (;;) {
		timeout = poll_timeout(deadline_ms);
		n = poll(p, 2, timeout);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			return p[1].revents ? -ECANCELED : 0;
		if (!n && (!timeout || !poll_timeout(deadline_ms)))
			return -ETIMEDOUT;
	}
}

int dmm_sock_read(int fd, void *buf, size_t bytes, u64 deadline_ms, int stop_fd)
{
	size_t done = 0;
	ssize_t n;
	int ret;

	while (done < bytes) {
		n = recv(fd, (char *)buf + done, bytes - done, MSG_DONTWAIT);
		if (n > 0) {
			done += n;
			continue;
		}
		if (!n)
			return done ? -ECONNRESET : -ENODATA;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		ret = dmm_wait_fd(fd, POLLIN, deadline_ms, stop_fd);
		if (ret)
			return ret;
	}
	return 0;
}

int dmm_sock_writev(int fd, struct iovec *iov, int parts, u64 deadline_ms, int stop_fd)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = parts };
	ssize_t n;
	int ret;

	for (;;) {
		while (msg.msg_iovlen && !msg.msg_iov->iov_len) {
			msg.msg_iov++;
			msg.msg_iovlen--;
		}
		if (!msg.msg_iovlen)
			return 0;
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				return -errno;
			ret = dmm_wait_fd(fd, POLLOUT, deadline_ms, stop_fd);
			if (ret)
				return ret;
			continue;
		}
		if (DMM_MUTANT == 17)
			return 0;	/* whole, however little was taken */
		while (n) {
			size_t step = (size_t)n < msg.msg_iov->iov_len ? (size_t)n :
				      msg.msg_iov->iov_len;

			msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base + step;
			msg.msg_iov->iov_len -= step;
			n -= step;
			if (!msg.msg_iov->iov_len) {
				msg.msg_iov++;
				msg.msg_iovlen--;
			}
		}
	}
}

int dmm_sock_write(int fd, const void *buf, size_t bytes, u64 deadline_ms, int stop_fd)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = bytes };

	return dmm_sock_writev(fd, &iov, 1, deadline_ms, stop_fd);
}

int dmm_pread_full(int fd, void *buf, size_t bytes, u64 offset)
{
	return dmm_pread_at_least(fd, buf, bytes, bytes, offset);
}

int dmm_pread_at_least(int fd, void *buf, size_t bytes, size_t want, u64 offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < want) {
		n = pread(fd, (char *)buf + done, bytes - done, offset + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		done += n;
	}
	return 0;
}

int dmm_pwrite_full(int fd, const void *buf, size_t bytes, u64 offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < bytes) {
		n = pwrite(fd, (const char *)buf + done, bytes - done, offset + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		done += n;
	}
	return 0;
}

ssize_t dmm_read_text(const char *path, char *buf, size_t size)
{
	dmm_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (done < size) {
		n = read(fd, buf + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	if (done == size)
		return -EFBIG;
	while (done && strchr(" \t\n", buf[done - 1]))
		done--;
	buf[done] = '\0';
	return done;
}
