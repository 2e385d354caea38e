/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family; contract in include/dmmigrate/uapi.h.
 */
#ifndef DMM_NETLINK_H
#define DMM_NETLINK_H

struct dmm_migration;
struct dmm_event_note;

int dmm_netlink_init(void);
void dmm_netlink_exit(void);

/* Multicast a state change.  Context: dmm_migration.wq; may sleep. */
void dmm_netlink_event(struct dmm_migration *m, const struct dmm_event_note *note);

#endif
