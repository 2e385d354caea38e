/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files by which a host's toolstack begins a guest: DIR/NAME.cfg (xl.cfg(5)), and DIR/auto, whose entries are begun when the host boots.
 * What changes them is safe to repeat after a crash anywhere, and nothing that a person has written is ever lost by it.
 */
#ifndef DMM_LIB_GUEST_CONFIG_H
#define DMM_LIB_GUEST_CONFIG_H

#include <stdbool.h>

#include "core/env.h"
#include "parse.h"

#define DMM_GUEST_CONFIG_DIR	"/etc/xen"
#define DMM_GUEST_CONFIG_PATH	256u	/* dmm_wire_guest_config_ok.path */
#define DMM_GUEST_CONFIG_WHY	256u

/* Of each: 0, or -errno with @why (DMM_GUEST_CONFIG_WHY), one line that says what to do. */

/* DIR/NAME.cfg.  -EINVAL: no file can have that name. */
int dmm_guest_config_path(const char *dir, const char *name, char path[DMM_GUEST_CONFIG_PATH], char *why);

/* Could that be written, with @bytes of text, and begun at boot (@autostart)?  Leaves nothing behind but DIR/auto. */
int dmm_guest_config_check(const char *dir, const char *name, u32 bytes, bool autostart, char *why);

/*
 * DIR/NAME.cfg has @text, and DIR/auto/NAME.cfg leads to it (@autostart), durably.  What was there with another text is kept under a name
 * with @id, which @kept gets; "": nothing was.
 */
int dmm_guest_config_place(const char *dir, const char *name, const u8 id[DMM_ID_BYTES], const char *text, bool autostart,
			   char kept[DMM_GUEST_CONFIG_PATH], char *why);

/*
 * What of DIR/auto leads to the configuration @file: how many, and the first one's path in @first ("": none).
 * @remove: not any more.  @file itself stays; should it lie in DIR/auto it is moved to DIR.
 */
int dmm_guest_config_autostart(const char *dir, const char *file, bool remove, char first[DMM_GUEST_CONFIG_PATH], char *why);

#endif
