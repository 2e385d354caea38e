/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What world*.c share, and what they are in place of.
 */
#ifndef DMM_FUZZ_WORLD_PRIV_H
#define DMM_FUZZ_WORLD_PRIV_H

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

/* Between world_enter() and world_leave()? */
bool world_inside(void);

/* Which of the poll(2) bits @wanted are so. */
short world_fd_ready(int fd, short wanted);

int __real_poll(struct pollfd *p, nfds_t nr, int timeout_ms);
ssize_t __real_recv(int fd, void *buf, size_t bytes, int flags);
ssize_t __real_read(int fd, void *buf, size_t bytes);
ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __real_send(int fd, const void *buf, size_t bytes, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
int __real_shutdown(int fd, int how);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_eventfd(unsigned int count, int flags);
int __real_eventfd_read(int fd, eventfd_t *v);
int __real_eventfd_write(int fd, eventfd_t v);
int __real_close(int fd);
int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __real_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int __real_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until);
int __real_pthread_cond_broadcast(pthread_cond_t *c);
int __real_pthread_cond_signal(pthread_cond_t *c);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __real_pthread_join(pthread_t t, void **result);
int __real_usleep(useconds_t us);
int __real_nanosleep(const struct timespec *ts, struct timespec *left);

#endif
