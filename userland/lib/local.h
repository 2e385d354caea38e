/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The local socket between the tool and the daemon of the same host.  What is spoken there is the wire's protocol.
 */
#ifndef DMM_LIB_LOCAL_H
#define DMM_LIB_LOCAL_H

#define DMM_CONTROL_PATH	"/run/dmmigrate/control"

/*
 * Listens at @path, mode 0600, in a directory that is made (0700) when it is missing; a socket that nobody listens at
 * any more is replaced.  A descriptor, which the caller closes and whose path it removes; -EADDRINUSE: somebody
 * does; -errno.
 */
int dmm_local_listen(const char *path);

/* A connection. -ENOENT, -ECONNREFUSED: nobody is there; -errno. */
int dmm_local_connect(const char *path);

#endif
