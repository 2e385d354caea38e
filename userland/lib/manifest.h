/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a migration is about, as the daemon of a host remembers it beside its journal: DIR/<id>/manifest, JSON.
 * It says where things are, the journal who owns them.  Written atomically, and synced, before
 * the journal begins.
 */
#ifndef DMM_LIB_MANIFEST_H
#define DMM_LIB_MANIFEST_H

#include "core/handover.h"
#include "dmtable.h"
#include "identity.h"
#include "parse.h"
#include "volume.h"
#include "witness.h"

#define DMM_MANIFEST_WHY	256u
#define DMM_MANIFEST_DROPPED	".dropped-"	/* and a number: of a directory that is nobody's any more */
#define DMM_MANIFEST_GUEST	"guest"		/* beside it, where a guest comes along: dmmigrated's */

struct dmm_manifest_disk {
	bool known;			/* the rest is filled */
	char name[DMM_DM_NAME_BYTES];	/* source: the live device; destination: the gate, "": none */
	char path[DMM_PATH_MAX];	/* of the destination, at its host */
	u64 size_bytes;
	u32 block_bytes;		/* destination only */
	char identity[DMM_IDENTITY_MAX];	/* destination: of its volume, by which it is known again; "": it has none */
	char lv[DMM_LV_UUID_BYTES];	/* DM UUID of the logical volume that @name or @path is here; "": none */
	struct dmm_volume volume;	/* destination: that was, or is being, made for it, though @known may come later; of no SR: none */
	bool has_witness;		/* source only */
	struct dmm_witness witness;
};

struct dmm_manifest {
	u8 id[DMM_ID_BYTES];
	enum dmm_ho_role role;
	char host[DMM_HOST_MAX];	/* source: of the other daemon; destination: how the source calls itself */
	u16 port;			/* source only */
	char from[DMM_OWN_ADDRESS];	/* source: the address of this host that it connects from; "": any */
	char peer[256];			/* destination: whose it is, by the name of a trusted peer; "": of before TLS, or without */
	bool begun;			/* its journal was: should that be missing, it is lost */
	char guest[DMM_GUEST_NAME];			/* without disks: whose memory alone moves */
	u32 nr_disks;			/* to DMM_MAX_GROUP */
	struct dmm_manifest_disk disks[];
};

/* Zeroed but for these; the caller frees it. NULL: out of memory. */
struct dmm_manifest *dmm_manifest_new(const u8 id[DMM_ID_BYTES], enum dmm_ho_role role, u32 nr_disks);

/* Are all disks known, or, without any, the guest? */
bool dmm_manifest_complete(const struct dmm_manifest *m);

/* Makes the directories that are missing, 0700. 0 or -errno. */
int dmm_manifest_save(const char *dir, const struct dmm_manifest *m);

/*
 * Returns 0 with *m for the caller to free; -ENOENT; -EBADMSG: damaged, or not of this migration; -errno.  On
 * failure @why, of DMM_MANIFEST_WHY bytes, is a line with path and reason.
 */
int dmm_manifest_load(const char *dir, const u8 id[DMM_ID_BYTES], struct dmm_manifest **m, char *why);

/* All migrations that have a directory in @dir, damaged ones too; the caller frees *ids. 0 or -errno. */
int dmm_manifest_list(const char *dir, u8 (**ids)[DMM_ID_BYTES], unsigned int *nr);

/*
 * Removes the migration's directory, its journal included, in one step: it is gone or whole, whatever crashes.  A damaged journal that
 * was set aside is kept, in a directory that is nobody's.  Missing is fine.  0 or -errno.
 */
int dmm_manifest_remove(const char *dir, const u8 id[DMM_ID_BYTES]);

/* Is this the name of a directory that dmm_manifest_remove() has left, for the damaged journal in it?  Pure. */
bool dmm_manifest_dropped(const char *name);
/* Removes such a directory, by its path, and what is ours in it.  0, -EINVAL: it is none; -errno. */
int dmm_manifest_remove_dropped(const char *path);

/* Is there neither manifest nor journal, since a crash as it was begun? Then it is removed. */
bool dmm_manifest_sweep(const char *dir, const u8 id[DMM_ID_BYTES]);

#endif
