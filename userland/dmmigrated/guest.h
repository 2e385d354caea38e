/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a guest whose disks come here: its source's toolstack sends it, ours receives it, and this carries the bytes,
 * which it does not look at.  What keeps the guest from writing before the disks are ours is the gates.
 */
#ifndef DMM_GUEST_H
#define DMM_GUEST_H

#include "session.h"

/* May the peer of this session have its guests come? */
bool dmm_guest_permitted(const struct dmm_session *s);
/* The same, with a reason. 0, or -errno with @r filled. */
int dmm_guest_check(const struct dmm_session *s, struct dmm_refusal *r);

/* A session whose first request was GUEST, to its end.  Context: the connection's thread. */
void dmm_guest_run(struct dmm_session *s, const u8 *payload);

#endif
