/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLS 1.3 of dmm-phony-recv: keys that are all zeros, as those of dmm-nl's fd=tls:, and records that no receiver sends.
 */
#ifndef PHONY_TLS_H
#define PHONY_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct phony_tls {
	int in, out;	/* what is written to the one is read from the other as records */
};

/* From now on the kernel decrypts what is received by @fd. */
bool phony_tls_open(struct phony_tls *t, int fd);
void phony_tls_close(struct phony_tls *t);
/* A record of data to @fd. */
bool phony_tls_send(struct phony_tls *t, int fd, const void *data, size_t bytes);

/* Is there such a record? Its number, or -1. */
int phony_tls_record(const char *name);
/* That record to @fd, in place of @data, or before it; false ends the connection. */
bool phony_tls_spoil(struct phony_tls *t, int fd, int record, const void *data, size_t bytes);

#endif
