/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of the daemon and the tool: one line each, to stderr or to the
 * journal, with the identity of the migration that they are about.
 * Library functions do not log; the caller that decides does.
 */
#ifndef DMM_LIB_LOG_H
#define DMM_LIB_LOG_H

#include <stdbool.h>
#include <syslog.h>

#include "core/env.h"
#include <dmmigrate/wire.h>

#define DMM_LOG_NO_DISK	(~0u)

/* What a message is about. Borrowed for the duration of the call only. */
struct dmm_log_id {
	u8 migration[DMM_ID_BYTES];
	u32 disk;		/* DMM_LOG_NO_DISK: of the migration as a whole */
	const char *peer;	/* "10.0.0.1:4711", or NULL */
};

/*
 * Chooses where messages go: to stderr, plain, with @foreground or when stderr
 * is a terminal; else to the journal with fields (DMM_MIGRATION, DMM_DISK,
 * DMM_PEER) where there is one; else to stderr with the "<priority>" prefix of
 * sd-daemon(3).  @program is borrowed for good.
 * Context: once, before there are threads.
 */
void dmm_log_init(const char *program, bool foreground);

/* Messages less important than @priority (LOG_ERR ... LOG_DEBUG) are dropped. Any time. */
void dmm_log_set_max(int priority);
int dmm_log_max(void);

/*
 * Logs one line; @id may be NULL, @fmt has no newline.  Keeps errno.
 * Context: any thread.
 */
__attribute__((format(printf, 3, 4)))
void dmm_log(int priority, const struct dmm_log_id *id, const char *fmt, ...);

#define dmm_err(id, ...)	dmm_log(LOG_ERR, id, __VA_ARGS__)
#define dmm_warn(id, ...)	dmm_log(LOG_WARNING, id, __VA_ARGS__)
#define dmm_notice(id, ...)	dmm_log(LOG_NOTICE, id, __VA_ARGS__)
#define dmm_info(id, ...)	dmm_log(LOG_INFO, id, __VA_ARGS__)
#define dmm_debug(id, ...)	dmm_log(LOG_DEBUG, id, __VA_ARGS__)

#endif
