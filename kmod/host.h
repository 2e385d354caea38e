/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's limit, which all disks share.
 */
#ifndef DMM_HOST_H
#define DMM_HOST_H

#include <linux/types.h>

struct dmm_sender;

/* Bytes per second of all disks together, 0 = unlimited.  Context: process. */
void dmm_host_set_rate(u64 rate);
u64 dmm_host_rate(void);

/* @s begins to send, and ends; ending twice is fine.  Context: process. */
void dmm_host_add(struct dmm_sender *s);
void dmm_host_remove(struct dmm_sender *s);

/*
 * For the feeder of @s, see core/share.h: how long to wait before it may send, 0 = now; so many bytes
 * are being sent; there is nothing to send for now; so many were not sent after all.
 */
u64 dmm_host_ask(struct dmm_sender *s, u64 now_ns);
void dmm_host_take(struct dmm_sender *s, u32 bytes, u64 now_ns);
void dmm_host_leave(struct dmm_sender *s);
void dmm_host_give_back(struct dmm_sender *s, u64 bytes);

void dmm_host_init(void);

#endif
