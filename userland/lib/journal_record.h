/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of the hand-over's journal: their layout, and how a file full of them is read.
 * Pure: bytes in, records out; journal.h does the I/O.  doc/handover.rst, "The journal", describes the format.
 */
#ifndef DMM_LIB_JOURNAL_RECORD_H
#define DMM_LIB_JOURNAL_RECORD_H

#include <stddef.h>

#include "core/handover.h"
#include <dmmigrate/wire.h>

#define DMM_JOURNAL_RECORD_BYTES	256u
#define DMM_JOURNAL_MAX_BYTES		(16u << 20)	/* of a file: 65536 records */
#define DMM_JOURNAL_WHY			256u		/* room for a line that says what is wrong */

#define DMM_JOURNAL_FORCED	1u	/* flags: a person said so, not the peer */

struct dmm_journal_record {
	u64 seq;			/* 1, 2, ... */
	u8 id[DMM_ID_BYTES];		/* of the migration */
	u64 epoch;
	struct dmm_ho_id instance;
	u8 boot[16];			/* boot id of the host that wrote it */
	u64 time_ns;			/* CLOCK_REALTIME; for people only */
	enum dmm_ho_role role;
	enum dmm_ho_state state;
	u32 nr_disks;
	u32 flags;
	u32 uid;			/* who asked for it, 0 too for nobody */
	char host[64];			/* where */
	char by[80];			/* by which program, or the person's words */
};

/* Fills all DMM_JOURNAL_RECORD_BYTES of @buf; texts that can't be stored are cleaned (dmm_text_clean()). */
void dmm_journal_encode(const struct dmm_journal_record *r, void *buf);

struct dmm_journal_view {
	u64 nr;				/* records, at least 1 */
	size_t whole_bytes;		/* what they take */
	size_t torn_bytes;		/* an append that did not come to its end, cut by the next one */
	struct dmm_journal_record last;
};

/*
 * Reads a journal of migration @id (NULL: of whichever) from memory.
 * Returns 0; -ENODATA: not one whole record; -EPROTONOSUPPORT: of another version; -EBADMSG: damaged.
 * On failure @view is untouched and @why, of DMM_JOURNAL_WHY bytes, says where and what.
 */
int dmm_journal_scan(const void *buf, size_t bytes, const u8 id[DMM_ID_BYTES],
		     struct dmm_journal_view *view, char *why);

#endif
