/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The journal of one migration on one host, DIR/<id>/journal: append-only, each record synced before
 * anything that depends on it is done.  What it says rules over what anybody remembers.
 *
 * A handle knows the last record.  An append succeeds only on top of that very record, under flock(2): who
 * decided by an older one is told so, and has changed nothing.  To keep others away between a
 * decision and its record (COMMIT and RELINQUISHED), lock around both.
 *
 * Reading makes durable: the last record is written once more and synced before it is believed, since it may come
 * from a process that died between writing and syncing, or whose sync had failed.
 *
 * Not thread safe; one thread may have it at a time, on which the disk may make it wait.
 */
#ifndef DMM_LIB_JOURNAL_H
#define DMM_LIB_JOURNAL_H

#include <sys/types.h>

#include "journal_record.h"

#define DMM_JOURNAL_DIR	"/var/lib/dmmigrate"

/* What reaches the disk, for tests to make fail: as the system calls, errno included. */
struct dmm_journal_io {
	ssize_t (*pwrite)(int fd, const void *buf, size_t bytes, off_t offset);
	int (*fsync)(int fd);
	int (*ftruncate)(int fd, off_t bytes);
};

struct dmm_journal;

/*
 * For whatever lies beside journals: makes @path and what is missing above it (0700), and syncs each directory that got a new entry; or
 * syncs a directory.  @io NULL: the system's.  0 or -errno.
 */
int dmm_journal_mkdirs(const char *path, const struct dmm_journal_io *io);
int dmm_journal_sync_dir(const char *path, const struct dmm_journal_io *io);

/*
 * Makes DIR/<id>, where its manifest lies, too, and what is missing above it (0700); all of it synced.  @io NULL:
 * the system's.  Returns a descriptor of it, or -errno.
 */
int dmm_journal_mkdir(const char *dir, const u8 id[DMM_ID_BYTES], const struct dmm_journal_io *io);

/*
 * Begins a journal with @first (its seq is set here, id, role and nr_disks stay for good), making the
 * directories that are missing (0700), the file (0600), and room for some hundred records; all of it synced.  It is there whole
 * or not at all.  @io NULL: the system's.
 * Returns 0 with a handle for dmm_journal_close(); -EEXIST: there is one; -errno.
 */
int dmm_journal_create(const char *dir, const struct dmm_journal_record *first,
		       const struct dmm_journal_io *io, struct dmm_journal **j);

/*
 * Returns 0 with a handle; -ENOENT: none; -EWOULDBLOCK: somebody has it locked; -ENODATA, -EPROTONOSUPPORT, -EBADMSG
 * as dmm_journal_scan(), -EFBIG, or -errno: then it can't be relied on, and counts as lost.  On failure @why, of
 * DMM_JOURNAL_WHY bytes, is one line with path, reason and what to do.
 */
int dmm_journal_open(const char *dir, const u8 id[DMM_ID_BYTES], const struct dmm_journal_io *io,
		     struct dmm_journal **j, char *why);

/* Accepts NULL. Unlocks. */
void dmm_journal_close(struct dmm_journal *j);

/* Borrowed until the next append or close. */
const struct dmm_journal_record *dmm_journal_last(const struct dmm_journal *j);

/*
 * Returns 0; -EWOULDBLOCK: another handle has it; -ESTALE: the last record is not this handle's any more, open
 * anew and decide again; -errno.  Nothing is locked after a failure.
 */
int dmm_journal_lock(struct dmm_journal *j);
void dmm_journal_unlock(struct dmm_journal *j);

/*
 * Appends a record, whose seq, id, role and nr_disks are set here; locks when the caller has not.
 * Returns the event for dmm_ho_event(), with *@err 0 or the -errno behind it:
 *	APPENDED	written and synced
 *	APPEND_UNSURE	writing or syncing failed: it may be there
 *	APPEND_NOTHING	nothing of it was written: locked by another, no room in the file, an epoch
 *			that is older, the record before it could not be made sure of
 *	APPEND_STALE	the last record is not this handle's any more
 * After APPEND_UNSURE the next append reads what came of it, makes that durable and goes on from there.
 */
enum dmm_ho_event_type dmm_journal_append(struct dmm_journal *j,
					  const struct dmm_journal_record *r, int *err);

#endif
