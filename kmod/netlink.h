/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family; contract in include/dmmigrate/uapi.h.
 */
#ifndef DMM_NETLINK_H
#define DMM_NETLINK_H

#include <linux/types.h>

#include <dmmigrate/uapi.h>

struct dmm_migration;
struct dmm_event_note;
struct sk_buff;

int dmm_netlink_init(void);
void dmm_netlink_exit(void);

/* Multicast a state change.  Context: dmm_migration.wq; may sleep. */
void dmm_netlink_event(struct dmm_migration *m, const struct dmm_event_note *note);

/* ---- netlink_put.c ---- */

/* Context: any that may build @msg.  0 or -EMSGSIZE. */
int dmm_netlink_put_u64(struct sk_buff *msg, enum dmm_attr attr, u64 value);
/* All that GET tells of @m; takes dmm_migration.lock.  0, or nonzero when it does not fit. */
int dmm_netlink_put_all(struct sk_buff *msg, struct dmm_migration *m);
/* The same of an event.  Context: any. */
int dmm_netlink_put_event(struct sk_buff *msg, const struct dmm_migration *m,
			  const struct dmm_event_note *note);

#endif
