/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NLFD_H
#define NLFD_H

/* Of dmm-nl: says what is wrong, and ends. */
void __attribute__((noreturn)) usage(const char *what);

/* A descriptor as --help describes KIND, or -1. */
int nl_make_fd(const char *kind);

#endif
