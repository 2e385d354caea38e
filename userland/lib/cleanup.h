/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scope-bound clean-up for userland (never for kmod/ or kmod/core/).
 * The destructors accept NULL and -1 and keep errno, so that
 * `return -errno` after them is right.
 */
#ifndef DMM_LIB_CLEANUP_H
#define DMM_LIB_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define dmm_cleanup(fn) __attribute__((cleanup(fn)))

static inline void dmm_free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void dmm_close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void dmm_close_file(FILE **f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

#define dmm_autofree	dmm_cleanup(dmm_free_ptr)
#define dmm_autoclose	dmm_cleanup(dmm_close_fd)
#define dmm_autofclose	dmm_cleanup(dmm_close_file)

/* Gives @fd away: returns its value and leaves -1 behind for the clean-up. */
#define dmm_take_fd(fd) ({ int __taken = (fd); (fd) = -1; __taken; })

#endif
