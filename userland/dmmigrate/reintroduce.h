/* SPDX-License-Identifier: GPL-2.0 */
/*
 * After COMMIT: a receiver that was restarted and forgot the disk.
 */
#ifndef DMM_REINTRODUCE_H
#define DMM_REINTRODUCE_H

#include "remote.h"
#include "source.h"

/*
 * Makes the receiver know the finished disk of @s again, so that it can be asked for digests: prepares it under
 * its own id and finishes it at once.  Nothing is written.  Refused, as any PREPARE, when somebody uses the
 * destination already.  As the functions of remote.h.
 */
int dmm_reintroduce(struct dmm_remote *r, const struct dmm_source *s);

/* Only asks whether that would be refused. */
int dmm_reintroduce_check(struct dmm_remote *r, const struct dmm_source *s);

#endif
