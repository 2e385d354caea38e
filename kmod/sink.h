/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sink: another disk of this host, to which the one link of a sender writes instead
 * of sending.
 */
#ifndef DMM_SINK_H
#define DMM_SINK_H

struct dmm_migration;
struct dmm_sender;
struct netlink_ext_ack;

/**
 * dmm_sink_attach() - The sink that the table names becomes the link of @s.
 * @s: made for one link.
 * @extack: says why not; may be NULL.
 *
 * Context: process, under dmm_migration.ctl.
 * Return: 0, -EBUSY (it is that already), -EOPNOTSUPP (the table has none), -ENOTEMPTY (it is said to read
 * as zeros, and was written to).
 */
int dmm_sink_attach(struct dmm_sender *s, struct netlink_ext_ack *extack);

#endif
