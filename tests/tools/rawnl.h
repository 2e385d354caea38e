/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's generic netlink family by hand, without the product's library,
 * so that tests can say what the tool never would.
 */
#ifndef TESTS_TOOLS_RAWNL_H
#define TESTS_TOOLS_RAWNL_H

#include <stddef.h>
#include <stdint.h>

#include <dmmigrate/uapi.h>

#define RAWNL_BYTES	65536u

struct rawnl {
	int fd;
	uint16_t family;
	uint32_t group;		/* multicast group "events" */
	uint32_t seq;
	char text[256];		/* extended acknowledgement of the last error, or empty */
};

struct rawnl_msg {
	uint32_t bytes;
	_Alignas(8) uint8_t buf[4096];
};

/* One received attribute; @data is aligned to 4 only. */
typedef void (*rawnl_attr_fn)(uint16_t type, const void *data, size_t bytes, void *arg);
/* One received message of the family; @cmd as in its header. */
typedef void (*rawnl_msg_fn)(uint8_t cmd, const void *attrs, size_t bytes, void *arg);

/* 0 or a negative errno: -ENOENT when the module is not loaded. */
int rawnl_open(struct rawnl *nl);
void rawnl_close(struct rawnl *nl);
void rawnl_begin(struct rawnl_msg *m, uint8_t cmd, uint8_t version);
void rawnl_put(struct rawnl_msg *m, uint16_t type, const void *data, size_t bytes);
void rawnl_put_u32(struct rawnl_msg *m, uint16_t type, uint32_t v);
void rawnl_put_u64(struct rawnl_msg *m, uint16_t type, uint64_t v);
/* Send @m and take the answers until the acknowledgement: 0 or the kernel's negative errno. */
int rawnl_talk(struct rawnl *nl, struct rawnl_msg *m, unsigned int flags, rawnl_msg_fn fn, void *arg);
int rawnl_join(struct rawnl *nl);
/* Take what has arrived, waiting @timeout_ms at most (-1 = for ever): 0, -ETIMEDOUT, or another errno. */
int rawnl_wait(struct rawnl *nl, int timeout_ms, rawnl_msg_fn fn, void *arg);
void rawnl_attrs(const void *attrs, size_t bytes, rawnl_attr_fn fn, void *arg);

#endif
