/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests in native form.  A decoder checks everything that can be checked
 * without looking at the machine or at other requests; what it returns is
 * used without a second look.  Pure; no side effects.
 */
#ifndef DMM_CTLMSG_H
#define DMM_CTLMSG_H

#include "core/env.h"
#include "identity.h"
#include "keys.h"
#include "log.h"
#include "core/handover.h"
#include "parse.h"
#include "witness.h"
#include "refusal.h"

struct dmm_hello {
	u16 version_min;
	u16 version_max;
	u64 features;
	char program[48];
};

struct dmm_disk_name {
	u8 migration[DMM_ID_BYTES];
	u32 disk;
};

struct dmm_prepare {
	struct dmm_disk_name name;
	u64 size_bytes;
	u32 block_bytes;
	u32 lbs_bytes;
	u32 conns;
	u32 flags;
	char source_identity[DMM_IDENTITY_MAX];
	char source_host[64];
	char source_path[256];
	char dest_path[DMM_PATH_MAX];
	char peer[DMM_PEER_NAME];	/* who asked; not of the message, zero without TLS */
	bool made;			/* nor this: its destination was made for it */
	u32 group_disks;		/* 0: does not hand over as a group */
	char gate[124];			/* dm name, "": none */
};

struct dmm_digest_request {
	struct dmm_disk_name name;
	u64 offset_bytes;
	u64 length_bytes;
};

struct dmm_hashes_request {
	struct dmm_disk_name name;
	u64 offset_bytes;		/* multiple of the granule */
	u64 length_bytes;
	u32 granule_bytes;
	u32 nr;				/* granules, the last of which may be shorter */
};

struct dmm_prove_request {
	struct dmm_disk_name name;
	u64 first;			/* extent */
	u32 nr;
	bool read;
};

struct dmm_compare_request {
	struct dmm_disk_name name;
	u32 nr;
	bool judge;
	struct {
		u64 number;
		u32 generation;
		u32 crc;		/* crc32c, as people know it */
	} extents[DMM_MAX_PROVE];
};

struct dmm_attach {
	struct dmm_disk_name name;
	u64 epoch;
	u32 index;
	u32 conns;
};

/* A disk of a migration whose source is here. */
struct dmm_adopt {
	struct dmm_disk_name name;
	u32 group_disks;
	u16 port;
	char host[DMM_HOST_MAX];	/* of the destination's daemon */
	char from[DMM_OWN_ADDRESS];	/* of this host, which that is connected from; "": any */
	char source[128];		/* dm name */
	char dest_path[DMM_PATH_MAX];
	u64 size_bytes;
	bool has_witness;
	struct dmm_witness witness;
};

struct dmm_group_request {
	u8 migration[DMM_ID_BYTES];
	enum dmm_wire_group_verb verb;
	enum dmm_ho_role role;		/* 0: whichever is here */
	u32 await;			/* states, 1 << enum dmm_ho_state; 0: don't */
	u32 await_ms;
	u32 freeze_ms;
	u32 flags;		/* DMM_GROUP_SOURCE_GONE */
	char by[80];
};

struct dmm_guest_config_request {
	u8 migration[DMM_ID_BYTES];	/* CHECK: zero */
	enum dmm_wire_guest_config_verb verb;
	enum dmm_ho_role role;
	bool autostart;
	u32 total_bytes;		/* STATUS: 0 */
	u32 offset_bytes;
	u32 bytes;			/* CHECK, STATUS: 0 */
	char name[64];			/* STATUS: "" */
	char text[DMM_GUEST_CONFIG_PIECE_BYTES + 1];	/* without NUL within */
};

struct dmm_guest_request {
	u8 migration[DMM_ID_BYTES];
	enum dmm_wire_platform platform;
	char name[64];
};

struct dmm_volume_request {
	struct dmm_disk_name name;
	u32 group_disks;
	bool check;
	u64 size_bytes;
	char sr[DMM_SR_NAME];
	char label[DMM_VOLUME_LABEL];
	char source_host[64];
	char peer[DMM_PEER_NAME];	/* who asked; not of the message, zero without TLS */
};

struct dmm_probe_request {
	enum dmm_wire_probe_kind kind;
	u64 bytes;
	char path[DMM_PATH_MAX];	/* LINK: "" */
};

/*
 * Each takes the payload of a frame of its type (whose size dmm_wire_hdr_decode() has
 * checked).  0, or a negative errno with @r filled; the result is then untouched.
 */
int dmm_hello_decode(const void *payload, struct dmm_hello *h, struct dmm_refusal *r);
int dmm_disk_name_decode(const void *payload, struct dmm_disk_name *n, struct dmm_refusal *r);
int dmm_prepare_decode(const void *payload, struct dmm_prepare *p, struct dmm_refusal *r);
int dmm_digest_decode(const void *payload, struct dmm_digest_request *d, struct dmm_refusal *r);
int dmm_hashes_decode(const void *payload, struct dmm_hashes_request *h, struct dmm_refusal *r);
int dmm_prove_decode(const void *payload, struct dmm_prove_request *p, struct dmm_refusal *r);
int dmm_compare_decode(const void *payload, struct dmm_compare_request *c, struct dmm_refusal *r);
int dmm_attach_decode(const void *payload, struct dmm_attach *a, struct dmm_refusal *r);
int dmm_adopt_decode(const void *payload, struct dmm_adopt *a, struct dmm_refusal *r);
int dmm_group_decode(const void *payload, struct dmm_group_request *g, struct dmm_refusal *r);
/* @first: those before it have been told. */
int dmm_leftovers_request_decode(const void *payload, u8 migration[DMM_ID_BYTES], u32 *first, struct dmm_refusal *r);
int dmm_volume_decode(const void *payload, struct dmm_volume_request *v, struct dmm_refusal *r);
int dmm_probe_decode(const void *payload, struct dmm_probe_request *p, struct dmm_refusal *r);
int dmm_guest_decode(const void *payload, struct dmm_guest_request *g, struct dmm_refusal *r);
/* @path: of DMM_PATH_MAX bytes. */
int dmm_identity_decode(const void *payload, char *path, struct dmm_refusal *r);
int dmm_guest_config_decode(const void *payload, struct dmm_guest_config_request *g, struct dmm_refusal *r);

#endif
